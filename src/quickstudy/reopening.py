"""From a `.qs` file back to a task."""

from pathlib import Path
from typing import Any

from quickstudy import config
from quickstudy.backbones.encoder import Precision
from quickstudy.core.tensors import digest
from quickstudy.core.types import Params, QuickstudyError
from quickstudy.store.artifact import open_artifact
from quickstudy.student import Student, backbone, check_weights, fresh, load
from quickstudy.task import TASK, Task


def reopen(path: str | Path, *, precision: Precision = "auto", device: str = "auto") -> Task:
    """The task that `Task.save` wrote. Its backbone is loaded by name, once for all tasks that share it.

    Errors: QuickstudyError for a file that is missing, damaged or no task; for a backbone that is missing or has
    other weights; for a student file that is gone or has changed.
    """
    tensors, document = open_artifact(path, TASK)
    try:
        return _task(path, tensors, document, precision, device)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise QuickstudyError(f"{path} does not describe a task ({type(error).__name__}: {error})") from None


def _task(path: str | Path, tensors: Params, document: dict[str, Any], precision: Precision, device: str) -> Task:
    student = _student(path, tensors, document, precision, device)
    kind = config.build(config.KINDS, document["kind"], str(path), {"reader": student.reader})
    classes = {str(name): str(said) for name, said in document["classes"].items()}
    return Task(
        student,
        kind,
        classes,
        [kind.read(record) for record in document["examples"]],
        _part(tensors, "adapted."),
        _part(tensors, "fitted."),
        str(document["name"]),
        bool(document["examples_left_out"]),
    )


def _student(path: str | Path, tensors: Params, document: dict[str, Any], precision: Precision, device: str) -> Student:
    if document["student"] is not None:  # its theta holds weights of the backbone: it lies in a file of its own
        student = _heavy(document, precision, device)
        if digest(student.theta) != document["theta"]:
            raise QuickstudyError(
                f"{path} was learned by another state of {document['student']}; get that one, or learn it again"
            )
        return student
    wanted = document["backbone"]
    loaded = backbone(wanted["name"], document["scope"], precision, device)
    check_weights(loaded, wanted["fingerprint"], path)
    bare = fresh(loaded, document["learner"], wanted["name"])
    return Student(loaded, bare.reader, bare.learner, _part(tensors, "theta."), wanted["name"])


def _heavy(document: dict[str, Any], precision: Precision, device: str) -> Student:
    """From its file, or, where it was never meta-trained, from the backbone's own weights."""
    origin = document["student"]
    if Path(origin).is_file():
        return load(origin, precision=precision, device=device)
    loaded = backbone(document["backbone"]["name"], document["scope"], precision, device)
    return fresh(loaded, document["learner"], origin)


def _part(tensors: Params, prefix: str) -> Params:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
