"""Tags of words and the spans they stand for: BIO (IOB2), IOB1, IOBES, BILOU and BMES (Ramshaw & Marcus 1995)."""

import re
from collections.abc import Sequence
from typing import NamedTuple

NONE = "O"
TAG = re.compile(r"([BIESLUM])-(.+)", re.DOTALL)
OPENS, CLOSES = "BSU", "ESLU"
"""what a tag begins with that always opens a span, and that always closes one"""


class Span(NamedTuple):
    """Half-open; of words, or of characters."""

    start: int
    end: int
    type: str


class Tagged(NamedTuple):
    spans: tuple[Span, ...]
    repaired: int | None
    """the first word whose tag goes on with what nothing before it began, and so was read as a beginning"""


def is_tag(tag: object) -> bool:
    """Whether it is O, or a letter of one of the schemes before a type."""
    return isinstance(tag, str) and (tag == NONE or TAG.fullmatch(tag) is not None)


def spans_of(tags: Sequence[str]) -> Tagged:
    """The spans of words that tags stand for. A tag that goes on with what nothing began (I- without B-, as IOB1 writes
    every span that follows no other of its type) begins a span."""
    spans: list[Span] = []
    repaired: int | None = None
    start, type_ = 0, ""  # of the span that is open; no type where none is
    for place, tag in enumerate([*tags, NONE]):
        found = TAG.fullmatch(tag)
        letter, own = found.groups() if found else ("", "")
        goes_on = bool(own) and own == type_ and letter not in OPENS
        if type_ and not goes_on:
            spans.append(Span(start, place, type_))
            type_ = ""
        if own and not goes_on:
            start, type_ = place, own
            if letter not in OPENS and repaired is None:
                repaired = place
        if type_ and letter in CLOSES:
            spans.append(Span(start, place + 1, type_))
            type_ = ""
    return Tagged(tuple(spans), repaired)


def tags_of(spans: Sequence[Span], words: int) -> list[str]:
    """BIO tags of so many words; spans do not overlap."""
    tags = [NONE] * words
    for start, end, type_ in spans:
        tags[start:end] = [f"B-{type_}", *[f"I-{type_}"] * (end - start - 1)]
    return tags
