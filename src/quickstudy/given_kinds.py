"""What a user hands over for any kind of task: files in the formats that people have for it, or Python values."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from quickstudy import config
from quickstudy.core.protocols import TaskKind
from quickstudy.core.types import QuickstudyError
from quickstudy.episodes import files, loading
from quickstudy.episodes.loading import Loaded
from quickstudy.episodes.records import Problems, Record
from quickstudy.episodes.values import as_label, as_labels, is_missing
from quickstudy.kinds import tagged
from quickstudy.kinds.vectors import Vectors
from quickstudy.text.numbers import Numbers, plain, written

Examples = str | Path | Iterable[Any]


def load(path: str | Path, kind: TaskKind, columns: Mapping[str, str] | None = None) -> Loaded:
    """The examples of a file, read as its kind's files are."""
    if isinstance(kind, config.LABELLED):
        return loading.load(path, kind, columns)
    problems = Problems()
    read = config.FILES.get(config.name_of(config.KINDS, kind), files.records)
    return _loaded(str(path), list(read(path, columns, problems)), kind, problems)


def gathered(examples: Examples, kind: TaskKind, columns: Mapping[str, str] | None = None) -> Loaded:
    """The same for a file or for Python values: dicts as a file's records are, tuples of their fields in order, or
    whatever else the kind reads."""
    if isinstance(examples, str | Path):
        return load(examples, kind, columns)
    order = config.FIELDS.get(config.name_of(config.KINDS, kind), ())
    problems = Problems()
    rows = []
    for number, example in enumerate(examples, start=1):
        try:
            rows.append(Record(f"example {number}", _labelled(_fields(example, kind, order))))
        except QuickstudyError as error:
            problems.add("examples that could not be used", f"example {number}", str(error))
    if not rows and not problems.all("the examples"):
        return Loaded((), {}, ())
    return _loaded("the examples", rows, kind, problems)


def described(labels: Mapping[str, Any] | Iterable[Any], kind: TaskKind) -> Mapping[str, Any] | Iterable[Any]:
    """Names of classes, or names and descriptions; vectors, where the kind judges those, as the words that stand for
    them."""
    if not isinstance(kind, config.NUMERIC) or isinstance(labels, str):
        return labels
    word = Numbers(cast(Vectors, kind).reader.limit).word
    if isinstance(labels, Mapping):
        return {str(name): _worded(said, word) for name, said in labels.items()}
    return [_worded(one, word) for one in labels]


def _worded(given: Any, word: Callable[[Any], str]) -> Any:
    found = written(given) if isinstance(given, str) else plain(given)
    return word(found) if isinstance(found, list | tuple) else given


def _loaded(title: str, rows: list[Record], kind: TaskKind, problems: Problems) -> Loaded:
    most = loading.MOST_ROWS if isinstance(kind, config.CHOOSING) else loading.MOST_CLASSES
    return loading.gather(title, rows, kind, problems, "allow", most)


def _labelled(fields: dict[str, Any]) -> dict[str, Any]:
    """With labels as a file would give them: `labels` for several, and neither where there is none."""
    found = {key: value for key, value in fields.items() if key not in ("label", "labels")}
    given = fields.get("labels") if fields.get("labels") is not None else fields.get("label")
    if is_missing(given):
        return found
    if isinstance(given, set | frozenset):
        return {**found, "labels": sorted(map(as_label, given))}
    if isinstance(given, list | tuple) or "labels" in fields:
        return {**found, "labels": as_labels(list(given) if isinstance(given, tuple) else given)}
    return {**found, "label": as_label(given)}


def _fields(example: Any, kind: TaskKind, order: tuple[str, ...]) -> dict[str, Any]:
    if isinstance(example, Mapping):
        return {str(key): value for key, value in example.items()}
    if isinstance(example, tuple | list) and 0 < len(example) <= len(order):
        return dict(zip(order, example, strict=False))
    if isinstance(example, str):
        return {"text": example}
    if dataclasses.is_dataclass(example):
        return kind.write(example)
    if tagged.is_doc(example):
        return tagged.write(tagged.of_doc(example))
    raise QuickstudyError(f"{example!r:.60} is no example of this kind; give a dict, or ({', '.join(order)})")
