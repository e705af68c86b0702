"""Relations: how one marked entity of a text is related to another, or not at all.

A unit has three parts: the text, and its two entities as they are read in it, between words that say which is which
(after the entity markers of Baldini Soares et al. 2019, section 3.3; docs/findings.md compares others). The class
called `none` has no name that means anything: it holds where examples of it say so or, without any, where a text looks
less like each relation than most of the examples did that were left out of learning.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from sklearn.metrics import accuracy_score, f1_score
from torch import Tensor

from quickstudy.core.protocols import Score
from quickstudy.core.types import IGNORE, Batch, Classes, Params, Prediction, QuickstudyError, Text
from quickstudy.kinds import labelled, related
from quickstudy.kinds.classification import Classification, predictions
from quickstudy.kinds.related import Related
from quickstudy.text.around import around
from quickstudy.text.located import Located, locate
from quickstudy.text.reader import Reader

NONE = "no relation"
PARTS = 3
HEAD, TAIL, BEHIND, GAP = " head : ", " tail : ", " , ", " … "
UNLIKE = 0.2
"""The share of a task's own examples, left out of learning, that look less like any relation than what is taken for
none, where no example of none was given. Of those tried, as much of both is judged right by it (findings.md)."""
SLACK = 4
"""tokens by which a shortened text may be longer than its pieces: words that were cut in two"""


@dataclass(frozen=True)
class Relation:
    """`none` is the class of what is in no relation: its name is never read."""

    reader: Reader
    none: str = NONE

    def read(self, record: dict[str, Any]) -> Related:
        return related.read(record)

    def write(self, example: Related) -> dict[str, Any]:
        return related.write(example)

    def texts(self, example: Related) -> tuple[str, ...]:
        """Of a text that stands in several examples, each has its own two entities."""
        return (example.text, *example.entities)

    def labels(self, example: Related) -> frozenset[str]:
        return frozenset({example.label} if example.label else ())

    def unread(self, examples: Sequence[Related]) -> list[int]:
        """Those furthest from the entities."""
        found: list[int] = self._text(examples)[1].tolist() if examples else []
        return found

    def ask(self, value: Any) -> Related:
        return related.asked(value)

    def encode(self, examples: Sequence[Related], classes: Classes) -> Batch:
        if not classes:
            raise QuickstudyError("there is no relation to learn; give examples with labels, relations' names, or both")
        place = {name: number for number, name in enumerate(classes)}
        for example in examples:
            if example.label and example.label not in place:
                raise QuickstudyError(f"the relation {example.label!r} is not among the {len(place)} classes")
        gold = [place[example.label] if example.label else IGNORE for example in examples]
        names = labelled.encode_names(self.reader, PARTS, classes)
        spans = names.spans.clone()
        spans[:, :, 1:] = 0  # a name is compared with the text alone
        if self.none in place:
            spans[place[self.none]] = 0
        text, _ = self._text(examples)
        return Batch(text, torch.tensor(gold, dtype=torch.long).view(-1, 1), names._replace(spans=spans))

    def loss(self, scores: Tensor, batch: Batch) -> Tensor:
        """The mean negative log-likelihood over judged units."""
        return self._choice.loss(scores, batch)

    def fit(self, score: Score, support: Sequence[Related], classes: Classes) -> Params:
        if len(classes) < 2:
            raise QuickstudyError(f"there is only one relation; a task needs two or more, or {self.none!r} beside it")
        unshown = self.none in classes and all(example.label != self.none for example in support)
        return {"kind.none": torch.tensor(list(classes).index(self.none))} if unshown else {}

    def calibrate(self, scores: Tensor, unseen: Batch) -> Params:
        return self._choice.calibrate(scores, unseen)

    def answer(self, score: Score, fitted: Params, examples: Sequence[Related], classes: Classes) -> list[Prediction]:
        text, cut = self._text(examples)
        with torch.no_grad():
            scores = score(Batch(text, torch.full((len(examples), 1), IGNORE), None))[:, 0]
        if "kind.none" in fitted and "kind.usual" in fitted:  # a head made without examples of it never says it
            usual = fitted["kind.usual"].to(scores)
            scores = scores.clone()
            scores[:, int(fitted["kind.none"])] = torch.quantile(usual, UNLIKE)
        return predictions(scores, cut, fitted, classes)

    def record(self, answer: Prediction) -> dict[str, Any]:
        return labelled.record(answer)

    def measure(self, answers: Sequence[Prediction], examples: Sequence[Related]) -> dict[str, float]:
        """Accuracy over all, `none` included, and F1 over relations: what is rightly found to be in none counts
        nowhere, as in SemEval-2010 task 8 and TACRED."""
        gold = [example.label for example in examples]
        said = [answer.label or self.none for answer in answers]
        relations = sorted({*gold, *said} - {self.none})
        found = {"accuracy": float(accuracy_score(gold, said))}
        if not relations:  # there is none, and none was said: no fault
            return {**found, "macro_f1": 1.0, "micro_f1": 1.0}
        for average in ("macro", "micro"):
            found[f"{average}_f1"] = float(f1_score(gold, said, labels=relations, average=average, zero_division=0.0))
        return found

    @property
    def _choice(self) -> Classification:
        """What one choice among classes is, whatever it is a choice about."""
        return Classification(self.reader)

    def _text(self, examples: Sequence[Related]) -> tuple[Text, Tensor]:
        """One unit a row, and (B,) how many tokens were cut: those furthest from the entities."""
        text, cut = locate(self.reader, [_marked(example) for example in examples], PARTS)
        if cut.any():
            room = max(8, self.reader.limit - _taken(self.reader))
            shorter = [
                related.shortened(example, around(self.reader, example.text, (example.head, example.tail), room), GAP)
                if lost
                else example
                for example, lost in zip(examples, cut.tolist(), strict=True)
            ]
            text, _ = locate(self.reader, [_marked(example) for example in shorter], PARTS)
        return text._replace(spans=text.spans[:, :1]), cut


def _marked(example: Related) -> Located:
    """The text with words before and behind each entity; the unit's parts are all of it and the two entities."""
    points = []
    for which, ((start, end), before) in enumerate(((example.head, HEAD), (example.tail, TAIL)), start=1):
        points.append((start, 1, start - end, before, which))  # where two begin, the longer one's words come first
        points.append((end, 0, end - start, BEHIND, which))
    parts: list[str] = []
    length, last = 0, 0
    found: dict[int, list[int]] = {1: [], 2: []}
    for at, begins, _, words, which in sorted(points):
        parts += [example.text[last:at], words]
        length += at - last
        found[which].append(length + len(words) * begins)
        length += len(words)
        last = at
    whole = "".join([*parts, example.text[last:]])
    return Located((whole,), [[(0, len(whole)), (found[1][0], found[1][1]), (found[2][0], found[2][1])]])


def _taken(reader: Reader) -> int:
    """Tokens of a row that are none of the text's."""
    said = reader.tokenizer.encode(reader.prompt + HEAD + TAIL + BEHIND + BEHIND + GAP, add_special_tokens=False)
    return len(said.ids) + reader.tokenizer.num_special_tokens_to_add(False) + SLACK
