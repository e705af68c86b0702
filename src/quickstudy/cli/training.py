"""`quickstudy meta-train`: a recipe to a student that learns better."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quickstudy.cli.console import Json, emit, say

if TYPE_CHECKING:
    from quickstudy.student import Student


def meta_train(
    recipe: Annotated[Path, typer.Argument(help="A TOML file: sources, episodes, learner, training.")],
    folder: Annotated[
        Path | None,
        typer.Option(help="Keeps checkpoints, journal and student.qs; the same command goes on where it stopped. "
                     "[default: the recipe's name without .toml]", show_default=False),
    ] = None,
    target: Annotated[
        Path | None,
        typer.Option("--for", help="Examples of the task that the student is for: sources weigh by how useful they "
                     "are to it.")
    ] = None,
    start: Annotated[
        str, typer.Option(help="A student to go on from: its file, or `shipped` for the one that ships.")
    ] = "",
    report: Annotated[
        bool, typer.Option("--report", help="Also write sources.html and .json: the gap between seen and unseen "
                           "sources, their diversity, and which helps or hurts which.")
    ] = False,
    json: Json = False,
) -> None:  # fmt: skip
    """Meta-trains a student by a recipe. Never ends with something worse on validation tasks than it began with.

    [bold]Example[/bold]

      quickstudy meta-train recipes/minilm.toml --folder runs/minilm

      quickstudy learn examples.csv -o cards.qs --model runs/minilm/student.qs

      quickstudy meta-train recipes/minilm.toml --folder runs/cards --for cards.csv --report

      quickstudy meta-train own.toml --start shipped --folder runs/own

    With --report on a folder that is finished, only the report is made. Over several processes or machines:

      torchrun --nproc-per-node 2 -m quickstudy meta-train recipes/minilm.toml --folder runs/minilm
    """
    from quickstudy import meta
    from quickstudy.cli.places import check_there
    from quickstudy.core.launched import launched
    from quickstudy.core.types import QuickstudyError
    from quickstudy.recipe import read
    from quickstudy.training.progress import progress

    check_there(target)
    plan = read(recipe).training
    place = folder or Path(recipe.stem)
    if report and launched().size > 1:
        raise QuickstudyError("--report is for one process; give the same command without torchrun when this has ended")
    if launched().rank:  # the first of several ranks speaks for all
        meta.meta_train(recipe, place, None, target, start=start)
        return
    with progress(plan) as watch:
        student = meta.meta_train(recipe, place, watch, target, start=start)
    file = place / meta.FILE
    if report:
        _report(recipe, student, start, place / "sources")
    if json:
        emit({"file": str(file), "about": dict(student.about)})
        return
    say(str(student.about.get("summary", "")))
    _show_usefulness(student.about.get("usefulness"))
    say(f"next: quickstudy learn examples.csv -o cards.qs --model {file}")


def _show_usefulness(found: Any) -> None:
    """How useful each source was to the target, on standard output."""
    if not found:
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(title="sources by their usefulness to the target")
    table.add_column("source")
    for name in ("agreement", "likeness", "usefulness", "share"):
        table.add_column(name, justify="right")
    for name, row in found.items():
        table.add_row(name, f"{row['agreement']:+.2f}", f"{row['likeness']:.2f}", f"{row['usefulness']:.2f}",
                      f"{100 * row['share']:.0f} %")  # fmt: skip
    Console().print(table)


def _report(recipe: Path, student: "Student", start: str, stem: Path) -> None:
    from quickstudy import sources_report
    from quickstudy.evaluation import sources_report as pages

    made = sources_report.report(recipe, student, start)
    for line in pages.lines(made):
        say(line)
    say("report: " + ", ".join(map(str, pages.write(made, stem))))
