"""`quickstudy pretrain`: raw text to a student that learns better."""

from pathlib import Path
from typing import Annotated

import typer

from quickstudy.cli.console import Json, emit, say


def pretrain(
    recipe: Annotated[Path, typer.Argument(help="A TOML file: student, pretext tasks, learner, training.")],
    folder: Annotated[
        Path | None,
        typer.Option(help="Keeps checkpoints, journal, student.qs and a backbone that began with random weights; the "
                     "same command goes on where it stopped. [default: the recipe's name without .toml]",
                     show_default=False),
    ] = None,
    corpus: Annotated[
        Path | None, typer.Option(help="What `quickstudy corpus build` made, where the recipe names none.")
    ] = None,
    start: Annotated[
        str, typer.Option(help="A student to go on from: its file, or `shipped` for the one that ships.")
    ] = "",
    json: Json = False,
) -> None:  # fmt: skip
    """Pretrains a student on tasks out of raw text, without labels.

    [bold]Example[/bold]

      quickstudy corpus build texts.txt -o corpus

      quickstudy pretrain recipes/pretrain-minilm.toml --corpus corpus --start shipped --folder runs/own

      quickstudy learn examples.csv -o cards.qs --model runs/own/student.qs
    """
    from quickstudy import pretraining
    from quickstudy.core.launched import launched
    from quickstudy.pretrain_recipe import read
    from quickstudy.pretrain_start import FILE
    from quickstudy.training.progress import progress

    plan = read(recipe).training
    place = folder or Path(recipe.stem)
    if launched().rank:  # the first of several ranks speaks for all
        pretraining.pretrain(recipe, place, None, corpus, start)
        return
    with progress(plan) as watch:
        student = pretraining.pretrain(recipe, place, watch, corpus, start)
    if json:
        emit({"file": str(place / FILE), "about": dict(student.about)})
        return
    say(str(student.about.get("summary", "")))
    say(f"next: quickstudy learn examples.csv -o cards.qs --model {place / FILE}")
