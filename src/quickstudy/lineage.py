"""What a student has met before: the sources that it, and the students that it went on from, were trained with."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

ROLES = {"train": "trained on", "validation": "chosen by", "target": "aimed at"}
"""a recipe's tables, and the target that its sources were weighed for -> what a student was by one of theirs"""
PLACES = ("name", "data", "packaged", "path")
"""fields of a source's table, the first of which that it has is its title"""
ENDINGS = (".csv", ".tsv", ".tab", ".json", ".jsonl", ".ndjson", ".parquet", ".txt")
ENOUGH = 2
"""parts that the end of a path must have to tell a file: train.csv may be anybody's"""


def met(about: Mapping[str, Any], titles: Iterable[str] = (), files: Iterable[str] = ()) -> dict[str, str]:
    """{one of those given: one of ROLES} of the sources that a student's `about` tells of, by the titles that recipes
    give them, and of the files whose path ends as a source's does, in two folders' names or more. It tells names alone:
    the same rows under another name are not found out, and other rows may go by the same."""
    paths = {name: _parts(str(Path(name).absolute())) for name in files}
    wanted = list(titles)
    found: dict[str, str] = {}
    for role, said in ROLES.items():
        tables = list(_tables(about, role))
        known = {title(table) for table in tables} - {""}
        ends = [_parts(str(table[place])) for table in tables for place in ("data", "path") if table.get(place)]
        for name in wanted:
            if name in known:
                found.setdefault(name, said)
        for name, parts in paths.items():
            if any(len(end) >= ENOUGH and parts[-len(end) :] == end for end in ends):
                found.setdefault(name, said)
    return found


def title(table: Mapping[str, Any]) -> str:
    """What a recipe's table calls its source; "" where it says nothing."""
    return next((str(table[place]) for place in PLACES if table.get(place)), "")


def _tables(about: Any, role: str) -> Iterator[Mapping[str, Any]]:
    """Of its recipe or beside it, also of all students that it began with. What a file tells may be anything."""
    while isinstance(about, Mapping):
        for told in (about.get("recipe"), about):
            tables = told.get(role) if isinstance(told, Mapping) else None
            yield from (one for one in tables if isinstance(one, Mapping)) if isinstance(tables, list) else ()
        start = about.get("start")
        about = start.get("about") if isinstance(start, Mapping) else None


def _parts(path: str) -> tuple[str, ...]:
    """Without the ending of the last, which `data` does not have."""
    parts = [part for part in path.split("/") if part not in ("", ".", "..")]
    last = [each.removesuffix(Path(each).suffix) if Path(each).suffix in ENDINGS else each for each in parts[-1:]]
    return (*parts[:-1], *last)
