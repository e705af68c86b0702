"""`quickstudy add`: more examples, and new classes, for a task that is there."""

import time
from pathlib import Path
from typing import Annotated

import typer

from quickstudy.cli.console import Device, Json
from quickstudy.cli.learning import Checking, Columns, finish


def add(
    task: Annotated[Path, typer.Argument(help="A file that `quickstudy learn` wrote.")],
    examples: Annotated[str, typer.Argument(help="More examples, as for `learn`; new labels become new classes.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write here instead of changing the file.")
    ] = None,
    columns: Columns = None,
    device: Device = "auto",
    check: Checking = None,
    json: Json = False,
) -> None:
    """Adds examples to a task. A text that it knows already gets its new label.

    [bold]Example[/bold]

      quickstudy add cards.qs more.csv
    """
    from quickstudy.cli.places import check_place, columns_of
    from quickstudy.reopening import reopen

    target = output or task
    named = columns_of(columns)
    opened = reopen(task, device=device)
    check_place(target, examples)
    began = time.perf_counter()
    opened.add(examples, columns=named)
    seconds = time.perf_counter() - began
    opened.save(target)
    finish(opened, target, seconds, check, json)
