"""Masked language modelling, each domain, author or language its own task: what stood where tokens are hidden?

Devlin et al. 2019 ("BERT"), section 3.1: of the hidden tokens 8 in 10 become the mask, 1 in 10 another token, and 1 in
10 stay. Support and query are of one group and of different documents. With `shots` 0 there is nothing to adapt to, and
the episode is ordinary pretraining.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quickstudy.core.types import Episode
from quickstudy.pretext import shelves
from quickstudy.pretext.drawn import Drawn, saying
from quickstudy.pretext.frame import Frame
from quickstudy.pretext.luck import Luck
from quickstudy.pretext.ragged import Ids, Ragged

MASKED, OTHER = 0.8, 0.9
"""up to where a share drawn from 0 to 1 hides a token behind the mask, and behind another token"""


@dataclass(frozen=True)
class MaskedLm:
    """`shots` and `queries` are rows of at most `window` tokens, `share` of which are hidden."""

    shots: int = 8
    queries: int = 8
    window: int = 128
    share: float = 0.15
    by: shelves.By = "group"

    def episode(self, frame: Frame, part: int, seed: int, hardness: float = 0.0) -> Episode:
        return self.drawn(frame, part, seed, hardness).episode

    def drawn(self, frame: Frame, part: int, seed: int, hardness: float = 0.0) -> Drawn:
        luck = Luck("masked_lm", self, part, seed)
        groups = shelves.shelves(frame, part, self.by, 2 if self.shots else 1)
        group = groups[luck.below(len(groups))]
        documents = shelves.shared_out(group, luck, self.shots, self.queries)
        most = min(self.window, frame.room)
        sides = []
        for side in documents:
            rows = shelves.passages(frame, side, luck, most)
            shown, places = hidden(frame, rows, luck, self.share)
            sides.append(frame.hidden(shown, places, rows.flat))
        return saying(frame, sides, documents)


def hidden(frame: Frame, rows: Ragged, luck: Luck, share: float) -> tuple[Ragged, NDArray[np.bool_]]:
    """The rows with a share of each one's tokens hidden, one at least, and (tokens,) where."""
    size = len(rows.flat)
    many = np.maximum(1, np.rint(rows.lengths * share)).astype(np.int64)
    order = np.lexsort((luck.shares(size), rows.row))
    places = np.zeros(size, dtype=bool)
    places[order] = rows.column < np.repeat(many, rows.lengths)
    how = luck.shares(size)
    others: Ids = rows.flat[luck.each_below(size, size)] if size else rows.flat
    flat = np.where(places & (how < MASKED), frame.mask, rows.flat)
    flat = np.where(places & (how >= MASKED) & (how < OTHER), others, flat)
    return Ragged(flat, rows.lengths), places
