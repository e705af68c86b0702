"""Language modelling, each domain, author or language its own task: how does a text go on?

Support and query are of one group and of different documents; a unit stands before each written token, as in
kinds.language_model. With `shots` 0 there is nothing to adapt to, and the episode is ordinary pretraining.
"""

from dataclasses import dataclass

import numpy as np

from quickstudy.core.types import Episode, QuickstudyError
from quickstudy.pretext import shelves
from quickstudy.pretext.drawn import Drawn, saying
from quickstudy.pretext.frame import Frame
from quickstudy.pretext.luck import Luck
from quickstudy.pretext.ragged import Ids, Ragged, cut, gathered, joined


@dataclass(frozen=True)
class LanguageModel:
    """`shots` and `queries` are rows of `window` tokens, which go on from the `overlap` tokens before them."""

    shots: int = 8
    queries: int = 8
    window: int = 96
    overlap: int = 0
    by: shelves.By = "group"

    def episode(self, frame: Frame, part: int, seed: int, hardness: float = 0.0) -> Episode:
        return self.drawn(frame, part, seed, hardness).episode

    def drawn(self, frame: Frame, part: int, seed: int, hardness: float = 0.0) -> Drawn:
        luck = Luck("language_model", self, part, seed)
        begin = np.array(frame.writing.opens or [frame.writing.end], dtype=np.int64)
        if self.window + self.overlap + len(begin) > frame.reader.limit:
            raise QuickstudyError(
                f"rows of {self.window} tokens behind {self.overlap} do not fit into the {frame.reader.limit} that the "
                "model reads; lower `window` or `overlap`"
            )
        groups = shelves.shelves(frame, part, self.by, 2 if self.shots else 1)
        documents = shelves.shared_out(groups[luck.below(len(groups))], luck, self.shots, self.queries)
        return saying(frame, [frame.written(*self._rows(frame, side, luck, begin)) for side in documents], documents)

    def _rows(self, frame: Frame, documents: Ids, luck: Luck, begin: Ids) -> tuple[Ragged, Ragged]:
        """What is given and what is written: a drawn window of each document."""
        corpus = frame.corpus
        first = corpus.sentences[corpus.documents[documents]]
        last = corpus.sentences[corpus.documents[documents + 1]]
        windows = np.maximum(-(-(last - first) // self.window), 1)
        start = first + self.window * luck.each_below(windows, len(documents))
        before = gathered(corpus.tokens, np.maximum(first, start - self.overlap), start)
        written = cut(frame.runs(start, np.minimum(start + self.window, last)), self.window)
        return joined(len(documents), begin, before), written
