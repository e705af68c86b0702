"""Prototypical networks: the nearest class mean (Snell, Swersky & Zemel 2017, eq. 1), as the linear head it is."""

from dataclasses import dataclass

import torch
from torch import Tensor

from quickstudy.core.params import detach
from quickstudy.core.protocols import Backbone, Slopes
from quickstudy.core.types import Adapted, Batch, Episode, Loss, Params
from quickstudy.learners import heads
from quickstudy.learners.exact import slopes_after


@dataclass(frozen=True)
class Prototypes:
    """A class's prototype is the mean of its support; its name stands in where it has none.

    score = -scale |u - p|^2 up to -scale |u|^2, equal for all classes and so without effect on a softmax (Snell et al.,
    section 2.4): a linear head of weight 2 scale p and bias -scale |p|^2. Nothing moves, so the loss is not looked at
    when adapting.
    """

    backbone: Backbone
    scale: float = 10.0
    """where theta's own scale starts"""

    @property
    def slopes(self) -> Slopes:
        return "exact"

    def init(self, rng: torch.Generator) -> Params:
        return {**self.backbone.init(rng), "head.log_scale": torch.tensor(self.scale).log()}

    def adapt(self, theta: Params, support: Batch, loss: Loss) -> Adapted:
        with torch.no_grad():
            return self._head(detach(theta), support)

    def predict(self, theta: Params, adapted: Adapted, query: Batch) -> Tensor:
        return heads.score(self.backbone.units(theta, query.text), adapted)

    def meta_gradient(self, theta: Params, episode: Episode, rng: torch.Generator) -> tuple[Params, Tensor]:
        return slopes_after(self, episode, theta, lambda at: self._head(at, episode.support))

    def _head(self, theta: Params, support: Batch) -> Params:
        return heads.nearest(heads.prototypes(self.backbone, theta, support), theta["head.log_scale"].exp())
