"""What users liked and what not, as queries: what a user liked before asks for what the user liked next."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from quickstudy.episodes.records import Record

USER = ("user", "user id", "userid", "customer", "reader")
ITEM = ("item", "item text", "title", "product", "text")
OPINION = ("rating", "stars", "liked", "label", "score")
_WORDS = {"true": 1.0, "yes": 1.0, "like": 1.0, "liked": 1.0, "false": 0.0, "no": 0.0, "dislike": 0.0, "not liked": 0.0}


class Opinion(NamedTuple):
    """One row."""

    where: str
    user: str
    item: str
    value: float


def opinion(where: str, row: Mapping[str, Any]) -> Opinion | None:
    """Of a row with a user, the text of an item and a rating, or whether it was liked; None of any other."""
    user, item, said = (next((row[name] for name in names if name in row), None) for names in (USER, ITEM, OPINION))
    if isinstance(user, list | dict) or not isinstance(item, str) or not item.strip() or user is None:
        return None
    try:
        value = _WORDS.get(str(said).strip().casefold())
        return Opinion(where, str(user), item, float(str(said)) if value is None else value)
    except ValueError:
        return None


def asked(rows: list[Opinion]) -> Iterator[Record]:
    """A query a user: the turns are what was liked, in the order of the file; right is what was liked last, to be
    chosen from it and what was not liked. Liked is what lies in the upper half of all ratings' range. Users who liked
    fewer than two things, or disliked none, ask for nothing."""
    if not rows:
        return
    middle = (min(row.value for row in rows) + max(row.value for row in rows)) / 2
    by_user: dict[str, tuple[Opinion, list[str], list[str]]] = {}
    for row in rows:
        _, liked, disliked = by_user.setdefault(row.user, (row, [], []))
        (liked if row.value > middle else disliked).append(row.item)
    for first, liked, disliked in by_user.values():
        if len(liked) > 1 and set(disliked) - {liked[-1]}:
            fields = {"query": liked[:-1], "right": liked[-1], "candidates": [liked[-1], *disliked]}
            yield Record(first.where, fields)
