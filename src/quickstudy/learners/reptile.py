"""Reptile: move the start towards where adaptation ended (Nichol, Achiam & Schulman 2018, eq. 4)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from quickstudy.core.protocols import Backbone, Learner, Slopes
from quickstudy.core.types import Adapted, Batch, Episode, Loss, Params
from quickstudy.learners.maml import Maml


@dataclass(frozen=True)
class Reptile:
    """Adapts as MAML does, moving everything it learns; the slope is the way that adaptation went, reversed."""

    backbone: Backbone
    steps: int = 5
    rate: float = 0.02
    """of the backbone's weights"""
    head_rate: float = 2.0
    head_scale: float = 10.0

    @property
    def slopes(self) -> Slopes:
        return "approximate"

    def init(self, rng: torch.Generator) -> Params:
        return self.backbone.init(rng)

    def adapt(self, theta: Params, support: Batch, loss: Loss) -> Adapted:
        return self._inner.adapt(self._with_head(theta), support, loss)

    def predict(self, theta: Params, adapted: Adapted, query: Batch) -> Tensor:
        return self._inner.predict(theta, adapted, query)

    def meta_gradient(self, theta: Params, episode: Episode, rng: torch.Generator) -> tuple[Params, Tensor]:
        return way_back(self, theta, episode)

    @property
    def _inner(self) -> Maml:
        return Maml(self.backbone, steps=self.steps, rate=self.rate, head_rate=self.head_rate, order=1)

    def _with_head(self, theta: Params) -> Params:
        return {**theta, "head.scale": torch.tensor(self.head_scale)}


def way_back(learner: Learner, theta: Params, episode: Episode) -> tuple[Params, Tensor]:
    """How far theta lies from where a learner's adaptation ends, and the query loss () there (eq. 4)."""
    ended = learner.adapt(theta, episode.support, episode.loss)
    with torch.no_grad():
        loss = episode.loss(learner.predict(theta, ended, episode.query), episode.query)
    return {name: value.detach() - ended[name] for name, value in theta.items()}, loss
