"""Denoising: a text some of whose spans were replaced by one mask each is written out as it was.

Text infilling of BART (Lewis et al. 2020, section 2.2), each domain, author or language its own task; for models that
write. Rows are given and then written, as kinds.writing has them. With `shots` 0 it is ordinary pretraining.
"""

from dataclasses import dataclass

import numpy as np

from quickstudy.core.types import Episode
from quickstudy.pretext import shelves
from quickstudy.pretext.drawn import Drawn, saying
from quickstudy.pretext.frame import Frame
from quickstudy.pretext.luck import Luck
from quickstudy.pretext.ragged import Ragged, masked
from quickstudy.pretext.writing import written


@dataclass(frozen=True)
class Denoising:
    """`shots` and `queries` are texts of at most `window` tokens, `share` of which are hidden, some `span` in a row."""

    shots: int = 8
    queries: int = 8
    window: int = 64
    share: float = 0.3
    span: int = 3
    by: shelves.By = "group"

    def episode(self, frame: Frame, part: int, seed: int, hardness: float = 0.0) -> Episode:
        return self.drawn(frame, part, seed, hardness).episode

    def drawn(self, frame: Frame, part: int, seed: int, hardness: float = 0.0) -> Drawn:
        luck = Luck("denoising", self, part, seed)
        groups = shelves.shelves(frame, part, self.by, 2 if self.shots else 1)
        documents = shelves.shared_out(groups[luck.below(len(groups))], luck, self.shots, self.queries)
        sides = []
        for side in documents:
            whole = shelves.passages(frame, side, luck, self.window)
            sides.append(written(frame, self._noised(frame, whole, luck), whole))
        return saying(frame, sides, documents)

    def _noised(self, frame: Frame, rows: Ragged, luck: Luck) -> Ragged:
        """Spans begin at random, one a row at least, and are 1 to 2 `span` - 1 tokens long."""
        size, full = len(rows.flat), np.flatnonzero(rows.lengths)
        one = rows.starts[full] + luck.each_below(rows.lengths[full], len(full))
        begins = np.union1d(np.flatnonzero(luck.shares(size) < self.share / self.span), one)
        long = 1 + luck.each_below(2 * self.span - 1, len(begins))
        hidden = np.zeros(size + 2 * self.span, dtype=np.int64)
        np.add.at(hidden, begins, 1)
        np.add.at(hidden, begins + long, -1)
        return masked(rows, np.cumsum(hidden)[:size] > 0, frame.mask)[0]
