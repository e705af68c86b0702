"""Support and query of an episode: the same number of rows of each class, and no document in both."""

from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeVar

import numpy as np

from quickstudy.core.types import QuickstudyError
from quickstudy.corpus.store import PART_NAMES
from quickstudy.pretext.frame import Frame
from quickstudy.pretext.luck import Luck
from quickstudy.pretext.ragged import Ids

ATTEMPTS = 8


class Sizes(NamedTuple):
    """Classes, and rows a class."""

    ways: int
    shots: int
    queries: int

    @property
    def each(self) -> int:
        """Rows that a class needs."""
        return self.shots + self.queries


class Candidates(Protocol):
    """Rows (B,) that may stand in an episode."""

    @property
    def gold(self) -> Ids: ...

    @property
    def look(self) -> Ids:
        """Alike where what is read is."""

    @property
    def document(self) -> Ids: ...


Some = TypeVar("Some", bound=Candidates)


def settled(
    frame: Frame, part: int, luck: Luck, sizes: Sizes, draw: Callable[[int], Some], what: str
) -> tuple[Some, tuple[Ids, Ids]]:
    """Candidates with the rows of support and query among them, each in a drawn order. `draw` is asked for more and
    more rows a class; it may choose other classes every time. QuickstudyError where that never was enough: `what` the
    documents would have to hold."""
    for attempt in range(ATTEMPTS):
        found = draw((2 << attempt) * sizes.each)
        sides = _sides(found, sizes)
        if sides is not None:
            support, query = (side[luck.order(len(side))] for side in sides)
            return found, (support, query)
    raise QuickstudyError(
        f"{frame.corpus.folder}: in the {PART_NAMES[part]} part too few documents hold {what} for {sizes.shots} + "
        f"{sizes.queries} rows of each; ask for fewer shots or queries, or give more documents"
    )


def _sides(rows: Candidates, sizes: Sizes) -> tuple[Ids, Ids] | None:
    """The first rows of each class that fit. A document is of that side that takes a row of it first; of rows that
    read alike one is taken. None where some class has too few rows."""
    sides: tuple[list[int], list[int]] = [], []
    owner: dict[int, int] = {}
    taken: set[int] = set()
    room = [[sizes.shots, sizes.queries] for _ in range(sizes.ways)]
    each = zip(rows.gold.tolist(), rows.look.tolist(), rows.document.tolist(), strict=True)
    for number, (label, look, document) in enumerate(each):
        left = room[label]
        side = owner.get(document)
        if side is None:  # the side that lacks the larger share of its rows
            side = 0 if left[0] and left[0] * sizes.queries >= left[1] * sizes.shots else 1
        if left[side] and look not in taken:
            owner[document] = side
            taken.add(look)
            left[side] -= 1
            sides[side].append(number)
    if any(left != [0, 0] for left in room):
        return None
    return np.array(sides[0], dtype=np.int64), np.array(sides[1], dtype=np.int64)


def several(luck: Luck, first: Ids, last: Ids, count: int) -> tuple[Ids, Ids]:
    """Of each of the half-open ranges (n,) up to `count` different numbers, one range behind another, and which range
    each is of."""
    each = [begin + luck.some(end - begin, count) for begin, end in zip(first.tolist(), last.tolist(), strict=True)]
    return np.concatenate(each), np.repeat(np.arange(len(each)), [len(some) for some in each])
