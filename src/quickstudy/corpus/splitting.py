"""Which documents train, which validate and which test: by a hash of each, or of its group, ranked."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from quickstudy.core.types import QuickstudyError
from quickstudy.corpus.settings import Settings
from quickstudy.corpus.store import PARTS, TEST


def split(
    identities: NDArray[np.uint64],
    company: NDArray[np.int64],
    group: NDArray[np.int32],
    names: Sequence[str],
    settings: Settings,
) -> NDArray[np.uint8]:
    """(m,) TRAIN, VALIDATION or TEST of documents that stay; a part with a share has one document at least. Those with
    one number in `company` lie in one part.

    Errors: QuickstudyError for a group that is held out and not there, or too few documents or groups."""
    held = [names.index(name) for name in settings.held_out if name in names]
    if missing := [name for name in settings.held_out if name not in names]:
        raise QuickstudyError(f"held out: there is no group '{missing[0]}'; the groups are {_some(names)}.")
    salt = np.uint64(_number(f"split {settings.seed}"))
    if settings.split_by == "groups":
        hashes = np.array([_number(f"{settings.seed} {name}") for name in names], np.uint64)
        free = np.setdiff1d(np.unique(group), held)
        by_group = np.full(len(names), TEST, np.uint8)
        by_group[free] = _ranked(hashes[free], np.ones(len(free), np.int64), settings.shares, "groups")
        return by_group[group]
    _, first, which, sizes = np.unique(company, return_index=True, return_inverse=True, return_counts=True)
    free = np.bincount(which, np.isin(group, held), minlength=len(first)) == 0
    found = np.full(len(first), TEST, np.uint8)
    hashes = _scattered(identities[first[free]] ^ salt)
    found[free] = _ranked(hashes, sizes[free], settings.shares, "documents")
    return found[which]


def together(origin: NDArray[np.int64], joins: NDArray[np.int64]) -> NDArray[np.int64]:
    """(m,) the same number for the pieces of one document, and for documents that share a piece. `joins`: pairs of
    rows."""
    above: dict[int, int] = {}

    def top(number: int) -> int:
        while above.get(number, number) != number:
            above[number] = number = above.get(above[number], above[number])
        return number

    for one, other in origin[joins].tolist():
        low, high = sorted((top(one), top(other)))
        above[high] = low
    if not above:
        return origin
    moved = np.array(sorted(above))
    tops = np.array([top(number) for number in moved.tolist()])
    place = np.minimum(np.searchsorted(moved, origin), len(moved) - 1)
    return np.where(moved[place] == origin, tops[place], origin)


def _ranked(
    hashes: NDArray[np.uint64], sizes: NDArray[np.int64], shares: tuple[float, ...], what: str
) -> NDArray[np.uint8]:
    """The part of each, which counts for so many; what is too large for the smallest part goes to the largest."""
    wanted = [part for part in PARTS if shares[part] > 0]
    whole = int(sizes.sum())
    if len(hashes) < len(wanted):
        cut = f" (in {whole:,} pieces, which stay together)" if whole > len(hashes) else ""
        raise QuickstudyError(
            f"corpus: {what} that are left: {len(hashes)}{cut}, and {len(wanted)} parts need one each; give "
            f"{len(wanted) - len(hashes)} more, or "
            + (
                "split by documents."
                if what == "groups"
                else "break the text up into lines or paragraphs, and say so by --documents line or paragraph."
            )
        )
    counts = [max(round(share * whole), 1) if share > 0 else 0 for share in shares]
    largest = int(np.argmax(counts))
    large = sizes > min(counts[part] for part in wanted)
    counts[largest] = max(counts[largest] + whole - sum(counts) - int(sizes[large].sum()), 0)
    found = np.full(len(hashes), largest, np.uint8)
    order = np.argsort(hashes, kind="stable")
    order = order[~large[order]]
    middle = np.cumsum(sizes[order]) - sizes[order] / 2
    found[order] = np.minimum(np.searchsorted(np.cumsum(counts), middle, side="right"), wanted[-1])
    for part in wanted:
        if not (found == part).any():  # the smallest of the part with the most
            giving = np.flatnonzero(found == np.argmax(np.bincount(found, minlength=len(PARTS))))
            found[giving[np.lexsort((hashes[giving], sizes[giving]))[0]]] = part
    return found


def _scattered(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    numbers = numbers * np.uint64(0x9E3779B97F4A7C15)
    return (numbers ^ (numbers >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
