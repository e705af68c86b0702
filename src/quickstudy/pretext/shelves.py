"""The documents of one part of a corpus, by what they have in common, and rows out of them."""

from typing import Literal

import numpy as np

from quickstudy.core.types import QuickstudyError
from quickstudy.corpus.store import PART_NAMES
from quickstudy.pretext.frame import Frame
from quickstudy.pretext.luck import Luck
from quickstudy.pretext.ragged import Ids, Ragged, cut

By = Literal["group", "source", "any"]
"""whose texts are one task: of one domain, author or language (a group of the corpus), of one source, or all"""


def shelves(frame: Frame, part: int, by: By, least: int = 2) -> tuple[Ids, ...]:
    """The documents of each group that has at least `least` of them. QuickstudyError where none has."""
    key = "shelves", part, by, least
    if key not in frame.memo:
        corpus = frame.corpus
        documents = corpus.documents_of(part)
        sort = {"group": corpus.group, "source": corpus.source}.get(by)
        label = np.zeros(len(documents)) if sort is None else np.asarray(sort)[documents]
        order = np.argsort(label, kind="stable")
        ends = np.flatnonzero(np.diff(label[order])) + 1
        frame.memo[key] = tuple(shelf for shelf in np.split(documents[order], ends) if len(shelf) >= least)
    if not frame.memo[key]:
        raise QuickstudyError(
            f"{frame.corpus.folder}: no {'part' if by == 'any' else by} of the {PART_NAMES[part]} part has {least} "
            "documents, so that support and query could be of different ones; give more documents"
        )
    return frame.memo[key]


def shared_out(shelf: Ids, luck: Luck, support: int, query: int, least: int = 1) -> tuple[Ids, Ids]:
    """A document for each row of the support and of the query, none in both; each stands as seldom as can be. `least`:
    different ones that either side with rows has, where there are twice as many."""
    drawn = shelf[luck.some(len(shelf), support + query)]
    share = round(len(drawn) * support / max(1, support + query))
    first = min(max(share, least * (support > 0)), len(drawn) - least * (query > 0))
    sides = drawn[:first], drawn[first:]
    return tuple(np.resize(side, count) for side, count in zip(sides, (support, query), strict=True))  # type: ignore[return-value]


def passages(frame: Frame, documents: Ids, luck: Luck, most: int) -> Ragged:
    """Rows of at most `most` tokens, each from the beginning of a drawn sentence of its document on."""
    corpus = frame.corpus
    first, end = corpus.documents[documents], corpus.documents[documents + 1]
    sentence = first + luck.each_below(np.maximum(end - first, 1), len(documents))
    begin, last = corpus.sentences[sentence], corpus.sentences[end]
    return cut(frame.runs(begin, np.minimum(last, begin + most)), most)
