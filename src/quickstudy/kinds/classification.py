"""Classification: a text, or a pair of texts, has exactly one of the classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from sklearn.metrics import accuracy_score, f1_score
from torch import Tensor

from quickstudy.core.protocols import Score
from quickstudy.core.types import IGNORE, Batch, Classes, Params, Prediction, QuickstudyError
from quickstudy.kinds import familiarity, labelled
from quickstudy.kinds.labelled import Labelled
from quickstudy.text.reader import Reader

TEMPERATURES = torch.linspace(-2.5, 2.5, 51)
"""logarithms of the temperatures that are tried"""
SPREAD = 0.5
"""Standard deviation of the logarithm of a task's temperature before any example is seen: few examples move it little.
The best of 0.25, 0.5, 1 and none on development sets."""


@dataclass(frozen=True)
class Classification:
    """`parts` is how many texts an example has: one, or two read together."""

    reader: Reader
    parts: int = 1

    def read(self, record: dict[str, Any]) -> Labelled:
        example = labelled.read(record)
        if len(example.labels) > 1:
            raise QuickstudyError(
                f"{example.text!r:.40} has {len(example.labels)} labels; for several a text, use the kind multilabel"
            )
        return example

    def write(self, example: Labelled) -> dict[str, Any]:
        return labelled.write(example)

    def texts(self, example: Labelled) -> tuple[str, ...]:
        return labelled.texts(example)

    def labels(self, example: Labelled) -> frozenset[str]:
        return frozenset(example.labels)

    def ask(self, value: Any) -> Labelled:
        return labelled.ask(value)

    def encode(self, examples: Sequence[Labelled], classes: Classes) -> Batch:
        text, _ = labelled.encode_texts(self.reader, self.parts, examples)
        gold = [place[0] if place else IGNORE for place in labelled.places(classes, examples)]
        names = labelled.encode_names(self.reader, self.parts, classes)
        return Batch(text, torch.tensor(gold, dtype=torch.long).view(-1, 1), names)

    def loss(self, scores: Tensor, batch: Batch) -> Tensor:
        """The mean negative log-likelihood over judged units."""
        open_ = scores if batch.open is None else scores.masked_fill(~batch.open[:, None], float("-inf"))
        return F.cross_entropy(open_.flatten(0, 1), batch.gold.flatten(), ignore_index=IGNORE)

    def fit(self, score: Score, support: Sequence[Labelled], classes: Classes) -> Params:
        return {}

    def calibrate(self, scores: Tensor, unseen: Batch) -> Params:
        """The most probable temperature of the scores (m, 1, C) of m unseen examples, log-normal about 1 (Guo et al.
        2017, section 4.2), and, of enough examples, how scores usually lie."""
        found, gold = scores[:, 0].float(), unseen.gold.flatten()
        unlikely = torch.stack(
            [F.cross_entropy(found / step.exp(), gold, reduction="sum").cpu() for step in TEMPERATURES]
        )
        best = (unlikely + (TEMPERATURES / SPREAD).square() / 2).argmin()
        temperature = {"kind.log_temperature": TEMPERATURES[best].clone()}
        return (
            {**temperature, "kind.usual": familiarity.usual(found)} if len(gold) >= familiarity.FEWEST else temperature
        )

    def answer(self, score: Score, fitted: Params, examples: Sequence[Labelled], classes: Classes) -> list[Prediction]:
        text, cut = labelled.encode_texts(self.reader, self.parts, examples)
        with torch.no_grad():
            scores = score(Batch(text, torch.full((len(examples), 1), IGNORE), None))[:, 0]
        return predictions(scores, cut, fitted, classes)

    def record(self, answer: Prediction) -> dict[str, Any]:
        return labelled.record(answer)

    def measure(self, answers: Sequence[Prediction], examples: Sequence[Labelled]) -> dict[str, float]:
        gold = [example.labels[0] for example in examples]
        said = [answer.label for answer in answers]
        return {
            "accuracy": float(accuracy_score(gold, said)),
            "macro_f1": float(f1_score(gold, said, average="macro", zero_division=0.0)),
        }


def predictions(scores: Tensor, cut: Tensor, fitted: Params, classes: Classes) -> list[Prediction]:
    """Scores (B, C), and (B,) tokens that were cut, as answers, by what `calibrate` fitted."""
    temperature = fitted["kind.log_temperature"].double().exp() if "kind.log_temperature" in fitted else 1.0
    found = torch.softmax(scores.double() / temperature, dim=-1)
    names = list(classes)
    best = found.argmax(-1).tolist()
    usual = fitted.get("kind.usual")
    seen = [None] * len(scores) if usual is None else familiarity.shares(scores, usual).tolist()
    return [
        Prediction(names[top], row[top], dict(zip(names, row, strict=True)), (names[top],), lost, share)
        for row, top, lost, share in zip(found.tolist(), best, cut.tolist(), seen, strict=True)
    ]
