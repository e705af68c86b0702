"""Which documents of all shards are copies, or all but copies, of an earlier one.

The index lies on disk: one file a band, one number a document. A band is read alone, in slices, sorted, and those
with the same number are compared exactly; so memory does not grow with the corpus beyond a few bytes a document."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quickstudy.corpus.fingerprints import BANDS, runs, similarity
from quickstudy.corpus.shards import Shards

SLICE = 1 << 22
"""documents of a band that are sorted at once"""
COMPARED = 16
"""documents of one bucket that a further one is compared with, at most"""
_KEPT, _LOOKED = 512, 256


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
    """Any document's runs, by its number; the last few are kept."""

    def __init__(self, shards: Shards, firsts: Sequence[int]) -> None:
        """`firsts`: number of each shard's first document, and behind the last."""
        self._shards, self._firsts = shards, np.asarray(firsts)
        self._at: dict[int, NDArray[np.int64]] = {}
        self._runs: OrderedDict[int, NDArray[np.uint64]] = OrderedDict()

    def runs(self, document: int) -> NDArray[np.uint64]:
        if document not in self._runs:
            shard = int(np.searchsorted(self._firsts, document, side="right")) - 1
            if shard not in self._at:
                if len(self._at) >= _KEPT:
                    self._at.clear()
                self._at[shard] = self._shards.arrays(shard)["at"]
            place = document - int(self._firsts[shard])
            at = self._at[shard]
            self._runs[document] = runs(self._shards.key(shard, int(at[place]), int(at[place + 1])))
            if len(self._runs) > _KEPT:
                self._runs.popitem(last=False)
        self._runs.move_to_end(document)
        return self._runs[document]


def exact(identities: NDArray[np.uint64], kept: NDArray[np.bool_]) -> int:
    """Takes equal documents but the first out of `kept`; how many."""
    chosen = np.flatnonzero(kept)
    _, first = np.unique(identities[chosen], return_index=True)
    again = np.ones(len(chosen), bool)
    again[first] = False
    kept[chosen[again]] = False
    return int(again.sum())


def near(index: Index, texts: Texts, kept: NDArray[np.bool_], threshold: float) -> tuple[int, int]:
    """Takes every document out of `kept` that is near an earlier one that stays; (how many, pairs compared)."""
    dropped = compared = 0
    seen: set[tuple[int, int]] = set()
    for bucket in index.buckets(kept):
        stay: list[int] = []
        for document in bucket.tolist():
            if not kept[document]:
                continue
            fresh = [other for other in stay if (other, document) not in seen]
            compared += len(fresh)
            if any(similarity(texts.runs(other), texts.runs(document)) >= threshold for other in fresh):
                kept[document] = False
                dropped += 1
                continue
            seen.update((other, document) for other in fresh)
            if len(stay) < COMPARED:
                stay.append(document)
        if len(seen) > 1 << 20:
            seen.clear()
    return dropped, compared


def between(
    index: Index, texts: Texts, numbers: NDArray[np.int64], split: NDArray[np.uint8], threshold: float
) -> tuple[list[int], int]:
    """(documents that are near an earlier one of another part; pairs compared). `index`: of documents 0, 1, …, whose
    numbers among `texts` are `numbers` and whose parts are `split`."""
    strayed: set[int] = set()
    compared = 0
    for bucket in index.buckets(np.ones(len(numbers), bool)):
        parts = split[bucket]
        if (parts == parts[0]).all():
            continue
        for place, document in enumerate(bucket.tolist()):
            before = slice(max(place - _LOOKED, 0), place)
            others = bucket[before][parts[before] != parts[place]][-COMPARED:].tolist()
            compared += len(others)
            own = texts.runs(int(numbers[document]))
            if any(similarity(texts.runs(int(numbers[other])), own) >= threshold for other in others):
                strayed.add(int(numbers[document]))
    return sorted(strayed), compared
