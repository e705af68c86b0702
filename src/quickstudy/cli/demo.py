"""`quickstudy demo`: the whole way once, on real data."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    folder: Annotated[Path, typer.Option(help="Where the report and the files go.")] = Path(
        "quickstudy-demo"
    ),
) -> None:
    """Meta-trains for a minute or two, meta-tests on unseen data, learns a task from a CSV; under five minutes.

    [bold]Example[/bold]

      quickstudy demo
    """
    from quickstudy import demo as shown

    shown.run(folder)
