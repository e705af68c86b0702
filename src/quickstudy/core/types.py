"""Core types: every language task is units choosing among classes.

Letters for shapes: B rows, S tokens, U units a row, P parts a unit, C classes, D width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:  # who only wants an error or a constant does not wait for torch
    from torch import Tensor

Params = dict[str, "Tensor"]
Adapted = dict[str, "Tensor"]
Classes = Mapping[str, str]
"""Class name -> its longer description ("" for none). The order is the order of the scores."""

PADDING, GIVEN, WRITTEN, APART, NUMBER, MASKED = 0, 1, 2, 3, 4, 5
"""What a token is to the backbone: nothing, text that is given (seen from everywhere), text written (causal), or a
second given text that is read apart from the first, or no text at all: the bits of a number of a given vector; or a
given token whose place is asked for, which stands for another or for itself."""
OF_BACKBONE = ("backbone.", "lora.")
"""How the names of a backbone's weights begin in Params."""
WIDTH_STEP = 8
"""Rows are as wide as a multiple of this, so that like texts meet like shapes wherever they are read."""
STRANGE = 0.05
"""As `familiar` as this or less, a text is not known."""
IGNORE = -100
"""Gold of a unit that nobody judges."""


class Text(NamedTuple):
    """What the backbone reads."""

    tokens: Tensor
    """(B, S) long"""
    role: Tensor
    """(B, S) uint8: PADDING, GIVEN, WRITTEN, APART, NUMBER or MASKED"""
    spans: Tensor
    """(B, U, P, 2) long, half-open token ranges; an empty range is "nothing there", whose vector is zero"""


class Marks(NamedTuple):
    """What joins texts into one row that a decoder reads on from: token ids, since learners see no tokenizer."""

    limit: int
    """tokens a row at most"""
    first: tuple[int, ...] = ()
    """at the start of a row"""
    text: tuple[int, ...] = ()
    """before a text"""
    between: tuple[int, ...] = ()
    """between the two texts of a pair"""
    answer: tuple[int, ...] = ()
    """between a text and its answer"""
    end: tuple[int, ...] = ()
    """behind an answer"""
    around: tuple[int, ...] = ()
    """what the tokenizer puts around every text, which joined texts do without"""
    digits: tuple[tuple[int, ...], ...] = ()
    """0 to 9, with which an answer that has no words is numbered; empty: it cannot be"""


class Limits(NamedTuple):
    """How a text is written, and where it ends at the latest."""

    longest: int = 64
    """tokens at most"""
    end: int = -1
    """the token that ends a text; -1: none does"""
    beams: int = 1
    """how many beginnings are gone on with side by side; 1: only the best"""
    penalty: float = 1.0
    """of beams, that is best whose log-likelihood / length ** penalty is highest"""
    temperature: float = 0.0
    """0: always the most probable token; above, one is drawn, by probabilities that are flatter the higher it is"""
    top: float = 1.0
    """drawn from the most probable tokens that together have this probability (Holtzman et al. 2020)"""
    seed: int = 0
    """of what is drawn"""


class Written(NamedTuple):
    """What was written."""

    tokens: Tensor
    """(B, T) long, the end's included; -1 behind it"""
    likelihood: Tensor
    """(B,) the log-probability of them all"""


class Batch(NamedTuple):
    """Rows to judge, and the classes they choose among."""

    text: Text
    gold: Tensor
    """(B, U) long, IGNORE where nobody judges; multi-hot (B, U, C) float where several classes hold"""
    names: Text | None
    """the C classes' names and descriptions, one unit a row; None: the classes are the vocabulary"""
    open: Tensor | None = None
    """(B, C) bool: which classes this row may choose; None: all"""
    task: Tensor | None = None
    """(B,) which adapted task a row belongs to; None: one task"""


Loss = Callable[["Tensor", Batch], "Tensor"]
"""scores (B, U, C), batch -> (): the mean over judged units"""
Reward = Callable[["Tensor", Batch], "Tensor"]
"""scores (B, U, C), batch -> (B,): no derivative asked for"""


class Episode(NamedTuple):
    """One small task: adapt on the support, be judged on the query. Both hold the same classes."""

    support: Batch
    query: Batch
    loss: Loss
    reward: Reward | None = None
    progress: float = 1.0
    """how much of meta-training lies behind it, 0 to 1: what a learner anneals by"""


class Draw(NamedTuple):
    """An episode before it is encoded: plain examples, so that it can be exported, re-run and read by a person."""

    id: str
    """names it for good: the same source, sizes and seed give the same id and the same examples"""
    source: str
    """which data set it was drawn from"""
    shots: int
    """examples a class in the support (the most, where a range was asked for)"""
    support: tuple[Any, ...]
    query: tuple[Any, ...]
    classes: Classes


@dataclass(frozen=True, slots=True)
class Prediction:
    """What one text was judged to be, by a kind whose units choose among named classes."""

    label: str | None
    """the most probable class; None where several may hold and none does, and for a text without words"""
    probability: float
    probabilities: dict[str, float]
    labels: tuple[str, ...]
    """every class that holds, the most probable first; `(label,)` where exactly one does"""
    cut: int = 0
    """tokens at the end that the backbone could not read"""
    familiar: float | None = None
    """The share of the task's own examples, left out of learning, that looked no more like a text of some class; None
    where nothing says so: too few examples (8 of classes with two), or a kind or learner that leaves none out."""

    @property
    def known(self) -> bool:
        """Whether it looks like a text of some class. Of texts that are, about 5 in 100 do not. True where nothing
        says."""
        return self.familiar is None or self.familiar > STRANGE


class Lower(NamedTuple):
    """Hidden states below the layers that move, kept so that they need not be computed again."""

    depth: int
    """how many layers lie below"""
    hidden: Tensor
    """(B, S, D) what layer number `depth` reads"""


class QuickstudyError(Exception):
    """An error a user can act on: one sentence with what, where and what to do. Never a traceback."""


class DivergedError(QuickstudyError):
    """The inner loop left the finite numbers; says at which step. Meta-training leaves the episode out."""


class QuickstudyWarning(UserWarning):
    """Something a user should know that is not in the way of a result."""


def rows(text: Text, index: Tensor) -> Text:
    """The rows of a text that `index` names (long or bool)."""
    return Text(text.tokens[index], text.role[index], text.spans[index])


def shortened(text: Text, longest: int) -> Text:
    """The first `longest` tokens of each text; pairs, whose second text stands behind the first, whole."""
    if text.tokens.shape[1] <= longest or bool((text.role == APART).any()):
        return text
    return Text(text.tokens[:, :longest], text.role[:, :longest], text.spans.clamp(max=longest))


def batch_rows(batch: Batch, index: Tensor) -> Batch:
    """The rows of a batch that `index` names; the classes stay."""
    return batch._replace(
        text=rows(batch.text, index),
        gold=batch.gold[index],
        open=None if batch.open is None else batch.open[index],
        task=None if batch.task is None else batch.task[index],
    )
