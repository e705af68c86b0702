"""Texts and the names of their classes as rows of tokens that a decoder reads on from.

A row is `first`, then for each example `text … answer … end`, then the text that is judged up to `answer`, and behind
it the name of one class, which alone is WRITTEN. The marks are those of core.types.Marks.
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from quickstudy.core.types import GIVEN, PADDING, WRITTEN, Marks, QuickstudyError, Text

Tokens = list[int]
NAME_SHARE = 4
"""No name takes more than this part of a row; the rest of it is not written."""


def units(text: Text, marks: Marks) -> list[list[Tokens]]:
    """The parts of every unit (B U), without what the tokenizer put around them."""
    around = set(marks.around)
    return [
        [[token for token in row[start:end] if token not in around] for start, end in parts]
        for row, spans in zip(text.tokens.tolist(), text.spans.tolist(), strict=True)
        for parts in spans
    ]


def names(text: Text, marks: Marks) -> list[Tokens]:
    """What is written for each class: its name; the number of its place where that says nothing."""
    found = [parts[0][: marks.limit // NAME_SHARE] for parts in units(text, marks)]
    if not all(found) and not marks.digits:
        raise QuickstudyError("in_context writes the names of classes, and some say nothing; describe each class")
    return [name or _number(place, marks) for place, name in enumerate(found, start=1)]


def asked(parts: Sequence[Tokens], marks: Marks) -> Tokens:
    """A text, or two, up to where the name of its class stands."""
    joined = [token for number, part in enumerate(parts) for token in (*marks.between * (number > 0), *part)]
    return [*marks.text, *joined, *marks.answer]


def fitted(
    texts: Sequence[Sequence[Tokens]], marks: Marks, before: Tokens, names: Sequence[Tokens]
) -> list[list[Tokens]]:
    """The texts, all of as many parts, without what is too much for a row that begins with `before` and ends with the
    longest name; it goes off the ends of the longest parts."""
    frame = len(asked([[]] * (len(texts[0]) if texts else 1), marks)) + max(map(len, names)) + len(marks.end)
    return [_cut(parts, marks.limit - len(before) - frame) for parts in texts]


def in_turns(member: Tensor) -> list[tuple[int, int]]:
    """(n, C) membership -> (example, class), the classes in turn: the first of each, the second of each, …; an example
    of several classes comes once for each."""
    place = member.cumsum(0)
    found = [(int(place[row, name]), name, row) for row, name in member.nonzero().tolist()]
    return [(row, name) for _, name, row in sorted(found)]


def context(examples: Iterable[tuple[Sequence[Tokens], Tokens]], marks: Marks, room: int) -> tuple[Tokens, int]:
    """The examples behind each other, as many as fit into `room` tokens; and how many do."""
    found, fit = list(marks.first), 0
    for parts, name in examples:
        more = [*asked(parts, marks), *name, *marks.end]
        if len(found) + len(more) <= room:
            found += more
            fit += 1
    return found, fit


def rows(before: Tokens, questions: Sequence[Tokens], answers: Sequence[Tokens], marks: Marks) -> Text:
    """One row for every question and answer, the answers of the first question first."""
    made = [(before + question, [*answer, *marks.end]) for question in questions for answer in answers]
    width = max((len(given) + len(written) for given, written in made), default=0)
    tokens = torch.zeros(len(made), width, dtype=torch.long)
    role = torch.full((len(made), width), PADDING, dtype=torch.uint8)
    for row, (given, written) in enumerate(made):
        end = len(given) + len(written)
        tokens[row, :end] = torch.tensor(given + written)
        role[row, : len(given)] = GIVEN
        role[row, len(given) : end] = WRITTEN
    return Text(tokens, role, torch.zeros(len(made), 1, 1, 2, dtype=torch.long))


def _number(place: int, marks: Marks) -> Tokens:
    return [token for digit in str(place) for token in marks.digits[int(digit)]]


def _cut(parts: Sequence[Tokens], room: int) -> list[Tokens]:
    most = max(map(len, parts))
    while most and sum(min(len(part), most) for part in parts) > room:
        most -= 1
    return [part[:most] for part in parts]
