"""Queries and their candidates: the examples of matching.

A query is one text or several turns of a dialogue. What it is to choose from are the candidates of the task or, as in
multiple choice, those that it brings itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from quickstudy.core.types import QuickstudyError, Text
from quickstudy.text.reader import Reader

MOST_CANDIDATES = 10_000
"""that one query may bring itself; more are the task's"""
_QUERY = ("query", "turns", "context", "question", "text", "messages")
_CANDIDATES = ("candidates", "choices", "options", "endings")


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked, what answers it, and what it may choose from."""

    turns: tuple[str, ...]
    """the oldest first; most queries have one"""
    right: tuple[str, ...] = ()
    """the candidates that answer it; none where nobody has judged it"""
    candidates: tuple[str, ...] = ()
    """those that it brings itself, each once; none: it chooses among the task's"""


def read(record: Mapping[str, Any]) -> Query:
    """From `{"query": text or turns, "right"?: text or texts, "candidates"?: texts}`; `text` and `label` or `labels`
    may stand for the first two."""
    turns = _texts(record.get("query", record.get("text")), "the query")
    if not turns:
        raise QuickstudyError("the query is empty; give a text, or the turns of a dialogue")
    said = next((record[key] for key in ("right", "label", "labels") if record.get(key) is not None), ())
    right = tuple(dict.fromkeys(_texts(said, "the right candidate")))
    return Query(turns, right, _own(record.get("candidates"), right))


def ask(value: Any) -> Query:
    """From a text, a list of turns, or `{"query": …, "candidates": …}`."""
    if isinstance(value, Query):
        return Query(value.turns, (), value.candidates)
    if not isinstance(value, Mapping):
        return read({"query": value})
    asked = next((value[key] for key in _QUERY if value.get(key)), None)
    given = next((value[key] for key in _CANDIDATES if value.get(key) is not None), None)
    return read({"query": asked, "candidates": given.get("text") if isinstance(given, Mapping) else given})


def write(example: Query) -> dict[str, Any]:
    """The inverse of `read`."""
    found: dict[str, Any] = {"query": list(example.turns)}
    if example.right:
        found["right"] = list(example.right)
    return {**found, "candidates": list(example.candidates)} if example.candidates else found


def tidy(text: str) -> str:
    """With every run of spaces as one."""
    return " ".join(text.split())


def encode_queries(reader: Reader, most: int, examples: Sequence[Query]) -> tuple[Text, torch.Tensor]:
    """One unit a row over the last `most` turns, and (B,) how many tokens were cut. Where turns do not fit together,
    the oldest are left out, whole: what was said last says most about what comes next."""
    if not examples:
        nothing = torch.zeros(0, 1, dtype=torch.long)
        return Text(nothing, nothing.byte(), torch.zeros(0, 1, 1, 2, dtype=torch.long)), torch.zeros(0).long()
    fitting = [_fitting(reader, example.turns[-most:]) for example in examples]
    text, cut = reader.read([(said,) for said, _ in fitting])
    return text, cut + torch.tensor([left for _, left in fitting])


def encode_candidates(reader: Reader, candidates: Mapping[str, str]) -> Text:
    """One row a candidate, read as it stands: unlike the name of a class, `42` is no code here."""
    return reader.read([(f"{name}: {said}" if said else name,) for name, said in candidates.items()]).text


def _fitting(reader: Reader, turns: tuple[str, ...]) -> tuple[str, int]:
    """The latest turns that fit, joined, and how many tokens of others were left out."""
    if len(turns) == 1 or sum(map(len, turns)) + len(reader.prompt) < reader.limit:
        return " ".join(turns), 0  # a token has a character at least
    reader.tokenizer.no_truncation()
    try:
        sizes = [len(each.ids) for each in reader.tokenizer.encode_batch_fast(list(turns), add_special_tokens=False)]
        room = reader.limit - len(reader.tokenizer.encode(reader.prompt).ids)
    finally:
        reader.tokenizer.enable_truncation(reader.limit, strategy="longest_first")
    start = len(turns) - 1
    while start and sum(sizes[start - 1 :]) <= room:
        start -= 1
    return " ".join(turns[start:]), sum(sizes[:start])


def _own(given: Any, right: tuple[str, ...]) -> tuple[str, ...]:
    if given is None:
        return ()
    own = tuple(dict.fromkeys(_texts(given, "a candidate")))
    if not own:
        raise QuickstudyError("the list of candidates is empty; give two, or leave it out to choose among the task's")
    if len(own) == 1 or len(own) > MOST_CANDIDATES:
        one = "candidate" if len(own) == 1 else "candidates"
        raise QuickstudyError(f"{len(own)} different {one}; give from 2 to {MOST_CANDIDATES}")
    for one in right:
        if one not in own:
            raise QuickstudyError(f"the right candidate {one!r:.60} is not among its {len(own)} candidates")
    return own


def _texts(value: Any, what: str) -> tuple[str, ...]:
    """A text or several, tidied; empty ones are left out."""
    several: Iterable[Any] = value if isinstance(value, list | tuple) else () if value is None else (value,)
    found = []
    for one in several:
        if isinstance(one, bool) or not isinstance(one, str | int | float):
            raise QuickstudyError(f"{what} {one!r:.60} is not a text")
        found.append(tidy(str(one)))
    return tuple(one for one in found if one)
