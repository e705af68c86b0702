"""Reptile whose inner loop is Adam's, each step on other examples (Nichol, Achiam & Schulman 2018, section 6)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from quickstudy.core.protocols import Backbone, Slopes
from quickstudy.core.types import Adapted, Batch, Episode, Loss, Params
from quickstudy.learners.fine_tune import FineTune
from quickstudy.learners.reptile import way_back


@dataclass(frozen=True)
class ReptileAdam:
    """Adapts as `fine_tune` does; the slope is the way that adaptation went, reversed, in steps of `rate`. For models
    that plain gradient descent does not move, such as a Transformer from random weights, and supports too large to be
    read in each step."""

    backbone: Backbone
    steps: int = 4
    rate: float = 1e-3
    head_rate: float = 0.05
    weight_decay: float = 0.01
    rows: int = 16
    """examples a step at most"""

    @property
    def slopes(self) -> Slopes:
        return "approximate"

    def init(self, rng: torch.Generator) -> Params:
        return self._inner.init(rng)

    def adapt(self, theta: Params, support: Batch, loss: Loss) -> Adapted:
        return self._inner.adapt(theta, support, loss)

    def predict(self, theta: Params, adapted: Adapted, query: Batch) -> Tensor:
        return self._inner.predict(theta, adapted, query)

    def meta_gradient(self, theta: Params, episode: Episode, rng: torch.Generator) -> tuple[Params, Tensor]:
        slopes, loss = way_back(self, theta, episode)
        return {name: slope / self.rate for name, slope in slopes.items()}, loss

    @property
    def _inner(self) -> FineTune:
        return FineTune(self.backbone, self.steps, self.rate, self.head_rate, self.weight_decay, self.rows)
