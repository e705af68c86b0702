"""From the outcomes of a meta-test to the report's content."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from quickstudy.core.types import QuickstudyError
from quickstudy.evaluation import metrics, statistics
from quickstudy.evaluation.metatest import Outcome
from quickstudy.evaluation.report import About, Calibration, Cell, Failure, Focus, Other, Report, Versus

Key = tuple[str, int]
"""contestant, shots"""
Grid = dict[Key, dict[str, list[Outcome]]]
"""contestant, shots -> source -> the outcomes that carry the measure"""


def summarise(outcomes: Sequence[Outcome], reference: str, about: About | None = None) -> Report:
    """The report on a meta-test. `reference` is the contestant that the others are compared against."""
    about = about or About()
    _check(outcomes, reference)
    grid = _grid(outcomes, about.measure)
    if not grid:
        raise QuickstudyError(f"No episode was measured by {about.measure!r}: {_why_none(outcomes)}")
    failed = [outcome for outcome in outcomes if outcome.failure]
    return Report(
        about=about,
        reference=reference,
        contestants=tuple(dict.fromkeys(outcome.contestant for outcome in outcomes)),
        sources=tuple(dict.fromkeys(outcome.source for outcome in outcomes)),
        shots=tuple(sorted({outcome.shots for outcome in outcomes})),
        ways=tuple(sorted({len(outcome.classes) for outcome in outcomes})),
        episodes=len({outcome.draw for outcome in outcomes}),
        cells=tuple(_cell(key, "", by_source, failed, about) for key, by_source in grid.items()),
        source_cells=tuple(
            _cell(key, source, {source: found}, failed, about)
            for key, by_source in grid.items()
            for source, found in by_source.items()
        ),
        versus=_versus(grid, reference, about),
        calibration=tuple(made for key, by_source in grid.items() if (made := _calibration(key, by_source))),
        others=tuple(_other(key, grid[key]) for key in grid if key[1] == max(key[1] for key in grid)),
        focus=_focus(grid, reference, about),
        failures=tuple(Failure(one.contestant, one.draw, one.source, one.shots, one.failure) for one in failed),
    )


def _check(outcomes: Sequence[Outcome], reference: str) -> None:
    if not outcomes:
        raise QuickstudyError("There are no outcomes to report: meta-test at least one episode.")
    names = sorted({outcome.contestant for outcome in outcomes})
    if reference not in names:
        raise QuickstudyError(f"No contestant {reference!r} to compare against; there are: {', '.join(names)}.")
    seen: set[tuple[str, str]] = set()
    for outcome in outcomes:
        if (outcome.contestant, outcome.draw) in seen:
            raise QuickstudyError(
                f"{outcome.contestant!r} has two outcomes for episode {outcome.draw!r}, which would count it twice."
            )
        seen.add((outcome.contestant, outcome.draw))


def _why_none(outcomes: Sequence[Outcome]) -> str:
    known = sorted({name for outcome in outcomes for name in outcome.measures})
    return f"there are {', '.join(known)}." if known else f"all failed, the first with: {outcomes[0].failure}"


def _grid(outcomes: Sequence[Outcome], measure: str) -> Grid:
    found: Grid = defaultdict(lambda: defaultdict(list))
    for outcome in sorted(outcomes, key=lambda outcome: outcome.shots):
        if measure in outcome.measures and not outcome.failure:
            found[outcome.contestant, outcome.shots][outcome.source].append(outcome)
    return {key: dict(by_source) for key, by_source in found.items()}


def _values(by_source: Mapping[str, Sequence[Outcome]], measure: str) -> dict[str, list[float]]:
    return {source: [one.measures[measure] for one in found] for source, found in by_source.items()}


def _cell(
    key: Key, source: str, by_source: Mapping[str, list[Outcome]], failed: Sequence[Outcome], about: About
) -> Cell:
    values = _values(by_source, about.measure)
    everything = [one for found in by_source.values() for one in found]
    return Cell(
        *key,
        source,
        over_tasks=statistics.over_tasks(values, about.bootstrap_seed, resamples=about.resamples),
        over_episodes=statistics.over_episodes(values),
        failures=sum((one.contestant, one.shots) == key and source in ("", one.source) for one in failed),
        seconds_adapt=float(np.median([one.seconds_adapt for one in everything])),
        seconds_answer=float(np.median([one.seconds_answer for one in everything])),
    )


def _versus(grid: Grid, reference: str, about: About) -> tuple[Versus, ...]:
    def by_draw(key: Key) -> dict[str, dict[str, float]]:
        return {
            source: {one.draw: one.measures[about.measure] for one in found}
            for source, found in grid.get(key, {}).items()
        }

    found = [
        (key, made)
        for key in grid
        if key[0] != reference
        and (
            made := statistics.compare(
                by_draw(key), by_draw((reference, key[1])), about.bootstrap_seed, about.resamples
            )
        )
    ]
    episodes = statistics.holm([made.p_episodes for _, made in found])
    tasks = statistics.holm([made.p_tasks for _, made in found])
    return tuple(Versus(*key, made, *p) for (key, made), *p in zip(found, episodes, tasks, strict=True))


def _calibration(key: Key, by_source: Mapping[str, list[Outcome]]) -> Calibration | None:
    sure: list[float] = []
    right: list[bool] = []
    for one in (one for found in by_source.values() for one in found):
        sure += one.confidence
        right += [top in gold for top, gold in zip(one.top, one.gold, strict=True)]
    if not sure:
        return None
    return Calibration(*key, len(sure), metrics.calibration_error(sure, right), metrics.reliability(sure, right))


def _other(key: Key, by_source: Mapping[str, list[Outcome]]) -> Other:
    names = [name for found in by_source.values() for one in found for name in one.measures]
    means: dict[str, float] = {}
    for name in dict.fromkeys(names):
        groups = [[one.measures[name] for one in found if name in one.measures] for found in by_source.values()]
        if all(groups):
            means[name] = float(np.mean([np.mean(group) for group in groups]))
    return Other(*key, means)


def _focus(grid: Grid, reference: str, about: About) -> Focus | None:
    shots = max((key[1] for key in grid if key[0] == reference), default=None)
    if shots is None:
        return None
    by_source = {
        source: judged
        for source, found in grid[reference, shots].items()
        if (judged := [one for one in found if one.gold])
    }
    if about.focus and about.focus not in by_source:
        raise QuickstudyError(f"No task {about.focus!r} to show; there are: {', '.join(sorted(by_source))}.")
    if not by_source:
        return None
    worst = min(by_source, key=lambda name: np.mean([one.measures[about.measure] for one in by_source[name]]))
    source = about.focus or worst
    chosen = by_source[source]
    classes = tuple(dict.fromkeys(label for one in chosen for label in one.classes))
    gold = [tuple(one.classes[k] for k in row) for one in chosen for row in one.gold]
    predicted = [tuple(one.classes[k] for k in row) for one in chosen for row in one.predicted]
    single = all(len(row) == 1 for row in (*gold, *predicted))
    counts = metrics.confusions(gold, predicted).most_common() if single else []
    return Focus(
        source,
        reference,
        shots,
        len(chosen),
        len(gold),
        scores=metrics.per_class(gold, predicted, classes),
        confusions=tuple((right, given, count) for (right, given), count in counts),
    )
