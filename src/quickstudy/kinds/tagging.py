"""Tagging: the words of a text choose among types of entities (or slots) and none of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from quickstudy.core.protocols import Score
from quickstudy.core.tags import Span
from quickstudy.core.types import IGNORE, PADDING, Batch, Classes, Params, QuickstudyError, Text
from quickstudy.kinds import decoding, labelled, span_measures, tagged
from quickstudy.kinds.tagged import Sentence
from quickstudy.text.located import Located, locate, windows
from quickstudy.text.reader import Reader

TOGETHER = 512
"""rows judged at once, so that many, or a very long one, take no more memory than some"""


@dataclass(frozen=True, slots=True)
class Mention:
    """A span that was found."""

    start: int
    end: int
    """of characters, half-open"""
    type: str
    text: str
    probability: float
    """of this very span and type, among all ways to tag the text"""


@dataclass(frozen=True, slots=True)
class Tagged:
    """What was found in a text."""

    text: str
    spans: tuple[Mention, ...]
    cut: int = 0
    """words longer than the backbone's limit, of which only a part was read"""


@dataclass(frozen=True)
class Tagging:
    """A word has the tokens that overlap it; a text longer than the backbone's limit is read in windows that overlap,
    each word in the one where it stands farthest from an end. The classes of a batch are the types, then none."""

    reader: Reader
    none: str = "other words"
    """what the class of words without a type is called when it is read; "" for nothing"""
    rest: float = 0.5
    """how much a word without a type counts in the loss, beside one that has one: there are many, and what is to be
    found are the others"""
    transitions: float = 0.3
    """how much weighs what follows what, beside the words' own scores"""

    def read(self, record: Any) -> Sentence:
        return tagged.read(record)

    def write(self, example: Sentence) -> dict[str, Any]:
        return tagged.write(example)

    def texts(self, example: Sentence) -> tuple[str, ...]:
        return (example.text,)

    def labels(self, example: Sentence) -> frozenset[str]:
        return frozenset(span.type for span in example.spans or ())

    def unread(self, examples: Sequence[Sentence]) -> list[int]:
        """Words longer than the backbone's limit, of which a part is read."""
        cut = [0] * len(examples)
        for row in self._rows(examples):
            cut[row.example] += _partly(examples, row)
        return cut

    def ask(self, value: Any) -> Sentence:
        return tagged.asked(value)

    def encode(self, examples: Sequence[Sentence], classes: Classes) -> Batch:
        if not classes:
            raise QuickstudyError("there is no type of span; give texts whose spans are marked, or the types' names")
        rows = self._rows(examples)
        text = self._read(examples, rows)
        gold = torch.full(text.spans.shape[:2], IGNORE, dtype=torch.long)
        own = [gold_of(len(example.words), example.spans and example.places(), classes) for example in examples]
        for number, row in enumerate(rows):
            gold[number, : row.words.stop - row.words.start] = torch.from_numpy(own[row.example][row.words])
        gold[(text.spans[:, :, 0, 0] == text.spans[:, :, 0, 1])] = IGNORE  # a word that the tokenizer knows nothing of
        return Batch(text, gold, self._names(classes))

    def loss(self, scores: Tensor, batch: Batch) -> Tensor:
        """The mean negative log-likelihood over judged words, those without a type counting `rest`."""
        open_ = scores if batch.open is None else scores.masked_fill(~batch.open[:, None], float("-inf"))
        weight = torch.ones(scores.shape[-1]).to(scores)
        weight[-1] = self.rest
        return F.cross_entropy(open_.flatten(0, 1), batch.gold.flatten(), weight, ignore_index=IGNORE)

    def fit(self, score: Score, support: Sequence[Sentence], classes: Classes) -> Params:
        """How often what follows what."""
        judged = [(len(example.words), example.places()) for example in support if example.spans is not None]
        return {"kind.steps": torch.from_numpy(decoding.counted(judged))}

    def answer(self, score: Score, fitted: Params, examples: Sequence[Sentence], classes: Classes) -> list[Tagged]:
        names = list(classes)
        weights = decoding.steps(fitted["kind.steps"].double().numpy(), len(names), self.transitions)
        return [
            Tagged(example.text, tuple(_mention(example, names, one) for one in decoding.decoded(own, weights)), cut)
            for example, (own, cut) in zip(examples, self._judged(score, examples, len(names)), strict=True)
        ]

    def record(self, answer: Tagged) -> dict[str, Any]:
        spans = [
            {"start": one.start, "end": one.end, "type": one.type, "text": one.text, "probability": one.probability}
            for one in answer.spans
        ]
        return {"text": answer.text, "spans": spans} | ({"cut": answer.cut} if answer.cut else {})

    def measure(self, answers: Sequence[Tagged], examples: Sequence[Sentence]) -> dict[str, float]:
        said = [[Span(one.start, one.end, one.type) for one in answer.spans] for answer in answers]
        return span_measures.measures(said, [list(example.spans or ()) for example in examples])

    def _judged(self, score: Score, examples: Sequence[Sentence], types: int) -> list[tuple[Any, int]]:
        """Log-probabilities (W, T + 1) of each example's words, and how many of them were read in part."""
        each = [np.empty((len(example.words), types + 1)) for example in examples]
        cut = [0] * len(examples)
        rows = self._rows(examples)
        for start in range(0, len(rows), TOGETHER):
            some = rows[start : start + TOGETHER]
            text = self._read(examples, some)
            with torch.no_grad():
                scores = score(Batch(text, torch.full(text.spans.shape[:2], IGNORE), None))
            found = torch.log_softmax(scores.double(), -1)
            found[text.spans[:, :, 0, 0] == text.spans[:, :, 0, 1]] = -math.log(types + 1)  # neighbours say what it is
            for own, row in zip(found, some, strict=True):
                places = examples[row.example].words[row.words]
                each[row.example][row.words] = own[: len(places)].numpy()
                cut[row.example] += _partly(examples, row)
        return list(zip(each, cut, strict=True))

    def _names(self, classes: Classes) -> Text:
        """One row a type, and one for none, whose unit is empty where it is not called anything."""
        types = labelled.encode_names(self.reader, 1, classes)
        none = self.reader.read([(self.none or "none",)]).text
        if not self.none:
            none = none._replace(spans=torch.zeros_like(none.spans))
        width = max(types.tokens.shape[1], none.tokens.shape[1])
        tokens = torch.cat([_filled(each.tokens, width, self.reader.filler) for each in (types, none)])
        role = torch.cat([_filled(each.role, width, PADDING) for each in (types, none)])
        return Text(tokens, role, torch.cat([types.spans, none.spans]))

    def _rows(self, examples: Sequence[Sentence]) -> list["_Row"]:
        tokenizer, prompt = self.reader.tokenizer, self.reader.prompt
        around = tokenizer.num_special_tokens_to_add(False) + len(
            tokenizer.encode(prompt, add_special_tokens=False).ids
        )
        room = max(2, self.reader.limit - around)
        return [row for number, example in enumerate(examples) for row in _windowed(self.reader, number, example, room)]

    def _read(self, examples: Sequence[Sentence], rows: Sequence["_Row"]) -> Text:
        return locate(self.reader, [_located(examples[row.example], row) for row in rows]).text


class _Row(NamedTuple):
    """A text, or a window of one."""

    example: int
    start: int
    end: int
    """of characters"""
    words: slice
    """those that are judged in it"""


def _partly(examples: Sequence[Sentence], row: _Row) -> int:
    """Words of a row that hang over an end of it."""
    return sum(a < row.start or b > row.end for a, b in examples[row.example].words[row.words])


def _windowed(reader: Reader, number: int, example: Sentence, room: int) -> list[_Row]:
    places = windows(reader, example.text, room, room // 4)
    if len(places) == 1:
        return [_Row(number, 0, len(example.text), slice(0, len(example.words)))]
    ends = np.array(places)
    halves = (ends[:-1, 1] + ends[1:, 0]) / 2  # of what two windows share
    first = [0, *np.searchsorted(np.array(example.words).mean(1), halves), len(example.words)]
    return [
        _Row(number, start, end, slice(int(first[at]), int(first[at + 1])))
        for at, (start, end) in enumerate(places)
        if first[at] < first[at + 1]
    ]


def _located(example: Sentence, row: _Row) -> Located:
    """A row of one text, whose units are words; one that hangs over an end of its window counts as far as it goes."""
    size = row.end - row.start
    units = [[(max(0, a - row.start), min(size, b - row.start))] for a, b in example.words[row.words]]
    return Located((example.text[row.start : row.end],), units)


def gold_of(words: int, spans: Sequence[Span] | None, classes: Classes) -> NDArray[np.int64]:
    """(W,) each word's class, T for none, by its spans in words; IGNORE throughout where nobody marked any."""
    place = {name: number for number, name in enumerate(classes)}
    gold = np.full(words, IGNORE if spans is None else len(place), dtype=np.int64)
    for start, end, type_ in spans or ():
        if type_ not in place:
            raise QuickstudyError(f"the type {type_!r} is not among the {len(place)} types of this task")
        gold[start:end] = place[type_]
    return gold


def _mention(example: Sentence, names: Sequence[str], found: decoding.Found) -> Mention:
    start, end = example.words[found.start][0], example.words[found.end - 1][1]
    return Mention(start, end, names[found.type], example.text[start:end], found.probability)


def _filled(rows: Tensor, width: int, filler: int) -> Tensor:
    return F.pad(rows, (0, width - rows.shape[1]), value=filler)
