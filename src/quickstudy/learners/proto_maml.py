"""Proto-MAML: gradient steps from the head that prototypes make (Triantafillou et al. 2020)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from quickstudy.core.protocols import Backbone, Slopes
from quickstudy.core.types import OF_BACKBONE, Adapted, Batch, Episode, Loss, Params
from quickstudy.learners import heads
from quickstudy.learners.descent import Order, adapted_by, descend, moves, slopes_through
from quickstudy.learners.updates import Inner, named


@dataclass(frozen=True)
class ProtoMaml:
    """Moves the head and whatever of theta begins with `moves`; learns the backbone's scope and the head's scale.

    The head starts as `Prototypes` is: weight 2 scale p and bias -scale |p|^2 of each class's mean, or of its name
    where it has no example. Slopes run on through the prototypes into the backbone's scope, in both orders.
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
    scale: float = 10.0
    """where theta's own scale starts"""

    @property
    def slopes(self) -> Slopes:
        return "exact" if self.order == 2 else "approximate"

    def init(self, rng: torch.Generator) -> Params:
        return {**self.backbone.init(rng), "head.log_scale": torch.tensor(self.scale).log()}

    def adapt(self, theta: Params, support: Batch, loss: Loss) -> Adapted:
        return adapted_by(self._ended, theta, support, loss)

    def predict(self, theta: Params, adapted: Adapted, query: Batch) -> Tensor:
        return heads.score(self.backbone.units({**theta, **adapted}, query.text), adapted)

    def meta_gradient(self, theta: Params, episode: Episode, rng: torch.Generator) -> tuple[Params, Tensor]:
        return slopes_through(self, self._ended, episode, theta, self.order)

    def _ended(self, theta: Params, support: Batch, loss: Loss, order: Order) -> Params:
        head = heads.nearest(heads.prototypes(self.backbone, theta, support), theta["head.log_scale"].exp())
        start = {**moves(theta, self.moves), **head}
        update = named(self.inner, self.rate, self.head_rate)
        return descend(self.backbone, theta, start, support, loss, self.steps, update, order)
