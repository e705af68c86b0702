"""What comes back from rows that were read in chunks."""

import torch
from torch import Tensor


def widened(hidden: Tensor) -> Tensor:
    """bfloat16 as float32: what follows adds many of them up."""
    return hidden.float() if hidden.dtype == torch.bfloat16 else hidden


def unsort(pieces: list[tuple[Tensor, Tensor]]) -> Tensor:
    """(rows, what was made of them) of every chunk, back in the order of the rows."""
    index = torch.cat([index for index, _ in pieces])
    found = torch.cat([piece for _, piece in pieces])
    back = torch.empty_like(index)
    back[index] = torch.arange(len(index))
    return found[back.to(found.device)]
