"""Numbers drawn out of a seed text, the same for ever and everywhere.

The raw stream of PCG64 is promised never to change, unlike the methods of numpy's Generator.
"""

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]


class Luck:
    """Draws whole arrays at once."""

    def __init__(self, *seed: Any) -> None:
        digest = hashlib.sha256("\n".join(map(str, seed)).encode()).digest()
        self._bits = np.random.PCG64(int.from_bytes(digest[:16], "big"))

    def shares(self, count: int) -> NDArray[np.float64]:
        """(count,) from 0 up to, but without, 1."""
        return (self._bits.random_raw(count) >> np.uint64(11)).astype(np.float64) / (1 << 53)

    def below(self, most: int) -> int:
        """A whole number from 0 to most - 1."""
        return int(self._bits.random_raw()) % most

    def each_below(self, most: int | Numbers, count: int) -> Numbers:
        """(count,) whole numbers, each from 0 to most - 1 (its own `most` where several are given)."""
        return np.asarray(self._bits.random_raw(count) % np.asarray(most, dtype=np.uint64), dtype=np.int64)

    def order(self, count: int) -> Numbers:
        """A permutation of range(count)."""
        return np.argsort(self._bits.random_raw(count), kind="stable") if count else np.empty(0, dtype=np.int64)

    def some(self, most: int, count: int) -> Numbers:
        """As many different numbers below `most` as asked for, or all there are; the cost does not grow with `most`."""
        if most <= 8 * count or most <= 1024:
            return self.order(most)[:count]
        drawn = self.each_below(most, 2 * count + 8)
        _, first = np.unique(drawn, return_index=True)
        return drawn[np.sort(first)][:count]
