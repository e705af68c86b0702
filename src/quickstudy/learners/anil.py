"""ANIL: "almost no inner loop", MAML that moves the head alone (Raghu, Raghu, Bengio & Vinyals 2020)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from quickstudy.core.protocols import Backbone, Slopes
from quickstudy.core.types import Adapted, Batch, Episode, Loss, Params
from quickstudy.learners.descent import Order
from quickstudy.learners.maml import Maml
from quickstudy.learners.updates import Inner


@dataclass(frozen=True)
class Anil:
    """`Maml` with nothing of the backbone in `moves`: the backbone's scope is learned across tasks and stays within
    one, so that a text is read once however many steps are taken."""

    backbone: Backbone
    steps: int = 5
    head_rate: float = 2.0
    order: Order = 2
    inner: Inner = "sgd"

    @property
    def slopes(self) -> Slopes:
        return self._inner.slopes

    def init(self, rng: torch.Generator) -> Params:
        return self._inner.init(rng)

    def adapt(self, theta: Params, support: Batch, loss: Loss) -> Adapted:
        return self._inner.adapt(theta, support, loss)

    def predict(self, theta: Params, adapted: Adapted, query: Batch) -> Tensor:
        return self._inner.predict(theta, adapted, query)

    def meta_gradient(self, theta: Params, episode: Episode, rng: torch.Generator) -> tuple[Params, Tensor]:
        return self._inner.meta_gradient(theta, episode, rng)

    @property
    def _inner(self) -> Maml:
        return Maml(
            self.backbone, moves=(), steps=self.steps, head_rate=self.head_rate, order=self.order, inner=self.inner
        )
