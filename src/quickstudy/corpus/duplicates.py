"""Which documents of all shards are copies, or all but copies, of an earlier one.

The index lies on disk: one file a band, one number a document. A band is read alone, in slices, sorted, and those
with the same number are compared exactly; so memory does not grow with the corpus beyond a few bytes a document."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quickstudy.corpus.fingerprints import BANDS, joined, runs, similarity
from quickstudy.corpus.shards import Shards

SLICE = 1 << 22
"""documents of a band that are sorted at once"""
COMPARED = 16
"""documents of one bucket that a further one is compared with, at most"""
_KEPT, _LOOKED = 512, 256
_RUNS = 1 << 24
"""runs of documents that are kept, in all"""


class Index:
    """Bands of all documents, appended shard by shard."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._files = [folder / f"band{number:02d}.u32" for number in range(BANDS)]
        for path in self._files:
            path.write_bytes(b"")

    def add(self, bands: NDArray[np.uint32]) -> None:
        """(n, BANDS) of the next shard."""
        for number, path in enumerate(self._files):
            with path.open("ab") as file:
                file.write(np.ascontiguousarray(bands[:, number]).tobytes())

    def buckets(self, kept: NDArray[np.bool_]) -> Iterator[NDArray[np.int64]]:
        """Documents with the same number in a band, in their order, two or more at a time."""
        slices = -(-len(kept) // SLICE)
        for path in self._files:
            column = np.fromfile(path, np.uint32)
            for part in range(slices):
                chosen = np.flatnonzero(kept if slices == 1 else kept & (column % np.uint32(slices) == part))
                order = chosen[np.argsort(column[chosen], kind="stable")]
                numbers = column[order]
                starts = np.flatnonzero(np.concatenate([[True], numbers[1:] != numbers[:-1]])) if len(order) else order
                sizes = np.diff(np.append(starts, len(order)))
                for start, size in zip(starts[sizes > 1].tolist(), sizes[sizes > 1].tolist(), strict=True):
                    yield order[start : start + size]


class Texts:
    """Any row's runs, by its number; the last few are kept."""

    def __init__(self, shards: Shards, firsts: Sequence[int]) -> None:
        """`firsts`: number of each shard's first row, and behind the last."""
        self._shards, self._firsts = shards, np.asarray(firsts)
        self._places: dict[int, dict[str, NDArray]] = {}
        self._runs: OrderedDict[int, NDArray[np.uint64]] = OrderedDict()
        self._size = 0

    def runs(self, row: int) -> NDArray[np.uint64]:
        """Of a document; of what stands for the pieces before it, theirs together."""
        if row not in self._runs:
            shard = int(np.searchsorted(self._firsts, row, side="right")) - 1
            if shard not in self._places:
                if len(self._places) >= _KEPT:
                    self._places.clear()
                self._places[shard] = self._shards.arrays(shard, ["at", "pieces"])
            place, found = row - int(self._firsts[shard]), self._places[shard]
            if pieces := int(found["pieces"][place]):
                made = joined([self.runs(row - back) for back in range(pieces, 0, -1)])
            else:
                made = runs(self._shards.key(shard, int(found["at"][place]), int(found["at"][place + 1])))
            self._runs[row] = made
            self._size += len(made)
            while len(self._runs) > _KEPT or (self._size > _RUNS and len(self._runs) > 1):
                self._size -= len(self._runs.popitem(last=False)[1])
        self._runs.move_to_end(row)
        return self._runs[row]


class Rows(NamedTuple):
    """What is compared: documents, and behind the pieces of a cut one a row that stands for it as a whole."""

    origin: NDArray[np.int64]
    """(m,) number of the document as it was read; never falls"""
    pieces: NDArray[np.uint16]
    """(m,) 0 for a document or a piece; of a row that stands for so many before it, how many"""

    def cut(self, row: int) -> bool:
        """Whether there are other rows of the same document."""
        beside = self.origin[max(row - 1, 0) : row + 2]
        return bool((beside == self.origin[row]).sum() > 1)


def exact(identities: NDArray[np.uint64], kept: NDArray[np.bool_], rows: Rows) -> tuple[int, list[tuple[int, int]]]:
    """Takes equal documents but the first out of `kept`; how many, and (the first, another) where that was a piece."""
    chosen = np.flatnonzero(kept & (rows.pieces == 0))
    order = chosen[np.argsort(identities[chosen], kind="stable")]
    again = np.append(False, identities[order[1:]] == identities[order[:-1]]) if len(order) else np.zeros(0, bool)
    first = order[np.maximum.accumulate(np.where(again, 0, np.arange(len(order))))]
    kept[order[again]] = False
    pairs = zip(first[again].tolist(), order[again].tolist(), strict=True)
    return int(again.sum()), sorted((one, other) for one, other in pairs if rows.cut(other))


def near(
    index: Index,
    texts: Texts,
    kept: NDArray[np.bool_],
    rows: Rows,
    threshold: float,
    before: Sequence[tuple[int, int]] = (),
) -> tuple[int, int, list[tuple[int, int]]]:
    """Takes every document or piece out of `kept` that is near an earlier one that stays, and all pieces of a document
    that is as a whole; (how many, pairs compared, (one, another that went) where that was a piece, or one of which a
    piece was a copy). `before`: what `exact` joined."""
    dropped = compared = 0
    seen: set[tuple[int, int]] = set()
    joins: list[tuple[int, int]] = []
    copied = {one for one, _ in before}
    for bucket in index.buckets(kept):
        stay: list[int] = []
        for row in bucket.tolist():
            own = slice(row - int(rows.pieces[row]), row + 1)
            if not kept[row] or (rows.pieces[row] and not kept[own][:-1].any()):
                continue
            fresh = [
                other for other in stay if kept[other] and (other, row) not in seen and not _parts(rows, other, row)
            ]
            compared += len(fresh)
            like = next((each for each in fresh if similarity(texts.runs(each), texts.runs(row)) >= threshold), None)
            if like is not None:
                dropped += int(kept[own].sum()) - bool(rows.pieces[row])
                kept[own] = False
                if rows.cut(row) or row in copied:
                    joins.append((like, row))
                    copied.add(like)
                continue
            seen.update((other, row) for other in fresh)
            if len(stay) < COMPARED:
                stay.append(row)
        if len(seen) > 1 << 20:
            seen.clear()
    return dropped, compared, joins


def _parts(rows: Rows, one: int, other: int) -> bool:
    """Whether one is the other as a whole."""
    return bool(rows.origin[one] == rows.origin[other] and (rows.pieces[one] or rows.pieces[other]))


def between(
    index: Index, runs_of: Callable[[int], NDArray[np.uint64]], split: NDArray[np.uint8], threshold: float
) -> tuple[list[int], int]:
    """(units that are near an earlier one of another part; pairs compared). `index`: of units 0, 1, …, whose parts are
    `split`."""
    strayed: set[int] = set()
    compared = 0
    for bucket in index.buckets(np.ones(len(split), bool)):
        parts = split[bucket]
        if (parts == parts[0]).all():
            continue
        for place, unit in enumerate(bucket.tolist()):
            before = slice(max(place - _LOOKED, 0), place)
            others = bucket[before][parts[before] != parts[place]][-COMPARED:].tolist()
            compared += len(others)
            if any(similarity(runs_of(other), runs_of(unit)) >= threshold for other in others):
                strayed.add(unit)
    return sorted(strayed), compared
