"""What the demo shows: tables and sentences, nothing else."""

import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table as Shown

from quickstudy.core.protocols import TaskKind
from quickstudy.core.types import Params, Prediction
from quickstudy.doubts import Check
from quickstudy.episodes.packaged import PACKAGED
from quickstudy.episodes.sources import Source, index_of
from quickstudy.evaluation import tables
from quickstudy.evaluation.report import Report
from quickstudy.evaluation.wording import UNKNOWN, estimate
from quickstudy.task import Task

WORDS = ("what", "from", "to", "says")
"""columns that hold words; all but the first of the others hold numbers"""


def sources(parts: Mapping[str, Sequence[Source]], kind: TaskKind, console: Console) -> None:
    """Which data set serves what."""
    table = _table("data set", "what", "classes", "texts", "from", "to")
    for part, found in parts.items():
        for source in found:
            known = PACKAGED.get(source.name)
            about = (known.what, known.package.project) if known else ("", "")
            classes = len(index_of(source, kind).classes)
            table.add_row(source.name, about[0], str(classes), str(len(source.examples)), about[1], part)
    console.print(table)


def scalars(before: Params, after: Params, console: Console) -> None:
    """What meta-training learned, where it is a handful of numbers."""
    table = _table("meta-learned", "before", "after")
    for name, value in after.items():
        if value.numel() == 1 and ".log_" in name:
            then, now = float(before[name].exp()), float(value.exp())
            table.add_row(name.partition(".log_")[2].replace("_", " "), f"{then:.2f}", f"{now:.2f}")
    console.print(table)


def results(report: Report, console: Console) -> None:
    """Accuracy over shots, and by data set at the most shots."""
    found = tables.main_table(report)
    table = _table(*found.header)
    for row in found.rows:
        table.add_row(*(escape(cell) for cell in row))
    console.print(table)
    console.print(found.caption, style="dim", highlight=False, markup=False)
    most = max(report.shots)
    table = _table(f"{most}-shot, by data set", *report.sources)
    cells = {(cell.contestant, cell.source): cell for cell in report.source_cells if cell.shots == most}
    for name in report.contestants:
        found_here = (cells.get((name, source)) for source in report.sources)
        table.add_row(name, *(estimate(cell.over_episodes) if cell else UNKNOWN for cell in found_here))
    console.print(table)
    console.print("95 % intervals over each data set's episodes.", style="dim", highlight=False)
    for failure in report.failures[:1]:
        console.print(f"{failure.contestant} failed on {failure.draw}: {failure.reason}", markup=False)


def learned(task: Task, checked: Check, took: float, table: Path, console: Console) -> None:
    """What the task is and how far to trust it."""
    console.print(
        f"Learned {len(task.classes)} classes from the {len(task.examples)} rows of {table} in {took:.2f} s. "
        f"{checked.how.capitalize()}: {checked.right} of {checked.examples} right "
        f"(95 % interval {100 * checked.low:.0f} to {100 * checked.high:.0f} %).",
        highlight=False, markup=False,
    )  # fmt: skip
    for doubt in checked.doubts[:3]:
        given, said = ", ".join(doubt.given), ", ".join(doubt.said)
        console.print(f"  doubtful: {doubt.text!r} is {given}; the others suggest {said}", markup=False)


def answers(asked: Sequence[str], found: Sequence[Prediction], console: Console) -> None:
    """Each question with what the task says."""
    table = _table("question", "says", "probability")
    for text, answer in zip(asked, found, strict=True):
        table.add_row(escape(text), escape(answer.label or ""), f"{answer.probability:.2f}")
    console.print(table)


def ending(folder: Path, html: Path, seconds: float, console: Console) -> None:
    """Where everything lies, and what to do next."""
    command = _command()
    lines = (
        f"This took {seconds:.0f} seconds. The report: {html}",
        f"Edit {folder / 'cards.csv'} and {folder / 'questions.txt'} and learn again:",
        f"  {command} learn {folder / 'cards.csv'} -o {folder / 'cards.qs'}",
        f"  {command} predict {folder / 'cards.qs'} < {folder / 'questions.txt'}",
        "Now with your own file, a column of texts and a column of labels:",
        f"  {command} learn yours.csv -o yours.qs",
    )
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _command() -> str:
    """What to type for `quickstudy` in this shell."""
    if shutil.which("quickstudy"):
        return "quickstudy"
    beside = Path(sys.executable).with_name("quickstudy")
    here = Path.cwd()
    return str(beside.relative_to(here) if beside.is_relative_to(here) else beside)


def _table(*header: str) -> Shown:
    table = Shown(show_edge=False, pad_edge=False)
    for number, name in enumerate(header):
        table.add_column(escape(name), justify="left" if number == 0 or name in WORDS else "right", overflow="fold")
    return table
