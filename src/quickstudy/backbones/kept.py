"""Features of texts read before, kept: a frozen layer never runs twice on the same text.

A matrix product's last bits depend on its shape. Where a row's features must not depend on its company (so that a
resumed run ends with the same bits), rows are read `in_one_shape`; where speed counts, all `together`.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from quickstudy.backbones.writing import decoder
from quickstudy.core.protocols import Backbone
from quickstudy.core.types import GIVEN, OF_BACKBONE, PADDING, WIDTH_STEP, Lower, Marks, Params, Text, rows

Groups = Callable[[Text, list[int], list[int]], Iterator[tuple[list[int], Text]]]
"""(text, the rows to be read, every row's length) -> the rows of each group, and what the backbone reads for it"""
BUDGET = 2 * 1024**3
WHOLE = 0
"""stands for the depth where whole units are kept, not hidden states"""
ROWS, TOKENS = 16, 2048
"""Rows a group, and tokens a group at most (no more than an Encoder's
chunk, so that it is not split)."""


@dataclass(frozen=True, eq=False)
class KeptFeatures:
    """A backbone around another. Keeps whole units where nothing of the backbone is in `params`, and hidden states
    below the lowest of the weights named `learned` where something is. Beyond `budget` bytes nothing more is kept.

    `learned` are the weights that differ from call to call: theta's, which adaptation moves or meta-training learns.
    """

    backbone: Backbone
    learned: tuple[str, ...] = ()
    groups: Groups = field(default_factory=lambda: in_one_shape)
    budget: int = BUDGET
    _kept: dict[bytes, Tensor] = field(default_factory=dict, repr=False)
    _size: list[int] = field(default_factory=lambda: [0], repr=False)

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
        if depth == 0 or depth != self.depth(self.learned) or not len(text.tokens):
            return self.backbone.lower(params, text, depth)
        found = self._looked_up(text, depth, lambda group: self.backbone.lower({}, group, depth).hidden)
        longest = text.tokens.shape[1]
        return Lower(depth, torch.stack([F.pad(row, (0, 0, 0, longest - len(row))) for row in found]))

    def units(self, params: Params, text: Text, lower: Lower | None = None) -> Tensor:
        moving = any(name.startswith(OF_BACKBONE) for name in params)
        if not len(text.tokens) or lower is not None:
            return self.backbone.units(params, text, lower)
        if moving:
            depth = self.depth(self.learned)
            return self.backbone.units(params, text, self.lower(params, text, depth) if depth else None)
        return torch.stack(self._looked_up(text, WHOLE, lambda group: self.backbone.units({}, group)))

    def read_ahead(self, params: Params, text: Text, around: Callable[[Backbone], Backbone]) -> None:
        """Keeps what will be asked for when `around(self)`, the backbone that learners see, reads a text with `params`;
        nothing where it could not be kept."""
        depth = self.depth(self.learned)
        if self._size[0] >= 0.9 * self.budget:
            return
        if not any(name.startswith(OF_BACKBONE) for name in params):
            around(self).units(params, text)
        elif depth:
            around(self).lower(params, text, depth)

    def _looked_up(self, text: Text, depth: int, read: Callable[[Text], Tensor]) -> list[Tensor]:
        """One tensor a row; each text not kept is read once, however often it stands in `text`."""
        lengths = (text.role != PADDING).sum(1).tolist()
        keys = [depth.to_bytes(2, "big") + _key(text, row, length) for row, length in enumerate(lengths)]
        missing = {key: row for row, key in enumerate(keys) if key not in self._kept}
        fresh: dict[bytes, Tensor] = {}
        names = {row: key for key, row in missing.items()}
        for which, group in self.groups(text, list(missing.values()), lengths):
            with torch.no_grad():
                made = read(group)
            for row, value in zip(which, made, strict=False):  # the rows that fill the group up are left out
                fresh[names[row]] = value.clone()
        found = [self._kept[key] if key in self._kept else fresh[key] for key in keys]
        for key, value in fresh.items():
            size = value.numel() * value.element_size()
            if self._size[0] + size <= self.budget:
                self._kept[key] = value
                self._size[0] += size
        return found


def together(text: Text, missing: list[int], lengths: list[int]) -> Iterator[tuple[list[int], Text]]:
    """All at once: the backbone sorts and trims."""
    if missing:
        yield missing, rows(text, torch.tensor(missing))


def in_one_shape(text: Text, missing: list[int], lengths: list[int]) -> Iterator[tuple[list[int], Text]]:
    """Rows of one padded length, in groups of one shape: filled up with a full row, so that none is trimmed."""
    buckets: dict[int, list[int]] = {}
    for row in missing:
        buckets.setdefault(-(-max(1, lengths[row]) // WIDTH_STEP) * WIDTH_STEP, []).append(row)
    for length, members in sorted(buckets.items()):
        length = min(length, max(text.tokens.shape[1], 1))
        most = max(1, min(ROWS, TOKENS // length) - 1)
        for start in range(0, len(members), most):
            which = members[start : start + most]
            index = torch.tensor(which + which[:1] * (most + 1 - len(which)))
            role = text.role[index, :length].clone()
            role[-1] = GIVEN
            yield which, Text(text.tokens[index, :length], role, text.spans[index])


def _key(text: Text, row: int, length: int) -> bytes:
    tokens = text.tokens[row, :length].to(torch.int32).numpy().tobytes()
    return tokens + b"|" + text.role[row, :length].numpy().tobytes() + text.spans[row].numpy().tobytes()
