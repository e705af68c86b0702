"""Pairs of texts, read apart and then joined.

A sentence encoder was trained on texts by themselves: read in one row, two texts blur each other, read apart, they
can be compared (as Sentence-BERT does, Reimers & Gurevych 2019; docs/findings.md has what it is worth here).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from quickstudy.backbones.pooling import join
from quickstudy.backbones.writing import decoder
from quickstudy.core.protocols import Backbone
from quickstudy.core.types import APART, GIVEN, PADDING, WIDTH_STEP, Lower, Marks, Params, Text

SECOND = 1 / 3
"""of a unit of one part that is read in two passages: what the second counts. For names that deny, half
gives topics more and costs opinions more (docs/findings.md)"""


@dataclass(frozen=True, eq=False)
class Passages:
    """A backbone around another: a row's APART tokens become a row of their own before it reads them. Two parts of a
    unit are joined; of a unit of one part, the two are blended."""

    backbone: Backbone

    @property
    def width(self) -> int:
        return self.backbone.width

    def marks(self) -> Marks:
        return decoder(self.backbone).marks()

    def said(self, params: Params, text: Text) -> Tensor:
        return decoder(self.backbone).said(params, text)

    def init(self, rng: torch.Generator) -> Params:
        return self.backbone.init(rng)

    def depth(self, moving: Iterable[str]) -> int:
        return self.backbone.depth(moving)

    def lower(self, params: Params, text: Text, depth: int) -> Lower:
        return self.backbone.lower(params, _apart(text) if _is_apart(text) else text, depth)

    def units(self, params: Params, text: Text, lower: Lower | None = None) -> Tensor:
        if not _is_apart(text):
            return self.backbone.units(params, text, lower)
        parts = self.backbone.units(params, _apart(text), lower)  # (2 B, 1, D)
        passages = torch.stack(parts.split(len(text.tokens)), dim=2)
        return join(passages) if text.spans.shape[2] == 2 else _together(passages, text)


def _together(passages: Tensor, text: Text) -> Tensor:
    """(B, 1, 2, D) of units of one part -> (B, 1, D): where something stands apart, it counts SECOND of the unit."""
    share = SECOND * (text.role == APART).any(1).to(passages)[:, None, None]
    there = (text.spans[:, :, 0, 1] > text.spans[:, :, 0, 0]).to(passages)[..., None]
    return torch.lerp(passages[:, :, 0], passages[:, :, 1], share) * there


def _is_apart(text: Text) -> bool:
    return bool((text.role == APART).any())


def _apart(text: Text) -> Text:
    """(B, S) of two passages a row -> (2 B, S) of one: first all the first ones, then all the second."""
    first, second = (text.role == GIVEN).sum(1), (text.role == APART).sum(1)
    place = torch.arange(text.tokens.shape[1])
    behind = (first[:, None] + place).clamp(max=len(place) - 1)
    tokens = torch.cat([text.tokens, text.tokens.gather(1, behind)])
    length = torch.cat([first, second])
    role = torch.where(place < length.clamp(min=1)[:, None], GIVEN, PADDING).to(text.role.dtype)
    spans = torch.stack([torch.zeros_like(length), length], dim=-1)[:, None, None]
    longest = min(len(place), -(-max(1, int(length.max())) // WIDTH_STEP) * WIDTH_STEP)
    return Text(tokens[:, :longest] * (role[:, :longest] != PADDING), role[:, :longest], spans)
