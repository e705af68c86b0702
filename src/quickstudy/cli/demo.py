"""`quickstudy demo`: the whole way once, on real data."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[Path, typer.Option(help="The folder for the report and the files.")] = Path("demo-out"),
    short: Annotated[bool, typer.Option("--short", help="Under a minute; so it is where CI=true.")] = False,
) -> None:
    """Meta-trains for a minute or two, meta-tests on unseen data, learns a task from a CSV; under five minutes.

    [bold]Example[/bold]

      quickstudy demo
    """
    from quickstudy import demo as shown

    shown.run(out, shown.SHORT if short else None)
