"""From a learner and what it adapted to the scores of one task, and to what a model goes on writing."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from quickstudy.core.protocols import Learner, Speaker
from quickstudy.core.types import Adapted, Batch, Limits, Params, QuickstudyError, Text, Written


@runtime_checkable
class Writes(Protocol):
    """A learner that has a way of its own to write."""

    def write(self, theta: Params, adapted: Adapted, text: Text, limits: Limits) -> Written:
        """What follows each row."""


@dataclass(frozen=True, eq=False)
class Scorer:
    """batch -> scores (B, U, C), keeping no graph. A Score that also writes."""

    learner: Learner
    theta: Params
    adapted: Adapted

    def __call__(self, batch: Batch) -> Tensor:
        with torch.no_grad():
            return self.learner.predict(self.theta, self.adapted, batch)

    def write(self, text: Text, limits: Limits) -> Written:
        """What follows each row, by the weights as the task moved them."""
        if isinstance(self.learner, Writes):
            return self.learner.write(self.theta, self.adapted, text, limits)
        backbone = getattr(self.learner, "backbone", None)
        if not isinstance(backbone, Speaker):
            raise QuickstudyError("this learner does not write; take fine_tune, maml, reptile or in_context")
        return backbone.write({**self.theta, **self.adapted}, text, limits)


def scorer(learner: Learner, theta: Params, adapted: Adapted) -> Scorer:
    """What a task's kind asks for scores."""
    return Scorer(learner, theta, adapted)
