"""Which documents train, which validate and which test: by a hash of each, or of its group, ranked."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from quickstudy.core.types import QuickstudyError
from quickstudy.corpus.settings import Settings
from quickstudy.corpus.store import PARTS, TEST


def split(
    identities: NDArray[np.uint64], group: NDArray[np.int32], names: Sequence[str], settings: Settings
) -> NDArray[np.uint8]:
    """(m,) TRAIN, VALIDATION or TEST of documents that stay; a part with a share has one document at least.

    Errors: QuickstudyError for a group that is held out and not there, or too few documents or groups."""
    held = [names.index(name) for name in settings.held_out if name in names]
    if missing := [name for name in settings.held_out if name not in names]:
        raise QuickstudyError(f"held out: there is no group '{missing[0]}'; the groups are {_some(names)}.")
    salt = np.uint64(_number(f"split {settings.seed}"))
    if settings.split_by == "groups":
        hashes = np.array([_number(f"{settings.seed} {name}") for name in names], np.uint64)
        free = np.setdiff1d(np.unique(group), held)
        by_group = np.full(len(names), TEST, np.uint8)
        by_group[free] = _ranked(hashes[free], settings.shares, "groups")
        return by_group[group]
    found = np.full(len(identities), TEST, np.uint8)
    free = np.flatnonzero(~np.isin(group, held))
    found[free] = _ranked(_scattered(identities[free] ^ salt), settings.shares, "documents")
    return found


def _ranked(hashes: NDArray[np.uint64], shares: tuple[float, ...], what: str) -> NDArray[np.uint8]:
    wanted = sum(share > 0 for share in shares)
    if len(hashes) < wanted:
        raise QuickstudyError(
            f"corpus: {len(hashes)} {what} are left, and {wanted} parts need one each; give more text."
        )
    counts = [max(round(share * len(hashes)), 1) if share > 0 else 0 for share in shares]
    counts[int(np.argmax(counts))] += len(hashes) - sum(counts)
    found = np.empty(len(hashes), np.uint8)
    found[np.argsort(hashes, kind="stable")] = np.repeat(np.array(PARTS, np.uint8), counts)
    return found


def _scattered(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    numbers = numbers * np.uint64(0x9E3779B97F4A7C15)
    return (numbers ^ (numbers >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
