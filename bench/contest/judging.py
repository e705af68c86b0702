"""What the tables of a contest must reach, as figures: gains, the worst set, the curve over shots."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean

from bench.contest.tables import REFERENCE, Results, Values, values
from quickstudy.evaluation.statistics import Interval, over_episodes


def means(results: Results, contestant: str, shots: int, sets: Sequence[str] | None = None) -> float:
    """The mean over sets (those named, else all) of the means over seeds, in points; NaN where nothing is there."""
    found = values(results, contestant, shots, "accuracy")
    kept = [fmean(own.values()) for name, own in found.items() if sets is None or name in sets]
    return 100 * fmean(kept) if kept else float("nan")


def losses(results: Results, other: str, shots: Sequence[int], one: str = REFERENCE) -> dict[tuple[str, int], Interval]:
    """(set, shots) -> by how much one contestant is worse than another, over the seeds of that set."""
    return {
        (name, number): over_episodes({name: list(own.values())})
        for number in shots
        for name, own in _minus(results, (other, number), (one, number)).items()
    }


def worst(found: dict[tuple[str, int], Interval]) -> tuple[tuple[str, int] | None, float]:
    """Where a loss is surest, and its lower bound in points: it is worse beyond noise by at least so much. NaN where
    seeds are too few to say."""
    known = {where: 100 * one.low for where, one in found.items() if one.low is not None}
    if not known:
        return None, float("nan")
    where = max(known, key=lambda at: known[at])
    return where, known[where]


def above_zero_shot(results: Results, shots: Sequence[int]) -> float:
    """The least gain of any number of examples over none, on the mean over sets, in points."""
    start = means(results, REFERENCE, 0)
    return min((means(results, REFERENCE, number) - start for number in shots if number), default=float("nan"))


def least_step(results: Results, shots: Sequence[int]) -> float:
    """The least rise between neighbouring numbers of examples, on the mean over sets, in points."""
    curve = [means(results, REFERENCE, number) for number in sorted(shots)]
    return min((after - before for before, after in pairwise(curve)), default=float("nan"))


def dips(results: Results, shots: Sequence[int]) -> dict[tuple[str, int], Interval]:
    """(set, shots) where the reference with examples is below itself without any, beyond noise."""
    found = {
        (name, number): over_episodes({name: list(own.values())})
        for number in shots
        if number
        for name, own in _minus(results, (REFERENCE, 0), (REFERENCE, number)).items()
    }
    return {where: one for where, one in found.items() if one.low is not None and one.low > 0}


def _minus(results: Results, first: tuple[str, int], second: tuple[str, int]) -> Values:
    """set -> seed -> first less second, on the seeds that both have."""
    a, b = (values(results, *each, "accuracy") for each in (first, second))
    return {
        name: {seed: a[name][seed] - b[name][seed] for seed in a[name].keys() & b[name].keys()}
        for name in a.keys() & b.keys()
    }
