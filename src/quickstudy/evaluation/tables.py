"""The report's tables, as cells of text."""

from typing import NamedTuple

from quickstudy.evaluation.report import Cell, Report
from quickstudy.evaluation.statistics import Comparison, Interval
from quickstudy.evaluation.wording import (
    UNKNOWN,
    bounds,
    count,
    difference,
    difference_bounds,
    estimate,
    listed,
    p_value,
    percent,
    seconds,
)

MOST_ROWS = 50
"""of a table that could run on"""
CLEAR = 0.05
INTERVALS = ("over tasks", "over episodes")


class Table(NamedTuple):
    """The first `names` columns are text, the others numbers."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    names: int = 1


def main_table(report: Report) -> Table:
    """Contestants down, shots across: the mean and its interval."""
    cells = {(cell.contestant, cell.shots): cell for cell in report.cells}
    rows = [
        (name, *(_estimate(report, cells.get((name, shots))) for shots in report.shots)) for name in report.contestants
    ]
    return Table(
        f"{measure(report)} in percent (95 % interval {interval_of(report)}), by examples a class. {sampled(report)}",
        ("", *(count(shots, "shot") for shots in report.shots)),
        tuple(rows),
    )


def detail_table(report: Report) -> Table:
    """Both intervals, the numbers of episodes and the seconds."""
    rows = [
        (
            cell.contestant,
            str(cell.shots),
            percent(trusted(report, cell)),
            bounds(cell.over_tasks),
            bounds(cell.over_episodes),
            str(cell.over_tasks.tasks),
            str(cell.over_tasks.episodes) + (f" ({cell.failures} failed)" if cell.failures else ""),
            seconds(cell.seconds_adapt),
            seconds(cell.seconds_answer),
        )
        for cell in report.cells
    ]
    caption = (
        f"{measure(report)} in percent with both 95 % intervals, and seconds an episode (median; to adapt: "
        f"without encoding the support; to answer: all query texts). {sampled(report)}"
    )
    return Table(
        caption,
        ("", "shots", "mean", *INTERVALS, "tasks", "episodes", "s to adapt", "s to answer"),
        tuple(rows),
    )


def source_table(report: Report, shots: int) -> Table:
    """Tasks down, contestants across, at one number of shots."""
    cells = {(cell.source, cell.contestant): cell for cell in report.source_cells if cell.shots == shots}
    sources = [source for source in report.sources if any(key[0] == source for key in cells)]
    rows = [(source, *(_on_source(cells.get((source, name))) for name in report.contestants)) for source in sources]
    return Table(
        f"{count(shots, 'shot')}: {measure(report).lower()} in percent by task (95 % interval over the "
        f"task's episodes). {sampled(report)}",
        ("", *report.contestants),
        tuple(rows),
    )


def versus_table(report: Report) -> Table:
    """Every contestant against the reference on the same episodes."""
    rows = [
        (
            one.contestant,
            _verdict(one.p_episodes, one.comparison.over_episodes.mean),
            str(one.shots),
            difference(trusted(report, one.comparison)),
            difference_bounds(one.comparison.over_tasks),
            difference_bounds(one.comparison.over_episodes),
            p_value(one.p_episodes),
            p_value(one.p_tasks),
            str(one.comparison.over_tasks.episodes),
        )
        for one in report.versus
    ]
    header = (
        "",
        "on these tasks",
        "shots",
        "difference",
        *INTERVALS,
        "p (episodes)",
        "p (tasks)",
        "episodes",
    )
    caption = (
        f"Each contestant minus {report.reference}, in points of {measure(report).lower()}, on the same "
        "episodes, with 95 % intervals. p-values: sign-flip permutation, corrected after Holm for "
        f"{count(len(rows), 'comparison')}. {sampled(report)}"
    )
    return Table(caption, header, tuple(rows), names=2)


def other_table(report: Report) -> Table:
    """All measures down, contestants across, at the most shots."""
    names = list(dict.fromkeys(name for other in report.others for name in other.measures))
    rows = [
        (name.replace("_", " "), *(_measured(name, other.measures.get(name)) for other in report.others))
        for name in names
    ]
    shots = max(report.shots)
    return Table(
        f"Every measure at {count(shots, 'shot')}: the mean of the tasks' means, in percent where a percent "
        "sign stands. Brier and negative log-likelihood: less is better.",
        ("", *(other.contestant for other in report.others)),
        tuple(rows),
    )


def calibration_table(report: Report) -> Table:
    """The expected calibration error, contestants down, shots across."""
    found = {(one.contestant, one.shots): one for one in report.calibration}
    rows = [
        (
            name,
            *(f"{100 * found[name, shots].error:.1f}" if (name, shots) in found else UNKNOWN for shots in report.shots),
        )
        for name in report.contestants
    ]
    most = max(one.answers for one in report.calibration)
    return Table(
        "Expected calibration error in points, 15 bins of equal width (Guo et al. 2017): how far confidence "
        f"and accuracy lie apart; 0 is best. All tasks pooled, up to {most:,} answers a number.",
        ("", *(count(shots, "shot") for shots in report.shots)),
        tuple(rows),
    )


def failure_table(report: Report) -> Table:
    """Who could not do what, and why."""
    rows = [(one.contestant, one.source, str(one.shots), one.draw, one.reason) for one in report.failures[:MOST_ROWS]]
    rest = f", the first {MOST_ROWS}" if len(report.failures) > MOST_ROWS else ""
    return Table(
        f"{count(len(report.failures), 'failure')}{rest}. Means leave a contestant's failed episodes out; "
        "comparisons use only the episodes that both have answers for.",
        ("", "task", "shots", "episode", "reason"),
        tuple(rows),
        names=5,
    )


def measure(report: Report) -> str:
    """What is measured, as a sentence begins with it."""
    return report.about.measure.replace("_", " ").capitalize()


def trusted(report: Report, both: Cell | Comparison) -> Interval:
    """The interval that stands beside a mean over all tasks: over tasks, or over episodes if there is one
    task."""
    return both.over_tasks if len(report.sources) > 1 else both.over_episodes


def interval_of(report: Report) -> str:
    """What `trusted` gives, in words."""
    return "over tasks" if len(report.sources) > 1 else "over episodes"


def sampled(report: Report) -> str:
    """How many episodes of how many tasks, of how many classes, and their seeds."""
    seeds = tuple(map(str, report.about.seeds))
    with_seeds = f", sampled with {'seed' if len(seeds) == 1 else 'seeds'} {listed(seeds)}" if seeds else ""
    tasks = f"{count(len(report.sources), 'task')}{classes(report.ways)}"
    return f"{count(report.episodes, 'episode')} of {tasks}{with_seeds}."


def classes(ways: tuple[int, ...]) -> str:
    """ " with 5 classes", " with 2 to 5 classes"; "" where there is nothing to choose among."""
    if not ways or ways[-1] < 2:
        return ""
    return f" with {ways[0]} to {ways[-1]} classes" if len(ways) > 1 else f" with {ways[0]} classes"


def _estimate(report: Report, cell: Cell | None) -> str:
    return UNKNOWN if cell is None else estimate(trusted(report, cell))


def _on_source(cell: Cell | None) -> str:
    return UNKNOWN if cell is None else estimate(cell.over_episodes)


def _verdict(p: float | None, mean: float) -> str:
    if p is None or p > CLEAR:
        return "no clear difference"
    return "better" if mean > 0 else "worse"


def _measured(name: str, value: float | None) -> str:
    if value is None:
        return UNKNOWN
    if name.endswith(("accuracy", "precision", "recall", "f1")):
        return f"{100 * value:.1f} %"
    return f"{value:.2f}"
