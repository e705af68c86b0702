"""What a user hands over, a file or Python values, as examples, classes and the kind of task they make."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from quickstudy import config, given_kinds
from quickstudy.core.protocols import TaskKind, widened
from quickstudy.core.types import QuickstudyError
from quickstudy.episodes.cleaning import clean_value, spelling_key
from quickstudy.episodes.columns import canonical
from quickstudy.episodes.files import canonical_fields, records
from quickstudy.episodes.loading import MOST_CLASSES, MOST_ROWS, Loaded, gather
from quickstudy.episodes.records import Problem, Problems, Record
from quickstudy.given_kinds import NONE, check_words, classes_of, rows_of
from quickstudy.kinds import labelled
from quickstudy.kinds.labelled import Labelled
from quickstudy.kinds.vectors import Vectors
from quickstudy.text.reader import Reader

Examples = str | Path | Iterable[Any]


class Gathered(NamedTuple):
    """Everything a task is learned from."""

    examples: tuple[Any, ...]
    classes: dict[str, str]
    kind: dict[str, Any]
    """the table that the catalogue builds the kind from"""
    problems: tuple[Problem, ...]


def gathered(
    examples: Examples,
    labels: Mapping[str, str] | Iterable[str] = (),
    kind: str | None = None,
    columns: Mapping[str, str] | None = None,
    known: Mapping[str, str] = NONE,
) -> Gathered:
    """Cleaned examples with one spelling a label, the classes in the order given, then of appearance."""
    problems = Problems()
    check_words(labels)
    wanted = classes_of(labels, problems, known=known)
    title = str(examples) if isinstance(examples, str | Path) else "the examples"
    found = _records(examples, problems)
    if isinstance(examples, str | Path):
        found = list(records(examples, columns, problems))
    loaded = gather(title, found, _Raw(), problems) if found or not wanted else NOTHING
    loaded = _spelt(loaded, wanted, title)
    classes = {**wanted, **{name: wanted.get(name) or said for name, said in loaded.classes.items()}}
    several = any(len(example.labels) != 1 for example in loaded.examples)
    name = kind or ("multilabel" if several else "classification")
    parts = _parts(title, loaded.examples)
    config.pick(config.KINDS, name, "kind")
    if name == "classification":
        _check_single(loaded, classes, title)
    return Gathered(loaded.examples, classes, {"name": name, "parts": parts}, loaded.problems)


def _parts(title: str, examples: Iterable[Labelled]) -> int:
    """How many texts, or vectors, each example has."""
    parts = {len(labelled.texts(example)) for example in examples} or {1}
    if len(parts) > 1:
        raise QuickstudyError(f"{title}: some rows hold one and some a pair of them; give every row the same")
    return parts.pop()


def everything(
    reader: Reader,
    examples: Examples,
    labels: Mapping[str, str] | Iterable[str] = (),
    kind: str | Mapping[str, Any] | None = None,
    columns: Mapping[str, str] | None = None,
    known: Mapping[str, str] = NONE,
) -> tuple[Gathered, TaskKind]:
    """What a task of any kind is learned from, and the kind itself; `known` are the classes that it has already."""
    if not isinstance(kind, str | Mapping | None):
        raise QuickstudyError(f"kind is {kind!r:.40}; give a name, or a table of the name and its settings")
    table = {"name": kind} if isinstance(kind, str) else dict(kind or {})
    name = str(table.get("name", "")).partition(".v")[0]
    if table and "name" not in table:
        config.build(config.KINDS, table, "kind", {})  # which says that there is no name
    if not name or config.pick(config.KINDS, name, "kind") in config.LABELLED:
        found = gathered(examples, labels, name or None, columns, known)
        return found, _kind(reader, {**found.kind, **{key: table[key] for key in table if key != "name"}})
    made = _kind(reader, table)
    found = of_kind(made, table, examples, labels, columns, known)
    return found, made if found.kind == table else _kind(reader, found.kind)


def of_kind(
    kind: TaskKind,
    table: dict[str, Any],
    examples: Examples,
    labels: Mapping[str, str] | Iterable[str],
    columns: Mapping[str, str] | None,
    known: Mapping[str, str] = NONE,
) -> Gathered:
    """What a task is learned from whose kind, which `table` describes, is none of texts with labels."""
    problems = Problems()
    named = given_kinds.described(labels, kind)
    wanted = classes_of(named, problems, MOST_ROWS if isinstance(kind, config.CHOOSING) else MOST_CLASSES, known)
    loaded = given_kinds.gathered(examples, kind, columns)
    classes = {**wanted, **{name: wanted.get(name) or said for name, said in loaded.classes.items()}}
    classes = dict(widened(kind, loaded.examples, classes))
    title = str(examples) if isinstance(examples, str | Path) else "the examples"
    if isinstance(kind, Vectors) and (parts := _parts(title, loaded.examples)) > 1:
        table = {**table, "parts": parts}
    return Gathered(loaded.examples, classes, table, (*problems.all("labels"), *loaded.problems))


def _kind(reader: Reader, table: Mapping[str, Any]) -> TaskKind:
    made: TaskKind = config.build(config.KINDS, table, "kind", {"reader": reader})
    return made


def items(texts: Iterable[Any]) -> Iterator[Labelled]:
    """Unlabelled texts, or pairs of texts, to be judged; cleaned as those that were learned from."""
    return (labelled.ask(_cleaned(text)) for text in rows_of(texts))


def _cleaned(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return tuple(clean_value(part) for part in value)
    return clean_value(value)


NOTHING = Loaded((), {}, ())


class _Raw:
    """Reads records of either kind of classification, before it is known which it is."""

    read = staticmethod(labelled.read)
    write = staticmethod(labelled.write)
    texts = staticmethod(labelled.texts)

    @staticmethod
    def labels(example: Labelled) -> frozenset[str]:
        return frozenset(example.labels)


def _spelt(loaded: Loaded, wanted: Mapping[str, str], title: str) -> Loaded:
    """With the labels spelt as the classes that were named."""
    named = {spelling_key(name): name for name in wanted}
    other = {name: named.get(spelling_key(name), name) for name in loaded.classes}
    changed = {old: new for old, new in other.items() if old != new}
    if not changed:
        return loaded
    examples = tuple(
        dataclasses.replace(example, labels=tuple(dict.fromkeys(other.get(each, each) for each in example.labels)))
        for example in loaded.examples
    )
    classes = {other[name]: said for name, said in loaded.classes.items()}
    doubts = (Problem(title, f"'{old}' was read as '{new}'") for old, new in changed.items())
    return Loaded(examples, classes, (*loaded.problems, *doubts))


def _check_single(loaded: Loaded, classes: Mapping[str, str], title: str) -> None:
    """Errors: QuickstudyError where no choice of exactly one class is meant."""
    for example in loaded.examples:
        if len(example.labels) != 1:
            raise QuickstudyError(
                f"{title}: {example.text!r:.40} has {len(example.labels)} labels, and this task gives exactly one; "
                "for several a text, use the kind multilabel"
            )
    if not classes:
        raise QuickstudyError("there is nothing to learn from; give examples, class names, or both")
    if len(classes) == 1:
        name = next(iter(classes))
        if not loaded.examples:
            raise QuickstudyError(
                f"there is only the class {name!r:.60} (names that differ only in case or spaces are one); a task "
                "needs two classes or more"
            )
        raise QuickstudyError(
            f"{title}: every row has the label {name!r:.60}{_without(loaded.problems)}, and a task needs two classes "
            "or more; if that is not the label, name its column, as in --columns label=NAME"
        )


def _without(problems: Iterable[Problem]) -> str:
    """What to say of rows that were left out, where they may have had the other labels."""
    first = next((each for each in problems if each.left_out), None)
    return f" (but for rows that were left out, first {first.where})" if first else ""


def _records(examples: Examples, problems: Problems) -> list[Record]:
    """Python values as the records that a file would give."""
    if isinstance(examples, str | Path):
        return []
    found = []
    for number, example in enumerate(rows_of(examples), start=1):
        where = f"example {number}"
        fields = _fields(where, example)
        try:
            found.append(Record(where, canonical_fields(fields, {key: canonical(key) or key for key in fields})))
        except QuickstudyError as error:
            problems.leave_out("examples that could not be used", where, str(error))
    return found


def _fields(where: str, example: Any) -> dict[str, Any]:
    if isinstance(example, Mapping):
        return {str(key): value for key, value in example.items()}
    if isinstance(example, Labelled):
        return labelled.write(example)
    if isinstance(example, str):
        raise QuickstudyError(
            f"{where}: {example!r:.60} is a text without a label; give (text, label), as in zip(texts, labels)"
        )
    if not (isinstance(example, tuple | list) and len(example) == 2):
        raise QuickstudyError(f"{where}: {example!r:.60} is neither (text, label) nor a dict with both")
    text, label = example
    both = isinstance(text, tuple | list) and len(text) == 2
    fields = {"text": text[0], "pair": text[1]} if both else {"text": text}
    if isinstance(label, set | frozenset):
        return {**fields, "labels": sorted(map(str, label))}
    return {**fields, "labels": list(label)} if isinstance(label, list | tuple) else {**fields, "label": label}
