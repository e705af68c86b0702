"""What a student has met before: the sources that it, and the students that it went on from, were trained with."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

ROLES = {"train": "trained on", "validation": "chosen by"}
"""a recipe's tables -> what a student was by a source of theirs, the graver first"""
PLACES = ("name", "data", "packaged", "path")
"""fields of a source's table that others may call it by"""


def met(about: Mapping[str, Any], given: Iterable[str]) -> dict[str, str]:
    """{name of a source, or its file: one of ROLES} of those given that a student's `about` tells of. It tells names
    alone: a file counts as met where its path ends as a source's does, and one by another name is not found out."""
    names = {name: _spellings(name) for name in given}
    found: dict[str, str] = {}
    for role, said in ROLES.items():
        words = [word for table in _tables(about, role) for word in _words(table)]
        titles, known = {Path(word).stem for word in words}, [parts for word in words if (parts := _parts(word))]
        for name, spellings in names.items():
            if name in titles or any(each[-len(parts) :] == parts for parts in known for each in spellings):
                found.setdefault(name, said)
    return found


def _tables(about: Any, role: str) -> Iterator[Mapping[str, Any]]:
    """Of its recipe, and of those of all students that it began with. What a file tells may be anything."""
    while isinstance(about, Mapping):
        recipe = about.get("recipe")
        tables = recipe.get(role) if isinstance(recipe, Mapping) else None
        yield from (one for one in tables if isinstance(one, Mapping)) if isinstance(tables, list) else ()
        start = about.get("start")
        about = start.get("about") if isinstance(start, Mapping) else None


def _words(table: Mapping[str, Any]) -> list[str]:
    return [word for place in PLACES if isinstance(word := table.get(place), str) and word]


def _spellings(name: str) -> list[tuple[str, ...]]:
    """As it is written, with all folders above, and without its ending."""
    whole = _parts(name if name.startswith("/") else f"{Path.cwd()}/{name}")
    return [_parts(name), whole, (*whole[:-1], *(each.rpartition(".")[0] or each for each in whole[-1:]))]


def _parts(name: str) -> tuple[str, ...]:
    return tuple(part for part in name.split("/") if part not in ("", ".", ".."))
