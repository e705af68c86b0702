"""Texts with marked spans out of files: CoNLL columns, tokens and tags, and what annotation tools export."""

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, TypeGuard

from quickstudy.core.tags import is_tag, spans_of
from quickstudy.core.types import QuickstudyError
from quickstudy.episodes import files
from quickstudy.episodes.encodings import Encoding, encoding_of, text_lines
from quickstudy.episodes.lines import json_file, json_lines
from quickstudy.episodes.parquet import parquet_rows
from quickstudy.episodes.records import Problems, Record, pass_over
from quickstudy.episodes.tagging_exports import FIELDS, fields_of

COLUMNS = (".conll", ".bio", ".iob", ".iob2", ".bioes", ".bilou", ".ner")
"""endings of files of columns; one of MAYBE is read so, too, where it looks like it"""
MAYBE = (".txt", ".tsv", ".tab")
REPAIRED = "tags that go on with a span that nothing began"
_SAMPLE = 200


def records(
    path: str | Path, columns: Mapping[str, str] | None = None, problems: Problems | None = None
) -> Iterator[Record]:
    """Rows with "tokens" and "tags", or with "text" and "spans" [{"start", "end", "type"}]; without tags or spans where
    nobody marked any.

    CoNLL: a word a line, its tag in the last column, a blank line between texts. JSONL, JSON and Parquet: `tokens` and
    `tags`, or `text` and `spans`, or what Prodigy, Label Studio and doccano export. Any other file as `files.records`
    reads it: texts without spans.
    `columns`: {"tokens", "tags", "text" or "spans": column of the file}; in CoNLL, "column 1", "column 2", …
    `problems` takes what cannot be read, which raises where it is None, and tags that were repaired.
    """
    for key in columns or {}:
        if key not in FIELDS:
            raise QuickstudyError(f"columns: '{key}' is no field of tagging; the fields are {', '.join(FIELDS)}.")
    place = Path(path)
    try:
        for where, fields in _raw(place, columns or {}, problems):
            try:
                found = fields_of(fields, columns or {})
            except QuickstudyError as error:
                pass_over(problems, "rows that could not be used", where, str(error))
                continue
            if "tags" in found:
                _report_repair(where, found, problems)
            yield Record(where, found)
    except OSError as error:
        raise QuickstudyError(
            f"{path}: cannot be read ({error.strerror or error}); check the path and permissions."
        ) from None


def _raw(place: Path, columns: Mapping[str, str], problems: Problems | None) -> Iterator[Record]:
    suffix = place.suffix.lower()
    if not place.is_file() or place.stat().st_size == 0 or suffix not in (*COLUMNS, *MAYBE, *JSON, ".parquet"):
        named = {key: name for key, name in columns.items() if key == "text"}
        return files.records(_known(place, suffix), named, problems)
    if suffix == ".parquet":
        return parquet_rows(place)
    encoding = encoding_of(place)
    if encoding.doubt and problems is not None:
        problems.add("files in another encoding", place.name, encoding.doubt)
    if suffix in JSON:
        return (json_file if suffix == ".json" else json_lines)(place, encoding, problems)
    if suffix in COLUMNS or _looks_like_columns(place, encoding):
        return _sentences(place, encoding, columns, problems)
    return files.records(place, {key: name for key, name in columns.items() if key == "text"}, problems)


JSON = (".jsonl", ".ndjson", ".json")


def _known(place: Path, suffix: str) -> Path:
    """Whatever `files.records` reads, or refuses in its own words."""
    if suffix in COLUMNS and place.is_file():
        raise QuickstudyError(f"{place}: the file is empty; give at least one example.")
    return place


def _looks_like_columns(place: Path, encoding: Encoding) -> bool:
    lines = (line.split() for line in text_lines(place, encoding.name) if line.strip())
    sample = [cells for cells in islice(lines, _SAMPLE) if not _is_mark(cells)]
    return bool(sample) and sum(len(cells) > 1 and is_tag(cells[-1]) for cells in sample) >= 0.9 * len(sample)


def _sentences(
    place: Path, encoding: Encoding, columns: Mapping[str, str], problems: Problems | None
) -> Iterator[Record]:
    """Blocks between blank lines. One whose lines differ in columns is left out, since tags would stand at wrong
    words."""
    rows: list[list[str]] = []
    first, usual, bad = 0, 0, ""
    for number, line in enumerate((*text_lines(place, encoding.name), ""), start=1):
        cells = _cells(line)
        if cells and not _is_mark(cells):
            first, usual = first or number, usual or len(cells)
            if len(cells) != usual and not bad:
                bad = f"{len(cells)} {'column' if len(cells) == 1 else 'columns'} where others have {usual}"
                first = number
            rows.append(cells)
            continue
        if not cells and rows:
            where = f"{place.name}, line {first}"
            if bad:
                pass_over(problems, "sentences that could not be read", where, f"this line has {bad}")
            else:
                yield Record(where, _columns(rows, columns))
        if not cells:
            rows, first, bad = [], 0, ""


def _cells(line: str) -> list[str]:
    """A line's columns, parted by tabs where there are any."""
    line = line.strip("\r\n")
    if not line.strip():
        return []
    return [cell.strip() for cell in line.split("\t")] if "\t" in line.strip() else line.split()


def _is_mark(cells: list[str]) -> bool:
    """A line that is no word: the start of a document, or a comment such as "# id 7"."""
    return cells[0] == "-DOCSTART-" or (cells[0].startswith("#") and (len(cells) == 1 or not is_tag(cells[-1])))


def _columns(rows: list[list[str]], columns: Mapping[str, str]) -> dict[str, Any]:
    size = len(rows[0])
    words = _number(columns.get("tokens", "column 1"), size)
    if size == 1 and "tags" not in columns:
        return {"tokens": [row[words] for row in rows]}
    tags = _number(columns.get("tags", f"column {size}"), size)
    return {"tokens": [row[words] for row in rows], "tags": [row[tags] for row in rows]}


def _number(name: str, size: int) -> int:
    match = re.fullmatch(r"(?:column )?(\d{1,6})", name)
    if match is None or not 1 <= int(match[1]) <= size:
        raise QuickstudyError(f"columns: there is no '{name}'; the file has column 1 to column {size}.")
    return int(match[1]) - 1


def _report_repair(where: str, fields: Mapping[str, Any], problems: Problems | None) -> None:
    """IOB1 and tags that a model or a hand broke mean the same: a span begins."""
    tokens, tags = fields["tokens"], fields["tags"]
    if problems is None or not _texts(tags) or not _texts(tokens) or len(tokens) != len(tags):
        return
    place = spans_of(tags).repaired
    if place is not None:
        what = f"'{tags[place]:.40}' at word {place + 1}, {tokens[place]!r:.40}, was read as the beginning of a span"
        problems.add(REPAIRED, where, what)


def _texts(given: Any) -> TypeGuard[list[str]]:
    return isinstance(given, list) and all(isinstance(one, str) for one in given)
