"""Multi-label classification: any number of the classes hold for a text, none included."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from sklearn.metrics import accuracy_score, f1_score
from sklearn.preprocessing import MultiLabelBinarizer
from torch import Tensor

from quickstudy.core.protocols import Score
from quickstudy.core.types import IGNORE, Batch, Classes, Params, Prediction
from quickstudy.kinds import labelled
from quickstudy.kinds.labelled import Labelled
from quickstudy.text.reader import Reader

FEWEST_FOR_A_THRESHOLD = 10
"""Below this many support examples a fitted threshold is noise, and one half is used."""


@dataclass(frozen=True)
class MultiLabel:
    """`parts` is how many texts an example has: one, or two read together."""

    reader: Reader
    parts: int = 1

    def read(self, record: dict[str, Any]) -> Labelled:
        return labelled.read(record)

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
        gold = torch.zeros(len(examples), 1, len(classes))
        for row, places in enumerate(labelled.places(classes, examples)):
            gold[row, 0, places] = 1.0
        return Batch(text, gold, labelled.encode_names(self.reader, self.parts, classes))

    def loss(self, scores: Tensor, batch: Batch) -> Tensor:
        """The sum over classes of the binary cross-entropy, averaged over units."""
        gold = batch.gold.to(scores.dtype)
        each = F.binary_cross_entropy_with_logits(scores, gold, reduction="none")
        if batch.open is not None:
            each = each.masked_fill(~batch.open[:, None], 0.0)
        return each.sum(-1).mean()

    def fit(self, score: Score, support: Sequence[Labelled], classes: Classes) -> Params:
        return threshold(score, self.encode(support, classes))

    def answer(self, score: Score, fitted: Params, examples: Sequence[Labelled], classes: Classes) -> list[Prediction]:
        text, cut = labelled.encode_texts(self.reader, self.parts, examples)
        with torch.no_grad():
            scores = score(Batch(text, torch.full((len(examples), 1), IGNORE), None))[:, 0]
        return predictions(scores, cut, fitted, classes)

    def record(self, answer: Prediction) -> dict[str, Any]:
        return labelled.record(answer)

    def measure(self, answers: Sequence[Prediction], examples: Sequence[Labelled]) -> dict[str, float]:
        binary = MultiLabelBinarizer()
        said_and_gold = [answer.labels for answer in answers] + [example.labels for example in examples]
        table = binary.fit_transform(said_and_gold)
        if not table.shape[1]:  # no label anywhere, and so no fault
            return {"accuracy": 1.0, "macro_f1": 1.0, "micro_f1": 1.0}
        said, gold = table[: len(answers)], table[len(answers) :]
        return {
            "accuracy": float(accuracy_score(gold, said)),
            "macro_f1": float(f1_score(gold, said, average="macro", zero_division=0.0)),
            "micro_f1": float(f1_score(gold, said, average="micro", zero_division=0.0)),
        }


def threshold(score: Score, support: Batch) -> Params:
    """The probability above which a class holds: the one with the best micro F1 on the support, for all."""
    if len(support.gold) < FEWEST_FOR_A_THRESHOLD:
        return {"kind.threshold": torch.tensor(0.5)}
    with torch.no_grad():
        found = torch.sigmoid(score(support))
    steps = torch.linspace(0.2, 0.6, 9)
    gold = support.gold.bool()
    hits = [((found > step) & gold).sum() / ((found > step).sum() + gold.sum()).clamp(min=1) for step in steps]
    best = torch.stack(hits)
    tied = steps[best == best.max()]  # of those that do as well, the one nearest to one half
    return {"kind.threshold": tied[(tied - 0.5).abs().argmin()]}


def predictions(scores: Tensor, cut: Tensor, fitted: Params, classes: Classes) -> list[Prediction]:
    """Scores (B, C), and (B,) tokens that were cut, as answers, by the threshold that was fitted."""
    found = torch.sigmoid(scores.double()).tolist()
    least = float(fitted["kind.threshold"])
    return [
        _prediction(dict(zip(classes, row, strict=True)), least, lost)
        for row, lost in zip(found, cut.tolist(), strict=True)
    ]


def _prediction(found: dict[str, float], threshold: float, cut: int) -> Prediction:
    ranked = sorted(found, key=found.__getitem__, reverse=True)
    holding = tuple(name for name in ranked if found[name] > threshold)
    return Prediction(holding[0] if holding else None, found[ranked[0]], found, holding, cut)
