"""Examples out of files: one iterator of records for every format, and `load`, which makes examples of them.

A row that cannot be used is reported and passed over; a source that gives nothing is an error."""

from collections.abc import Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Any

from quickstudy.core.types import QuickstudyError
from quickstudy.episodes.cleaning import clean_value
from quickstudy.episodes.columns import CANONICAL, OTHER_FIELDS, guesses, mapping
from quickstudy.episodes.encodings import encoding_of
from quickstudy.episodes.folders import folder_rows
from quickstudy.episodes.hub import hub_name, hub_rows, is_saved, saved_rows
from quickstudy.episodes.lines import json_file, json_lines, plain_lines
from quickstudy.episodes.parquet import parquet_rows
from quickstudy.episodes.records import Problems, Record
from quickstudy.episodes.tables import table
from quickstudy.episodes.values import as_label, as_labels, as_text, is_missing

SUFFIXES = (".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".json", ".parquet", ".txt")
_SAMPLE_ROWS = 200


def records(
    path: str | Path, columns: Mapping[str, str] | None = None, problems: Problems | None = None
) -> Iterator[Record]:
    """The rows of a source under the canonical names text, pair, label or labels, description, domain.

    `path`: CSV, TSV, JSONL, JSON, Parquet, a text file (one text a line), a folder (a sub-folder or a .txt
    file
    a class), a saved Hugging Face data set, or the name of one on the hub ("ag_news", "hf:owner/name:split").
    `columns`: {canonical key: column of the file}, e.g. {"text": "utterance"}; what is not named is
    guessed. A table without a header has the columns "column 1", "column 2", …
    `problems` takes the rows that cannot be read, which raise where it is None.

    Streams in constant memory, JSON excepted. Errors: QuickstudyError for what is missing, empty or
    unreadable."""
    unknown = [key for key in columns or {} if key not in CANONICAL + OTHER_FIELDS]
    if unknown:
        raise QuickstudyError(f"columns: '{unknown[0]}' is no field; the fields are {', '.join(CANONICAL)}.")
    title = _title(path)
    try:
        read = rows(path, columns, problems)
        sample = list(islice(read, _SAMPLE_ROWS))
        if not sample:
            trouble = f" that can be read; {found.trouble}" if problems and (found := problems.first()) else ""
            raise QuickstudyError(f"{path}: there are no rows in it{trouble}; give at least one example.")
        fields = [row.fields for row in sample]
        names = mapping(title, fields, columns)
        if problems is not None and (doubt := guesses(fields, names, columns)):
            problems.add("columns that were guessed", title, doubt)
        for row in chain(sample, read):
            try:
                _check_like_others(row, names)
                yield Record(row.where, canonical_fields(row.fields, names))
            except (QuickstudyError, RecursionError) as error:
                what = str(error) if isinstance(error, QuickstudyError) else "a value is nested too deeply"
                if problems is None:
                    raise QuickstudyError(f"{row.where}: {what}; correct the row or remove it.") from None
                problems.leave_out("rows that could not be used", row.where, what)
    except OSError as error:
        raise QuickstudyError(
            f"{path}: cannot be read ({error.strerror or error}); check the path and permissions."
        ) from None


def rows(
    path: str | Path, columns: Mapping[str, str] | None = None, problems: Problems | None = None
) -> Iterator[Record]:
    """The same rows with their fields as they are."""
    place = Path(path)
    if str(path).startswith("hf:") or not _exists(place):
        yield from _from_hub(str(path))
        return
    if place.is_dir():
        yield from saved_rows(place) if is_saved(place) else folder_rows(place, problems)
        return
    if not place.is_file():
        raise QuickstudyError(f"{path}: this is neither a file nor a folder.")
    suffix = place.suffix.lower()
    if suffix in (".npy", ".npz"):
        raise QuickstudyError(f"{path}: these are numbers, not texts; take a model of as many, as in vectors:384.")
    if suffix not in SUFFIXES:
        raise QuickstudyError(f"{path}: files {suffix or 'without an ending'} are not known; use {_known()}.")
    if place.stat().st_size == 0:
        raise QuickstudyError(f"{path}: the file is empty; give at least one example.")
    if suffix == ".parquet":
        yield from parquet_rows(place)
        return
    encoding = encoding_of(place)
    if encoding.doubt and problems is not None:
        problems.add("files in another encoding", place.name, encoding.doubt)
    if suffix in (".jsonl", ".ndjson"):
        yield from json_lines(place, encoding, problems)
    elif suffix == ".json":
        yield from json_file(place, encoding, problems)
    elif suffix == ".txt":
        yield from plain_lines(place, encoding)
    else:
        read = table(place, encoding, frozenset((columns or {}).values()), problems)
        yield from (row for row in read if any(cell.strip() for cell in row.fields.values()))


def _check_like_others(row: Record, names: Mapping[str, str]) -> None:
    """QuickstudyError for a row that has none of the fields that the rows are read by: a list among objects."""
    if names and names.keys().isdisjoint(row.fields):
        own = ", ".join(f"'{key}'" for key in list(row.fields)[:5]) or "nothing"
        raise QuickstudyError(f"it has {own}, and rows are read by {', '.join(repr(name) for name in names)}")


def _from_hub(source: str) -> Iterator[Record]:
    name = hub_name(source)
    if name is None or (not source.startswith("hf:") and Path(source).suffix.lower() in SUFFIXES):
        raise QuickstudyError(f"{source}: no file or folder of this name; check the path.")
    try:
        yield from hub_rows(name)
    except QuickstudyError as error:
        if source.startswith("hf:"):
            raise
        raise QuickstudyError(f"{source}: there is no such file or folder, and no data set is found: {error}") from None


def canonical_fields(fields: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Renamed, cleaned, with what is missing left out. A list under `label` becomes `labels`."""
    renamed = {names.get(key, key): value for key, value in fields.items() if key is not None}
    found = {str(key): clean_value(value) for key, value in renamed.items() if not is_missing(value)}
    for key in ("text", "pair", "description"):
        if key in found:
            found[key] = as_text(key, found[key])
    if isinstance(found.get("label"), list):
        found["labels"] = found.pop("label")
    if "label" in found:
        found["label"] = as_label(found["label"])
    if "labels" in found:
        found["labels"] = as_labels(found["labels"])
    return {key: value for key, value in found.items() if not (key in ("label", "pair", "domain") and value == "")}


def _exists(place: Path) -> bool:
    try:
        return place.exists()
    except (OSError, ValueError):  # a name too long, or with a NUL in it
        return False


def _title(path: str | Path) -> str:
    return Path(path).name or str(path)


def _known() -> str:
    return ", ".join(SUFFIXES[:-1]) + f" or {SUFFIXES[-1]}"
