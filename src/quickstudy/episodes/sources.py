"""A source: one data set to draw tasks from, and what the sampler has to know of it, found once."""

import hashlib
import json
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quickstudy.core.protocols import TaskKind
from quickstudy.core.types import QuickstudyError
from quickstudy.episodes.cleaning import normalised_key


@dataclass(frozen=True, eq=False)
class Source:
    """A data set. Two sources are equal only when they are the same object."""

    name: str
    examples: tuple[Any, ...]
    classes: Mapping[str, str] = field(default_factory=dict)
    """name -> description; a class that only the examples name is one too"""
    weight: float = 1.0
    """how often it is drawn from, relative to others"""
    licence: str = ""
    language: str = ""
    called: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """class -> what else it may be called"""
    ways: tuple[int, ...] | None = None
    """from, to: how many classes its episodes have; None: as many as others"""
    shots: tuple[int, ...] | None = None
    """from, to: how many examples a class"""
    queries: int | None = None
    """examples a class that are asked"""
    kind: TaskKind | None = None
    """what kind of tasks are drawn from it; None: the kind of all the others"""

    def __post_init__(self) -> None:
        if not self.name.strip() or not self.name.isprintable():
            raise QuickstudyError(f"a source cannot be named {self.name!r}; use a name that can be printed.")
        if not (0 <= self.weight < float("inf")):
            raise QuickstudyError(f"{self.name}: its weight is {self.weight}; give a number from 0 up.")

    def of(self, kind: TaskKind) -> TaskKind:
        """Its own kind of tasks, else `kind`."""
        return self.kind or kind


@dataclass(frozen=True, eq=False)
class Index:
    """Numbers of the examples by class, and which of them share their normalised text."""

    classes: dict[str, str]
    members: dict[str, NDArray[np.int64]]
    """class -> its examples, one for each normalised text"""
    group: NDArray[np.int64]
    """(examples,) equal for those of the same normalised text"""
    labels: tuple[frozenset[str], ...]
    several: bool
    """does any example hold more than one class?"""
    fingerprint: str
    """six hexadecimal digits of everything in the source that a draw depends on"""


_INDEXES: weakref.WeakKeyDictionary[Source, tuple[TaskKind, Index]] = weakref.WeakKeyDictionary()


def index_of(source: Source, kind: TaskKind) -> Index:
    """Made once for as long as the source lives, since sources do not change."""
    kind = source.of(kind)
    kept = _INDEXES.get(source)
    if kept is None or kept[0] is not kind:
        kept = kind, _index(source, kind)
        _INDEXES[source] = kept
    return kept[1]


def _index(source: Source, kind: TaskKind) -> Index:
    groups: dict[str, int] = {}
    digest = hashlib.sha256()
    group = np.empty(len(source.examples), dtype=np.int64)
    labels: list[frozenset[str]] = []
    members: dict[str, dict[int, int]] = {name: {} for name in source.classes}
    for number, example in enumerate(source.examples):
        digest.update(json.dumps(kind.write(example), sort_keys=True).encode() + b"\n")
        same = groups.setdefault(normalised_key(kind.texts(example)), len(groups))
        group[number] = same
        labels.append(kind.labels(example))
        for label in sorted(labels[-1]):
            members.setdefault(label, {}).setdefault(same, number)
    digest.update(json.dumps(list(source.classes.items())).encode())
    return Index(
        classes={name: source.classes.get(name, "") for name in members},
        members={name: np.array(list(found.values()), dtype=np.int64) for name, found in members.items()},
        group=group,
        labels=tuple(labels),
        several=any(len(found) > 1 for found in labels),
        fingerprint=digest.hexdigest()[:6],
    )


def class_names(source: Source, kind: TaskKind) -> list[str]:
    """Those the source declares, then those that only its examples name."""
    found = {label for example in source.examples for label in source.of(kind).labels(example)}
    return [*source.classes, *sorted(found - source.classes.keys())]


def by_name(sources: Iterable[Source]) -> dict[str, Source]:
    """Errors: QuickstudyError when two sources have one name."""
    found: dict[str, Source] = {}
    for source in sources:
        if source.name in found:
            raise QuickstudyError(f"two sources are named '{source.name}'; give each its own name.")
        found[source.name] = source
    return found
