"""What `predict` reads: lines, tables or JSON, one row at a time, each with its text and everything else it holds."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

from quickstudy.cli.console import say
from quickstudy.core.files import shown
from quickstudy.core.types import QuickstudyError
from quickstudy.episodes.columns import guesses, mapping
from quickstudy.episodes.encodings import encoding_of, text_lines
from quickstudy.episodes.files import canonical_fields
from quickstudy.episodes.lines import json_file, json_lines
from quickstudy.episodes.parquet import parquet_rows
from quickstudy.episodes.records import Record
from quickstudy.episodes.tables import guess_dialect, table

SAMPLE = 200
"""rows that the text column is guessed from"""
TABLES = (".csv", ".tsv", ".tab")
JSONS = (".jsonl", ".ndjson", ".json", ".parquet")


class Row(NamedTuple):
    """One row of the input."""

    text: str | tuple[str, str] | None
    """what is judged; None where there are no words"""
    fields: dict[str, Any]
    """all of it, as it came"""


class Input(NamedTuple):
    """The rows, and what the output should look like to match them."""

    rows: Iterator[Row]
    form: str
    """lines, table or json"""
    delimiter: str = ","
    quoting: int = 0
    header: bool = True
    doubts: tuple[str, ...] = ()
    """what the user should know about how the file was read"""
    fields: frozenset[str] = frozenset()
    """of all rows, or of a table's first ones"""


def read(path: Path | None, columns: Mapping[str, str] | Sequence[str], parts: int) -> Input:
    """The rows of a file, or of standard input (None): one text a line. `columns` name the text's column, or the two
    of a pair, in order or as {"text": …, "pair": …}; `parts` is how many texts the task judges together.
    QuickstudyError for what cannot be read."""
    if isinstance(columns, Mapping):
        columns = _ordered(columns, parts)
    if len(columns) not in (0, parts):
        raise QuickstudyError(f"--columns names {len(columns)} column(s); this task judges {parts} text(s) together")
    if path is None:
        if parts == 2:
            raise QuickstudyError("this task judges pairs of texts; give a CSV or JSONL with two columns")
        return Input(_from_lines(decoded(sys.stdin.buffer)), "lines")
    try:
        if path.is_dir():
            raise QuickstudyError(f"{shown(path)}: this is a folder; name a file inside it")
        if not path.is_file():
            raise QuickstudyError(f"{shown(path)}: there is no such file; check the name")
        if path.stat().st_size == 0:
            raise QuickstudyError(f"{shown(path)}: the file is empty; give at least one text")
        return _from_file(path, columns, parts)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise QuickstudyError(f"{shown(path)}: cannot be read ({reason}); check its name and permissions") from None


def _ordered(columns: Mapping[str, str], parts: int) -> list[str]:
    fields = ("text", "pair")[:parts]
    other = next((field for field in columns if field not in fields), None)
    if other is not None:
        raise QuickstudyError(
            f"--columns {other}={columns[other]}: this task judges {' and '.join(fields)}; name those"
        )
    return [columns[field] for field in fields if field in columns]


def _from_file(path: Path, columns: Sequence[str], parts: int) -> Input:
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        rows, guessed, fields = _judged(path, parquet_rows(path), columns, parts)
        return Input(rows, "json", doubts=guessed, fields=fields)
    encoding = encoding_of(path)
    other = "" if encoding.name.startswith("utf-8") else "answers are written in UTF-8"
    said = "; ".join(filter(None, (encoding.doubt, other)))
    doubts = (f"{path.name}: {said}",) if said else ()
    if suffix in (".json", ".jsonl", ".ndjson"):
        read_json = json_file if suffix == ".json" else json_lines
        rows, guessed, _ = _judged(path, read_json(path, encoding, None), columns, parts)
        fields = frozenset(name for row in read_json(path, encoding, None) for name in row.fields)
        return Input(rows, "json", doubts=doubts + guessed, fields=fields)
    if suffix in TABLES:
        dialect = guess_dialect(path, encoding, frozenset(columns))
        rows, guessed, fields = _judged(path, table(path, encoding, frozenset(columns), None), columns, parts)
        return Input(rows, "table", dialect.delimiter or ",", dialect.quoting, dialect.header, doubts + guessed, fields)
    if suffix not in (".txt", ""):
        raise QuickstudyError(f"{path.name}: files {suffix} are not known; use .txt, .csv, .tsv, .jsonl or .parquet")
    if parts == 2:
        raise QuickstudyError(f"{path.name}: this task judges pairs of texts; give a CSV or JSONL with two columns")
    return Input(_from_lines(text_lines(path, encoding.name)), "lines", doubts=doubts)


def _from_lines(lines: Iterator[str]) -> Iterator[Row]:
    """A blank line is a row, too: what comes out lines up with what went in."""
    for line in lines:
        text = line.rstrip("\r\n")
        yield Row(_clean("a line", text), {"text": text})


def decoded(stream: Any) -> Iterator[str]:
    """UTF-8, with or without its mark; bytes that are none become \ufffd, which is said once."""
    told = False
    for number, line in enumerate(stream):
        if number == 0 and line[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise QuickstudyError("standard input is UTF-16; send UTF-8, or name a file")
        text = line.decode("utf-8-sig" if number == 0 else "utf-8", "replace")
        if "\ufffd" in text and not told and b"\xef\xbf\xbd" not in line:
            told = True
            say(f"warning: standard input, line {number + 1}: this is not UTF-8, so letters are lost; send UTF-8, "
                "or name the file, whose encoding is then found out")  # fmt: skip
        yield text


def _judged(
    path: Path, records: Iterator[Record], columns: Sequence[str], parts: int
) -> tuple[Iterator[Row], tuple[str, ...], frozenset[str]]:
    """The rows, a sentence on a column that was guessed, and the fields of the first rows."""
    sample = list(islice(records, SAMPLE))
    if not sample:
        raise QuickstudyError(f"{shown(path)}: there are no rows in it; give at least one text")
    wanted = ("text", "pair")[:parts]
    explicit = dict(zip(wanted, columns, strict=False))
    found = mapping(path.name, [row.fields for row in sample], explicit)
    names = {key: name for name, key in found.items() if key in wanted}
    for key in wanted:
        if key not in names:
            raise QuickstudyError(
                f"{path.name}: no column can be taken for the {'second ' * (key == 'pair')}text; the columns are "
                f"{', '.join(sample[0].fields)}; name it with --columns"
            )
    taken = {name: key for key, name in names.items()}
    guessed = guesses([row.fields for row in sample], taken, explicit)
    rows = (Row(_texts(where, fields, names), fields) for where, fields in chain(sample, records))
    doubts = (f"{path.name}: {guessed}",) if guessed else ()
    return rows, doubts, frozenset(name for row in sample for name in row.fields)


def _texts(where: str, fields: Mapping[str, Any], names: Mapping[str, str]) -> str | tuple[str, str] | None:
    texts = [_clean(where, fields.get(name)) for name in names.values()]
    if "pair" not in names:
        return texts[0]
    ordered = dict(zip(names, texts, strict=True))
    first, second = ordered["text"], ordered["pair"]
    return (first, second) if first is not None and second is not None else None


def _clean(where: str, value: Any) -> str | None:
    """The text as `learn` would have cleaned it; None where no words are left."""
    try:
        text = canonical_fields({"text": value}, {}).get("text", "")
    except QuickstudyError as error:
        raise QuickstudyError(f"{where}: {error}") from None
    return text if text.strip() else None
