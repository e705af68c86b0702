"""Sketches of documents, by which near-duplicates meet: one-permutation MinHash (Li, Owen and Zhang 2012), empty bins
filled by rotation (Shrivastava and Li 2014), cut into bands for locality-sensitive hashing.

A document is the set of its runs of RUN bytes (of `cleaning.key`: no case, punctuation or spaces). All of a shard's
documents are hashed together in numpy, at tens of MB/s."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

RUN = 8
SHORT = 20
"""bytes below which only an equal document is a duplicate"""
BANDS, ROWS = 25, 5
"""two documents of similarity 0.8 meet in some band but once in 20,000 times, of 0.5 in 55 of 100, of 0.3 in 6"""
_BINS = 128
_BLOCK = 1 << 16
"""bytes that are hashed together: what fits into a processor's cache"""
_ODD = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xBF58476D1CE4E5B9)
_FULL = np.uint64(0xFFFFFFFFFFFFFFFF)


def identity(key: bytes) -> int:
    """64 bits, equal for documents that differ only in how they are typed."""
    return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "little")


def identities(keys: Sequence[bytes]) -> NDArray[np.uint64]:
    return np.fromiter((identity(key) for key in keys), np.uint64, len(keys))


def bands(keys: Sequence[bytes], seed: int) -> NDArray[np.uint32]:
    """(len(keys), BANDS): two documents meet where they have a number in common in one place. Keys shorter than SHORT
    get numbers of their own."""
    found = np.empty((len(keys), BANDS), np.uint32)
    start = 0
    while start < len(keys):
        stop, size = start, 0
        while stop < len(keys) and (size < _BLOCK or stop == start):
            size += len(keys[stop])
            stop += 1
        found[start:stop] = _bands(keys[start:stop], seed)
        start = stop
    return found


def runs(key: bytes) -> NDArray[np.uint64]:
    """The set itself, sorted: what an exact comparison takes."""
    return np.unique(_windows(key)) if len(key) >= RUN else np.zeros(0, np.uint64)


def similarity(one: NDArray[np.uint64], other: NDArray[np.uint64]) -> float:
    """Jaccard similarity of two such sets."""
    if not len(one) or not len(other):
        return 0.0
    both = len(np.intersect1d(one, other, assume_unique=True))
    return both / (len(one) + len(other) - both)


def _windows(data: bytes) -> NDArray[np.uint64]:
    """Every run of RUN bytes as a number, by where it begins."""
    found = np.empty(max(len(data) - RUN + 1, 0), np.uint64)
    for shift in range(min(RUN, len(found))):
        part = np.frombuffer(data, np.uint64, (len(data) - shift) // RUN, shift)
        found[shift::RUN] = part
    return found


def _bands(keys: Sequence[bytes], seed: int) -> NDArray[np.uint32]:
    lengths = np.fromiter(map(len, keys), np.int64, len(keys))
    ends = np.cumsum(lengths)
    hashes = _mixed(_windows(b"".join(keys)), seed)
    document = np.repeat(np.arange(len(keys)), lengths)[: len(hashes)]
    whole = np.arange(len(hashes)) + RUN <= ends[document]  # not into the next document
    hashes, document = hashes[whole], document[whole]
    bins = np.full(len(keys) * _BINS, _FULL)
    np.minimum.at(bins, document * _BINS + (hashes >> np.uint64(57)).astype(np.int64), hashes & (_FULL >> np.uint64(7)))
    filled = _filled(bins.reshape(-1, _BINS))
    found = np.zeros((len(keys), BANDS), np.uint64)
    for row in range(ROWS):  # bins far apart: neighbours may have been filled from the same one
        found = (found ^ filled[:, row * BANDS : (row + 1) * BANDS]) * _ODD
        found ^= found >> np.uint64(29)
    short = lengths < SHORT
    found[short] = (
        identities([key for key, is_short in zip(keys, short, strict=True) if is_short])[:, None] * _MIX
    ) + (np.arange(BANDS, dtype=np.uint64))
    return (found >> np.uint64(32)).astype(np.uint32)


def _filled(bins: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """An empty bin takes what the next full one to its right holds (round the end), marked by the distance."""
    empty = bins == _FULL
    if not empty.any():
        return bins
    doubled = np.concatenate([~empty, ~empty], axis=1)
    place = np.where(doubled, np.arange(2 * _BINS), 4 * _BINS)
    nearest = np.minimum.accumulate(place[:, ::-1], axis=1)[:, ::-1][:, :_BINS]
    distance = nearest - np.arange(_BINS)
    taken = np.take_along_axis(bins, nearest % _BINS, axis=1)
    return np.where(nearest < 4 * _BINS, taken + distance.astype(np.uint64) * _MIX, bins)


def _mixed(numbers: NDArray[np.uint64], seed: int) -> NDArray[np.uint64]:
    """The finaliser of splitmix64, begun elsewhere for every seed."""
    salt = np.uint64(int.from_bytes(hashlib.blake2b(str(seed).encode(), digest_size=8).digest(), "little"))
    mixed = numbers ^ salt
    shifted = np.empty_like(mixed)
    for shift, factor in ((32, _ODD), (29, _MIX), (32, np.uint64(0x94D049BB133111EB))):
        mixed *= factor
        np.right_shift(mixed, np.uint64(shift), out=shifted)
        mixed ^= shifted
    return mixed
