"""Texts with two marked entities: the examples of relations."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quickstudy.core.types import QuickstudyError
from quickstudy.text.words import Range, joined


@dataclass(frozen=True, slots=True)
class Related:
    """A text, and where its two entities stand in it, in characters; they may overlap, but not be the same."""

    text: str
    head: Range
    tail: Range
    label: str = ""
    """how the head is related to the tail; "" where nobody said"""

    @property
    def entities(self) -> tuple[str, str]:
        """What the text calls the two."""
        return self.text[slice(*self.head)], self.text[slice(*self.tail)]


def read(record: Any) -> Related:
    """From a text with markers, `{"text", "head", "tail", "label"?}` or `{"tokens", "head", "tail", "label"?}`. An
    entity is {"start", "end"} or [start, end], of characters or of tokens; without both, the text holds markers."""
    if isinstance(record, Related):
        return record
    if isinstance(record, str):
        record = {"text": record}
    if not isinstance(record, Mapping):
        raise QuickstudyError(f"{record!r:.60} is no example; give a text and its two entities")
    if "labels" in record:
        raise QuickstudyError("there are several labels, and two entities are related in one way; give one as label")
    label = " ".join(str(record.get("label") or "").split())
    tokens = record.get("tokens")
    if tokens is not None:
        return _of_tokens(tokens, _range("head", record.get("head")), _range("tail", record.get("tail")), label)
    text = record.get("text")
    if not isinstance(text, str) or not text.strip():
        raise QuickstudyError("the text is empty" if text in ("", None) else f"the text {text!r:.40} holds no words")
    text = text.translate(_UNSAFE)
    if "head" not in record and "tail" not in record:
        return _of_markers(text, label)
    return _checked(text, _place(text, "head", record.get("head")), _place(text, "tail", record.get("tail")), label)


def write(example: Related) -> dict[str, Any]:
    """The inverse of `read`."""
    found: dict[str, Any] = {"text": example.text, "head": list(example.head), "tail": list(example.tail)}
    return {**found, "label": example.label} if example.label else found


def asked(value: Any) -> Related:
    """A text with markers, (text, head, tail), a dict or an example, whose relation nobody knows."""
    if isinstance(value, tuple | list) and len(value) == 3:
        value = dict(zip(("text", "head", "tail"), value, strict=True))
    found = read(value)
    return Related(found.text, found.head, found.tail)


def shortened(example: Related, pieces: Sequence[Range], gap: str) -> Related:
    """Of these pieces of its text alone, in order, with `gap` between; an entity that a piece cuts ends there."""

    def moved(place: Range) -> Range:
        before = 0
        for start, end in pieces:
            if start <= place[0] < end:
                return place[0] - start + before, min(place[1], end) - start + before
            before += end - start + len(gap)
        raise ValueError(f"no piece holds {place}")

    text = gap.join(example.text[start:end] for start, end in pieces)
    return Related(text, moved(example.head), moved(example.tail), example.label)


def _of_tokens(tokens: Any, head: Range, tail: Range, label: str) -> Related:
    if not isinstance(tokens, list | tuple) or not all(isinstance(token, str) for token in tokens):
        raise QuickstudyError(f"the tokens {tokens!r:.40} are no list of words")
    text, places = joined(["".join(token.translate(_UNSAFE).split()) or "\ufffd" for token in tokens])
    for which, (start, end) in (("head", head), ("tail", tail)):
        if not 0 <= start < end <= len(tokens):
            raise QuickstudyError(f"the {which}'s tokens {start} to {end} leave the text, which has {len(tokens)}")
    first, second = ((places[start][0], places[end - 1][1]) for start, end in (head, tail))
    return _checked(text, first, second, label)


def _of_markers(text: str, label: str) -> Related:
    """From "<e1>Ada</e1> wrote to <e2>Charles</e2>"; [E1] and [/E1] do as well."""
    parts: list[str] = []
    length, last = 0, 0
    ends: dict[str, list[int]] = {}
    for match in _MARKER.finditer(text):
        parts.append(text[last : match.start()])
        length += len(parts[-1])
        last = match.end()
        closes, which = match["close"] or match["close2"], match["which"] or match["which2"]
        ends.setdefault(("/" if closes else "") + which, []).append(length)
    names = ("1", "/1", "2", "/2")
    if sorted(ends) != sorted(names) or any(len(found) > 1 for found in ends.values()):
        raise QuickstudyError(
            f"{text!r:.60} does not mark two entities once each; write <e1>…</e1> round the first and <e2>…</e2> round "
            "the second, or give head and tail"
        )
    head, tail = ((ends[name][0], ends[f"/{name}"][0]) for name in "12")
    return _checked("".join([*parts, text[last:]]), head, tail, label)


def _place(text: str, which: str, given: Any) -> Range:
    """Where an entity stands; a string stands where it alone stands."""
    if isinstance(given, str):
        count = text.count(given) if given else 0
        if count != 1:
            raise QuickstudyError(
                f"the {which} {given!r:.40} stands {count} times in the text; say where, as [start, end] in characters"
            )
        return text.index(given), text.index(given) + len(given)
    start, end = _range(which, given)
    said = given.get("text") if isinstance(given, Mapping) else None
    if isinstance(said, str) and said != text[start:end]:
        raise QuickstudyError(f"the {which} is {said!r:.40}, but {text[start:end]!r:.40} stands at {start} to {end}")
    return start, end


def _range(which: str, given: Any) -> Range:
    found = (given.get("start"), given.get("end")) if isinstance(given, Mapping) else given
    if not isinstance(found, list | tuple) or len(found) != 2 or not all(type(end) is int for end in found):
        raise QuickstudyError(f"the {which} {given!r:.40} is no start and end")
    return found[0], found[1]


def _checked(text: str, head: Range, tail: Range, label: str) -> Related:
    head, tail = _inside(text, "head", head), _inside(text, "tail", tail)
    if head == tail:
        raise QuickstudyError(f"head and tail are the same words, {text[slice(*head)]!r:.40}; mark two entities")
    return Related(text, head, tail, label)


def _inside(text: str, which: str, place: Range) -> Range:
    start, end = place
    if not 0 <= start < end <= len(text):
        raise QuickstudyError(
            f"the {which} from {start} to {end} leaves the text, which has {len(text)} characters"
            if start < end
            else f"the {which} from {start} to {end} holds nothing"
        )
    words = text[start:end]
    start += len(words) - len(words.lstrip())
    end -= len(words) - len(words.rstrip())
    if start >= end:
        raise QuickstudyError(f"the {which} holds nothing but spaces")
    return start, end


_MARKER = re.compile(r"<(?P<close>/?)e(?P<which>[12])>|\[(?P<close2>/?)e(?P<which2>[12])\]", re.IGNORECASE)
_UNSAFE = dict.fromkeys((*range(9), *range(11, 32), *range(127, 160), 65279, *range(55296, 57344)), " ")
"""Control characters, byte-order marks and lone surrogates, one for one so that places stay."""
