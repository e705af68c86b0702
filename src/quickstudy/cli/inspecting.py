"""`quickstudy inspect`: what a file holds."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from quickstudy.cli.console import Json, emit, plain, vectors_read

SHOWN = 30
"""classes that are printed; --json has all"""


def inspect(
    file: Annotated[Path, typer.Argument(help="A task that `learn` wrote, or a student that `meta-train` wrote.")],
    json: Json = False,
) -> None:
    """Shows what a task or a student is made of. Loads no backbone.

    [bold]Example[/bold]

      quickstudy inspect cards.qs
    """
    from quickstudy.core.types import QuickstudyError
    from quickstudy.store.artifact import open_artifact

    what = "task"
    try:
        tensors, document = open_artifact(file, what)
    except QuickstudyError as error:
        if "'quickstudy.student'" not in str(error):
            raise
        what = "student"
        tensors, document = open_artifact(file, what)
    weights = sum(value.numel() for value in tensors.values())
    try:
        about = _about(what, document, tensors) | {"weights": weights, "bytes": file.stat().st_size}
    except (KeyError, TypeError, AttributeError) as error:
        raise QuickstudyError(f"{file} does not describe a {what} ({type(error).__name__}); get it anew") from None
    if json:
        emit(about)
        return
    for line in _lines(about):
        print(line)


def _about(what: str, document: dict[str, Any], tensors: dict[str, Any]) -> dict[str, Any]:
    from quickstudy.budgets import DEFAULT
    from quickstudy.core.types import OF_BACKBONE

    common = {
        "what": what,
        "backbone": str(document["backbone"]["name"]),
        "fingerprint": str(document["backbone"]["fingerprint"]),
        "scope": str(document["scope"]),
        "learner": dict(document["learner"]),
        "scalars": _scalars(tensors),
    }
    if what == "student":
        return common | {"about": dict(document["about"])}
    shots = Counter(label for example in document["examples"] for label in _labels(example))
    return common | {
        "name": str(document["name"]),
        "kind": dict(document["kind"]),
        "examples": len(document["examples"]),
        "examples_left_out": bool(document["examples_left_out"]),
        "unlabelled": len(document.get("unlabelled", ())),
        "budget": str(document.get("budget", DEFAULT)),
        "moved": any(name.removeprefix("adapted.").startswith(OF_BACKBONE) for name in tensors if "adapted." in name),
        "classes": [
            {"name": str(name), "description": str(said), "examples": shots[name]}
            for name, said in document["classes"].items()
        ],
    }


def _labels(example: dict[str, Any]) -> set[str]:
    """The classes that an example of any kind shows, as its record says them."""
    named = [*example.get("labels", ()), *example.get("right", ()), *(one["type"] for one in example.get("spans", ()))]
    return {_word(name) for name in (*named, example.get("label")) if name is not None}


def _word(name: Any) -> str:
    """A class as the file's classes are written: a vector is a list of numbers where an example has it."""
    from quickstudy.text.numbers import Numbers

    return Numbers(len(name)).word(name) if isinstance(name, list) else str(name)


def _scalars(tensors: dict[str, Any]) -> dict[str, float]:
    """The single numbers of theta as a person reads them: those stored as logarithms, raised again."""
    found = {}
    for name, value in sorted(tensors.items()):
        if value.numel() == 1 and not name.startswith(("adapted.", "fitted.")):
            plain_name = name.removeprefix("theta.")
            is_log = ".log_" in plain_name
            found[plain_name.replace(".log_", ".")] = round(float(value.exp() if is_log else value), 4)
    return found


def _lines(about: dict[str, Any]) -> list[str]:
    learner = about["learner"]
    fields = ", ".join(f"{key} {value}" for key, value in learner.items() if key != "name")
    fields = f"from {fields}" if fields and about["scalars"] else fields
    lines = [
        f"{about['what']:<10} {plain(about.get('name', ''))} ({about['bytes'] / 1024:.0f} KiB)",
        f"{'backbone':<10} {plain(about['backbone'])}, scope {about['scope']}, weights {about['fingerprint']}",
        f"{'learner':<10} {learner['name']}" + (f" ({fields})" if fields else ""),
    ]
    if about["scalars"]:
        lines.append(f"{'learned':<10} " + ", ".join(f"{key} {value:.3g}" for key, value in about["scalars"].items()))
    if about["what"] == "student":
        summary = about["about"].get("summary")
        return lines + ([f"{'training':<10} {plain(str(summary))}"] if summary else [])
    parts = about["kind"].get("parts")
    texts = "left out of the file" if about["examples_left_out"] else str(about["examples"])
    more = f", and {about['unlabelled']} texts without labels" if about["unlabelled"] else ""
    moved = "weights of the backbone moved" if about["moved"] else "the backbone stays as it is"
    lines += [
        f"{'budget':<10} {about['budget']}; {moved}",
        f"{'kind':<10} {about['kind']['name']}" + (f", {parts} text(s) an example" if parts else ""),
        f"{'examples':<10} {texts}{more}",
        f"{'classes':<10} {len(about['classes'])}",
    ]
    for number, each in enumerate(about["classes"][:SHOWN], start=1):
        said = f": {plain(each['description'], 60)}" if each["description"] else ""
        unnamed = f"vector {number}: " * (vectors_read(each["name"]) != each["name"])
        shots = "–" if about["examples_left_out"] else each["examples"]
        lines.append(f"  {shots:>5}  {unnamed}{plain(each['name'], 60)}{said}")
    rest = len(about["classes"]) - SHOWN
    return lines + ([f"  and {rest} more; --json lists all"] if rest > 0 else [])
