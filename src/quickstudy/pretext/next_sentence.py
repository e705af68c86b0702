"""Next sentence: does the second text follow the first? (Devlin et al. 2019, section 3.1.)"""

from dataclasses import dataclass

import numpy as np

from quickstudy.core.types import Episode
from quickstudy.pretext.drawn import Drawn
from quickstudy.pretext.frame import Frame
from quickstudy.pretext.luck import Luck
from quickstudy.pretext.pairs import NO, Pairs, asked, elsewhere, together
from quickstudy.pretext.ragged import Ids

FAR = 50


@dataclass(frozen=True)
class NextSentence:
    """`shots` and `queries` are pairs a class. The harder, the more often what does not follow is of the same
    document."""

    shots: int = 5
    queries: int = 5
    names: tuple[str, str] = ("the second text goes on from the first", "the second text is from elsewhere")

    def episode(self, frame: Frame, part: int, seed: int, hardness: float = 0.0) -> Episode:
        return self.drawn(frame, part, seed, hardness).episode

    def drawn(self, frame: Frame, part: int, seed: int, hardness: float = 0.0) -> Drawn:
        def ask(documents: Ids, gold: Ids, luck: Luck) -> Pairs:
            found = together(frame, documents, luck, (1, 1))
            within = luck.shares(len(gold)) < hardness
            far = together(frame, documents, luck, (2, FAR))
            wrong = np.where(within, far.other, elsewhere(frame, documents, luck))
            return Pairs(np.where((gold == NO) & within, far.one, found.one), np.where(gold == NO, wrong, found.other))

        luck = Luck("next_sentence", self, part, seed)
        return asked(frame, part, luck, (self.shots, self.queries), 3, False, self.names, ask)
