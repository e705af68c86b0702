"""Meta-SGD: MAML with a learned rate for every weight (Li, Zhou, Chen & Li 2017, eq. 3)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from quickstudy.core.protocols import Backbone, Slopes
from quickstudy.core.types import OF_BACKBONE, Adapted, Batch, Episode, Loss, Params
from quickstudy.learners import heads
from quickstudy.learners.descent import Order, adapted_by, descend, moves, slopes_through
from quickstudy.learners.updates import at_rates


@dataclass(frozen=True)
class MetaSgd:
    """theta' = theta - rate * slope, entry by entry; every rate is learned, and may become negative.

    "rate.<name>" has the shape of the weight. The head has as many rows as the task has classes, so its rate is one
    for each column, the same in every row, and one for the bias. It begins as MAML, with the head at the class names.
    """

    backbone: Backbone
    steps: int = 1
    """one, as in the paper: what more steps do, rates can"""
    rate: float = 0.05
    """where the rates of the backbone's weights start"""
    head_rate: float = 5.0
    """where those of the head start"""

    @property
    def slopes(self) -> Slopes:
        return "exact"

    def init(self, rng: torch.Generator) -> Params:
        own = self.backbone.init(rng)
        rates = {f"rate.{name}": torch.full_like(value, self.rate) for name, value in own.items()}
        rates["rate.head.weight"] = torch.full((heads.widest(self.backbone),), self.head_rate)
        rates["rate.head.bias"] = torch.tensor(self.head_rate)
        return {**own, "head.scale": torch.tensor(10.0), **rates}

    def adapt(self, theta: Params, support: Batch, loss: Loss) -> Adapted:
        return adapted_by(self._ended, theta, support, loss)

    def predict(self, theta: Params, adapted: Adapted, query: Batch) -> Tensor:
        return heads.score(self.backbone.units({**theta, **adapted}, query.text), adapted)

    def meta_gradient(self, theta: Params, episode: Episode, rng: torch.Generator) -> tuple[Params, Tensor]:
        return slopes_through(self, self._ended, episode, theta, order=2)

    def _ended(self, theta: Params, support: Batch, loss: Loss, order: Order) -> Params:
        start = {**moves(theta, OF_BACKBONE), **heads.start(self.backbone, theta, support)}
        rates = {name: theta[f"rate.{name}"].to(value) for name, value in start.items()}
        if "head.weight" in start:  # units that are scores have no head
            rates["head.weight"] = rates["head.weight"][: start["head.weight"].shape[1]]
        update = at_rates(lambda step, name: rates[name])
        return descend(self.backbone, theta, start, support, loss, self.steps, update, order)
