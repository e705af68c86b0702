"""`quickstudy predict`: texts in, the same texts with labels out, in constant memory however many there are."""

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from quickstudy.cli.console import Device, count, progress, say

if TYPE_CHECKING:
    from quickstudy.cli.answers import Shown, Writer
    from quickstudy.cli.rows import Row
    from quickstudy.task import Task

AT_ONCE = 1024
"""rows judged together"""
CHARACTERS = 1 << 22
"""after which a group is full, however few its rows"""


def predict(
    task: Annotated[Path, typer.Argument(help="A file that `quickstudy learn` wrote.")],
    input: Annotated[
        str,
        typer.Argument(help="CSV, TSV, JSONL, Parquet or text file; - is standard input, one text a line."),
    ] = "-",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this .csv, .tsv, .jsonl or .txt.")
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option("--columns", "--column", metavar="COLUMN", help="The column of the text; twice for pairs of "
                     "texts; also as text=COLUMN, or another field, as for `learn`."),
    ] = None,
    top: Annotated[int, typer.Option(min=0, help="List so many of the most probable classes, too.")] = 0,
    reject: Annotated[
        float | None,
        typer.Option(
            "--reject",
            min=0,
            max=1,
            help="Give no label to texts as unfamiliar as this share of the examples, such as 0.05; and say how "
            "familiar each is.",
        ),
    ] = None,
    device: Device = "auto",
    json: Annotated[bool, typer.Option("--json", help="Write one JSON object a text.")] = False,
) -> None:  # fmt: skip
    """Labels texts. What comes out has the rows and the form of what went in, with label and probability added.

    From standard input: label, probability and text, with tabs between them. Several labels stand with | between
    them. A row without words keeps its place and gets no label. Tasks of other kinds give a JSON object a row.

    [bold]Examples[/bold]

      quickstudy predict cards.qs < lines.txt

      quickstudy predict cards.qs mails.csv -o labelled.csv --columns text=body

      quickstudy predict cards.qs mails.jsonl --top 3 > labelled.jsonl

      quickstudy predict cards.qs mails.csv --reject 0.05 -o labelled.csv
    """
    from quickstudy.cli import predicting_kinds
    from quickstudy.cli.answers import Shown, writer
    from quickstudy.cli.places import check_place, check_there, text_columns
    from quickstudy.cli.rows import read
    from quickstudy.config import LABELLED
    from quickstudy.core.files import write_lines
    from quickstudy.core.types import QuickstudyError
    from quickstudy.kinds.multilabel import MultiLabel
    from quickstudy.reopening import reopen

    if output is not None:
        check_place(output, task, input)
    check_there(input)
    named = text_columns(columns)
    opened = reopen(task, device=device)
    if not isinstance(opened.kind, LABELLED):
        if top or reject is not None:
            raise QuickstudyError("--top and --reject are for tasks of labels; leave them out")
        predicting_kinds.predict(opened, input, output, named)
        return
    if reject is not None:
        _check_it_can_refuse(opened, task)
    found = read(None if input == "-" else Path(input), named, getattr(opened.kind, "parts", 1))
    for doubt in found.doubts:
        say(f"warning: {doubt}")
    by_hand = input == "-" and sys.stdin.isatty()
    if by_hand:
        say("one text a line, please; Ctrl-D ends")
    shown = Shown(isinstance(opened.kind, MultiLabel), min(top, len(opened.classes)), reject)
    began = time.perf_counter()
    place = write_lines(output) if output is not None else nullcontext(sys.stdout)
    with place as file, progress("predicting", None) as tell:
        to = writer(found, file, output, json, shown)
        told = tell if output is not None else _nobody
        counts = _run(opened, found.rows, to, shown, 1 if by_hand else AT_ONCE, told)
    _report(opened, counts, time.perf_counter() - began, output, reject)


class Counts(NamedTuple):
    """Of rows."""

    total: int
    blank: int
    """without words"""
    cut: int
    """longer than can be read"""
    refused: int


def _check_it_can_refuse(task: "Task", path: Path) -> None:
    from quickstudy.core.types import QuickstudyError
    from quickstudy.kinds.familiarity import FEWEST

    if "kind.usual" not in task.fitted:
        raise QuickstudyError(
            f"{path} cannot tell which texts are unfamiliar; that takes {FEWEST} examples of classes with two or more, "
            "one label a text, and a learner that leaves the backbone as it is: learn it so, or leave --reject out"
        )


def _run(task: "Task", rows: Iterable["Row"], to: "Writer", shown: "Shown", at_once: int, tell) -> "Counts":  # type: ignore[no-untyped-def]
    """Judges and writes everything."""
    from quickstudy.backbones.languages import warn_about
    from quickstudy.core.types import QuickstudyError

    total = blank = cut = refused = 0
    for group in _groups(rows, at_once):
        texts = [row.text for row in group if row.text is not None]
        if not total and (doubt := warn_about([str(text) for text in texts], task.student.loaded.languages)):
            say(f"warning: {doubt}")
        answers = iter(task.predict(texts))
        for row in group:
            answer = None if row.text is None else next(answers)
            blank += answer is None
            cut += bool(answer and answer.cut)
            refused += shown.refused(answer)
            to.write(row, answer)
        if at_once == 1:
            sys.stdout.flush()
        total += len(group)
        tell(total)
    if not total:
        raise QuickstudyError("there are no texts in the input; give at least one")
    return Counts(total, blank, cut, refused)


def _groups(rows: Iterable["Row"], at_once: int) -> Iterator[list["Row"]]:
    group: list[Row] = []
    size = 0
    for row in rows:
        group.append(row)
        size += sum(map(len, row.text)) if row.text else 0
        if len(group) >= at_once or size > CHARACTERS:
            yield group
            group, size = [], 0
    if group:
        yield group


def _nobody(done: int) -> None:
    """A bar would stand in the way of answers on the same terminal."""


def _report(task: "Task", counts: "Counts", seconds: float, output: Path | None, reject: float | None) -> None:
    if output is not None:
        say(f"judged {count(counts.total, 'text')} in {seconds:.1f} s -> {output}")
    if counts.blank:
        say(f"warning: {count(counts.blank, 'row has', 'rows have')} no words and got no label")
    if counts.cut:
        loaded = task.student.loaded
        say(f"warning: {count(counts.cut, 'text is', 'texts are')} longer than {loaded.name} reads ({loaded.limit} "
            f"tokens); the rest of {'it' if counts.cut == 1 else 'them'} was not seen")  # fmt: skip
    if reject is not None:
        say(f"refused {count(counts.refused, 'text')}: as unfamiliar as {reject:g} of the task's own examples, or more")
