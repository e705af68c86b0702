"""Contrast: each text is a class of its own, and its examples are views of it: crops with words dropped.

Every example its own class is UMTRA (Khodadadeh et al. 2019); crops and dropped words as views of a text are CLEAR's
(Wu et al. 2020). Support and query are views of the same texts, so, alone among the tasks, they share their documents.
"""

from dataclasses import dataclass

import numpy as np

from quickstudy.core.types import Episode, QuickstudyError
from quickstudy.corpus.store import PART_NAMES
from quickstudy.pretext.drawn import Drawn, choosing
from quickstudy.pretext.frame import Frame
from quickstudy.pretext.luck import Luck
from quickstudy.pretext.ragged import Ids, Ragged, gathered, kept
from quickstudy.pretext.shelves import passages, shelves


@dataclass(frozen=True)
class Contrast:
    """`shots` and `queries` are views a text. The harder, the more often all texts are of one group."""

    ways: int = 5
    shots: int = 1
    queries: int = 5
    crop: float = 0.6
    """the share of a text that a view is of"""
    drop: float = 0.15
    """the share of a view's tokens that are left out"""
    window: int = 64
    """tokens of a text at most"""
    fewest: int = 10
    """and at least"""

    def episode(self, frame: Frame, part: int, seed: int, hardness: float = 0.0) -> Episode:
        return self.drawn(frame, part, seed, hardness).episode

    def drawn(self, frame: Frame, part: int, seed: int, hardness: float = 0.0) -> Drawn:
        luck = Luck("contrast", self, part, seed)
        groups = shelves(frame, part, "group" if luck.shares(1)[0] < hardness else "any", 1)
        rooms = [group for group in groups if len(group) >= self.ways] or shelves(frame, part, "any", 1)
        room = rooms[luck.below(len(rooms))]
        drawn = room[luck.some(len(room), 8 * self.ways)]
        found = passages(frame, drawn, luck, self.window)
        long = np.flatnonzero(found.lengths >= self.fewest)[: self.ways]
        if len(long) < self.ways:
            raise QuickstudyError(
                f"{frame.corpus.folder}: {len(long)} of {len(drawn)} texts of the {PART_NAMES[part]} part have "
                f"{self.fewest} tokens or more, and {self.ways} are needed; ask for fewer ways or tokens, or give more "
                "text"
            )
        golds = [np.tile(np.arange(self.ways), count) for count in (self.shots, self.queries)]
        views = [frame.texts(self._views(found, long[gold], luck)) for gold in golds]
        classes = [f"text {number + 1}" for number in range(self.ways)]
        return choosing(frame, views, golds, frame.silent(self.ways), [drawn[long[gold]] for gold in golds], classes)

    def _views(self, texts: Ragged, which: Ids, luck: Luck) -> Ragged:
        """One drawn view of each of these rows."""
        length = texts.lengths[which]
        size = np.maximum(1, np.rint(length * self.crop)).astype(np.int64)
        first = texts.starts[which] + luck.each_below(length - size + 1, len(which))
        crops = gathered(texts.flat, first, first + size)
        stays = luck.shares(len(crops.flat)) >= self.drop
        stays[crops.starts] = True  # a view is never empty
        return kept(crops, stays)
