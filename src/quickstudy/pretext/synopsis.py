"""Synopsis: which of N documents, each summed up in a line "key: value" of its own, is a sentence from?

The classes are called what those lines say, as the description of a package sums up its documentation. A class is one
document, so support and query share theirs; with `shots` 0 the lines alone decide.
"""

from dataclasses import dataclass

import numpy as np

from quickstudy.core.types import Episode
from quickstudy.corpus.store import KEY_VALUE
from quickstudy.pretext.drawn import Drawn
from quickstudy.pretext.frame import Frame
from quickstudy.pretext.luck import Luck
from quickstudy.pretext.sections import Heads, lines, under
from quickstudy.pretext.sides import Sizes

COLONS = (":", "：")
KEYS = ("summary", "description", "abstract", "synopsis", "title", "subject", "topic", "摘要", "简介", "主题")


@dataclass(frozen=True)
class Synopsis:
    """`shots` and `queries` are sentences a document."""

    ways: int = 5
    shots: int = 1
    queries: int = 2
    keys: tuple[str, ...] = KEYS
    """what the line may begin with; empty: anything"""
    fewest: int = 6
    """tokens of a sentence, at least"""

    def episode(self, frame: Frame, part: int, seed: int, hardness: float = 0.0) -> Episode:
        return self.drawn(frame, part, seed, hardness).episode

    def drawn(self, frame: Frame, part: int, seed: int, hardness: float = 0.0) -> Drawn:
        def named(line: int) -> str:
            said = frame.said(line)
            at = min((place for place in map(said.find, COLONS) if place >= 0), default=-1)
            key = said[: max(at, 0)].strip("-*• ").casefold()
            return said[at + 1 :].strip() if at > 0 and (not self.keys or key in self.keys) else ""

        luck, sizes = Luck("synopsis", self, part, seed), Sizes(self.ways, self.shots, self.queries)
        lacking = (
            f"ask for fewer, or build a corpus out of documents with a line such as {(self.keys or ('key',))[0]}: …"
        )
        return under(frame, part, luck, self._documents(frame, part), sizes, self.fewest, named, lacking)

    def _documents(self, frame: Frame, part: int) -> Heads:
        line, document = lines(frame, part, KEY_VALUE)
        documents = np.asarray(frame.corpus.documents)
        return Heads(line, documents[document], documents[document + 1])
