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
_LOW = _FULL >> np.uint64(7)


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
    return joined([_windows(key)])


def joined(sets: Sequence[NDArray[np.uint64]]) -> NDArray[np.uint64]:
    """What is in any of them. (np.unique takes ten times as long.)"""
    found = np.sort(np.concatenate([np.zeros(0, np.uint64), *sets]))
    return found[np.append(True, found[1:] != found[:-1])] if len(found) else found


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
    hashes = _mixed(_windows(b"".join(keys)), seed)
    place = np.repeat(np.arange(len(keys)) * _BINS, lengths)[: len(hashes)]
    place += (hashes >> np.uint64(57)).view(np.int64)
    bins = np.full(len(keys) * _BINS, _FULL)
    hashes &= _LOW  # (in place: to ask the system for new memory takes longer than the sums)
    across = (np.cumsum(lengths)[:-1, None] + np.arange(1 - RUN, 0)).ravel()  # runs into the next document
    hashes[across[(across >= 0) & (across < len(hashes))]] = _FULL
    np.minimum.at(bins, place, hashes)
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
