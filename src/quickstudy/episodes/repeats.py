"""Texts that were seen before, to be asked whether another is one of them or nearly one: exact Jaccard similarity of
runs of characters, as the leak check confirms it. For hundreds of texts; `leaks` has the search for many."""

from collections.abc import Iterable

from quickstudy.episodes.leaks import SHINGLE, SHORT

NEAR = 0.8
"""Jaccard similarity from which two texts of SHORT characters or more are near"""


class Repeats:
    """Keys are those of `cleaning.normalised_key`."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._keys: set[str] = set()
        self._runs: list[frozenset[str]] = []
        for key in keys:
            self.add(key)

    def add(self, key: str) -> None:
        self._keys.add(key)
        if len(key) >= SHORT:
            self._runs.append(_runs(key))

    def near(self, key: str) -> bool:
        """Whether it is one of them, or nearly."""
        if key in self._keys:
            return True
        own = _runs(key) if len(key) >= SHORT else frozenset()
        return any(_alike(own, other) for other in self._runs) if own else False


def _alike(own: frozenset[str], other: frozenset[str]) -> bool:
    if min(len(own), len(other)) < NEAR * max(len(own), len(other)):  # no overlap could be large enough
        return False
    shared = len(own & other)
    return shared >= NEAR * (len(own) + len(other) - shared)


def _runs(key: str) -> frozenset[str]:
    return frozenset(key[start : start + SHINGLE] for start in range(len(key) - SHINGLE + 1))
