"""Which source to train on next, learned on the way by policy gradient (REINFORCE, Williams 1992) from how far the
validation tasks have come (automated curriculum learning, Graves et al. 2017)."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple, Protocol

from quickstudy.core.types import QuickstudyError
from quickstudy.episodes.mixing import Mixture, picked
from quickstudy.episodes.sources import Source

Seen = tuple[tuple[int, float], ...]
"""each validation so far: the number of the first episode after it, and the score that it found"""

_KEPT = 0.9
"""how much of the running means of progress lasts over one validation"""


class Chooser(Protocol):
    """What says where an episode comes from: a `Mixture`, or a `Policy`."""

    def source(self, number: int, seed: int, seen: Seen = ()) -> Source:
        """That of episode `number`: a pure function of its arguments."""

    def chances(self, seed: int, seen: Seen = ()) -> dict[str, float]:
        """{name of a source: how likely the next choice is to be it}; they sum to 1."""


@dataclass(frozen=True)
class Choosing:
    """How a policy learns. QuickstudyError names the field that cannot be."""

    rate: float = 0.5
    """how far one interval between validations moves the logits"""
    floor: float = 0.2
    """the share of choices that go on as in the mixture it began with, so that no source is given up for good"""
    hold: int = 20
    """episodes in a row that one choice stands for, up to the next validation; few choices between validations say
    more clearly which of them helped"""

    def __post_init__(self) -> None:
        if not 0 <= self.rate < math.inf:
            raise QuickstudyError(f"choosing: rate is {self.rate}; give a number from 0 up, such as 0.5")
        if not 0 < self.floor <= 1:
            raise QuickstudyError(f"choosing: floor is {self.floor}; give a number above 0 and up to 1, such as 0.2")
        if self.hold < 1:
            raise QuickstudyError(f"choosing: hold is {self.hold}; give a number of episodes from 1 up")


@dataclass(frozen=True)
class Policy:
    """Begins as `mixture` and chooses those sources more often after which the validation score rose more than usual.

    The past comes as an argument and the policy is worked out of it anew, so a resumed run chooses as one that was
    never stopped, and a checkpoint need not know of it. Only progress between validations teaches it anything: validate
    often."""

    mixture: Mixture
    how: Choosing = Choosing()
    _last: dict[int, tuple[Seen, "_Learned"]] = field(default_factory=dict, init=False, repr=False, compare=False)
    """seed -> the past last asked about and what came of it, so that only what is new is worked out"""

    def source(self, number: int, seed: int, seen: Seen = ()) -> Source:
        first = seen[-1][0] if seen else 0
        chances = self._chances(self._learned(seed, seen))
        return self.mixture.sources[self._choice(number, first, seed, chances)]

    def chances(self, seed: int, seen: Seen = ()) -> dict[str, float]:
        chances = self._chances(self._learned(seed, seen))
        return {source.name: chance for source, chance in zip(self.mixture.sources, chances, strict=True)}

    def _choice(self, number: int, first: int, seed: int, chances: Sequence[float]) -> int:
        """The place of the source that episode `number` comes from, where choices began at episode `first`."""
        return picked(chances, seed, number - (number - first) % self.how.hold)

    def _learned(self, seed: int, seen: Seen) -> "_Learned":
        done, learned = self._last.get(seed, ((), None))
        if learned is None or seen[: len(done)] != done:
            done, learned = (), _Learned((0.0,) * len(self.mixture.sources))
        for (first, before), (end, after) in pairwise(seen[max(len(done) - 1, 0) :]):
            chances = self._chances(learned)
            chosen = [self._choice(number, first, seed, chances) for number in range(first, end, self.how.hold)]
            learned = self._moved(learned, chosen, after - before)
        self._last[seed] = seen, learned
        return learned

    def _moved(self, learned: "_Learned", chosen: Sequence[int], progress: float) -> "_Learned":
        """After one more interval: logits + rate · advantage · Σ ∂ log p(choice) / √(number of choices)."""
        if not math.isfinite(progress):
            return learned
        advantage, learned = learned.judged(progress)
        preferred, chances = self._preferred(learned), self._chances(learned)
        slopes = [0.0] * len(chances)
        for place, count in Counter(chosen).items():
            share = count * (1 - self.how.floor) * preferred[place] / chances[place]
            slopes = [
                slope + share * ((other == place) - chance)
                for other, (slope, chance) in enumerate(zip(slopes, preferred, strict=True))
            ]
        far = self.how.rate * advantage / math.sqrt(len(chosen))
        logits = tuple(logit + far * slope for logit, slope in zip(learned.logits, slopes, strict=True))
        return learned._replace(logits=logits)

    def _chances(self, learned: "_Learned") -> list[float]:
        """floor · mixture + (1 − floor) · softmax."""
        floor, start = self.how.floor, self.mixture.probabilities.values()
        return [
            floor * begun + (1 - floor) * chance for begun, chance in zip(start, self._preferred(learned), strict=True)
        ]

    def _preferred(self, learned: "_Learned") -> list[float]:
        """The softmax of log(mixture) + logits."""
        highest = max(learned.logits)
        start = self.mixture.probabilities.values()
        shares = [begun * math.exp(logit - highest) for begun, logit in zip(start, learned.logits, strict=True)]
        return [share / sum(shares) for share in shares]


def tally(chooser: Chooser, seed: int, seen: Seen, end: int) -> dict[str, dict[str, float]]:
    """{name of a source: {"episodes": how many before episode `end` came from it, "chance": how likely the next choice
    is to be it}}."""
    counts: Counter[str] = Counter()
    ends = [*(number for number, _ in seen[1:]), end]
    for past, ((first, _), last) in enumerate(zip(seen, ends, strict=True), 1):
        counts.update(chooser.source(number, seed, seen[:past]).name for number in range(first, last))
    chances = chooser.chances(seed, seen)
    return {name: {"episodes": counts[name], "chance": chance} for name, chance in chances.items()}


class _Learned(NamedTuple):
    """What a policy knows. The running means count the past by powers of `_KEPT`."""

    logits: tuple[float, ...]
    progress: float = 0.0
    square: float = 0.0
    """of the distance of progress from its mean so far"""
    judgements: int = 0

    def judged(self, progress: float) -> tuple[float, "_Learned"]:
        """The advantage over the mean of the intervals before, in units of the usual distance; 0 for the first."""
        distance = progress - self.progress
        mean = self.progress + _weight(self.judgements + 1) * distance
        if not self.judgements:
            return 0.0, self._replace(progress=mean, judgements=1)
        square = self.square + _weight(self.judgements) * (distance**2 - self.square)
        told = self._replace(progress=mean, square=square, judgements=self.judgements + 1)
        return distance / math.sqrt(square) if square else 0.0, told


def _weight(count: int) -> float:
    """Of the last of `count` values in their running mean."""
    return (1 - _KEPT) / (1 - _KEPT**count)
