"""Numbers where texts would stand, and many tasks in one episode.

A row's tokens are its numbers in fixed point, its one unit is their feature vector, and "classes" are tasks: an episode
of T tasks of K rows has T classes, each with a head of its own, and of the scores (T K, 1, T) only those of a row's own
task are judged. Weights of the backbone have a leading axis of T, each task's own copy. So T tasks are adapted by one
call of a learner that knows nothing of it, and nothing passes from one task to another.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from quickstudy.core.params import detach
from quickstudy.core.types import GIVEN, Batch, Episode, Lower, Params, Text

POINT = 2.0**24
"""tokens a unit of length"""


def text(numbers: Tensor) -> Text:
    """(B, N) numbers as a text of N tokens a row."""
    tokens = (numbers.double() * POINT).round().long()
    spans = torch.tensor([0, tokens.shape[1]]).expand(len(tokens), 1, 1, 2)
    return Text(tokens, torch.full(tokens.shape, GIVEN, dtype=torch.uint8), spans)


def batch(inputs: Tensor, wanted: Tensor) -> Batch:
    """(T, K, N) inputs and (T, K) wanted scores of T tasks."""
    tasks = len(inputs)
    return Batch(text(inputs.flatten(0, 1)), wanted.reshape(-1, 1, 1), text(torch.zeros(tasks, 0)))


def errors(scores: Tensor, judged: Batch) -> Tensor:
    """(T, K) squared errors, from the scores (T K, 1, T) that each row has for its own task."""
    tasks = scores.shape[-1]
    own = scores.view(tasks, -1, tasks).diagonal(dim1=0, dim2=2).T
    return (own - judged.gold.view(tasks, -1)).square()


def loss(scores: Tensor, judged: Batch) -> Tensor:
    """The sum over tasks of a task's mean squared error, so that no task's slopes depend on how many there are."""
    return errors(scores, judged).mean(1).sum()


@dataclass(frozen=True)
class Perceptron:
    """x (inputs) -> two hidden layers of rectified units (Finn et al. 2017, section 5.1). A class's name is a learned
    vector, so that the head's start is learned, too."""

    inputs: int = 1
    width: int = 40

    def init(self, rng: torch.Generator) -> Params:
        def drawn(inputs: int, *shape: int) -> Tensor:
            """Uniform within 1 / sqrt(inputs), as torch's own layers begin; biases, too: kinks lie apart."""
            return (2 * torch.rand(1, *shape, self.width, generator=rng) - 1) / inputs**0.5

        return {
            "backbone.first": drawn(self.inputs, self.inputs),
            "backbone.first_bias": drawn(self.inputs, 1),
            "backbone.second": drawn(self.width, self.width),
            "backbone.second_bias": drawn(self.width, 1),
            "backbone.name": drawn(self.width),
        }

    def depth(self, moving: Iterable[str]) -> int:
        return 0

    def lower(self, params: Params, read: Text, depth: int) -> Lower:
        return Lower(0, torch.empty(len(read.tokens), 0))

    def units(self, params: Params, read: Text, lower: Lower | None = None) -> Tensor:
        """(T K, 1, width)"""
        if not read.tokens.shape[1]:
            return params["backbone.name"][:, None]
        first = params["backbone.first"]
        hidden = (read.tokens / POINT).to(first).view(len(first), -1, self.inputs)  # (T, K, N)
        hidden = torch.relu(torch.baddbmm(params["backbone.first_bias"], hidden, first))
        hidden = torch.relu(torch.baddbmm(params["backbone.second_bias"], hidden, params["backbone.second"]))
        return hidden.flatten(0, 1)[:, None]


@dataclass(frozen=True)
class Stacked:
    """A learner that gives each of an episode's tasks its own copy of theta, and the mean of their slopes back."""

    inner: Any

    def meta_gradient(self, theta: Params, episode: Episode, rng: torch.Generator) -> tuple[Params, Tensor]:
        tasks = len(episode.support.names.tokens)
        slopes, value = self.inner.meta_gradient(copies(theta, tasks), episode, rng)
        return {
            name: slope.mean(0, keepdim=True) if _is_own(name) else slope / tasks for name, slope in slopes.items()
        }, value / tasks


def copies(theta: Params, tasks: int) -> Params:
    """Theta with a copy of the backbone's weights, and of what belongs to each of them, for every task."""
    return {
        name: value.expand(tasks, *value.shape[1:]).clone() if _is_own(name) else value
        for name, value in detach(theta).items()
    }


def _is_own(name: str) -> bool:
    return name.startswith(("backbone.", "rate.backbone."))
