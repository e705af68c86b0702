"""The narrow waist: what a backbone, a learner and a kind of task are to each other."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from torch import Tensor

from quickstudy.core.types import Adapted, Batch, Classes, Episode, Limits, Lower, Marks, Params, Text, Written

Score = Callable[[Batch], Tensor]
"""batch -> scores (B, U, C) of one adapted task"""


@runtime_checkable
class WritingScore(Protocol):
    """A Score that also writes."""

    def __call__(self, batch: Batch) -> Tensor: ...

    def write(self, text: Text, limits: Limits) -> Written:
        """What follows each row, all of whose tokens are GIVEN."""


@runtime_checkable
class Backbone(Protocol):
    """Reads texts into vectors. Weights arrive as arguments; those not in `params` are its own, and frozen."""

    @property
    def width(self) -> int:
        """D, the width of a unit of one part."""

    def init(self, rng: torch.Generator) -> Params:
        """A copy of the weights that its scope lets move or learn ("backbone.…", "lora.…"); may be empty."""

    def depth(self, moving: Iterable[str]) -> int:
        """How many layers lie below the lowest of the weights named `moving`; 0 when embeddings move."""

    def lower(self, params: Params, text: Text, depth: int) -> Lower:
        """Hidden states that layer `depth` reads; the caller may keep them."""

    def units(self, params: Params, text: Text, lower: Lower | None = None) -> Tensor:
        """(B, U, W): one vector a unit. W = D for one part, 3 D + 1 for two; on the text's device. Sorts,
        chunks and trims inside."""


@runtime_checkable
class Decoder(Backbone, Protocol):
    """A backbone that also writes."""

    def marks(self) -> Marks:
        """How texts are joined into a row. QuickstudyError where the model only reads."""

    def said(self, params: Params, text: Text) -> Tensor:
        """(B, S): the log-probability of each WRITTEN token given what stands before it in its row; 0 elsewhere, and
        for a token that nothing stands before. What rows have in common before they write is read once."""


@runtime_checkable
class Speaker(Backbone, Protocol):
    """A backbone whose classes are the vocabulary: its units are log-probabilities already, and it goes on writing."""

    @property
    def limit(self) -> int:
        """Tokens a row at most."""

    def write(self, params: Params, text: Text, limits: Limits) -> Written:
        """What follows each row, all of whose tokens are GIVEN; a cache keeps what was read, and an encoder reads once.
        What is drawn for a row does not depend on the rows beside it."""


Slopes = Literal["exact", "approximate", "none"]
"""What a meta-gradient is: the derivative of the query loss after adaptation (finite differences agree), another
direction by design (first order, an estimate), or nothing, where nothing is learned across tasks."""


@runtime_checkable
class Learner(Protocol):
    """A way of learning to learn: four pure functions. Its dataclass fields are its configuration."""

    @property
    def slopes(self) -> Slopes:
        """What `meta_gradient` gives; the contract test holds it to that."""

    def init(self, rng: torch.Generator) -> Params:
        """theta, the meta-learned start: the backbone's `init` plus what the method itself learns."""

    def adapt(self, theta: Params, support: Batch, loss: Any) -> Adapted:
        """What learning this task moved or made. An empty support is the zero-shot case. Detached from theta."""

    def predict(self, theta: Params, adapted: Adapted, query: Batch) -> Tensor:
        """Scores (B, U, C)."""

    def meta_gradient(self, theta: Params, episode: Episode, rng: torch.Generator) -> tuple[Params, Tensor]:
        """Slopes with exactly theta's keys and shapes, and the query loss () after adaptation. `rng` is for learners
        that draw; most do not."""


class ExampleForm(Protocol):
    """What an example is made of: enough to read, store and compare examples."""

    def read(self, record: dict[str, Any]) -> Any:
        """One record of a file -> one example; QuickstudyError says what is wrong with it."""

    def write(self, example: Any) -> dict[str, Any]:
        """The inverse of `read`, JSON-able: how examples are stored."""

    def texts(self, example: Any) -> tuple[str, ...]:
        """The example's raw texts, for leak checks and language checks."""

    def labels(self, example: Any) -> frozenset[str]:
        """The classes that stand in it; empty when unlabelled. One N-way K-shot sampler serves all kinds."""


class TaskKind(ExampleForm, Protocol):
    """A kind of task: from a record to a batch, from scores to answers. Knows of no learner."""

    def ask(self, value: Any) -> Any:
        """What a user hands over to be judged (a text, or what the kind takes for one) as an example that nobody has
        judged. QuickstudyError says what is wrong with it."""

    def encode(self, examples: Sequence[Any], classes: Classes) -> Batch: ...

    def loss(self, scores: Tensor, batch: Batch) -> Tensor: ...

    def fit(self, score: Score, support: Sequence[Any], classes: Classes) -> Params:
        """What turns scores into answers and is fitted on the support: "kind.…"; may be empty."""

    def answer(self, score: Score, fitted: Params, examples: Sequence[Any], classes: Classes) -> list[Any]: ...

    def record(self, answer: Any) -> dict[str, Any]:
        """An answer as JSON has it."""

    def measure(self, answers: Sequence[Any], examples: Sequence[Any]) -> dict[str, float]:
        """What answers are worth, by name; the first is the one that counts."""


@runtime_checkable
class Bringing(Protocol):
    """A kind whose examples may bring classes themselves, such as the choices of a question."""

    def brought(self, examples: Iterable[Any], classes: Classes) -> Classes:
        """The classes, and behind them those that examples bring; the very `classes` where they bring none."""


@runtime_checkable
class Cutting(Protocol):
    """A kind of whose examples the backbone may read less than all."""

    def unread(self, examples: Sequence[Any]) -> list[int]:
        """How many tokens of each are not read, of tagging how many words in part; 0 for what is read in windows."""


def widened(kind: TaskKind, examples: Iterable[Any], classes: Classes) -> Classes:
    """The classes that a task of these examples needs."""
    return kind.brought(examples, classes) if isinstance(kind, Bringing) else classes
