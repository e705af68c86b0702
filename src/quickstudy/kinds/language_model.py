"""Language models: how likely a text is, for tasks that are the texts of one domain each.

At the waist a unit is the place before a token and the classes are the vocabulary, as in writing. A text longer than
`window` tokens is several rows, each but the first behind the `overlap` tokens before it, so that nothing is cut.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from quickstudy.core.protocols import Score
from quickstudy.core.types import IGNORE, Batch, Classes, Params, QuickstudyError, batch_rows
from quickstudy.text import frames
from quickstudy.text.reader import Reader

ONE = frozenset({"text"})
UNITS_AT_ONCE = 1024
"""whose scores over the vocabulary are in memory together"""


@dataclass(frozen=True, slots=True)
class Prose:
    """A text of the domain."""

    text: str


@dataclass(frozen=True, slots=True)
class Likely:
    """How likely a text is."""

    text: str
    log_likelihood: float
    """natural, of all its tokens"""
    tokens: int
    words: int
    bytes: int

    @property
    def bits_per_byte(self) -> float:
        return -self.log_likelihood / math.log(2) / max(1, self.bytes)


@dataclass(frozen=True)
class LanguageModel:
    reader: Reader
    window: int = 128
    """tokens a row"""
    overlap: int = 32
    """tokens before it that a row also reads"""

    def read(self, record: dict[str, Any]) -> Prose:
        return self.ask(record.get("text"))

    def write(self, example: Prose) -> dict[str, Any]:
        return {"text": example.text}

    def texts(self, example: Prose) -> tuple[str, ...]:
        return (example.text,)

    def labels(self, example: Prose) -> frozenset[str]:
        return ONE

    def ask(self, value: Any) -> Prose:
        """A text, a record with one, or an example."""
        if isinstance(value, Prose):
            return value
        text = value.get("text") if isinstance(value, dict) else value
        if not isinstance(text, str) or not text.strip():
            raise QuickstudyError(f"{text!r:.40} is no text, or holds no words")
        return Prose(text)

    def encode(self, examples: Sequence[Prose], classes: Classes) -> Batch:
        return self._encoded(examples)[0]

    def loss(self, scores: Tensor, batch: Batch) -> Tensor:
        """The mean negative log-likelihood of a token; scores are log-probabilities (B, U, V)."""
        judged = batch.gold != IGNORE
        return F.nll_loss(scores[judged], batch.gold[judged])

    def fit(self, score: Score, support: Sequence[Prose], classes: Classes) -> Params:
        return {}

    def answer(self, score: Score, fitted: Params, examples: Sequence[Prose], classes: Classes) -> list[Likely]:
        if not examples:
            return []
        batch, owner = self._encoded(examples)
        total = torch.zeros(len(examples), dtype=torch.float64)
        tokens = torch.zeros(len(examples), dtype=torch.long)
        for which in torch.arange(len(owner)).split(max(1, UNITS_AT_ONCE // batch.gold.shape[1])):
            some = batch_rows(batch, which)
            judged = some.gold != IGNORE
            found = score(some).gather(-1, some.gold.clamp(min=0)[..., None])[..., 0] * judged
            total.index_add_(0, owner[which], found.sum(1).double().cpu())
            tokens.index_add_(0, owner[which], judged.sum(1))
        return [
            Likely(one.text, float(value), int(count), max(1, len(one.text.split())), len(one.text.encode()))
            for one, value, count in zip(examples, total, tokens, strict=True)
        ]

    def record(self, answer: Likely) -> dict[str, Any]:
        return {
            "text": answer.text,
            "log_likelihood": answer.log_likelihood,
            "tokens": answer.tokens,
            "bits_per_byte": answer.bits_per_byte,
            "cut": 0,
        }

    def measure(self, answers: Sequence[Likely], examples: Sequence[Prose]) -> dict[str, float]:
        """Over all texts together. What counts is the geometric mean of a byte's probability, which is comparable from
        one vocabulary to another and rises as the texts become likelier; perplexities fall."""
        lost = -sum(answer.log_likelihood for answer in answers)
        size, words = (sum(getattr(answer, name) for answer in answers) for name in ("bytes", "words"))
        if not size:
            return {}
        return {
            "byte_likelihood": math.exp(-lost / size),
            "perplexity_per_word": _exp(lost / words),
            "perplexity_per_byte": _exp(lost / size),
            "perplexity_per_token": _exp(lost / max(1, sum(answer.tokens for answer in answers))),
            "bits_per_byte": lost / math.log(2) / size,
        }

    def _encoded(self, examples: Sequence[Prose]) -> tuple[Batch, Tensor]:
        """Also which example each row is of."""
        frame = frames.framed(self.reader)
        made, owner = frames.parts(frame, self.reader, [one.text for one in examples], self.window, self.overlap)
        return Batch(made.text, made.gold, None), owner


def _exp(value: float) -> float:
    """No overflow: a perplexity beyond all measure is a large finite number."""
    return math.exp(min(value, 700.0))
