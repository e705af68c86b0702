"""From a file to examples of a kind of task: one spelling a label, no row twice, every doubt reported."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from quickstudy.core.protocols import ExampleForm
from quickstudy.core.types import QuickstudyError
from quickstudy.episodes.cleaning import normalised_key, spelling_key
from quickstudy.episodes.files import records
from quickstudy.episodes.records import Problem, Problems, Record
from quickstudy.episodes.tables import separator

MOST_ROWS = 10_000_000
MOST_CLASSES = 10_000
OTHER_CONTENT = frozenset({"tokens", "features"})
"""fields that hold what is judged where a row has no text"""

FIELDS_OF: Mapping[str, frozenset[str]] = {
    "tagging": frozenset({"spans", "tags", "tokens"}),
    "relation": frozenset({"head", "tail"}),
    "answering": frozenset({"context", "answers"}),
    "matching": frozenset({"answer", "candidates", "response"}),
    "writing": frozenset({"src", "tgt", "summary"}),
}
"""kinds of task -> fields that only theirs have, for rows without a label"""


class Loaded(NamedTuple):
    examples: tuple[Any, ...]
    classes: dict[str, str]
    """name -> description ("" for none), in the order of first appearance"""
    problems: tuple[Problem, ...]


def load(
    path: str | Path,
    kind: ExampleForm,
    columns: Mapping[str, str] | None = None,
) -> Loaded:
    """The examples of a file. A row with a label and a description but no text describes a class.

    Labels that differ only in case or spaces become the most frequent spelling; repeated rows are dropped;
    rows of the same text with another label are kept; each is reported, as is every row left out.

    Errors: QuickstudyError for a source that is missing, empty or without a usable row; for one whose rows
    all lack a label; beyond MOST_ROWS rows or MOST_CLASSES classes.
    """
    problems = Problems()
    return gather(str(path), records(path, columns, problems), kind, problems)


def gather(
    title: str,
    found: Iterable[Record],
    kind: ExampleForm,
    problems: Problems,
    unlabelled: Literal["refuse", "allow"] = "refuse",
    most_classes: int = MOST_CLASSES,
) -> Loaded:
    """The same for records from anywhere; `title` names them in errors, `problems` may hold some already."""
    rows = list(_limited(title, found))
    _respell(rows, problems)
    described = _described(rows, problems)
    usable = rows if unlabelled == "allow" else _judged(title, rows, problems)
    examples = _unique(_read(usable, kind, problems), kind, problems)
    named = (label for example in examples for label in sorted(kind.labels(example)))
    classes = {label: described.get(label, "") for label in named} | described
    if not examples and not classes:
        first = problems.first()
        if first is None:
            raise QuickstudyError(f"{title}: there is nothing in it; give at least one example.")
        raise QuickstudyError(
            f"{title}: no row of it can be used; the first trouble is {first.trouble}"
            + (f"; the fields are {_columns(rows)}." if rows else ".")
        )
    if len(classes) > most_classes:
        raise QuickstudyError(
            f"{title}: {len(classes)} classes, and at most {most_classes} are allowed; "
            "check that the right column was taken for the label."
        )
    return Loaded(tuple(examples), classes, problems.all(title))


def _limited(path: str | Path, rows: Iterable[Record]) -> Iterator[Record]:
    for number, row in enumerate(rows):
        if number == MOST_ROWS:
            raise QuickstudyError(f"{path}: over {MOST_ROWS} rows; draw a sample of them first.")
        yield row


def _labels(fields: Mapping[str, Any]) -> list[str]:
    if "labels" in fields:
        return list(fields["labels"])
    return [fields["label"]] if "label" in fields else []


def _respell(rows: Sequence[Record], problems: Problems) -> None:
    """Changes the fields in place to one spelling a label."""
    spellings: dict[str, Counter[str]] = {}
    first: dict[str, str] = {}
    for row in rows:
        for label in _labels(row.fields):
            spellings.setdefault(spelling_key(label), Counter())[label] += 1
            first.setdefault(label, row.where)
    chosen: dict[str, str] = {}
    for counts in spellings.values():
        (best, _), *others = counts.most_common()
        for label, count in others:
            chosen[label] = best
            problems.add("labels in several spellings", first[label], f"'{label}' ({count}) was read as '{best}'")
    if not chosen:
        return
    for row in rows:
        if "labels" in row.fields:
            named = (chosen.get(label, label) for label in row.fields["labels"])
            row.fields["labels"] = list(dict.fromkeys(named))
        elif "label" in row.fields:
            row.fields["label"] = chosen.get(row.fields["label"], row.fields["label"])


def _described(rows: Iterable[Record], problems: Problems) -> dict[str, str]:
    """{label: description} of the labels that have one."""
    found: dict[str, str] = {}
    for where, fields in rows:
        description = fields.get("description", "").strip()
        if not description or len(_labels(fields)) != 1:
            continue
        label = _labels(fields)[0]
        if found.setdefault(label, description) != description:
            problems.add("second descriptions", where, f"a second description of '{label}' was left out")
    return found


def _judged(path: str | Path, rows: Sequence[Record], problems: Problems) -> Iterator[Record]:
    """Without texts that have no label; `labels` may be empty, which says that no class holds.

    Errors: QuickstudyError when no row has one."""
    if rows and not any(_is_judged(row.fields) for row in rows):
        raise QuickstudyError(
            f"{path}: no row has a label; the fields are {_columns(rows)}; {_where_labels_are(rows)}."
        )
    for row in rows:
        if _is_judged(row.fields):
            yield row
        else:
            problems.leave_out("rows without a label", row.where, "there is no label in this row")


def _where_labels_are(rows: Sequence[Record]) -> str:
    """What to do about it."""
    alone = all(row.fields.keys() == {"text"} for row in rows)
    if alone and (mark := separator([row.fields["text"] for row in rows])):
        return f"each holds {mark}: if that stands between text and label, save it as CSV with commas, or TSV with tabs"
    fields = {name.casefold() for row in rows for name in row.fields}
    meant = next((kind for kind, own in FIELDS_OF.items() if fields & own), None)
    other = f"; for the kind {meant}, which has such fields, say so: --kind {meant}" if meant else ""
    return f"say which one holds it, as in --columns label=NAME (in Python columns={{'label': NAME}}){other}"


def _is_judged(fields: Mapping[str, Any]) -> bool:
    return "text" not in fields or "label" in fields or "labels" in fields


def _read(rows: Iterable[Record], kind: ExampleForm, problems: Problems) -> Iterator[tuple[str, Any]]:
    for where, fields in rows:
        if not str(fields.get("text", "")).strip() and not OTHER_CONTENT & fields.keys():
            if _labels(fields) and fields.get("description"):
                continue
            if "text" in fields:
                problems.leave_out("rows without a text", where, "there is no text in this row")
                continue
        try:
            yield where, kind.read(fields)
        except QuickstudyError as error:
            problems.leave_out("rows that could not be used", where, str(error))


def _unique(found: Iterable[tuple[str, Any]], kind: ExampleForm, problems: Problems) -> list[Any]:
    """Without repeated rows; contradictory ones stay and are reported."""
    examples = []
    seen: dict[bytes, str] = {}
    judged: dict[bytes, tuple[str, frozenset[str]]] = {}
    for where, example in found:
        whole = _digest(json.dumps(kind.write(example), sort_keys=True, default=str))
        if whole in seen:
            problems.leave_out("repeated rows", where, f"repeats {seen[whole]}")
            continue
        seen[whole] = where
        examples.append(example)
        labels = kind.labels(example)
        if not labels:
            continue
        earlier, others = judged.setdefault(_digest(normalised_key(kind.texts(example))), (where, labels))
        if others != labels:
            what = f"{_quoted(labels)}, but the same text is {_quoted(others)} at {earlier}; both were kept"
            problems.add("contradictory rows", where, what)
    return examples


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _quoted(labels: Iterable[str]) -> str:
    return ", ".join(f"'{label:.60}'" for label in sorted(labels))


def _columns(rows: Iterable[Record]) -> str:
    return ", ".join(f"'{name}'" for name in dict.fromkeys(name for row in rows for name in row.fields)) or "none"
