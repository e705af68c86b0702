"""A report of a meta-test, for the eye and on disk."""

from pathlib import Path
from typing import TYPE_CHECKING

from quickstudy.cli.console import count, say

if TYPE_CHECKING:
    from quickstudy.evaluation.report import Report


def give(report: "Report", output: Path, json: bool) -> None:
    from quickstudy.cli.worth import show as show_worth
    from quickstudy.evaluation.files import to_json, write_report

    paths = write_report(report, output)
    if json:
        print(to_json(report), end="")
    else:
        _show(report)
        show_worth(report.worth)
    _tell_failures(report)
    say("report: " + ", ".join(map(str, paths)))


def _show(report: "Report") -> None:
    """What counts over shots, one line a contestant, on standard output."""
    from rich.console import Console
    from rich.table import Table

    from quickstudy.evaluation.tables import classes

    measure = report.about.measure.replace("_", " ")
    sampled = f"{count(report.episodes, 'episode')}{classes(report.ways)}"
    table = Table(title=f"{measure} in %, mean over tasks (95 % interval over episodes); {sampled}")
    table.add_column("learner")
    for shots in report.shots:
        table.add_column(count(shots, "shot"), justify="right", no_wrap=True)
    cells = {(cell.contestant, cell.shots): cell.over_episodes for cell in report.cells}
    for name in report.contestants:
        row = []
        for shots in report.shots:
            found = cells.get((name, shots))
            mean = "" if found is None else f"{100 * found.mean:.1f}"
            if found is not None and found.low is not None and found.high is not None:
                mean += f" ({max(0, 100 * found.low):.0f}–{min(100, 100 * found.high):.0f})"
            row.append(mean)
        table.add_row(name, *row)
    Console().print(table)


def _tell_failures(report: "Report") -> None:
    """Why a learner's row is empty, or of fewer episodes."""
    for name in report.contestants:
        own = [one for one in report.failures if one.contestant == name]
        if own:
            say(f"{name} has no answers on {count(len(own), 'episode')}; on the first: {own[0].reason}")
