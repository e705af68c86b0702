"""MAML: a start from which a few steps on the support do well on the query (Finn, Abbeel & Levine 2017)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from quickstudy.core.params import detach, leaves, slopes_of
from quickstudy.core.protocols import Backbone
from quickstudy.core.types import Adapted, Batch, Episode, Loss, Params
from quickstudy.learners import heads
from quickstudy.learners.descent import Order, adapted_from, attention_for, descend, moves, reading


@dataclass(frozen=True)
class Maml:
    """Moves the head and whatever of theta begins with `moves`; learns the backbone's scope and the head's scale.

    The head starts at `head.scale` times the class names (zero where there are none), so that one start serves
    tasks of any number of classes and an empty support is the zero-shot case.
    """

    backbone: Backbone
    moves: tuple[str, ...] = ("backbone.", "lora.")
    steps: int = 5
    rate: float = 0.5
    order: Order = 2

    def init(self, rng: torch.Generator) -> Params:
        return {**self.backbone.init(rng), "head.scale": torch.tensor(10.0)}

    def adapt(self, theta: Params, support: Batch, loss: Loss) -> Adapted:
        with torch.enable_grad():
            return adapted_from(self._ended(detach(theta), support, loss, order=1))

    def predict(self, theta: Params, adapted: Adapted, query: Batch) -> Tensor:
        return heads.score(self.backbone.units({**theta, **adapted}, query.text), adapted)

    def meta_gradient(self, theta: Params, episode: Episode, rng: torch.Generator) -> tuple[Params, Tensor]:
        at = leaves(theta)
        with torch.enable_grad(), attention_for(self.order):
            ended = self._ended(at, episode.support, episode.loss, self.order)
            loss = episode.loss(self.predict(at, ended, episode.query), episode.query)
            return slopes_of(loss, at), loss.detach()

    def _ended(self, theta: Params, support: Batch, loss: Loss, order: Order) -> Params:
        start = {**moves(theta, self.moves), **heads.start(self.backbone, theta, support)}
        if not len(support.gold):
            return start
        start = {name: value if value.requires_grad else value.requires_grad_() for name, value in start.items()}
        units = reading(self.backbone, theta, support.text, start)
        return descend(lambda at: loss(heads.score(units(at), at), support), start, self.steps, self.rate, order)
