"""Takes examples until every class has its number; one example counts for every class it holds."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from quickstudy.episodes.sources import Index


class Picker:
    """Gives no normalised text twice. `short` tells whether some class did not get its number."""

    def __init__(self, index: Index, orders: Mapping[str, NDArray[np.int64]]) -> None:
        self.short = False
        self._index = index
        self._orders = orders
        self._used: set[int] = set()

    def take(self, quota: Mapping[str, int]) -> list[int]:
        """Examples that give each class its quota, the rarest classes first. An example that would lift
        another class beyond its quota is taken only when there is no other."""
        taken: list[int] = []
        count: Counter[str] = Counter()
        for name in sorted(quota, key=lambda name: len(self._orders[name])):
            spare: list[int] = []
            for number in self._orders[name].tolist():
                if count[name] >= quota[name]:
                    break
                if self._index.group[number] in self._used:
                    continue
                if any(count[other] >= quota.get(other, 0) for other in self._index.labels[number]):
                    spare.append(number)
                else:
                    self._keep(number, taken, count)
            for number in spare:
                if count[name] >= quota[name]:
                    break
                if self._index.group[number] not in self._used:
                    self._keep(number, taken, count)
            self.short |= count[name] < quota[name]
        return taken

    def take_any(self, numbers: Sequence[int], most: int) -> list[int]:
        """Up to `most` of these, in their order."""
        taken: list[int] = []
        for number in numbers:
            if len(taken) >= most:
                break
            if self._index.group[number] not in self._used:
                self._keep(number, taken, Counter())
        return taken

    def _keep(self, number: int, taken: list[int], count: Counter[str]) -> None:
        self._used.add(int(self._index.group[number]))
        taken.append(number)
        count.update(self._index.labels[number])
