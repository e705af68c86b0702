"""`quickstudy learn`: examples, class names, or both, to a `.qs` file; and what the task makes of its own examples."""

import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quickstudy.cli.checks import check_record, checked, report
from quickstudy.cli.console import Device, Json, count, emit, plain, say

if TYPE_CHECKING:
    from quickstudy.task import Task

KINDS = (
    "classification", "multilabel", "matching", "extracting", "tagging", "answering", "relation", "vectors",
    "vector_tagging", "vector_matching", "writing", "language_model",
)  # fmt: skip
MODELS = ("minilm", "e5-small", "smollm2")
LEARNERS = (
    "prior_head", "prototypes", "frozen_linear", "fine_tune", "maml", "anil", "meta_sgd", "maml_pp", "proto_maml",
    "imaml", "reptile", "neighbours", "names_alone",
    "ridge", "named_prototypes", "matching", "relation_network", "leopard", "learned_optimizer", "policy_gradient",
    "shared_space", "meta_mapping", "in_context", "tuned", "aligned", "reptile_adam", "hybrid",
)  # fmt: skip
"""what the catalogue knows, for completion, which must not wait for torch; a test compares them"""
BUDGETS = ("1s", "10s", "1m")

Columns = Annotated[
    list[str] | None,
    typer.Option("--columns", "--column", metavar="FIELD=COLUMN", help="Which column holds what, where the guess is "
                 "wrong: text=utterance, label=intent, pair=…, labels=…, description=…; other kinds have fields of "
                 "their own, such as query=… (docs/kinds.md); may be repeated."),
]  # fmt: skip
Kind = Annotated[
    str | None,
    typer.Option(
        help=f"What kind of task it is (docs/kinds.md): {', '.join(KINDS)}; with settings of its own as a table, "
        "'{name = \"writing\", longest = 48}'. [default: classification, or multilabel where an example has several "
        "labels]",
        show_default=False,
        autocompletion=lambda: list(KINDS),
    ),
]
Checking = Annotated[
    bool | None,
    typer.Option(
        "--check/--no-check",
        help="Whether to judge every example by the others; left out where that would take minutes.",
        show_default=False,
    ),
]
MOVED = "weights of the backbone moved, since held-out examples were judged better for it"
STAYED = (
    "the backbone stays as it is: it moves from 32 examples a class on, and only where held-out examples are judged "
    "better for it beyond chance"
)
LISTED = 8
"""classes whose names and numbers of examples `learn` says"""
NO_LINES = ("answering", "relation", "vectors", "vector tagging", "vector matching")
"""kinds whose rows are more than a line of text"""


def learn(
    examples: Annotated[
        str | None,
        typer.Argument(
            help="CSV, TSV, JSONL, JSON, Parquet, a folder with a sub-folder a class, or hf:owner/name. "
            "Other kinds have formats of their own (docs/kinds.md)."
        ),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The task's file, such as cards.qs.")] = ...,  # type: ignore[assignment]
    labels: Annotated[
        str | None,
        typer.Option(help="Class names: a .txt (one a line), a .csv (name, description), or 'sports, politics'."),
    ] = None,
    kind: Kind = None,
    columns: Columns = None,
    model: Annotated[
        str,
        typer.Option(
            help="minilm, e5-small, smollm2, a hub id, a folder, or a meta-trained student's file.",
            autocompletion=lambda: list(MODELS),
        ),
    ] = "minilm",
    learner: Annotated[
        str | None,
        typer.Option(
            help=f"How it learns (docs/learners.md): {', '.join(LEARNERS)}. [default: prior_head]",
            show_default=False,
            autocompletion=lambda: list(LEARNERS),
        ),
    ] = None,
    scope: Annotated[
        str,
        typer.Option(
            help="Which weights of the model fine_tune, maml and their like move: head (none), last(2), lora(8), all."
        ),
    ] = "head",
    budget: Annotated[
        str,
        typer.Option(
            help="How long it may take, counted for a laptop: 1s (a head is fitted), 10s or 1m (weights of the model "
            "move where that pays; on a slow core three times as long and more).",
            autocompletion=lambda: list(BUDGETS),
        ),
    ] = "1s",
    unlabelled: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Texts without labels, one a line or in a column; it learns from them, too."),
    ] = None,
    device: Device = "auto",
    no_examples: Annotated[
        bool,
        typer.Option("--no-examples", help="Leave the texts out of the file; the task can then not grow."),
    ] = False,
    check: Checking = None,
    json: Json = False,
) -> None:
    """Learns a task from examples, class names, or both.

    [bold]Examples[/bold]

      quickstudy learn examples.csv -o cards.qs

      quickstudy learn examples.csv -o cards.qs --columns text=utterance --columns label=intent

      quickstudy learn --labels "sports, politics" -o news.qs      with no example at all
    """
    from quickstudy.budgets import DEFAULT
    from quickstudy.cli.labels import read_labels
    from quickstudy.cli.places import check_names, check_place, check_there, columns_of, kind_of
    from quickstudy.core.types import OF_BACKBONE, QuickstudyError
    from quickstudy.student import load

    if examples is None and labels is None and kind is None:
        raise QuickstudyError("there is nothing to learn from; give a file of examples, --labels, or both")
    if (learner or scope != "head") and Path(model).is_file():
        raise QuickstudyError(f"{model} brings its own learner; leave out --learner and --scope, or name a backbone")
    check_place(output, examples, labels, unlabelled, model)
    check_there(examples, unlabelled)
    check_names(learner, budget)
    named = columns_of(columns)
    classes = {} if labels is None else read_labels(labels)
    asked = kind_of(kind)
    student = load(model, kind=asked, learner=learner, scope=scope, device=device)
    began = time.perf_counter()
    task = student.learn(examples or (), classes, asked, output.stem, named, budget, unlabelled or ())
    seconds = time.perf_counter() - began
    task.save(output, examples=not no_examples)
    if budget != DEFAULT:
        moved = any(name.startswith(OF_BACKBONE) for name in task.adapted)
        say(MOVED if moved else STAYED)
    finish(task, output, seconds, check, json)


def finish(task: "Task", output: Path, seconds: float, check: bool | None, json: bool) -> None:
    """Reports on a task that has just been learned, in so many seconds, and saved."""
    found = checked(task, check, seconds)
    if json:
        from quickstudy.remarks import unread

        emit(
            {
                "file": str(output),
                "classes": len(task.classes),
                "examples": len(task.examples),
                "cut": unread(task.kind, task.examples),
                "seconds": round(seconds, 3),
                "check": None if found is None else check_record(found),
            }
        )
        return
    from quickstudy import config

    kind = config.name_of(config.KINDS, task.kind).replace("_", " ")
    what = count(len(task.classes), "class", "classes") if len(task.classes) > 1 else kind
    learned = f"{what} from {count(len(task.examples), 'example')}"
    say(f"learned {learned} in {seconds:.2f} s -> {output} ({output.stat().st_size / 1024:.0f} KiB)")
    if isinstance(task.kind, config.LABELLED) and task.examples:
        say(_classes(task))
    if found is not None:
        report(found)
    lines = kind not in NO_LINES and getattr(task.kind, "parts", 1) == 1
    say(f"next: quickstudy predict {output} {'< lines.txt' if lines else 'rows.jsonl'}")


def _classes(task: "Task") -> str:
    """Each with its examples, those with most first: a label that should be none is seen there."""
    shots = Counter(label for example in task.examples for label in task.kind.labels(example))
    ranked = sorted(task.classes, key=lambda name: -shots[name])
    rest = len(ranked) - LISTED
    named = ", ".join(f"{plain(name, 40)} {shots[name]}" for name in ranked[:LISTED])
    return f"examples a class: {named}" + (f" and {rest} classes more" if rest > 0 else "")
