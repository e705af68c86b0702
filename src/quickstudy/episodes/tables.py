"""CSV and TSV: delimiter, quoting and header are guessed from the first rows, then the file is streamed."""

import csv
import re
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from quickstudy.core.types import QuickstudyError
from quickstudy.episodes.columns import canonical, has_header
from quickstudy.episodes.encodings import Encoding, text_lines
from quickstudy.episodes.records import Problems, Record

CELL_LIMIT = 1 << 27
"""characters in one cell; a longer one is nearly always a quotation mark that was never closed"""
OTHER_MARKS = {"，": "a full-width comma", "；": "a full-width semicolon", "|": "a bar", "、": "a Chinese list comma"}
"""which separate cells where they stand between names of columns that are known"""
_MARKS = {"\t": "a tab", ";": "a semicolon", ",": "a comma"}
_STATED = re.compile(r'"?sep=[;,|\t]?"?[;,|\t]*\s*', re.IGNORECASE)
"""the first line of a table that tells Excel its separator"""
_SAMPLE_ROWS = 100
_SAMPLE_CHARACTERS = 1 << 20


class Dialect(NamedTuple):
    delimiter: str
    """"" for a file of one column"""
    quoting: int
    width: int
    header: bool


def table(path: Path, encoding: Encoding, named: frozenset[str], problems: Problems | None) -> Iterator[Record]:
    """Rows as {column: cell}; without a header the columns are "column 1", "column 2", …

    `named` are column names that the user gave: a first row that holds one of them is a header.
    Errors: QuickstudyError for a quotation mark that is never closed; other bad rows go to `problems`."""
    csv.field_size_limit(max(csv.field_size_limit(), CELL_LIMIT))
    dialect = guess_dialect(path, encoding, named)
    rows = _rows(path, encoding, dialect)
    names = [f"column {number + 1}" for number in range(dialect.width)]
    if dialect.header:
        names = _unique(next(cells for _, cells in rows if any(cell.strip() for cell in cells)))
    for line, cells in rows:
        where = f"{path.name}, line {line}"
        while len(cells) > len(names) and not cells[-1].strip():
            cells.pop()
        if len(cells) > len(names):
            mark = (_MARKS | OTHER_MARKS).get(dialect.delimiter, "a delimiter")
            what = f"{len(cells)} cells where {len(names)} were expected; quote a text that holds {mark}"
            if problems is None:
                raise QuickstudyError(f"{where}: {what}.")
            problems.leave_out("rows with too many cells", where, what)
            continue
        fields: dict[str, Any] = dict(zip(names, cells, strict=False))
        yield Record(where, fields)


def guess_dialect(path: Path, encoding: Encoding, named: frozenset[str] = frozenset()) -> Dialect:
    """From the first rows. A tab-separated file may hold quotation marks that mean nothing."""
    lines = _sample(path, encoding)
    candidates = ["\t"] if path.suffix.lower() in (".tsv", ".tab") else ["\t", ";", ","]
    best: tuple[float, Dialect, list[list[str]]] | None = None
    for delimiter in candidates:
        quoting = csv.QUOTE_MINIMAL
        if delimiter == "\t" and any("\t" in line for line in lines):
            quoting = _tab_quoting(path, encoding)
        rows = _parse(lines, delimiter, quoting)
        width, score = _score(rows, named)
        if width > 1 and (best is None or score > best[0]):
            best = score, Dialect(delimiter, quoting, width, False), rows
    if best is None or best[0] < 0.6:
        for mark in OTHER_MARKS:
            rows = _parse(lines, mark, csv.QUOTE_MINIMAL)
            width, score = _score(rows, named)
            if width > 1 and score >= 2.6:
                return Dialect(mark, csv.QUOTE_MINIMAL, len(rows[0]), True)
        return Dialect("", csv.QUOTE_MINIMAL, 1, has_header(_parse(lines, "\x1f", csv.QUOTE_MINIMAL), named))
    _, dialect, rows = best
    header = has_header(rows, named)
    return dialect._replace(header=header, width=len(rows[0]) if header else dialect.width)


def _score(rows: list[list[str]], named: frozenset[str]) -> tuple[int, float]:
    """The commonest number of cells, and how sure that number and the names in the first row make us."""
    if not rows:
        return 0, 0.0
    width, times = Counter(map(len, rows)).most_common(1)[0]
    if len(rows[0]) == 1 and canonical(rows[0][0]):
        return 1, 0.0
    known = sum(cell.strip() in named or canonical(cell) is not None for cell in rows[0])
    return width, times / len(rows) + min(known, 2)


def separator(texts: Collection[str]) -> str:
    """A mark that may stand between the cells of what was read as one column: which one is in every text as often; ""
    where none is."""
    for mark, name in (_MARKS | OTHER_MARKS).items():
        counts = {text.count(mark) for text in texts}
        if len(counts) == 1 and counts != {0}:
            return f"{name} ('{mark}')" if mark != "\t" else name
    return ""


def _tab_quoting(path: Path, encoding: Encoding) -> int:
    """Quotation marks mean nothing where every line has as many tabs and some mark has no partner in its
    cell."""
    tabs: set[int] = set()
    single = False
    for line in _lines(path, encoding):
        if line.strip():
            tabs.add(line.count("\t"))
            if '"' in line:
                cells = line.rstrip("\r\n").split("\t")
                single |= any(cell.startswith('"') and not re.fullmatch(r'"([^"]|"")*"', cell) for cell in cells)
        if len(tabs) > 1:
            return csv.QUOTE_MINIMAL
    return csv.QUOTE_NONE if single else csv.QUOTE_MINIMAL


def _rows(path: Path, encoding: Encoding, dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    """(line where the row begins, cells); blank lines are passed over."""
    ended = [False]

    def lines() -> Iterator[str]:
        yield from _lines(path, encoding)
        ended[0] = True

    reader = csv.reader(lines(), delimiter=dialect.delimiter or "\x1f", quoting=_quoting(dialect.quoting))
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "field limit" in str(error):
                raise _unclosed(path, line) from None
            raise QuickstudyError(f"{path.name}, line {line}: this row cannot be read ({error}).") from None
        if ended[0]:
            # a whole row never asks for a line past the last one
            raise _unclosed(path, line)
        if cells:
            yield line, cells


def _lines(path: Path, encoding: Encoding) -> Iterator[str]:
    """The file's lines; a blank one in place of "sep=;", so that lines keep their numbers."""
    for number, line in enumerate(text_lines(path, encoding.name)):
        yield "\n" if number == 0 and _STATED.fullmatch(line) else line


def _unclosed(path: Path, line: int) -> QuickstudyError:
    return QuickstudyError(
        f"{path.name}, line {line}: a quotation mark is opened here and never closed; close it, or write it twice."
    )


def _sample(path: Path, encoding: Encoding) -> list[str]:
    lines: list[str] = []
    size = 0
    for line in _lines(path, encoding):
        lines.append(line)
        size += len(line)
        if len(lines) >= _SAMPLE_ROWS or size > _SAMPLE_CHARACTERS:
            break
    return lines


def _parse(lines: list[str], delimiter: str, quoting: int) -> list[list[str]]:
    """The rows with anything in them; none where the lines cannot be parsed so."""
    try:
        rows = list(csv.reader(lines, delimiter=delimiter, quoting=_quoting(quoting)))
    except csv.Error:
        return []
    return [row for row in rows if any(cell.strip() for cell in row)]


def _quoting(quoting: int) -> Any:
    return quoting


def _unique(cells: list[str]) -> list[str]:
    """Names for the columns: a blank or repeated one gets its number."""
    names: list[str] = []
    for number, cell in enumerate(cells, start=1):
        name = cell.strip()
        names.append(name if name and name not in names else f"column {number}")
    return names
