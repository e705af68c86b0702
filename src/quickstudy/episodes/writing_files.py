"""Files of texts and what is written for them: tables, JSONL, two files line by line, conversations; and plain prose.

| shape | what is read |
|---|---|
| TSV, CSV, Parquet | source and target (src, tgt; document, summary; prompt, completion; …), else two columns |
| JSONL, JSON | the same, with refs for further references and control for what is asked of the writing |
| two files | `train.en,train.cs`, or `train.en-cs` for `train.en` and `train.cs`: line by line |
| conversations | turns, messages (role, content) or a list of strings: each reply becomes a row |
"""

import re
from collections.abc import Iterator, Mapping
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import Any

from quickstudy.core.types import QuickstudyError
from quickstudy.episodes import files
from quickstudy.episodes.cleaning import clean, clean_value
from quickstudy.episodes.columns import renamed
from quickstudy.episodes.encodings import encoding_of, text_lines
from quickstudy.episodes.records import Problems, Record, pass_over

SOURCES = ("source", "src", "document", "context", "prompt", "input", "question", "text")
TARGETS = ("target", "tgt", "summary", "response", "completion", "output", "answer", "refs", "references", "targets")
TURNS = ("turns", "messages", "conversations", "conversation", "dialogue", "dialog")
REPLIES = ("assistant", "gpt", "bot", "model", "agent", "system reply")
MOST_TURNS = 16
"""before a reply; earlier ones are left out"""
_PAIR = re.compile(r"(.+)\.([A-Za-z]{2,3}(?:_[A-Za-z]+)?)-([A-Za-z]{2,3}(?:_[A-Za-z]+)?)")
_PEEK = 400
"""lines that are looked at for a blank one"""


def records(
    path: str | Path, columns: Mapping[str, str] | None = None, problems: Problems | None = None
) -> Iterator[Record]:
    """Rows of `source`, `target` and whatever else stands there.

    `columns`: {field: column of the file} where the file's own names say too little, such as {"target": "Czech"}.
    Errors: QuickstudyError for what cannot be read, and for two files of different length; rows that cannot be used go
    to `problems`, or raise."""
    two = pair_of(str(path))
    try:
        if two is not None:
            yield from _line_by_line(*two, problems)
            return
        for row in files.rows(path, {name: name for name in (*SOURCES, *TARGETS, *(columns or {}).values())}, problems):
            try:
                yield from _rows(str(path), Record(row.where, clean_value(row.fields)), columns)
            except RecursionError:
                pass_over(problems, "rows that could not be used", row.where, "a value is nested too deeply")
    except OSError as error:
        raise QuickstudyError(f"{path}: cannot be read ({error.strerror or error}); check the path.") from None


def prose(
    path: str | Path, columns: Mapping[str, str] | None = None, problems: Problems | None = None
) -> Iterator[Record]:
    """Rows of `text`. A text file's are its paragraphs, parted by blank lines, or, where there are none, its lines."""
    place = Path(path)
    if place.suffix.lower() != ".txt" or not place.is_file():
        yield from files.records(path, columns, problems)
        return
    lines = enumerate(text_lines(place, encoding_of(place).name), start=1)
    first = list(islice(lines, _PEEK))
    blank = any(not line.strip() for _, line in first)
    kept: list[str] = []
    start = 1
    for number, line in chain(first, lines, [(0, "")]):
        said = clean(line).strip()
        if said and not kept:
            start = number
        if said:
            kept.append(said)
        if kept and (not said or not blank):
            yield Record(f"{place.name}, line {start}", {"text": " ".join(kept)})
            kept = []


def pair_of(path: str) -> tuple[Path, Path] | None:
    """The two files that a path names; None where it is one file or a folder."""
    try:
        if Path(path).exists():
            return None
    except (OSError, ValueError):
        return None
    if path.count(",") == 1:
        first, second = (Path(part.strip()) for part in path.split(","))
        return first, second
    if (found := _PAIR.fullmatch(path)) is None:
        return None
    stem, one, other = found.groups()
    for base in (stem, path):
        if Path(f"{base}.{one}").is_file() and Path(f"{base}.{other}").is_file():
            return Path(f"{base}.{one}"), Path(f"{base}.{other}")
    return None


def _line_by_line(first: Path, second: Path, problems: Problems | None) -> Iterator[Record]:
    for place in (first, second):
        if not place.is_file():
            raise QuickstudyError(f"{place}: no file of this name; check the path.")
    names = [encoding_of(place).name for place in (first, second)]
    counts = [sum(1 for _ in text_lines(place, name)) for place, name in zip((first, second), names, strict=True)]
    if counts[0] != counts[1]:
        raise QuickstudyError(
            f"{first} has {counts[0]} lines and {second} has {counts[1]}; every line of the one must be the other's "
            "translation, so make them as long."
        )
    both = zip_longest(text_lines(first, names[0]), text_lines(second, names[1]), fillvalue="")
    for number, (source, target) in enumerate(both, start=1):
        where = f"{first.name} and {second.name}, line {number}"
        source, target = clean(source).strip(), clean(target).strip()
        if source and target:
            yield Record(where, {"source": source, "target": target})
        elif source or target:
            pass_over(
                problems,
                "rows that could not be used",
                where,
                f"the {'second' if source else 'first'} of the two files has nothing in this line",
            )


def _rows(title: str, row: Record, columns: Mapping[str, str] | None) -> Iterator[Record]:
    fields = renamed(title, row.fields, columns)
    turns = next((fields[name] for name in TURNS if isinstance(fields.get(name), list)), None)
    unnamed = all(re.fullmatch(r"column \d+", name) for name in fields)
    if turns is None and unnamed and len(fields) > 2 and title.lower().endswith(("json", "jsonl")):
        turns = list(fields.values())
    if turns is not None:
        yield from (Record(row.where, one) for one in _replies(turns))
        return
    known = {name.casefold(): name for name in fields}
    if not (set(SOURCES) & known.keys() and set(TARGETS) & known.keys()) and len(fields) > 1:
        named = [name for name in fields if name.casefold() not in (*SOURCES, *TARGETS, "control", "domain")]
        if not set(SOURCES) & known.keys() and not set(TARGETS) & known.keys() and len(named) > 1:
            fields = {"source": fields[named[0]], "target": fields[named[1]]}
    yield Record(row.where, {name.casefold(): value for name, value in fields.items()})


def _replies(turns: list[Any]) -> Iterator[dict[str, Any]]:
    """A row for each reply: by its role where turns have one, else for every second turn."""
    for place, turn in enumerate(turns):
        if not place:
            continue
        said, who = turn, ""
        if isinstance(turn, dict):
            said = turn.get("content", turn.get("text", turn.get("value")))
            who = str(turn.get("role", turn.get("speaker", turn.get("from", "")))).casefold()
        known = any(isinstance(one, dict) and str(one.get("role", one.get("from", ""))) for one in turns)
        if (who in REPLIES) if known else place % 2:
            yield {"source": turns[max(0, place - MOST_TURNS) : place], "target": said}
