"""Hidden states to log-probabilities over a vocabulary."""

import torch
import torch.nn.functional as F
from torch import Tensor

from quickstudy.backbones.encoder import Encoder
from quickstudy.backbones.running import in_bfloat16, want_slopes


def said(encoder: Encoder, hidden: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """(n, D) hidden states, (V, D) weights and (V,) biases -> (n, V), as float32 where they were multiplied in
    bfloat16."""
    dtype = torch.bfloat16 if is_low(encoder, hidden, weight) else hidden.dtype
    moved = None if bias is None else bias.to(hidden.device, dtype)
    logits = F.linear(hidden.to(dtype), weight.to(dtype), moved)
    return (logits.float() if dtype == torch.bfloat16 else logits).log_softmax(-1)


def is_low(encoder: Encoder, *parts: Tensor) -> bool:
    """Whether the output is multiplied in bfloat16: where the body is."""
    low = in_bfloat16(encoder.precision, parts[0].device, want_slopes(parts))
    return low and parts[0].dtype != torch.float64


def placed(found: Tensor, there: Tensor) -> Tensor:
    """What was found (n, V) for the n units that are there (B, U), as (B, U, V); zeros for the others."""
    if there.all():
        return found.unflatten(0, there.shape)
    return found.new_zeros(*there.shape, found.shape[-1]).index_put((there,), found)
