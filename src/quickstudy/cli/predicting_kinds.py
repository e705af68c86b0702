"""`quickstudy predict` for kinds whose answers are more than a label: rows in, the same rows with answers out."""

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quickstudy import config
from quickstudy.cli.console import count, progress, say
from quickstudy.cli.places import check_place
from quickstudy.cli.rows import decoded
from quickstudy.core.files import write_lines
from quickstudy.core.types import QuickstudyError
from quickstudy.episodes import files
from quickstudy.episodes.records import Record

if TYPE_CHECKING:
    from quickstudy.task import Task

ROWS = (".txt", ".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".parquet")
"""endings of files of which every row is a thing to judge; others are read as the kind's own formats"""
AT_ONCE = 256
"""rows judged together"""


def predict(task: "Task", input: str, output: Path | None, columns: Mapping[str, str] | Sequence[str]) -> None:
    """Judges every row: a line of standard input ("-"), or what `columns` of a file hold, else all of its fields.

    A row that cannot be judged keeps its place, with an "error" instead of an answer.
    """
    if output is not None:
        check_place(output)
        if output.suffix.lower() not in (".jsonl", ".ndjson", ""):
            raise QuickstudyError(f"cannot write {output}: answers of this kind are written as .jsonl")
    by_hand = input == "-" and sys.stdin.isatty()
    if by_hand:
        say("one text a line, please; Ctrl-D ends")
    began, total, wrong, cut = time.perf_counter(), 0, 0, 0
    place = write_lines(output) if output is not None else nullcontext(sys.stdout)
    with place as file, progress("predicting", None) as tell:
        for group in _groups(_rows(task, input, columns), 1 if by_hand else AT_ONCE):
            for line, short in _answered(task, group):
                wrong += "error" in line
                cut += short
                file.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")
            total += len(group)
            if by_hand:
                sys.stdout.flush()
            if output is not None:
                tell(total)
    if not total:
        raise QuickstudyError("there is nothing to judge in the input; give at least one row")
    if output is not None:
        say(f"judged {count(total, 'row')} in {time.perf_counter() - began:.1f} s -> {output}")
    if wrong:
        say(f"warning: {count(wrong, 'row')} could not be judged; what is wrong stands in its place")
    if cut:
        loaded = task.student.loaded
        say(f"warning: {count(cut, 'row holds', 'rows hold')} more than {loaded.name} reads ({loaded.limit} tokens); "
            "`cut` beside the answer says how much was left out")  # fmt: skip


def _answered(task: "Task", group: Sequence[tuple[dict[str, Any], Any]]) -> list[tuple[dict[str, Any], bool]]:
    """Each row's fields and, beside them, its answer or what is wrong with it; and whether it was read in part."""
    asked: list[Any] = []
    wrong: dict[int, str] = {}
    for number, (_, value) in enumerate(group):
        try:
            asked.append(task.kind.ask(value))
        except QuickstudyError as error:
            wrong[number] = str(error)
    answers = iter(task.predict(asked) if asked else [])
    found = []
    for number, (fields, _) in enumerate(group):
        said = {"error": wrong[number]} if number in wrong else task.kind.record(next(answers))
        found.append(({**fields, **said}, bool(said.get("cut"))))
    return found


def _rows(task: "Task", input: str, columns: Mapping[str, str] | Sequence[str]) -> Iterator[tuple[dict[str, Any], Any]]:
    """Each row's fields, and what of it is judged."""
    for where, fields in _records(task, input):
        names = list(columns.values() if isinstance(columns, Mapping) else columns)
        missing = [name for name in names if name not in fields]
        if missing:
            raise QuickstudyError(f"{where}: there is no column {missing[0]!r}; the columns are {', '.join(fields)}")
        chosen = [fields[name] for name in names]
        if isinstance(columns, Mapping) and len(chosen) > 1:
            yield fields, dict(zip(columns, chosen, strict=True))
        elif chosen:
            yield fields, tuple(chosen) if len(chosen) > 1 else chosen[0]
        else:
            yield fields, fields["text"] if set(fields) == {"text"} else fields


def _records(task: "Task", input: str) -> Iterator[Record]:
    if input == "-":
        for number, line in enumerate(decoded(sys.stdin.buffer), start=1):
            yield Record(f"line {number}", {"text": line.rstrip("\r\n")})
        return
    name = config.name_of(config.KINDS, task.kind)
    if Path(input).suffix.lower() in ROWS or name not in config.FILES:
        yield from files.rows(input)
    else:
        yield from config.FILES[name](input, None, None)


def _groups(rows: Iterator[Any], size: int) -> Iterator[list[Any]]:
    group = []
    for row in rows:
        group.append(row)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group
