"""Tagging over given vectors: the steps of a sequence (frames of a sound or a film, readings of a sensor, words that
another model read) choose among types of spans and none of them.

All of `tagging` but the reading: each step is a unit by itself, since whoever made its vector knew its neighbours.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from quickstudy.core.protocols import Score
from quickstudy.core.tags import Span, is_tag, spans_of, tags_of
from quickstudy.core.types import IGNORE, Batch, Classes, Params, QuickstudyError
from quickstudy.kinds import decoding, measured, span_measures
from quickstudy.kinds.tagging import Tagging, gold_of
from quickstudy.text.located import UNITS_STEP
from quickstudy.text.numbers import Length, Numbers, is_vector, plain
from quickstudy.text.reader import Reader

STEPS = 64
"""of a sequence that stand in one row"""
TOGETHER = 64
"""rows judged at once, so that many, or a very long one, take no more memory than some"""


@dataclass(frozen=True, slots=True)
class Track:
    """A sequence of vectors."""

    words: tuple[str, ...]
    """each step's vector, as text/numbers.py writes it"""
    spans: tuple[Span, ...] | None
    """of steps, in order, none overlapping; None where nobody marked any"""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A span that was found."""

    start: int
    end: int
    """of steps, half-open"""
    type: str
    probability: float
    """of this very span and type, among all ways to tag the sequence"""


@dataclass(frozen=True, slots=True)
class Tracked:
    """What was found in a sequence."""

    spans: tuple[Stretch, ...]
    tags: tuple[str, ...]
    """the same as a BIO tag a step"""


@dataclass(frozen=True)
class VectorTagging:
    """`reader` is the student's, whose limit is how many numbers a vector has. `rest` and `transitions` as in Tagging.
    The classes of a batch are the types, then none."""

    reader: Reader
    rest: float = 0.5
    transitions: float = 0.3
    length: Length = "one"

    def read(self, record: Any) -> Track:
        """From `{"features": [vector, …], "tags"?: [tag, …]}`."""
        if isinstance(record, Track):
            return record
        if not isinstance(record, Mapping):
            raise QuickstudyError(f"{record!r:.60} is no example; give features, a vector a step, and tags")
        words = self._words(measured.features(record))
        return Track(words, _spans(record.get("tags"), len(words)))

    def write(self, example: Track) -> dict[str, Any]:
        found = {"features": [plain(word) for word in example.words]}
        return found if example.spans is None else {**found, "tags": tags_of(example.spans, len(example.words))}

    def texts(self, example: Track) -> tuple[str, ...]:
        """What tells it from other sequences."""
        return (measured.mark(*example.words),)

    def labels(self, example: Track) -> frozenset[str]:
        return frozenset(span.type for span in example.spans or ())

    def ask(self, value: Any) -> Track:
        """A sequence of vectors (lists, tuples, an array), a dict or an example, whose spans nobody knows."""
        if isinstance(value, Track):
            return Track(value.words, None)
        return Track(self._words(measured.features(value) if isinstance(value, Mapping) else value), None)

    def encode(self, examples: Sequence[Track], classes: Classes) -> Batch:
        if not classes:
            raise QuickstudyError("there is no type of span; give sequences whose steps have tags")
        pieces = [piece for example in examples for piece in _pieces(example)]
        text = self._numbers.rows([[(word,) for word in words] for words, _ in pieces], 1, UNITS_STEP)
        gold = torch.full(text.spans.shape[:2], IGNORE, dtype=torch.long)
        for row, own in enumerate(own for example in examples for own in _golds(example, classes)):
            gold[row, : len(own)] = torch.from_numpy(own)
        names = self._numbers.read([*((said,) for said in classes.values()), ("",)]).text
        return Batch(text, gold, names)

    def loss(self, scores: Tensor, batch: Batch) -> Tensor:
        """As that of texts."""
        return self._tagging.loss(scores, batch)

    def fit(self, score: Score, support: Sequence[Track], classes: Classes) -> Params:
        """How often what follows what."""
        measured.check_known(support, classes)
        judged = [(len(example.words), example.spans) for example in support if example.spans is not None]
        return {"kind.steps": torch.from_numpy(decoding.counted(judged))}

    def answer(self, score: Score, fitted: Params, examples: Sequence[Track], classes: Classes) -> list[Tracked]:
        names = list(classes)
        weights = decoding.steps(fitted["kind.steps"].double().numpy(), len(names), self.transitions)
        return [_tracked(decoding.decoded(own, weights), names, len(own)) for own in self._judged(score, examples)]

    def record(self, answer: Tracked) -> dict[str, Any]:
        spans = [
            {"start": one.start, "end": one.end, "type": one.type, "probability": one.probability}
            for one in answer.spans
        ]
        return {"tags": list(answer.tags), "spans": spans}

    def measure(self, answers: Sequence[Tracked], examples: Sequence[Track]) -> dict[str, float]:
        said = [[Span(one.start, one.end, one.type) for one in answer.spans] for answer in answers]
        return span_measures.measures(said, [list(example.spans or ()) for example in examples])

    def _judged(self, score: Score, examples: Sequence[Track]) -> Iterator[NDArray[np.float64]]:
        """Log-probabilities (W, T + 1) of each sequence's steps."""
        pieces = [piece for example in examples for piece in _pieces(example)]
        ahead: list[NDArray[np.float64]] = []
        for start in range(0, len(pieces), TOGETHER):
            some = pieces[start : start + TOGETHER]
            text = self._numbers.rows([[(word,) for word in words] for words, _ in some], 1, UNITS_STEP)
            with torch.no_grad():
                scores = score(Batch(text, torch.full(text.spans.shape[:2], IGNORE), None))
            found = torch.log_softmax(scores.double(), -1).cpu().numpy()
            for own, (words, last) in zip(found, some, strict=True):
                ahead.append(own[: len(words)])
                if last:
                    yield np.concatenate(ahead)
                    ahead = []

    @property
    def _numbers(self) -> Numbers:
        return Numbers(self.reader.limit, self.length)

    @property
    def _tagging(self) -> Tagging:
        return Tagging(self.reader, rest=self.rest)

    def _words(self, given: Any) -> tuple[str, ...]:
        found = plain(given)
        if not isinstance(found, list | tuple) or is_vector(found):
            raise QuickstudyError(f"the features {found!r:.40} are no sequence of vectors; give a list of lists")
        if not found:
            raise QuickstudyError("the sequence is empty; give one vector at least")
        return tuple(_word(self._numbers, step, each) for step, each in enumerate(found, start=1))


def _word(numbers: Numbers, step: int, given: Any) -> str:
    try:
        return numbers.word(given)
    except QuickstudyError as error:
        raise QuickstudyError(f"step {step}: {error}") from None


def _spans(given: Any, steps: int) -> tuple[Span, ...] | None:
    """What tags stand for; None where there are none."""
    tags = plain(given)
    if tags is None:
        return None
    if not isinstance(tags, list | tuple) or len(tags) != steps:
        count = len(tags) if isinstance(tags, list | tuple) else "no list of"
        raise QuickstudyError(f"there are {steps} vectors and {count} tags; give each vector one")
    for tag in tags:
        if not is_tag(tag):
            raise QuickstudyError(f"the tag {tag!r:.40} is neither O nor B-TYPE or I-TYPE")
    return tuple(Span(start, end, " ".join(type_.split())) for start, end, type_ in spans_of(tags).spans)


def _pieces(example: Track) -> Iterator[tuple[tuple[str, ...], bool]]:
    """A sequence's steps row by row, and whether it ends there."""
    for start in range(0, len(example.words), STEPS):
        yield example.words[start : start + STEPS], start + STEPS >= len(example.words)


def _golds(example: Track, classes: Classes) -> Iterator[NDArray[np.int64]]:
    gold = gold_of(len(example.words), example.spans, classes)
    yield from (gold[start : start + STEPS] for start in range(0, len(gold), STEPS))


def _tracked(found: Sequence[decoding.Found], names: Sequence[str], steps: int) -> Tracked:
    spans = tuple(Stretch(one.start, one.end, names[one.type], one.probability) for one in found)
    return Tracked(spans, tuple(tags_of([Span(one.start, one.end, one.type) for one in spans], steps)))
