"""Writing: for a text another one is written, as in translation, summary, a reply, rewriting and code.

At the waist a unit is the place before a written token, and the classes are the vocabulary (`Batch.names` is None), so
that learners which move a model that writes do so by the likelihood of what is to be written.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from quickstudy.core.protocols import Score, WritingScore
from quickstudy.core.types import IGNORE, Batch, Classes, Limits, Params, QuickstudyError, QuickstudyWarning
from quickstudy.kinds import written
from quickstudy.kinds.written import Sample, Sentence
from quickstudy.kinds.written_measures import Counts, Words, measured, signatures
from quickstudy.text import frames
from quickstudy.text.frames import Frame
from quickstudy.text.reader import Reader

ONE = frozenset({"answer"})
"""the one class that stands for every example, so that shots are how many examples there are"""


@dataclass(frozen=True)
class Writing:
    """`longest` is how many tokens are written at most; a row must hold them beside the text that is read."""

    reader: Reader
    longest: int = 64
    instruction: str = ""
    """stands before every text, as "Summarise: " """
    template: str = ""
    """what stands around instruction and text, `{}`; "": by the tokenizer (`text.frames.framed`)"""
    too_long: Literal["cut", "refuse"] = "cut"
    """what becomes of texts that do not fit: cut, which is counted and said, or refused"""
    search: Literal["greedy", "beam", "sample"] = "greedy"
    beams: int = 4
    penalty: float = 1.0
    """of beams: above 1 favours long texts, below short ones"""
    temperature: float = 1.0
    """of samples"""
    top: float = 1.0
    """of samples: drawn from the most probable tokens that together have this probability"""
    seed: int = 1
    smoothing: float = 0.0
    """the share of the loss that asks for every token alike (Szegedy et al. 2016)"""
    counts: Counts = "bleu"
    """the measure that counts"""
    words: Words = "13a"
    """how BLEU cuts texts into words: "zh" for Chinese"""

    def read(self, record: dict[str, Any]) -> Sample:
        return written.read(record)

    def write(self, example: Sample) -> dict[str, Any]:
        return written.write(example)

    def texts(self, example: Sample) -> tuple[str, ...]:
        return (example.source, *example.targets)

    def labels(self, example: Sample) -> frozenset[str]:
        return ONE if example.targets else frozenset()

    def unread(self, examples: Sequence[Sample]) -> list[int]:
        """Of the text that is given and of the one that is written."""
        return self._cut(examples, [one.targets[0] if one.targets else None for one in examples]).cut.tolist()

    def ask(self, value: Any) -> Sample:
        """A text, turns of a conversation, a record, or an example."""
        if isinstance(value, Sample):
            return Sample(value.source, (), value.control)
        if isinstance(value, dict):
            found = written.read(value)
            return Sample(found.source, (), found.control)
        return Sample(written.turns(value))

    def encode(self, examples: Sequence[Sample], classes: Classes) -> Batch:
        """One row an example; of several texts that would do, the first. Warns of examples that teach nothing."""
        bare = [example for example in examples if not example.targets]
        if bare:
            told = f"{len(bare)} of {len(examples)} examples have no target, such as {bare[0].source!r:.40}"
            warnings.warn(f"{told}; nothing is learned from them", QuickstudyWarning, stacklevel=2)
        made = self._rows(examples, [example.targets[0] if example.targets else None for example in examples])
        return Batch(made.text, made.gold, None)

    def loss(self, scores: Tensor, batch: Batch) -> Tensor:
        """The mean negative log-likelihood of the written tokens; scores are log-probabilities (B, U, V)."""
        judged = batch.gold != IGNORE
        said = scores[judged]  # (n, V)
        value = F.nll_loss(said, batch.gold[judged])
        return value if not self.smoothing else torch.lerp(value, -said.mean(), self.smoothing)

    def fit(self, score: Score, support: Sequence[Sample], classes: Classes) -> Params:
        return {}

    def answer(self, score: Score, fitted: Params, examples: Sequence[Sample], classes: Classes) -> list[Sentence]:
        if not isinstance(score, WritingScore):
            raise QuickstudyError("this task writes, and what it was given only scores; take a learner that writes")
        if not examples:
            return []
        made, frame = self._rows(examples, [None] * len(examples)), self._frame
        found = score.write(made.text, self._limits(frame))
        return [
            _sentence(frame, tokens, likelihood, cut)
            for tokens, likelihood, cut in zip(
                found.tokens.tolist(), found.likelihood.tolist(), made.cut.tolist(), strict=True
            )
        ]

    def record(self, answer: Sentence) -> dict[str, Any]:
        found = {"target": answer.text, "log_likelihood": answer.log_likelihood, "tokens": answer.tokens}
        return found | ({} if answer.ended else {"ended": False}) | ({"cut": answer.cut} if answer.cut else {})

    def measure(self, answers: Sequence[Sentence], examples: Sequence[Sample]) -> dict[str, float]:
        judged = [(answer.text, one.targets) for answer, one in zip(answers, examples, strict=True) if one.targets]
        return measured([text for text, _ in judged], [refs for _, refs in judged], self.counts, self.words)

    def signatures(self) -> dict[str, str]:
        """How sacrebleu computed BLEU and chrF."""
        return signatures(self.words)

    @property
    def _frame(self) -> Frame:
        return frames.framed(self.reader, self.template)

    def _rows(self, examples: Sequence[Sample], targets: Sequence[str | None]) -> frames.Rows:
        made = self._cut(examples, targets)
        if lost := int((made.cut > 0).sum()):
            first = int((made.cut > 0).int().argmax())
            what = f"{lost} of {len(examples)} examples do not fit, such as {examples[first].source!r:.40}"
            if self.too_long == "refuse":
                raise QuickstudyError(f'{what}; shorten them, raise `longest`, or say too_long = "cut"')
            told = f"{what}: {int(made.cut.sum())} tokens at the ends were not read"
            warnings.warn(told, QuickstudyWarning, stacklevel=3)
        return made

    def _cut(self, examples: Sequence[Sample], targets: Sequence[str | None]) -> frames.Rows:
        given = [example.given for example in examples]
        return frames.rows(self._frame, self.reader, given, targets, self.longest, self.instruction)

    def _limits(self, frame: Frame) -> Limits:
        plain = Limits(self.longest, frame.end, seed=self.seed)
        if self.search == "beam":
            return plain._replace(beams=self.beams, penalty=self.penalty)
        if self.search == "sample":
            return plain._replace(temperature=self.temperature, top=self.top)
        return plain


def _sentence(frame: Frame, tokens: list[int], likelihood: float, cut: int) -> Sentence:
    said = [token for token in tokens if token >= 0]
    return Sentence(frame.text(said), likelihood, len(said), frame.end in said, cut)
