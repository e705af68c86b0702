"""What a cell means: missing, a text, one label, or several."""

import json
import math
import re
from typing import Any

from quickstudy.core.types import QuickstudyError
from quickstudy.episodes.cleaning import clean_label


def is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def as_text(key: str, value: Any) -> str:
    """A string, or a number written out. Errors: QuickstudyError for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _written(value)
    raise QuickstudyError(f"{key} is {_named(value)} where a string was expected")


def as_label(value: Any) -> str:
    """Numbers and truth values, also NumPy's, are written out: 3, 3.0 -> "3", True -> "true"."""
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, str):
        return clean_label(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return _written(value)
    raise QuickstudyError(f"label is {_named(value)} where a string or number was expected")


def as_labels(value: Any) -> list[str]:
    """Of a list, or of a string: JSON '["a", "b"]', else parted at | or ; or, where neither stands, at
    commas; Chinese ones, too."""
    if isinstance(value, str):
        value = _parted(value)
    if not isinstance(value, list):
        value = [value]
    labels = [as_label(part) for part in value if not is_missing(part)]
    return list(dict.fromkeys(label for label in labels if label))


def _parted(value: str) -> list[Any]:
    stripped = value.strip()
    if stripped.startswith("[") and stripped.endswith("]"):
        try:
            found = json.loads(stripped)
        except (ValueError, RecursionError):
            found = [part.strip().strip("'\"") for part in stripped[1:-1].split(",")]
        return found
    for marks in ("[|｜]", "[;；]", "[,，、]"):
        if re.search(marks, stripped):
            return re.split(marks, stripped)
    return [stripped]


def _written(value: int | float) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    try:
        return str(value)
    except ValueError:  # an int of more digits than Python writes
        raise QuickstudyError("a number of thousands of digits stands where a label or text was expected") from None


def _named(value: Any) -> str:
    return {list: "a list", dict: "an object", bool: "a truth value"}.get(type(value), f"a {type(value).__name__}")
