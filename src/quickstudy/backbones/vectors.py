"""A backbone that reads nothing: its units are vectors that somebody else's model made, of images, sounds, tables.

A vector travels as a row of tokens of role NUMBER, each of which is the bits of a float32; so whatever keeps, deals out
or compares rows does so without knowing. Units are as everywhere: several of them a row, or two parts of one. A class's
name says nothing here, so its vector is zero, unless it is described by a vector.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor

from quickstudy.backbones import bytelevel
from quickstudy.backbones.pooling import join
from quickstudy.backbones.running import Precision
from quickstudy.backbones.scope import HEAD, Scope
from quickstudy.backbones.writing import writer
from quickstudy.core.types import NUMBER, Lower, Marks, Params, QuickstudyError, Text

NAME = re.compile(r"vectors:([1-9]\d{0,5})")
"""such as "vectors:512": vectors of 512 numbers"""


@dataclass(frozen=True, eq=False)
class Vectors:
    """Hands on vectors of `width` numbers. Nothing in it can move or learn."""

    width: int
    scope: Scope = HEAD
    precision: Precision = "float32"
    writes: None = None

    @property
    def device(self) -> torch.device:
        return torch.device("cpu")

    @property
    def height(self) -> int:
        """Errors: QuickstudyError always, since whoever asks for layers wants to move them."""
        raise QuickstudyError("given vectors come without weights that could move; leave budget and scope out")

    def marks(self) -> Marks:
        """Errors: QuickstudyError always, since nothing here writes."""
        return writer(self.writes).marks

    def init(self, rng: torch.Generator) -> Params:
        return {}

    def depth(self, moving: Iterable[str]) -> int:
        return 0

    def lower(self, params: Params, text: Text, depth: int) -> Lower:
        return Lower(0, torch.empty(len(text.tokens), 0))

    def units(self, params: Params, text: Text, lower: Lower | None = None) -> Tensor:
        """(B, U, W), zeros for a unit that is no vector; in float64, since what others make of them is so and no
        reading takes time. QuickstudyError where there are texts to read."""
        numbers = (text.role == NUMBER).any(1)
        start, end = text.spans.unbind(-1)  # (B, U, P)
        there = (end > start) & numbers[:, None, None]
        if bool((end > start).any()) and not numbers.any():
            raise QuickstudyError('this student judges given vectors and reads no text; learn with kind="vectors"')
        found = text.tokens.to(torch.int32).view(torch.float32)
        found = F.pad(found, (0, max(0, self.width - found.shape[1])))
        place = (start[..., None] + torch.arange(self.width)).clamp(max=found.shape[1] - 1)
        found = found.gather(1, place.flatten(1)).view(place.shape)
        return join(torch.where(there[..., None], found, 0.0).double())


def width_of(name: str) -> int | None:
    """D of "vectors:D"; None for another name."""
    found = NAME.fullmatch(name)
    return int(found[1]) if found else None


def tokenizer() -> Tokenizer:
    """One for a reader that never reads: bytes are tokens."""
    return bytelevel.train([], 260)
