"""What `predict` writes: the rows that came in, each with its label and probability, in the form they came in."""

import csv
import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TextIO

from quickstudy.cli.rows import TABLES, Input, Row
from quickstudy.core.types import Prediction, QuickstudyError

FORMS = {
    **dict.fromkeys(TABLES, "table"),
    **dict.fromkeys((".jsonl", ".ndjson", ".json"), "json"),
    ".txt": "lines",
}


class Shown(NamedTuple):
    """What stands beside a text."""

    several: bool
    """more than one class may hold"""
    top: int = 0
    """how many of the most probable classes are listed beside the answer"""
    reject: float | None = None
    """as familiar as this or less, a text gets no label; None: all get one, and how familiar they are is not said"""

    def refused(self, answer: Prediction | None) -> bool:
        """Whether a text that was judged gets no label."""
        return self.reject is not None and bool(answer) and (answer.familiar or 0.0) <= self.reject  # type: ignore[union-attr]


class Writer(Protocol):
    """Takes one row after the other."""

    def write(self, row: Row, answer: Prediction | None) -> None: ...


def writer(found: Input, file: TextIO, output: Path | None, as_json: bool, shown: Shown) -> Writer:
    """In the form that `output`'s ending asks for, else in the input's."""
    form = "json" if as_json else found.form
    if output is not None and not as_json:
        suffix = output.suffix.lower()
        if suffix in FORMS:
            form = FORMS[suffix]
        elif suffix:
            raise QuickstudyError(f"cannot write {output}: predictions are written as .csv, .tsv, .jsonl or .txt")
        if form == "table" and suffix:
            found = _written(found, suffix)
    if form == "json":
        return _Json(file, found.fields, shown)
    return _Table(file, found, shown) if form == "table" else _Lines(file, shown)


def _written(found: Input, suffix: str) -> Input:
    """A table as an output's ending wants it: as it came, but with tabs in a .tsv and without them in a .csv."""
    if found.form != "table":
        return found._replace(delimiter="," if suffix == ".csv" else "\t", quoting=csv.QUOTE_MINIMAL, header=True)
    if (found.delimiter == "\t") == (suffix != ".csv"):
        return found
    return found._replace(delimiter="," if suffix == ".csv" else "\t", quoting=csv.QUOTE_MINIMAL)


class _Lines:
    """label, probability and text with tabs between them; the text last, so that tabs in it do no harm."""

    def __init__(self, file: TextIO, shown: Shown) -> None:
        self._file, self._shown = file, shown

    def write(self, row: Row, answer: Prediction | None) -> None:
        cells = _cells(answer, self._shown).values()
        text = row.fields.get("text", row.text)
        self._file.write("\t".join([*cells, str(text)]) + "\n")


class _Table:
    def __init__(self, file: TextIO, found: Input, shown: Shown) -> None:
        options: dict[str, Any] = {
            "delimiter": found.delimiter,
            "quoting": found.quoting,
            "lineterminator": "\n",
        }
        if found.quoting == csv.QUOTE_NONE:
            options |= {"quotechar": None, "escapechar": "\\"}
        self._writer = csv.writer(file, **options)
        self._header, self._shown = found.header, shown
        self._names: list[str] = []

    def write(self, row: Row, answer: Prediction | None) -> None:
        cells = _cells(answer, self._shown)
        if not self._names:
            self._names = list(row.fields)
            if self._header:
                self._writer.writerow([*self._names, *_free(list(cells), self._names)])
        for name in row.fields:
            if name not in self._names:
                raise QuickstudyError(
                    f"a row has the field {name!r:.40}, which the first row lacks; write .jsonl instead of a table"
                )
        own = [_cell(row.fields.get(name)) for name in self._names]
        self._writer.writerow([*own, *cells.values()])


class _Json:
    """The fields of every row are called alike, also where some have a `label` of their own and some have none."""

    def __init__(self, file: TextIO, taken: frozenset[str], shown: Shown) -> None:
        self._file, self._taken, self._shown = file, taken, shown

    def write(self, row: Row, answer: Prediction | None) -> None:
        made = _record(answer, self._shown)
        names = _free(list(made), self._taken.union(row.fields))
        whole = {**row.fields, **dict(zip(names, made.values(), strict=True))}
        line = json.dumps(whole, ensure_ascii=False, default=str)
        if not line.isascii() and any("\ud800" <= letter <= "\udfff" for letter in line):
            line = json.dumps(whole, default=str)  # half a character has no UTF-8, but JSON has an escape for it
        self._file.write(line + "\n")


def _record(answer: Prediction | None, shown: Shown) -> dict[str, Any]:
    """As JSON has it; null where there was nothing to judge."""
    labelled = answer if answer and not shown.refused(answer) else None
    made: dict[str, Any] = {"label": labelled.label if labelled else None}
    if shown.several:
        made = {"labels": list(labelled.labels) if labelled else []}
    made["probability"] = round(answer.probability, 6) if answer else None
    if shown.reject is not None:
        made["familiar"] = round(answer.familiar, 6) if answer and answer.familiar is not None else None
    if answer and answer.cut:
        made["cut"] = answer.cut
    if shown.top:
        made["top"] = {name: round(value, 6) for name, value in _ranked(answer, shown.top)}
    return made


def _cells(answer: Prediction | None, shown: Shown) -> dict[str, str]:
    """As a table has it; empty where there was nothing to judge."""
    name = "labels" if shown.several else "label"
    held = "|".join(answer.labels) if answer and not shown.refused(answer) else ""
    cells = {name: held, "probability": f"{answer.probability:.4f}" if answer else ""}
    if shown.reject is not None:
        cells["familiar"] = f"{answer.familiar:.4f}" if answer and answer.familiar is not None else ""
    ranked = _ranked(answer, shown.top)
    for place in range(shown.top):
        label, value = ranked[place] if place < len(ranked) else ("", None)
        cells[f"top {place + 1}"] = label
        cells[f"top {place + 1} probability"] = "" if value is None else f"{value:.4f}"
    return cells


def _ranked(answer: Prediction | None, top: int) -> Sequence[tuple[str, float]]:
    found: Mapping[str, float] = answer.probabilities if answer else {}
    return sorted(found.items(), key=lambda pair: -pair[1])[:top]


def _free(names: Sequence[str], taken: Collection[str]) -> list[str]:
    """Names that the rows do not have yet: `label` beside a column `label` is `predicted label`."""
    found = []
    for name in names:
        while name in taken:
            name = f"predicted {name}"
        found.append(name)
    return found


def _cell(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, list | dict) else str(value)
