"""MAML: a start from which a few steps on the support do well on the query (Finn, Abbeel & Levine 2017)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from quickstudy.core.protocols import Backbone, Slopes
from quickstudy.core.types import OF_BACKBONE, Adapted, Batch, Episode, Loss, Params
from quickstudy.learners import heads
from quickstudy.learners.descent import Order, adapted_by, descend, moves, slopes_through
from quickstudy.learners.updates import Inner, named


@dataclass(frozen=True)
class Maml:
    """Moves the head and whatever of theta begins with `moves`; learns the backbone's scope and the head's scale.

    The head starts at `head.scale` times the class names (zero where there are none), so that one start serves
    tasks of any number of classes and an empty support is the zero-shot case.
    """

    backbone: Backbone
    moves: tuple[str, ...] = OF_BACKBONE
    steps: int = 5
    rate: float = 0.02
    """of the backbone's weights"""
    head_rate: float = 2.0
    order: Order = 2
    inner: Inner = "sgd"
    """whose steps they are; Adam wants rates a hundred times smaller"""

    @property
    def slopes(self) -> Slopes:
        return "exact" if self.order == 2 else "approximate"

    def init(self, rng: torch.Generator) -> Params:
        return {**self.backbone.init(rng), "head.scale": torch.tensor(10.0)}

    def adapt(self, theta: Params, support: Batch, loss: Loss) -> Adapted:
        return adapted_by(self._ended, theta, support, loss)

    def predict(self, theta: Params, adapted: Adapted, query: Batch) -> Tensor:
        return heads.score(self.backbone.units({**theta, **adapted}, query.text), adapted)

    def meta_gradient(self, theta: Params, episode: Episode, rng: torch.Generator) -> tuple[Params, Tensor]:
        return slopes_through(self, self._ended, episode, theta, self.order)

    def _ended(self, theta: Params, support: Batch, loss: Loss, order: Order) -> Params:
        start = {**moves(theta, self.moves), **heads.start(self.backbone, theta, support)}
        update = named(self.inner, self.rate, self.head_rate)
        return descend(self.backbone, theta, start, support, loss, self.steps, update, order)
