"""Supports and queries: the same for every contestant, nested over shots, without a text in both."""

import hashlib
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bench.contest.sets import Set
from bench.shared.data import rows
from quickstudy.core.types import Draw
from quickstudy.episodes.cleaning import clean, clean_label, normalised_key
from quickstudy.kinds.labelled import Labelled, texts

MOST_QUERIES = 1000


class Pool(NamedTuple):
    """A data set as read."""

    name: str
    support: tuple[Labelled, ...]
    query: tuple[Labelled, ...] | None
    left_out: int
    """questions whose class has no example, and rows without words"""


def read(folder: Path, which: Set) -> Pool:
    support = [_example(row) for name in which.support for row in rows(folder, name)]
    query = [_example(row) for row in rows(folder, which.query)] if which.query else None
    known = {example.labels for example in support if example.text.strip()}
    kept = None if query is None else tuple(one for one in query if one.labels in known and one.text.strip())
    left_out = 0 if query is None or kept is None else len(query) - len(kept)
    return Pool(which.name, tuple(one for one in support if one.text.strip()), kept, left_out)


def drawn(pool: Pool, shots: Sequence[int], seed: int, most: int = MOST_QUERIES) -> list[Draw]:
    """One draw for each number of shots, all with the same query of at most `most`. A class with too few examples
    gives what it has. A single file gives half of each class, rounded up, to the query."""
    dice = random.Random(f"{pool.name} {seed}")
    support = list(dict.fromkeys(pool.support))
    dice.shuffle(support)
    if pool.query is None:
        support, query = _halves(support)
    else:
        query = list(pool.query)
    dice.shuffle(query)
    query = query[:most]
    asked = {normalised_key(texts(one)) for one in query}
    by_class: dict[str, list[Labelled]] = {name: [] for name in sorted({one.labels[0] for one in pool.support})}
    seen: set[str] = set()
    for one in support:
        key = normalised_key(texts(one))
        if key not in asked and key not in seen:
            seen.add(key)
            by_class[one.labels[0]].append(one)
    return [
        Draw(
            id=f"{pool.name}/{number}#{seed}",
            source=pool.name,
            shots=number,
            support=tuple(one for members in by_class.values() for one in members[:number]),
            query=tuple(query),
            classes=dict.fromkeys(by_class, ""),
        )
        for number in shots
    ]


def draws_digest(draws: Sequence[Draw]) -> str:
    """Of every example in them: other data, other parts."""
    return hashlib.sha256(repr(draws).encode("utf-8", "replace")).hexdigest()[:16]


def _halves(examples: list[Labelled]) -> tuple[list[Labelled], list[Labelled]]:
    """Rows of the same text go the same way."""
    by_class: dict[str, list[Labelled]] = {}
    for one in examples:
        by_class.setdefault(one.labels[0], []).append(one)
    query = [one for members in by_class.values() for one in members[: -(-len(members) // 2)]]
    asked = {normalised_key(texts(one)) for one in query}
    return [one for one in examples if normalised_key(texts(one)) not in asked], query


def _example(row: dict[str, Any]) -> Labelled:
    pair = row.get("text_pair")
    return Labelled(clean(row["text"]), (clean_label(str(row["label"])),), clean(pair) if pair else None)
