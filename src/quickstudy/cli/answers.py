"""What `predict` writes: the rows that came in, each with its label and probability, in the form they came in."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TextIO

from quickstudy.cli.rows import TABLES, Input, Row
from quickstudy.core.types import Prediction, QuickstudyError

FORMS = {
    **dict.fromkeys(TABLES, "table"),
    **dict.fromkeys((".jsonl", ".ndjson", ".json"), "json"),
    ".txt": "lines",
}


class Writer(Protocol):
    """Takes one row after the other."""

    def write(self, row: Row, answer: Prediction | None) -> None: ...


def writer(found: Input, file: TextIO, output: Path | None, as_json: bool, several: bool, top: int) -> Writer:
    """In the form that `output`'s ending asks for, else in the input's. `several`: more than one class may hold;
    `top`: how many of the most probable classes are listed beside the answer."""
    form = "json" if as_json else found.form
    if output is not None and not as_json:
        suffix = output.suffix.lower()
        if suffix in FORMS:
            form = FORMS[suffix]
        elif suffix:
            raise QuickstudyError(f"cannot write {output}: predictions are written as .csv, .tsv, .jsonl or .txt")
        if form == "table" and found.form != "table":
            found = found._replace(delimiter="," if suffix == ".csv" else "\t", quoting=csv.QUOTE_MINIMAL, header=True)
    if form == "json":
        return _Json(file, several, top)
    return _Table(file, found, several, top) if form == "table" else _Lines(file, several, top)


class _Lines:
    """label, probability and text with tabs between them; the text last, so that tabs in it do no harm."""

    def __init__(self, file: TextIO, several: bool, top: int) -> None:
        self._file, self._several, self._top = file, several, top

    def write(self, row: Row, answer: Prediction | None) -> None:
        cells = _cells(answer, self._several, self._top).values()
        text = row.fields.get("text", row.text)
        self._file.write("\t".join([*cells, str(text)]) + "\n")


class _Table:
    def __init__(self, file: TextIO, found: Input, several: bool, top: int) -> None:
        options: dict[str, Any] = {
            "delimiter": found.delimiter,
            "quoting": found.quoting,
            "lineterminator": "\n",
        }
        if found.quoting == csv.QUOTE_NONE:
            options |= {"quotechar": None, "escapechar": "\\"}
        self._writer = csv.writer(file, **options)
        self._header, self._several, self._top = found.header, several, top
        self._names: list[str] = []

    def write(self, row: Row, answer: Prediction | None) -> None:
        cells = _cells(answer, self._several, self._top)
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
    def __init__(self, file: TextIO, several: bool, top: int) -> None:
        self._file, self._several, self._top = file, several, top

    def write(self, row: Row, answer: Prediction | None) -> None:
        made = _record(answer, self._several, self._top)
        names = _free(list(made), list(row.fields))
        whole = {**row.fields, **dict(zip(names, made.values(), strict=True))}
        line = json.dumps(whole, ensure_ascii=False, default=str)
        if not line.isascii() and any("\ud800" <= letter <= "\udfff" for letter in line):
            line = json.dumps(whole, default=str)  # half a character has no UTF-8, but JSON has an escape for it
        self._file.write(line + "\n")


def _record(answer: Prediction | None, several: bool, top: int) -> dict[str, Any]:
    """As JSON has it; null where there was nothing to judge."""
    made: dict[str, Any] = {"label": answer.label if answer else None}
    if several:
        made = {"labels": list(answer.labels) if answer else []}
    made["probability"] = round(answer.probability, 6) if answer else None
    if answer and answer.cut:
        made["cut"] = answer.cut
    if top:
        made["top"] = {name: round(value, 6) for name, value in _ranked(answer, top)}
    return made


def _cells(answer: Prediction | None, several: bool, top: int) -> dict[str, str]:
    """As a table has it; empty where there was nothing to judge."""
    name = "labels" if several else "label"
    held = "|".join(answer.labels) if answer else ""
    cells = {name: held, "probability": f"{answer.probability:.4f}" if answer else ""}
    ranked = _ranked(answer, top)
    for place in range(top):
        label, value = ranked[place] if place < len(ranked) else ("", None)
        cells[f"top {place + 1}"] = label
        cells[f"top {place + 1} probability"] = "" if value is None else f"{value:.4f}"
    return cells


def _ranked(answer: Prediction | None, top: int) -> Sequence[tuple[str, float]]:
    found: Mapping[str, float] = answer.probabilities if answer else {}
    return sorted(found.items(), key=lambda pair: -pair[1])[:top]


def _free(names: Sequence[str], taken: Sequence[str]) -> list[str]:
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
