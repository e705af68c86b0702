"""Given vectors with labels: the examples of `vectors`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quickstudy.core.types import QuickstudyError


@dataclass(frozen=True, slots=True)
class Featured:
    """One vector, with the classes that hold for it; none where it is not labelled."""

    features: tuple[float, ...]
    labels: tuple[str, ...] = ()


def read(record: Any, width: int) -> Featured:
    """From `{"features", "label" or "labels"?}`, of `width` numbers."""
    if isinstance(record, Featured):
        record = write(record)
    if not isinstance(record, Mapping):
        raise QuickstudyError(f"{record!r:.60} is no example; give features and a label")
    labels = record.get("labels", record.get("label"))
    several = labels if isinstance(labels, list | tuple | set | frozenset) else [labels]
    names = dict.fromkeys(" ".join(str(label).split()) for label in several if label is not None)
    return Featured(numbers(_given(record), width), tuple(name for name in names if name))


def write(example: Featured) -> dict[str, Any]:
    """The inverse of `read`."""
    return {"features": list(example.features), "labels": list(example.labels)}


def asked(value: Any, width: int) -> Featured:
    """A vector (a list, a tuple, an array), a dict or an example, of which nobody says what it is."""
    if isinstance(value, Featured):
        return value
    return Featured(numbers(_given(value) if isinstance(value, Mapping) else value, width))


def _given(record: Mapping[str, Any]) -> Any:
    """Under the names that files have for it."""
    return next((record[name] for name in ("features", "vector", "embedding") if name in record), None)


def numbers(given: Any, width: int) -> tuple[float, ...]:
    """Errors: QuickstudyError for what is no list of `width` numbers that are finite in 32 bits."""
    if hasattr(given, "tolist"):
        given = given.tolist()
    if not isinstance(given, list | tuple):
        raise QuickstudyError(f"the features {given!r:.40} are no list of numbers, and this student reads no text")
    if len(given) != width:
        raise QuickstudyError(
            f"there are {len(given)} features, and this student judges vectors of {width}; for these, load "
            f"'vectors:{len(given)}'"
        )
    for place, number in enumerate(given, start=1):
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise QuickstudyError(f"feature {place} is {number!r:.40}, which is no number")
        if not abs(number) <= LARGEST:
            raise QuickstudyError(f"feature {place} is {number!r:.40}; every feature must be finite in 32 bits")
    return tuple(map(float, given))


LARGEST = (2 - 2**-23) * 2.0**127
"""the largest number of 32 bits"""
