"""What --labels takes: a file of class names, with descriptions or without, or the names themselves."""

import errno
import json
from pathlib import Path
from typing import Any

from quickstudy.core.types import QuickstudyError
from quickstudy.episodes.cleaning import clean
from quickstudy.episodes.encodings import encoding_of, text_lines
from quickstudy.episodes.tables import table

HEADER = frozenset({"name", "label", "class", "description"})
COMMAS = ",，、"
"""between names; the first of them that is there, so that the others may stand within a name"""


def read_labels(written: str) -> dict[str, str]:
    """Name -> description, in the order given: from a .txt (a name a line), a .csv or .tsv (name, description), a
    .json ({name: description} or [name, …], of given vectors also {name: vector}), or "sports, politics"."""
    if not written.strip():
        raise QuickstudyError("--labels is empty; give a file, or two names or more with commas between them")
    path = Path(written)
    comma = next((each for each in COMMAS if each in written), None)
    try:
        if _is_file(path):
            found = _from_file(path)
        elif comma and path.suffix.lower() not in (".txt", ".csv", ".tsv", ".json"):
            found = {name.strip(): "" for name in written.split(comma) if name.strip()}
        else:
            raise QuickstudyError(
                f"--labels {written}: there is no such file; give one, or two names or more with commas between them"
            )
    except OSError as error:
        raise QuickstudyError(f"--labels {written}: cannot be read ({error.strerror or error}); check it") from None
    if not found:
        raise QuickstudyError(f"--labels {written}: there is no class name in it; write one a line")
    return found


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:  # many names
            return False
        raise


def _from_file(path: Path) -> dict[str, str]:
    if path.stat().st_size == 0:
        return {}
    encoding = encoding_of(path)
    if path.suffix.lower() == ".json":
        return _from_json(path, "".join(text_lines(path, encoding.name)))
    if path.suffix.lower() not in (".csv", ".tsv", ".tab"):
        names = (clean(line).strip() for line in text_lines(path, encoding.name))
        return {name: "" for name in names if name}
    found = {}
    for row in table(path, encoding, HEADER, None):
        named = {key.strip().casefold(): clean(str(value)).strip() for key, value in row.fields.items()}
        cells = list(named.values())
        name = next((named[key] for key in ("name", "label", "class") if key in named), cells[0])
        rest = "" if len(cells) < 2 or "description" in named else cells[1]
        if name:
            found[name] = named.get("description", rest)
    return found


def _from_json(path: Path, text: str) -> dict[str, str]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, list) and all(map(_is_said, value)):
        return {_said(name): "" for name in value}
    if isinstance(value, dict) and all(map(_is_said, value.values())):
        return {clean(name): _said(said) for name, said in value.items()}
    raise QuickstudyError(f"--labels {path}: write a list of names, or an object of names and descriptions")


def _is_said(value: Any) -> bool:
    """A string, or a given vector."""
    return isinstance(value, str) or (isinstance(value, list) and all(type(one) in (int, float) for one in value))


def _said(value: Any) -> str:
    return clean(value) if isinstance(value, str) else json.dumps(value)
