"""How sure the numbers are: intervals over episodes and over tasks, and paired comparisons.

A measure is a mapping from a task (the source that episodes were drawn from) to its episodes' values. The
mean is always the mean of the tasks' means, so that a task with many episodes weighs no more than one with
few. Around it, two intervals answer two questions:

* over episodes: these tasks, other draws of examples. Student's t with Welch and Satterthwaite's degrees of
  freedom.
* over tasks: other tasks of this sort. A two-level bootstrap resamples the tasks, then the episodes within
  each (Davison & Hinkley 1997, section 3.8). Its percentiles are widened for few tasks as in Hesterberg 2015,
  "What teachers should know about the bootstrap". In simulations it held the truth in 92 to 99 % of cases
  from five tasks on; with three, in as few as 87 %.

Everything is deterministic for a seed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from quickstudy.core.types import QuickstudyError

Values = Mapping[str, Sequence[float]]
"""task -> one value an episode"""

LEVEL = 0.95
RESAMPLES = 10_000
FEWEST = 5
"""episodes of a task that may all say the same and still tell that its others would, too"""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and where it lies with 95 % confidence. low and high are None where they cannot be known."""

    mean: float
    low: float | None
    high: float | None
    tasks: int
    episodes: int


class Comparison(NamedTuple):
    """One learner minus another on the same episodes. p-values are two-sided, None where there is no test."""

    over_tasks: Interval
    over_episodes: Interval
    p_episodes: float | None
    """could other draws of examples for these tasks have turned the difference round?"""
    p_tasks: float | None
    """could other tasks? With n tasks it is at least 2 ** (1 - n)."""


def over_episodes(values: Values, weights: Mapping[str, float] | None = None, level: float = LEVEL) -> Interval:
    """The interval for these very tasks, which weigh alike, or as `weights` (of sum 1) say. Unknown where some task has
    a single episode, and where a few say the same: that tells no spread."""
    groups = _groups(values)
    tasks = [task for task in sorted(values) if len(values[task])]
    share = np.array([weights[task] if weights else 1 / len(tasks) for task in tasks])
    mean = float(share @ np.array([group.mean() for group in groups]))
    low = high = None
    fewest = min(len(group) for group in groups)
    if fewest > 1 and not (fewest < FEWEST and all(np.ptp(group) == 0 for group in groups)):
        parts = share**2 * np.array([group.var(ddof=1) / len(group) for group in groups])
        error = float(np.sqrt(parts.sum()))
        freedom = np.array([len(group) - 1 for group in groups])
        degrees = parts.sum() ** 2 / (parts**2 / freedom).sum() if error > 0 else 1.0
        reach = float(stats.t.ppf((1 + level) / 2, degrees)) * error
        low, high = mean - reach, mean + reach
    return _interval(mean, low, high, groups)


def over_tasks(values: Values, seed: int = 0, level: float = LEVEL, resamples: int = RESAMPLES) -> Interval:
    """The interval for other tasks of this sort. Unknown for a single task."""
    groups = _groups(values)
    mean = float(np.mean([group.mean() for group in groups]))
    low = high = None
    if len(groups) > 1:
        means = _resampled_means(groups, resamples, np.random.default_rng(seed))
        n = len(groups)
        tail = float(stats.norm.cdf(np.sqrt(n / (n - 1)) * stats.t.ppf((1 - level) / 2, n - 1)))
        low, high = (float(edge) for edge in np.quantile(means, (tail, 1 - tail)))
    return _interval(mean, low, high, groups)


def compare(
    first: Mapping[str, Mapping[str, float]],
    second: Mapping[str, Mapping[str, float]],
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Comparison | None:
    """`first` minus `second`, each task -> episode id -> value, on the episodes that both have; None without
    any."""
    differences: dict[str, list[float]] = {}
    for task in first.keys() & second.keys():
        shared = sorted(first[task].keys() & second[task].keys())
        if shared:
            differences[task] = [first[task][episode] - second[task][episode] for episode in shared]
    if not differences:
        return None
    groups = _groups(differences)
    weights = np.concatenate([np.full(len(group), 1 / len(group)) for group in groups])
    return Comparison(
        over_tasks(differences, seed, resamples=resamples),
        over_episodes(differences),
        sign_flip(np.concatenate(groups) * weights, seed, resamples),
        sign_flip(np.array([group.mean() for group in groups]), seed, resamples),
    )


def sign_flip(differences: Sequence[float] | NDArray, seed: int = 0, resamples: int = RESAMPLES) -> float | None:
    """Two-sided p-value that differences are symmetric round 0, by flipping signs; None for a single
    difference.

    Exact where all flips number at most `resamples`. Otherwise random, counting the data themselves as one
    flip.
    """
    values = np.asarray(differences, dtype=float)
    if len(values) < 2:
        return None
    found = stats.permutation_test(
        (values,),
        lambda x, axis: np.sum(x, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=resamples,
        batch=max(1, 2_000_000 // len(values)),
        axis=0,
        rng=np.random.default_rng(seed),
    )
    return float(found.pvalue)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """p-values corrected for their number (Holm 1979): rejecting those at most 0.05 errs once in 20
    families."""
    known = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    least = 0.0
    for rank, (p, place) in enumerate(known):
        least = max(least, min(1.0, p * (len(known) - rank)))
        corrected[place] = least
    return corrected


def _groups(values: Values) -> list[NDArray]:
    """The episodes' values of each task, tasks in the order of their names, so that no order changes a
    result."""
    groups = [np.asarray(values[task], dtype=float) for task in sorted(values) if len(values[task])]
    if not groups:
        raise QuickstudyError("There are no episodes to take a mean over.")
    if not all(np.isfinite(group).all() for group in groups):
        raise QuickstudyError("An episode's measure is not a finite number, so its mean cannot be taken.")
    return groups


def _resampled_means(groups: list[NDArray], resamples: int, rng: np.random.Generator) -> NDArray:
    """(resamples,) means of a resample of tasks, each of a resample of its episodes."""
    chosen = rng.integers(len(groups), size=(resamples, len(groups)))
    means = np.empty(chosen.shape)
    for index, group in enumerate(groups):
        places = np.flatnonzero(chosen.ravel() == index)
        # In parts of some ten million draws: a task may have thousands of episodes.
        for part in np.array_split(places, 1 + len(places) * len(group) // 10_000_000):
            drawn = rng.integers(len(group), size=(len(part), len(group)))
            means.ravel()[part] = group[drawn].mean(axis=1)
    return means.mean(axis=1)


def _interval(mean: float, low: float | None, high: float | None, groups: list[NDArray]) -> Interval:
    return Interval(mean, low, high, len(groups), sum(len(group) for group in groups))
