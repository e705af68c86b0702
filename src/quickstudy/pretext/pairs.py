"""Pairs of sentences and the question that is asked of them: what the tasks about pairs have in common."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from quickstudy.core.types import QuickstudyError
from quickstudy.corpus.store import PART_NAMES, PLAIN
from quickstudy.pretext.drawn import Drawn, choosing
from quickstudy.pretext.frame import Frame
from quickstudy.pretext.luck import Luck
from quickstudy.pretext.ragged import Ids
from quickstudy.pretext.shelves import shared_out, shelves

TRIES = 16
"""places in a document that are looked at for one that fits"""
YES, NO = 0, 1


class Pairs(NamedTuple):
    """Sentences (B,) that stand side by side."""

    one: Ids
    other: Ids


Asked = Callable[[Ids, Ids, Luck], Pairs]
"""(documents (B,) of the rows, their gold, luck) -> the pairs"""


def asked(
    frame: Frame,
    part: int,
    luck: Luck,
    sizes: tuple[int, int],
    least: int,
    one_group: bool,
    names: tuple[str, str],
    ask: Asked,
) -> Drawn:
    """An episode of pairs for which the answer is yes, and as many for which it is no: `sizes` are how many of each the
    support and the query have. No document is in both. `least`: sentences that a document must have."""
    documents = _room(frame, part, luck, least, one_group)
    sides = shared_out(documents, luck, 2 * sizes[0], 2 * sizes[1], 2)  # of one alone there is nothing elsewhere
    golds = tuple(np.resize(np.array([YES, NO]), len(side)) for side in sides)
    found = [ask(side, gold, luck) for side, gold in zip(sides, golds, strict=True)]
    texts = [frame.pairs(frame.sentences(each.one), frame.sentences(each.other)) for each in found]
    return choosing(frame, (texts[0], texts[1]), (golds[0], golds[1]), frame.names(names, 2), sides, names)


def _room(frame: Frame, part: int, luck: Luck, least: int, one_group: bool) -> Ids:
    """Documents with so many sentences, of one group or of any. QuickstudyError where there are fewer than four."""
    key = "pairs", part, least, one_group
    if key not in frame.memo:
        size = np.diff(np.asarray(frame.corpus.documents))
        found = [shelf[size[shelf] >= least] for shelf in shelves(frame, part, "group" if one_group else "any", 1)]
        frame.memo[key] = tuple(shelf for shelf in found if len(shelf) >= 4)
    rooms = frame.memo[key]
    if rooms:
        return rooms[luck.below(len(rooms))]
    if one_group:
        return _room(frame, part, luck, least, False)
    raise QuickstudyError(
        f"{frame.corpus.folder}: fewer than 4 documents of the {PART_NAMES[part]} part have {least} sentences or more, "
        "so that pairs could be made of them; give longer documents, or more"
    )


def together(frame: Frame, documents: Ids, luck: Luck, apart: tuple[int, int]) -> Pairs:
    """Two plain sentences of each document, the second at least and at most so far behind the first; others where a
    few tries find none."""
    corpus, count = frame.corpus, len(documents)
    first = np.repeat(corpus.documents[documents], TRIES)
    size = np.repeat(corpus.documents[documents + 1], TRIES) - first
    near, far = np.minimum(apart[0], size - 1), np.minimum(apart[1], size - 1)
    gap = near + luck.each_below(far - near + 1, count * TRIES)
    one = first + luck.each_below(size - gap, count * TRIES)
    fits = (corpus.flags[one] == PLAIN) & (corpus.flags[one + gap] == PLAIN)
    best = np.arange(count) * TRIES + fits.reshape(count, TRIES).argmax(1)
    return Pairs(one[best], (one + gap)[best])


def elsewhere(frame: Frame, documents: Ids, luck: Luck) -> Ids:
    """A plain sentence of the document of another row."""
    turned = np.roll(documents, 1)
    for far in range(2, len(documents)):
        turned = np.where(turned == documents, np.roll(documents, far), turned)
    return together(frame, turned, luck, (0, 0)).one
