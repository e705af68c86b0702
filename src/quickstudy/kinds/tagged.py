"""Sentences with marked spans: the examples of tagging."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from quickstudy.core.tags import Span, is_tag, spans_of
from quickstudy.core.types import QuickstudyError
from quickstudy.text.words import Range, joined, words


@dataclass(frozen=True, slots=True)
class Sentence:
    """A text of any length, split into words."""

    text: str
    words: tuple[Range, ...]
    """where each word stands in the text, in characters; in order, none overlapping"""
    spans: tuple[Span, ...] | None
    """of characters, each beginning and ending with a word, in order; None where nobody marked any"""

    def places(self) -> list[Span]:
        """The spans in words instead of characters."""
        starts = {start: place for place, (start, _) in enumerate(self.words)}
        ends = {end: place + 1 for place, (_, end) in enumerate(self.words)}
        return [Span(starts[start], ends[end], type_) for start, end, type_ in self.spans or ()]


def read(record: Any) -> Sentence:
    """From `{"tokens", "tags"?}`, from `{"text", "spans"?, "words"?: [[start, end]]}` whose spans are {"start", "end",
    "type"} or (start, end, type), or from a spaCy Doc."""
    if isinstance(record, Sentence):
        return record
    if is_doc(record):
        return of_doc(record)
    if not isinstance(record, Mapping):
        raise QuickstudyError(f"{record!r:.60} is no example; give tokens and tags, or a text and its spans")
    if "tokens" in record:
        return _of_tokens(record["tokens"], record.get("tags"))
    text = record.get("text")
    if isinstance(text, list | tuple):
        return _of_tokens(text, record.get("spans"))
    if not isinstance(text, str) or not text.strip():
        raise QuickstudyError("the text is empty" if text in ("", None) else f"the text {text!r:.40} holds no words")
    text = text.translate(_UNSAFE)
    found = record.get("words")
    places = words(text) if found is None else _ranges(found, len(text))
    marked = record.get("spans")
    return Sentence(text, tuple(places), None if marked is None else _marked(text, places, marked))


def write(example: Sentence) -> dict[str, Any]:
    """The inverse of `read`; words are left out where they are what `words` makes of the text."""
    found: dict[str, Any] = {"text": example.text}
    if list(example.words) != words(example.text):
        found["words"] = [list(place) for place in example.words]
    if example.spans is not None:
        found["spans"] = [{"start": start, "end": end, "type": type_} for start, end, type_ in example.spans]
    return found


def asked(value: Any) -> Sentence:
    """A text, a list of words, a Doc or an example, whose spans nobody knows."""
    if isinstance(value, str):
        return read({"text": value})
    if isinstance(value, list | tuple):
        return _of_tokens(value, None)
    found = read(value)
    return Sentence(found.text, found.words, None)


def is_doc(value: Any) -> bool:
    """Whether it has what a spaCy Doc has."""
    return isinstance(getattr(value, "text", None), str) and hasattr(value, "ents") and hasattr(value, "__iter__")


def of_doc(doc: Any) -> Sentence:
    """A spaCy Doc's words and entities."""
    places = [(token.idx, token.idx + len(token.text)) for token in doc if token.text.strip()]
    spans = [{"start": ent.start_char, "end": ent.end_char, "type": ent.label_} for ent in doc.ents]
    return read({"text": doc.text, "words": places, "spans": spans})


def _of_tokens(tokens: Any, tags: Any) -> Sentence:
    if not isinstance(tokens, list | tuple) or not all(isinstance(token, str) for token in tokens):
        raise QuickstudyError(f"the tokens {tokens!r:.40} are no list of words")
    if not any(token.strip() for token in tokens):
        raise QuickstudyError("there is no word in it")
    # A token may hold a space, or be nothing at all; it keeps its place so that tags stay beside their tokens.
    text, places = joined(["".join(token.translate(_UNSAFE).split()) or "\ufffd" for token in tokens])
    if tags is None:
        return Sentence(text, tuple(places), None)
    if not isinstance(tags, list | tuple) or len(tags) != len(tokens):
        count = len(tags) if isinstance(tags, list | tuple) else "no list of"
        raise QuickstudyError(f"there are {len(tokens)} tokens and {count} tags; give each token one")
    for tag in tags:
        if not is_tag(tag):
            raise QuickstudyError(f"the tag {tag!r:.40} is neither O nor B-TYPE or I-TYPE")
    spans = spans_of(tags).spans
    return Sentence(text, tuple(places), tuple(Span(places[a][0], places[b - 1][1], _named(t)) for a, b, t in spans))


def _ranges(found: Any, length: int) -> list[Range]:
    """Words that stand in a text of that length."""
    whole = isinstance(found, list | tuple) and all(
        isinstance(place, list | tuple) and len(place) == 2 and all(type(end) is int for end in place)
        for place in found
    )
    ordered = whole and all(0 <= start < end <= length for start, end in found)
    if not ordered or any(one[1] > other[0] for one, other in pairwise(found)) or not found:
        raise QuickstudyError("the words are no list of [start, end] in the order of the text")
    return [(start, end) for start, end in found]


def _marked(text: str, places: Sequence[Range], marked: Any) -> tuple[Span, ...]:
    """Spans as they are given -> in order, none overlapping, each of whole words."""
    if not isinstance(marked, list | tuple):
        raise QuickstudyError(f"the spans {marked!r:.40} are no list")
    spans = sorted({_span(text, one) for one in marked})
    starts, ends = {start for start, _ in places}, {end for _, end in places}
    for start, end, type_ in spans:
        if start not in starts or end not in ends:
            raise QuickstudyError(f"the {type_} {text[start:end]!r:.40} at {start} begins or ends inside a word")
    for one, other in pairwise(spans):
        if one.end > other.start:
            raise QuickstudyError(
                f"the {one.type} {text[one.start : one.end]!r:.40} and the {other.type} "
                f"{text[other.start : other.end]!r:.40} overlap, and spans inside others are not supported"
            )
    return tuple(spans)


def _span(text: str, one: Any) -> Span:
    if isinstance(one, list | tuple) and len(one) == 3:
        one = dict(zip(("start", "end", "type"), one, strict=True))
    if not isinstance(one, Mapping):
        raise QuickstudyError(f"the span {one!r:.40} is no object with start, end and type")
    start, end, type_ = one.get("start"), one.get("end"), one.get("type", one.get("label"))
    if type(start) is not int or type(end) is not int or not isinstance(type_, str) or not type_.strip():
        raise QuickstudyError(f"the span {dict(one)!r:.60} lacks a whole number for start or end, or a type")
    if not 0 <= start < end <= len(text):
        raise QuickstudyError(f"the span from {start} to {end} leaves the text, which has {len(text)} characters")
    inside = text[start:end]
    start += len(inside) - len(inside.lstrip())  # annotators often catch the space beside a word
    end -= len(inside) - len(inside.rstrip())
    if start >= end:
        raise QuickstudyError(f"the span from {start} to {end} holds nothing but spaces")
    return Span(start, end, _named(type_))


_UNSAFE = dict.fromkeys((*range(9), *range(11, 32), *range(127, 160), 65279, *range(55296, 57344)), " ")
"""Control characters, byte-order marks and lone surrogates, one for one so that places stay."""


def _named(type_: str) -> str:
    return " ".join(type_.split())
