"""Which source the next episode is drawn from: by weight, and by size to a power (Arivazhagan et al.
2019)."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from quickstudy.core.types import QuickstudyError
from quickstudy.episodes.sampling import Dice
from quickstudy.episodes.sources import Source, by_name

_STEPS = 1 << 53


@dataclass(frozen=True)
class Mixture:
    """Draws a source with probability ∝ weight × size ** alpha."""

    sources: tuple[Source, ...]
    alpha: float = 0.0
    """0: weights alone; 1: in proportion to the examples; between: large sources count for less than their
    size"""

    def __post_init__(self) -> None:
        if not self.sources:
            raise QuickstudyError("a mixture needs at least one source.")
        by_name(self.sources)
        if not -10 <= self.alpha <= 10:
            raise QuickstudyError(f"mixture: alpha is {self.alpha}; give a number such as 0, 0.5 or 1.")
        if sum(self._shares()) <= 0:
            raise QuickstudyError("mixture: every source has weight 0 or no examples; give one a weight.")

    @property
    def probabilities(self) -> dict[str, float]:
        """{name of a source: how often it is drawn}; they sum to 1."""
        shares = self._shares()
        return {source.name: share / sum(shares) for source, share in zip(self.sources, shares, strict=True)}

    def source(self, step: int, seed: int, seen: object = ()) -> Source:
        """That of this step: a pure function of its arguments, so a resumed run goes on as if never
        stopped. What validation has seen changes nothing."""
        return self.sources[picked(self._shares(), seed, step)]

    def chances(self, seed: int, seen: object = ()) -> dict[str, float]:
        """The same at every time."""
        return self.probabilities

    def _shares(self) -> list[float]:
        return [
            source.weight * len(source.examples) ** self.alpha if source.examples else 0.0 for source in self.sources
        ]


def picked(shares: Sequence[float], seed: int, step: int) -> int:
    """The place of one share, each in proportion to its size: a pure function."""
    point = Dice(f"mixture\n{seed}\n{step}").between(0, _STEPS - 1) / _STEPS * sum(shares)
    drawable = [(end, place) for place, end in enumerate(accumulate(shares)) if shares[place] > 0]
    return next((place for end, place in drawable if point < end), drawable[-1][1])
