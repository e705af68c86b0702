"""What loading a backbone by its name gives."""

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

import torch
from tokenizers import Tokenizer
from torch import nn

from quickstudy.backbones.download import one_line
from quickstudy.backbones.encoder import Encoder
from quickstudy.core.types import Params, QuickstudyError


class Learned(NamedTuple):
    """What was put into a backbone's weights (`folding.fold`)."""

    weights: Params
    scope: str
    """they were learned in"""
    fingerprint: str
    """of the backbone without them"""


@dataclass(frozen=True, eq=False)
class Loaded:
    """A backbone with everything that its texts need before it can read them."""

    name: str
    """what it was asked for by: a packaged name, a hub id or a folder"""
    backbone: Encoder
    tokenizer: Tokenizer
    limit: int
    """tokens a row at most, special ones included"""
    prompt: str
    """stands before every text, as e5's "query: " """
    filler: int
    """the token that fills rows up"""
    fingerprint: str
    """of the weights: a task that was learned with others must not be used with these"""
    languages: tuple[str, ...] = ()
    """ISO 639-1 codes it was made for; empty: unknown"""
    learned: Learned | None = None
    """what meta-training added to the weights it came with"""


def fingerprint(body: nn.Module) -> str:
    """16 hexadecimal digits that are the same wherever the same weights are loaded in float32."""
    found = hashlib.sha256()
    for name, weight in sorted(body.named_parameters()):
        found.update(f"{name} {tuple(weight.shape)}\n".encode())
        found.update(weight.detach().float().cpu().contiguous().numpy().data)
    return found.hexdigest()[:16]


def device_for(written: str) -> torch.device:
    """ "auto" is a GPU where there is one."""
    if written == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(written)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise QuickstudyError(
            f"device {written!r} is not there ({one_line(error)}); use auto, cpu or, with a GPU, cuda"
        ) from error
    return device
