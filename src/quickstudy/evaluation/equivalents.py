"""How many examples another learner needs to do as well: its learning curve, read backwards.

The curve is the mean accuracy over tasks at each number of shots, made to rise by isotonic regression and taken as
straight between two numbers of shots on a logarithmic axis (below one example a class, on a plain one). Intervals are
percentiles of a paired bootstrap of tasks, then of episodes within each."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import isotonic_regression

from quickstudy.evaluation.statistics import LEVEL

RESAMPLES = 1000
Paired = Mapping[str, Mapping[int, Sequence[tuple[float, float]]]]
"""task -> shots -> an episode's values: of the one that is asked about, and of the other"""


class Equivalent(NamedTuple):
    """Examples a class with which the other does as well."""

    shots: float
    low: float | None
    """where 95 % of the bootstrap's answers begin; None where a task has one episode"""
    high: float | None
    side: int
    """0: between the ends of its curve; 1: it needs more than `shots`, its last; -1: fewer than `shots`, its first"""


def equivalents(paired: Paired, seed: int = 0, resamples: int = RESAMPLES) -> dict[int, Equivalent]:
    """For each number of shots, what the other needs to be as good. Only tasks that both have at every number of
    shots count; empty without any, with one number of shots, or where the other's curve does not rise."""
    shots = sorted({number for by_shots in paired.values() for number in by_shots})
    tasks = [paired[name] for name in sorted(paired) if all(paired[name].get(number) for number in shots)]
    if not tasks or len(shots) < 2:
        return {}
    values = [[np.asarray(task[number], dtype=float) for number in shots] for task in tasks]
    ours, other = np.mean([[group.mean(0) for group in task] for task in values], axis=0).T
    if isotonic_regression(other)[-1] <= isotonic_regression(other)[0]:
        return {}
    found = needed(shots, other, ours)
    if min(len(group) for task in values for group in task) < 2:
        return {number: Equivalent(at, None, None, side) for number, (at, side) in zip(shots, found, strict=True)}
    drawn = _resampled(values, resamples, np.random.default_rng(seed))  # (resamples, shots, 2)
    answers = np.array([[at for at, _ in needed(shots, one[:, 1], one[:, 0])] for one in drawn])
    low, high = np.quantile(answers, ((1 - LEVEL) / 2, (1 + LEVEL) / 2), axis=0)
    return {
        number: Equivalent(at, float(low[place]), float(high[place]), side)
        for place, (number, (at, side)) in enumerate(zip(shots, found, strict=True))
    }


def needed(shots: Sequence[int], curve: NDArray, wanted: NDArray) -> list[tuple[float, int]]:
    """For each value that is wanted, the shots at which the curve reaches it, and the side of `Equivalent`."""
    risen = isotonic_regression(curve)
    places = [_place(number) for number in shots]
    found: list[tuple[float, int]] = []
    for value in wanted:
        after = int(np.searchsorted(risen, value - 1e-12))
        if after == len(risen):
            found.append((float(shots[-1]), 1))
        elif after == 0:
            found.append((float(shots[0]), -1 if value < risen[0] - 1e-12 else 0))
        else:
            share = (value - risen[after - 1]) / (risen[after] - risen[after - 1])
            found.append((_shots(places[after - 1] + share * (places[after] - places[after - 1])), 0))
    return found


def _place(shots: float) -> float:
    """On an axis that is logarithmic from one example on: 0 -> -1, 1 -> 0, 2 -> 1, 4 -> 2."""
    return float(np.log2(shots)) if shots >= 1 else shots - 1.0


def _shots(place: float) -> float:
    return float(2.0**place) if place >= 0 else 1.0 + place


def _resampled(values: list[list[NDArray]], resamples: int, rng: np.random.Generator) -> NDArray:
    """(resamples, shots, 2) means of a resample of tasks, each of a resample of its episodes."""
    means = np.stack(
        [
            np.stack([group[rng.integers(len(group), size=(resamples, len(group)))].mean(1) for group in task], axis=1)
            for task in values
        ]
    )  # (tasks, resamples, shots, 2)
    chosen = rng.integers(len(values), size=(len(values), resamples))
    return means[chosen, np.arange(resamples)].mean(0)
