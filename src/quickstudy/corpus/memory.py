"""Which pieces of a text were seen before, and under which numbers: all those of a block of bytes looked up together.

A piece is known by 64 bits: the sum of a random number for each byte times a power of an odd number for its place, so
that sums over all pieces of a block are differences of one running sum. Of 300,000 pieces two are alike once in
400 million memories; longer ones than LONGEST, by which that could be brought about, are never looked up."""

import numpy as np
from numpy.typing import NDArray

LONGEST = 64
"""bytes of a piece that is known by its hash"""
_BITS = 20
_SLOTS = 1 << _BITS
_DRAWN = np.random.Generator(np.random.PCG64(20))
_OF_BYTE = _DRAWN.integers(0, 1 << 64, 256, np.uint64)
_FACTOR = 0xD6E8FEB86659FD93
_MIX = np.uint64(0x94D049BB133111EB)
_POWERS = [np.zeros(0, np.uint64), np.zeros(0, np.uint64)]
"""of _FACTOR, and of its inverse modulo 2^64, as far as they were needed"""


class Memory:
    """Numbers under hashes, by open addressing; at most half of the slots are to be filled."""

    def __init__(self) -> None:
        self._hashes = np.zeros(_SLOTS, np.uint64)
        self._numbers = np.zeros(_SLOTS, np.int32)

    def numbers(self, hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
        """-1 for what is not there."""
        slot = (hashes >> np.uint64(64 - _BITS)).astype(np.int64)
        there = self._hashes[slot]
        found = np.where(there == hashes, self._numbers[slot], -1).astype(np.int64)
        left = np.flatnonzero((there != hashes) & (there != 0))
        while len(left):
            slot[left] = (slot[left] + 1) % _SLOTS
            there = self._hashes[slot[left]]
            hit = there == hashes[left]
            found[left[hit]] = self._numbers[slot[left[hit]]]
            left = left[~hit & (there != 0)]
        return found

    def add(self, hashes: NDArray[np.uint64], first: int) -> None:
        """Different ones, none of them there, under the numbers `first`, `first` + 1, …"""
        numbers = np.arange(first, first + len(hashes), dtype=np.int32)
        slot = (hashes >> np.uint64(64 - _BITS)).astype(np.int64)
        while len(hashes):
            free = self._hashes[slot] == 0
            self._hashes[slot[free]] = hashes[free]  # of several that want one slot, the last has it
            own = free & (self._hashes[slot] == hashes)
            self._numbers[slot[own]] = numbers[own]
            hashes, numbers, slot = hashes[~own], numbers[~own], (slot[~own] + 1) % _SLOTS


def hashed(data: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Of each piece of `data`; never 0."""
    powers, inverse = _powers(len(data))
    sums = np.zeros(len(data) + 1, np.uint64)
    np.cumsum(_OF_BYTE[data] * powers[: len(data)], out=sums[1:])
    found = (sums[ends] - sums[starts]) * inverse[starts]
    found ^= found >> np.uint64(31)
    found *= _MIX
    return found | np.uint64(1)


def _powers(count: int) -> list[NDArray[np.uint64]]:
    if len(_POWERS[0]) <= count:
        for place, factor in enumerate((_FACTOR, pow(_FACTOR, -1, 1 << 64))):
            steps = np.full(2 * count + 1, factor, np.uint64)
            steps[0] = 1
            _POWERS[place] = np.multiply.accumulate(steps)
    return _POWERS
