"""`quickstudy meta-train`: a recipe to a student that learns better."""

from pathlib import Path
from typing import Annotated

import typer

from quickstudy.cli.console import Json, emit, say


def meta_train(
    recipe: Annotated[Path, typer.Argument(help="A TOML file: sources, episodes, learner, training.")],
    folder: Annotated[
        Path | None,
        typer.Option(help="Keeps checkpoints, journal and student.qs; the same command goes on where it stopped. "
                     "[default: the recipe's name without .toml]", show_default=False),
    ] = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Meta-trains a student by a recipe. Never ends with something worse on validation tasks than it began with.

    [bold]Example[/bold]

      quickstudy meta-train recipes/minilm.toml --folder runs/minilm

      quickstudy learn examples.csv -o cards.qs --model runs/minilm/student.qs
    """
    from quickstudy import meta
    from quickstudy.recipe import read
    from quickstudy.training.progress import progress

    plan = read(recipe).training
    place = folder or Path(recipe.stem)
    with progress(plan) as watch:
        student = meta.meta_train(recipe, place, watch)
    file = place / meta.FILE
    if json:
        emit({"file": str(file), "about": dict(student.about)})
        return
    say(str(student.about.get("summary", "")))
    say(f"next: quickstudy learn examples.csv -o cards.qs --model {file}")
