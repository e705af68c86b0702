"""From a `.qs` file back to a task."""

import dataclasses
from pathlib import Path
from typing import Any

from quickstudy import budgets, config
from quickstudy.backbones.catalogue import PACKAGED
from quickstudy.backbones.download import is_here
from quickstudy.backbones.loaded import Loaded
from quickstudy.backbones.running import Precision
from quickstudy.backbones.scope import HEAD
from quickstudy.backbones.vectors import width_of
from quickstudy.core.protocols import TaskKind
from quickstudy.core.tensors import digest
from quickstudy.core.types import Params, QuickstudyError
from quickstudy.kinds.labelled import Labelled
from quickstudy.starts import shipped
from quickstudy.store.artifact import open_artifact
from quickstudy.student import Student, backbone, check_weights, fresh, load
from quickstudy.task import TASK, Task


def reopen(path: str | Path, *, precision: Precision | None = None, device: str = "auto") -> Task:
    """The task that `Task.save` wrote. Its backbone is loaded by name, once for all tasks that share it, and never
    downloaded: a file may come from a stranger. `precision` None: that in which it was learned.

    Errors: QuickstudyError for a file that is missing, damaged or no task; for a backbone that is missing or has
    other weights; for a student file that is gone or has changed.
    """
    tensors, document = open_artifact(path, TASK)
    try:
        task = _task(path, tensors, document, precision or document["precision"], device)
        _judges(task)
        return task
    except (KeyError, TypeError, AttributeError, ValueError, IndexError, RuntimeError) as error:
        raise QuickstudyError(f"{path} does not describe a task ({type(error).__name__}: {error})") from None


def _task(path: str | Path, tensors: Params, document: dict[str, Any], precision: Precision, device: str) -> Task:
    student = _student(path, tensors, document, precision, device)
    kind = config.build(config.KINDS, document["kind"], str(path), {"reader": student.reader})
    classes = {str(name): str(said) for name, said in document["classes"].items()}
    return Task(
        student,
        kind,
        classes,
        [_example(record, kind) for record in document["examples"]],
        _part(tensors, "adapted."),
        _part(tensors, "fitted."),
        str(document["name"]),
        bool(document["examples_left_out"]),
        str(document.get("budget", budgets.DEFAULT)),
        [_example(record, kind) for record in document.get("unlabelled", ())],
    )


def _judges(task: Task) -> None:
    """What fits together can judge a text."""
    if isinstance(task.kind, config.LABELLED):
        task.predict(["a" if task.kind.parts == 1 else ("a", "b")])
    elif task.classes:
        task.score(task.kind.encode(task.examples[:1], task.classes))


def _student(path: str | Path, tensors: Params, document: dict[str, Any], precision: Precision, device: str) -> Student:
    wanted = document["backbone"]
    if document["student"] is None:
        loaded = _backbone(path, document, precision, device)
        bare = fresh(loaded, document["learner"], wanted["name"])
        return Student(loaded, bare.reader, bare.learner, _part(tensors, "theta."), wanted["name"])
    student = _filed(path, document, precision, device)
    check_weights(student.loaded, wanted["fingerprint"], path)
    carried = _part(tensors, "theta.")
    if carried:  # the file is asked for its backbone alone; theta may have been changed since, as by a name weight
        return dataclasses.replace(student, theta=carried)
    if digest(student.theta) != document["theta"]:
        raise QuickstudyError(
            f"{path} was learned by another state of {document['student']}; get that one, or learn it again"
        )
    return student


def _filed(path: str | Path, document: dict[str, Any], precision: Precision, device: str) -> Student:
    """The student that ships under that name, or from its file, also where that lies beside the task now; if it never
    had one, from its learner's start. A backbone's name alone does not say that the start shipped for it was taken."""
    origin = Path(document["student"])
    _here(path, document)
    if document["student"] in shipped() and document["scope"] == str(HEAD):
        student = load(document["student"], precision=precision, device=device)
        if student.loaded.learned and student.loaded.fingerprint == document["backbone"]["fingerprint"]:
            return student
    for place in (origin, Path(path).parent / origin.name):
        if place.is_file():
            return load(place, precision=precision, device=device)
    if origin.suffix:
        raise QuickstudyError(f"{path} was learned by the student {origin}, which is not there; put it back")
    return fresh(_backbone(path, document, precision, device), document["learner"], str(origin))


def _here(path: str | Path, document: dict[str, Any]) -> str:
    """The name of its backbone, which is on this machine."""
    name = str(document["backbone"]["name"])
    if not (name in PACKAGED or width_of(name) or Path(name).is_dir() or is_here(name)):
        raise QuickstudyError(
            f"{path} was learned with the model {name}, which is not on this machine; if you trust the file, "
            f"fetch the model first: quickstudy.load({name!r})"
        )
    return name


def _backbone(path: str | Path, document: dict[str, Any], precision: Precision, device: str) -> Loaded:
    """The very weights it was learned with, from this machine."""
    loaded = backbone(_here(path, document), document["scope"], precision, device)
    check_weights(loaded, document["backbone"]["fingerprint"], path)
    return loaded


def _example(record: dict[str, Any], kind: TaskKind) -> Any:
    """As it was stored: what once was learned from is not cleaned anew."""
    if not isinstance(kind, config.LABELLED):
        return kind.read(record)
    return Labelled(str(record["text"]), tuple(map(str, record["labels"])), record.get("pair"))


def _part(tensors: Params, prefix: str) -> Params:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
