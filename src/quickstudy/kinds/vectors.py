"""Given vectors: images, sounds, tables or whatever else a user's own model embeds, to be judged as texts are.

A vector is a unit as a text is one, so every learner takes it; class names say nothing, since no model read them.
"""

import hashlib
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from quickstudy.core.protocols import Score
from quickstudy.core.types import GIVEN, IGNORE, NUMBER, Batch, Classes, Params, Prediction, QuickstudyError, Text
from quickstudy.kinds import classification, featured, labelled, multilabel
from quickstudy.kinds.classification import Classification
from quickstudy.kinds.featured import Featured
from quickstudy.kinds.labelled import Labelled
from quickstudy.kinds.multilabel import MultiLabel
from quickstudy.text.reader import Reader

JUDGES: Mapping[str, type[Classification] | type[MultiLabel]] = {
    "classification": Classification,
    "multilabel": MultiLabel,
}
"""what a task over vectors may be"""
PREDICTIONS = {"classification": classification.predictions, "multilabel": multilabel.predictions}


@dataclass(frozen=True)
class Vectors:
    """`reader` is the student's, whose limit is how many numbers a vector has."""

    reader: Reader
    task: Literal["classification", "multilabel"] = "classification"
    length: Literal["one", "given"] = "one"
    """of the vectors that learners see: what the learners' settings are made for, or as it comes"""

    def read(self, record: dict[str, Any]) -> Featured:
        example = featured.read(record, self.reader.limit)
        if self.task == "classification" and len(example.labels) > 1:
            raise QuickstudyError(f"it has {len(example.labels)} labels; for several a vector, say task = 'multilabel'")
        return example

    def write(self, example: Featured) -> dict[str, Any]:
        return featured.write(example)

    def texts(self, example: Featured) -> tuple[str, ...]:
        """What tells it from other vectors."""
        packed = struct.pack(f"{len(example.features)}d", *example.features)
        return (hashlib.blake2b(packed, digest_size=16).hexdigest(),)

    def labels(self, example: Featured) -> frozenset[str]:
        return frozenset(example.labels)

    def ask(self, value: Any) -> Featured:
        return featured.asked(value, self.reader.limit)

    def encode(self, examples: Sequence[Featured], classes: Classes) -> Batch:
        if not classes:
            raise QuickstudyError("there is no label to learn; give vectors with labels")
        return Batch(self._text(examples), self._gold(examples, classes), _unsaid(len(classes)))

    def loss(self, scores: Tensor, batch: Batch) -> Tensor:
        """As the task's own."""
        return self._judge.loss(scores, batch)

    def fit(self, score: Score, support: Sequence[Featured], classes: Classes) -> Params:
        if not support:
            raise QuickstudyError("there are no examples, and no name says what a vector is; give some of each class")
        if len(classes) < 2 and self.task == "classification":
            raise QuickstudyError("there is only one class; a task needs two or more")
        return {} if self.task == "classification" else multilabel.threshold(score, self.encode(support, classes))

    def calibrate(self, scores: Tensor, unseen: Batch) -> Params:
        return Classification(self.reader).calibrate(scores, unseen)

    def answer(self, score: Score, fitted: Params, examples: Sequence[Featured], classes: Classes) -> list[Prediction]:
        with torch.no_grad():
            scores = score(self.encode([Featured(example.features) for example in examples], classes))[:, 0]
        return PREDICTIONS[self.task](scores, torch.zeros(len(examples)).long(), fitted, classes)

    def record(self, answer: Prediction) -> dict[str, Any]:
        return labelled.record(answer)

    def measure(self, answers: Sequence[Prediction], examples: Sequence[Featured]) -> dict[str, float]:
        """As the task's own."""
        return self._judge.measure(answers, [Labelled("", example.labels) for example in examples])

    @property
    def _judge(self) -> Classification | MultiLabel:
        return JUDGES[self.task](self.reader)

    def _text(self, examples: Sequence[Featured]) -> Text:
        width = self.reader.limit
        for example in examples:
            if len(example.features) != width:
                raise QuickstudyError(
                    f"a vector has {len(example.features)} numbers, and this student judges vectors of {width}"
                )
        found = torch.tensor([example.features for example in examples], dtype=torch.float64).reshape(-1, width)
        if self.length == "one":
            found = F.normalize(found, dim=-1)
        bits = found.float().view(torch.int32).long()
        spans = torch.tensor([0, width]).expand(len(examples), 1, 1, 2)
        return Text(bits, torch.full_like(bits, NUMBER, dtype=torch.uint8), spans.contiguous())

    def _gold(self, examples: Sequence[Featured], classes: Classes) -> Tensor:
        """(B, 1), or (B, 1, C) where several may hold."""
        found = labelled.places(classes, [Labelled("", example.labels) for example in examples])
        if self.task == "classification":
            return torch.tensor([place[0] if place else IGNORE for place in found], dtype=torch.long).view(-1, 1)
        gold = torch.zeros(len(examples), 1, len(classes))
        for row, places in enumerate(found):
            gold[row, 0, places] = 1.0
        return gold


def _unsaid(classes: int) -> Text:
    """Names that nobody read."""
    nothing = torch.zeros(classes, 1, dtype=torch.long)
    return Text(nothing, torch.full_like(nothing, GIVEN, dtype=torch.uint8), torch.zeros(classes, 1, 1, 2).long())
