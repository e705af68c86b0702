"""Questions and pieces of their contexts as rows of a batch: unit 0 is the row's first token, the others its words."""

import zlib
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch

from quickstudy.core.types import QuickstudyError, Text
from quickstudy.kinds.question import Question, Span
from quickstudy.text.located import Located, locate, windows
from quickstudy.text.reader import Read, Reader
from quickstudy.text.words import words

STRIDE = 4
"""windows overlap by this part of their size"""
SLACK = 4
"""tokens that are left free in a row, since a piece that begins within a word may have more alone than in its text"""


class Passage(NamedTuple):
    """A piece of a context, read with its question."""

    question: str
    text: str
    start: int
    """its first character in the context"""
    units: tuple[tuple[int, int], ...]
    """its words, as characters of `text`"""
    gold: Span | None = None
    """the answer, where it stands in this piece"""
    own: tuple[int, int] = (0, 1 << 30)
    """from, below: the sums of the numbers of first and last word of the spans that are looked for in this piece, since
    pieces overlap and each span is looked for in one"""


def passage(example: Question, start: int, end: int, gold: Span | None = None) -> Passage:
    text = example.context[start:end]
    inside = gold is not None and start <= gold.start and gold.end <= end
    return Passage(example.question, text, start, tuple(words(text)), gold if inside else None)


def all_of(reader: Reader, example: Question, most: int) -> list[Passage]:
    """The whole context in windows of `most` tokens at most, less where the question leaves less room. A span is looked
    for in the window in which its middle is further from the edge, which holds all of it unless it is longer than what
    the two share."""
    room = min(most, room_beside(reader, example.question))
    places = windows(reader, example.context, room, room // STRIDE)
    edges = [(after[0] + before[1]) / 2 for before, after in pairwise(places)]
    found = [passage(example, *each) for each in places]
    return [
        one._replace(own=(_edge(one, low), _edge(one, high)))
        for one, low, high in zip(found, [-1.0, *edges], [*edges, len(example.context) + 1.0], strict=True)
    ]


def about(reader: Reader, example: Question, answer: Span | None, most: int) -> Passage:
    """A piece of `most` tokens that holds the answer somewhere; where there is none, any piece. Which one depends on
    the question alone. Larger where the answer is."""
    offsets = _offsets(reader, example.context)
    room = room_beside(reader, example.question)
    dice = zlib.crc32(example.question.encode("utf-8", "replace"))
    first = last = dice % max(1, len(offsets))
    if answer is not None:
        held = [place for place, (start, end) in enumerate(offsets) if start < answer.end and answer.start < end]
        if held:
            first, last = held[0], held[-1]
    size = min(room, max(most, last + 1 - first))
    if len(offsets) <= size:
        return passage(example, 0, len(example.context), answer)
    low, high = max(0, last + 1 - size), min(first, len(offsets) - size)
    begin = low + dice % (high - low + 1) if high > low else min(low, len(offsets) - size)
    end = begin + size
    start = offsets[begin][0] if begin else 0
    return passage(example, start, offsets[end - 1][1] if end < len(offsets) else len(example.context), answer)


def elsewhere(reader: Reader, example: Question, most: int) -> Passage | None:
    """A piece that holds none of the answers, if the context is long enough for one."""
    room = min(most, room_beside(reader, example.question))
    found = [
        each
        for each in windows(reader, example.context, room, 0)
        if not any(each[0] < answer.end and answer.start < each[1] for answer in example.answers or ())
    ]
    if not found:
        return None
    dice = zlib.crc32(example.question.encode("utf-8", "replace"))
    return passage(example, *found[dice % len(found)])


def room_beside(reader: Reader, question: str) -> int:
    """Tokens of a context that fit into a row beside the question, which gets half of the row at most."""
    room = reader.limit - reader.tokenizer.num_special_tokens_to_add(True)
    return max(2, room - SLACK - min(len(_offsets(reader, reader.prompt + question)), room // 2))


def check(reader: Reader, example: Question) -> None:
    """QuickstudyError for an answer that the backbone cannot read whole."""
    for answer in example.answers or ():
        long = len(answer.text) > reader.limit // 4
        if long and len(_offsets(reader, answer.text)) > room_beside(reader, example.question):
            raise QuickstudyError(
                f"the answer {answer.text!r:.40} is longer than what is read at once ({reader.limit} tokens with its "
                "question); give the part of it that matters"
            )


def rows(reader: Reader, passages: Sequence[Passage]) -> Read:
    """Units (B, 1 + words, 1): unit 0 is the first token of the row."""
    located = [Located((one.question, one.text), [[(0, 0)], *([unit] for unit in one.units)]) for one in passages]
    if not located:
        nothing = torch.zeros(0, 1, dtype=torch.long)
        return Read(Text(nothing, nothing.byte(), torch.zeros(0, 1, 1, 2, dtype=torch.long)), torch.zeros(0).long())
    read = locate(reader, located)
    spans = read.text.spans.clone()
    spans[:, 0, 0] = torch.tensor([0, 1])
    return read._replace(text=read.text._replace(spans=spans))


def _edge(one: Passage, place: float) -> int:
    """Where a character of the context stands among sums of two words' numbers."""
    return 2 * sum(2 * one.start + start + end < 2 * place for start, end in one.units) - 1


def _offsets(reader: Reader, text: str) -> list[tuple[int, int]]:
    whole = reader.tokenizer.encode(text, add_special_tokens=False)
    return [place for piece in (whole, *whole.overflowing) for place in piece.offsets]
