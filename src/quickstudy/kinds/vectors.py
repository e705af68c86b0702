"""Given vectors with labels: images, sounds, tables or whatever else a user's own model embeds, judged as texts are.

A vector stands where a text would (text/numbers.py), so classification and multilabel do the rest, and every learner
takes it. Names of classes say nothing, since no model read them; but a class may be described by a vector, as a model
of images and texts gives it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from torch import Tensor

from quickstudy.core.protocols import Score
from quickstudy.core.types import Batch, Classes, Params, Prediction, QuickstudyError
from quickstudy.kinds import labelled, measured
from quickstudy.kinds.classification import Classification
from quickstudy.kinds.labelled import Labelled
from quickstudy.kinds.multilabel import MultiLabel
from quickstudy.text.numbers import Length, Numbers, is_vector, plain
from quickstudy.text.reader import Reader

JUDGES: Mapping[str, type[Classification] | type[MultiLabel]] = {
    "classification": Classification,
    "multilabel": MultiLabel,
}
"""what a task over vectors may be"""


@dataclass(frozen=True)
class Vectors:
    """`reader` is the student's, whose limit is how many numbers a vector has; `parts` is how many vectors an example
    has: one, or two that are compared."""

    reader: Reader
    task: Literal["classification", "multilabel"] = "classification"
    length: Length = "one"
    parts: int = 1

    def read(self, record: Any) -> Labelled:
        """From `{"features", "pair"?, "label" or "labels"?}`; two vectors under `features` are a pair, too."""
        if isinstance(record, Labelled):
            return record
        if not isinstance(record, Mapping):
            raise QuickstudyError(f"{record!r:.60} is no example; give features and a label")
        words = self._words(measured.features(record), record.get("pair"))
        labels = record.get("labels", record.get("label"))
        several = labels if isinstance(labels, list | tuple | set | frozenset) else [labels]
        names = dict.fromkeys(" ".join(str(label).split()) for label in several if label is not None)
        found = tuple(name for name in names if name)
        if self.task == "classification" and len(found) > 1:
            raise QuickstudyError(f"it has {len(found)} labels; for several a vector, learn with kind = 'multilabel'")
        return Labelled(words[0], found, words[1] if len(words) > 1 else None)

    def write(self, example: Labelled) -> dict[str, Any]:
        """The inverse of `read`."""
        own = {"features": plain(example.text), "labels": list(example.labels)}
        return own if example.pair is None else {**own, "pair": plain(example.pair)}

    def texts(self, example: Labelled) -> tuple[str, ...]:
        """What tells it from other vectors."""
        return tuple(map(measured.mark, labelled.texts(example)))

    def labels(self, example: Labelled) -> frozenset[str]:
        return frozenset(example.labels)

    def ask(self, value: Any) -> Labelled:
        """A vector (a list, a tuple, an array), two, a dict or an example, of which nobody says what it is."""
        if isinstance(value, Labelled):
            return Labelled(value.text, (), value.pair)
        if isinstance(value, Mapping):
            words = self._words(measured.features(value), value.get("pair"))
        else:
            words = self._words(value, None)
        found = Labelled(words[0], (), words[1] if len(words) > 1 else None)
        self._check([found])
        return found

    def encode(self, examples: Sequence[Labelled], classes: Classes) -> Batch:
        if not classes:
            raise QuickstudyError("there is no label to learn; give vectors with labels")
        self._check(examples)
        return self._judge.encode(examples, classes)

    def loss(self, scores: Tensor, batch: Batch) -> Tensor:
        """As the task's own."""
        return self._judge.loss(scores, batch)

    def fit(self, score: Score, support: Sequence[Labelled], classes: Classes) -> Params:
        measured.check_known(support, classes)
        if len(classes) < 2 and self.task == "classification":
            raise QuickstudyError("there is only one class; a task needs two or more")
        return self._judge.fit(score, support, classes)

    def calibrate(self, scores: Tensor, unseen: Batch) -> Params:
        return Classification(self.reader).calibrate(scores, unseen)

    def answer(self, score: Score, fitted: Params, examples: Sequence[Labelled], classes: Classes) -> list[Prediction]:
        self._check(examples)
        return self._judge.answer(score, fitted, examples, classes)

    def record(self, answer: Prediction) -> dict[str, Any]:
        return labelled.record(answer)

    def measure(self, answers: Sequence[Prediction], examples: Sequence[Labelled]) -> dict[str, float]:
        """As the task's own."""
        return self._judge.measure(answers, examples)

    @property
    def _judge(self) -> Classification | MultiLabel:
        return JUDGES[self.task](cast(Reader, Numbers(self.reader.limit, self.length)), self.parts)

    def _words(self, given: Any, pair: Any) -> tuple[str, ...]:
        found = plain(given)
        both = isinstance(found, list | tuple) and len(found) == 2 and all(map(is_vector, found))
        if isinstance(found, list | tuple) and found and not both and is_vector(found[0]):
            raise QuickstudyError(
                f"there are {len(found)} vectors in a row; for a sequence, learn with kind = 'tagging'"
            )
        several = found if both else (found,) if pair is None else (found, pair)
        return tuple(map(Numbers(self.reader.limit).word, several))

    def _check(self, examples: Sequence[Labelled]) -> None:
        if any(len(labelled.texts(example)) != self.parts for example in examples):
            wanted, other = ("pairs of vectors", "one vector") if self.parts == 2 else ("one vector", "two")
            raise QuickstudyError(f"this task judges {wanted} a row, and there is a row of {other}")
