"""Sentence order: two sentences that stand one behind the other; which was first? (Lan et al. 2020, "ALBERT", section
3.1.) Topic says nothing here, since both are of one place."""

from dataclasses import dataclass

import numpy as np

from quickstudy.core.types import Episode
from quickstudy.pretext.drawn import Drawn
from quickstudy.pretext.frame import Frame
from quickstudy.pretext.luck import Luck
from quickstudy.pretext.pairs import NO, Pairs, asked, together
from quickstudy.pretext.ragged import Ids


@dataclass(frozen=True)
class SentenceOrder:
    """`shots` and `queries` are pairs a class."""

    shots: int = 5
    queries: int = 5
    names: tuple[str, str] = ("the first text comes first", "the second text comes first")

    def episode(self, frame: Frame, part: int, seed: int, hardness: float = 0.0) -> Episode:
        return self.drawn(frame, part, seed, hardness).episode

    def drawn(self, frame: Frame, part: int, seed: int, hardness: float = 0.0) -> Drawn:
        def ask(documents: Ids, gold: Ids, luck: Luck) -> Pairs:
            found = together(frame, documents, luck, (1, 1))
            turned = gold == NO
            return Pairs(np.where(turned, found.other, found.one), np.where(turned, found.one, found.other))

        luck = Luck("sentence_order", self, part, seed)
        return asked(frame, part, luck, (self.shots, self.queries), 2, False, self.names, ask)
