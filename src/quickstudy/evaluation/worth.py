"""Was meta-learning worth it? A meta-trained student against what one would use without it, on the same episodes.

The verdict rests on these very tasks (other draws of their examples): the gain of each is averaged over its numbers of
shots, then tasks count alike, against the one baseline over which that is least. That baseline is chosen by its result,
so the verdict is on the strict side."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import Literal

from quickstudy.evaluation import statistics
from quickstudy.evaluation.equivalents import Equivalent, equivalents
from quickstudy.evaluation.metatest import Outcome
from quickstudy.evaluation.statistics import Comparison, Interval

SAME = 0.01
"""a difference in accuracy that nobody would notice"""
Verdict = Literal["yes", "no difference", "no", "cannot be told"]


@dataclass(frozen=True)
class Gain:
    """The student against one baseline at one number of shots."""

    baseline: str
    shots: int
    mean: float
    """the student's, over the tasks"""
    baseline_mean: float
    comparison: Comparison
    """the student minus the baseline"""
    equivalent: Equivalent | None
    """what the baseline needs to be as good"""
    seconds: float
    """to adapt, the median over episodes"""
    baseline_seconds: float


@dataclass(frozen=True)
class Overall:
    """The student minus one baseline: the mean over tasks of each one's mean over its numbers of shots."""

    baseline: str
    shots: tuple[int, ...]
    """that both have answers at: none may mean nothing to a baseline"""
    over_tasks: Interval
    over_episodes: Interval


@dataclass(frozen=True)
class Worth:
    """Everything that the question is answered by."""

    student: str
    verdict: Verdict
    best: str
    """the baseline that the verdict is about"""
    called: Mapping[str, str]
    """baseline -> its name in a sentence"""
    measure: str
    shots: tuple[int, ...]
    overall: tuple[Overall, ...]
    """the strongest baseline first"""
    gains: tuple[Gain, ...]
    failed: int = 0
    """episodes that the student has no answers for, which therefore do not count"""
    met: Mapping[str, str] = field(default_factory=dict)
    """tasks that the student was trained on or chosen by (`lineage.met`), on which it is no stranger"""


def judged(
    outcomes: Sequence[Outcome], student: str, called: Mapping[str, str], measure: str = "accuracy", seed: int = 0
) -> Worth | None:
    """The answer out of a meta-test's outcomes. `called` has the baselines and what a sentence calls each. None where
    no baseline has an episode in common with the student."""
    values: dict[str, dict[tuple[str, int], dict[str, Outcome]]] = defaultdict(lambda: defaultdict(dict))
    for one in outcomes:
        if measure in one.measures and not one.failure:
            values[one.contestant][one.source, one.shots][one.draw] = one
    own = values.get(student, {})
    overall = sorted(
        (made for name in called if (made := _overall(own, values.get(name, {}), name, measure, seed))),
        key=lambda one: (one.over_episodes.mean, one.baseline),
    )
    if not overall:
        return None
    gains = [gain for one in overall for gain in _gains(own, values[one.baseline], one.baseline, measure, seed)]
    return Worth(
        student=student,
        verdict=_verdict(overall[0].over_episodes),
        best=overall[0].baseline,
        called=dict(called),
        measure=measure,
        shots=tuple(sorted({gain.shots for gain in gains})),
        overall=tuple(overall),
        gains=tuple(gains),
        failed=sum(bool(one.failure) for one in outcomes if one.contestant == student),
    )


Cells = Mapping[tuple[str, int], Mapping[str, Outcome]]
"""(source, shots) -> episode -> outcome"""


def _overall(own: Cells, other: Cells, name: str, measure: str, seed: int) -> Overall | None:
    """Each task at each number of shots is a stratum of the interval over episodes."""
    pairs = _paired(own, other, measure)
    if not pairs:
        return None
    cells = Counter(source for source, _ in pairs)
    strata: dict[str, list[float]] = {}
    weights: dict[str, float] = {}
    tasks: dict[str, list[list[float]]] = defaultdict(list)
    for (source, shots), found in pairs.items():
        stratum = f"{source}/{shots}"
        strata[stratum] = [first - second for first, second in found]
        weights[stratum] = 1 / (len(cells) * cells[source])
        tasks[source].append(strata[stratum])
    shots_of = tuple(sorted({shots for _, shots in pairs}))
    even = {source: _even(found) for source, found in tasks.items()}
    return Overall(name, shots_of, statistics.over_tasks(even, seed), statistics.over_episodes(strata, weights))


def _even(cells: Sequence[Sequence[float]]) -> list[float]:
    """All values of a task, moved so that their mean is that of its cells' means: where episodes failed, some numbers
    of shots have fewer."""
    every = [value for cell in cells for value in cell]
    moved = fmean(map(fmean, cells)) - fmean(every)
    return [value + moved for value in every]


def _gains(own: Cells, other: Cells, name: str, measure: str, seed: int) -> list[Gain]:
    pairs = _paired(own, other, measure)
    by_task: dict[str, dict[int, list[tuple[float, float]]]] = defaultdict(dict)
    for (source, shots), found in pairs.items():
        by_task[source][shots] = found
    same = equivalents(by_task, seed)
    gains = []
    for number in sorted({shots for _, shots in pairs}):
        cells = [key for key in pairs if key[1] == number]
        first, second = ({key[0]: _measured(cell[key], measure) for key in cells} for cell in (own, other))
        comparison = statistics.compare(first, second, seed)
        assert comparison is not None, "every cell has an episode of both"
        means = [sum(sum(pair[k] for pair in pairs[key]) / len(pairs[key]) for key in cells) for k in (0, 1)]
        seconds = [median(one.seconds_adapt for key in cells for one in cell[key].values()) for cell in (own, other)]
        gains.append(
            Gain(name, number, means[0] / len(cells), means[1] / len(cells), comparison, same.get(number), *seconds)
        )
    return gains


def _measured(cell: Mapping[str, Outcome], measure: str) -> dict[str, float]:
    return {draw: one.measures[measure] for draw, one in cell.items()}


def _paired(own: Cells, other: Cells, measure: str) -> dict[tuple[str, int], list[tuple[float, float]]]:
    """On the episodes that both have answers for."""
    found = {}
    for key in sorted(own.keys() & other.keys()):
        shared = sorted(own[key].keys() & other[key].keys())
        if shared:
            found[key] = [(own[key][draw].measures[measure], other[key][draw].measures[measure]) for draw in shared]
    return found


def _verdict(gain: Interval) -> Verdict:
    if gain.low is None or gain.high is None:
        return "cannot be told"
    if gain.low > 0:
        return "yes"
    if gain.high < 0:
        return "no"
    return "no difference" if max(-gain.low, gain.high) < SAME else "cannot be told"
