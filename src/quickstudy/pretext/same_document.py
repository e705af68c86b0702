"""Same document: are two sentences, that do not stand side by side, of one document? After the inverse cloze task (Lee
et al. 2019) and the distant sentences of CONPONO (Iter et al. 2020)."""

from dataclasses import dataclass

import numpy as np

from quickstudy.core.types import Episode
from quickstudy.pretext.drawn import Drawn
from quickstudy.pretext.frame import Frame
from quickstudy.pretext.luck import Luck
from quickstudy.pretext.pairs import NO, Pairs, asked, elsewhere, together
from quickstudy.pretext.ragged import Ids

FAR = 200


@dataclass(frozen=True)
class SameDocument:
    """`shots` and `queries` are pairs a class. The harder, the more often all documents of an episode are of one
    group."""

    shots: int = 5
    queries: int = 5
    names: tuple[str, str] = ("both texts are from one document", "the texts are from different documents")

    def episode(self, frame: Frame, part: int, seed: int, hardness: float = 0.0) -> Episode:
        return self.drawn(frame, part, seed, hardness).episode

    def drawn(self, frame: Frame, part: int, seed: int, hardness: float = 0.0) -> Drawn:
        def ask(documents: Ids, gold: Ids, luck: Luck) -> Pairs:
            found = together(frame, documents, luck, (2, FAR))
            return Pairs(found.one, np.where(gold == NO, elsewhere(frame, documents, luck), found.other))

        luck = Luck("same_document", self, part, seed)
        one_group = bool(luck.shares(1)[0] < hardness)
        return asked(frame, part, luck, (self.shots, self.queries), 3, one_group, self.names, ask)
