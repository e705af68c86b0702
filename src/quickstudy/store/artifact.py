"""The files that last (`.qs`): a learned task or a student, as weights and a JSON document about them.

A safetensors file (see `core.files`) whose metadata holds the format's name, its version and the document.
Nothing in it is ever run.
"""

import json
from pathlib import Path
from typing import Any, NoReturn

from quickstudy.core.files import shown
from quickstudy.core.tensors import load_tensors, save_tensors
from quickstudy.core.types import Params, QuickstudyError

FORMAT = "quickstudy.{}"
"""filled with what the file holds: task or student"""
VERSION = 1
"""raised when a file of the new kind would mislead a quickstudy of the old kind"""
MADE_BY = {"task": "learn", "student": "meta-train"}
LIMIT = 2 * 2**30
"""bytes"""


def save_artifact(path: str | Path, what: str, tensors: Params, document: dict[str, Any]) -> None:
    """Writes a task or a student, as `what` says, whole or not at all. `document` is plain JSON: dicts with
    text keys, lists, texts, finite numbers, true, false, none. QuickstudyError for what `open_artifact` would
    refuse."""
    unsound = _not_finite(tensors)
    if unsound is not None:
        raise QuickstudyError(
            f"cannot save {shown(path)}: the weights {unsound!a} are not finite numbers; learn the task again"
        )
    try:
        # letters beyond ASCII are escaped: half a character in an example must not make a task unsavable
        text = json.dumps(document, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise QuickstudyError(f"cannot save {shown(path)}: its description is not plain JSON ({error})") from None
    save_tensors(path, tensors, {"format": FORMAT.format(what), "version": str(VERSION), "document": text})


def open_artifact(path: str | Path, what: str) -> tuple[Params, dict[str, Any]]:
    """The weights and the document of a file that holds `what`. QuickstudyError if the file is missing,
    truncated, changed, made by a newer quickstudy, or something else."""
    tensors, metadata = load_tensors(path, LIMIT)
    if metadata.get("format") != FORMAT.format(what):
        raise QuickstudyError(
            f"{shown(path)} holds no {what} but {metadata.get('format', 'something else')[:40]!a}; name a "
            f"file that `quickstudy {MADE_BY.get(what, 'learn')}` wrote"
        )
    version = metadata.get("version", "")
    # a version is read only if it is short: converting a long text of digits takes for ever
    if not (version.isascii() and version.isdigit() and len(version) < 10):
        raise QuickstudyError(f"{shown(path)} has no readable format version; get it anew")
    if int(version) > VERSION:
        raise QuickstudyError(
            f"{shown(path)} was made by a newer quickstudy (format {int(version)}; this one reads up to "
            f"{VERSION}); upgrade with `pip install --upgrade quickstudy`"
        )
    unsound = _not_finite(tensors)
    if unsound is not None:
        raise QuickstudyError(
            f"{shown(path)} holds weights {unsound[:40]!a} that are not finite numbers; learn the task again"
        )
    return tensors, _document(path, metadata.get("document", ""))


def _document(path: str | Path, text: str) -> dict[str, Any]:
    try:
        document = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise QuickstudyError(f"{shown(path)} has no readable description of its task; get it anew")
    return document


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _not_finite(tensors: Params) -> str | None:
    """The name of weights with a NaN or an infinity."""
    for name, value in tensors.items():
        if (value.is_floating_point() or value.is_complex()) and not value.isfinite().all():
            return name
    return None
