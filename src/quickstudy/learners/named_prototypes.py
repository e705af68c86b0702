"""Prototypes made of examples and of class names, the name counting as a learned number of examples.

A prototypical network (Snell et al. 2017) whose prototypes are mixed with the classes' words, as in AM3 (Xing et al.
2019, eq. 5). There a network says for each class how much its word weighs; here that is name_weight / (name_weight +
n), one learned number, which yields to examples as they come.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from quickstudy.core.params import detach
from quickstudy.core.protocols import Backbone, Slopes
from quickstudy.core.types import Adapted, Batch, Episode, Loss, Params
from quickstudy.learners import heads
from quickstudy.learners.exact import slopes_after


@dataclass(frozen=True)
class NamedPrototypes:
    """Scores are -scale |u - p|^2 up to what is equal for all classes. Names lie in the space of units as they are,
    so no map between the two is learned. Nothing moves, and the loss is not looked at when adapting."""

    backbone: Backbone
    scale: float = 10.0
    name_weight: float = 3.0

    @property
    def slopes(self) -> Slopes:
        return "exact"

    def init(self, rng: torch.Generator) -> Params:
        own = {"head.log_scale": self.scale, "head.log_name_weight": self.name_weight}
        return {**self.backbone.init(rng), **{name: torch.tensor(value).log() for name, value in own.items()}}

    def adapt(self, theta: Params, support: Batch, loss: Loss) -> Adapted:
        with torch.no_grad():
            return self._head(detach(theta), support)

    def predict(self, theta: Params, adapted: Adapted, query: Batch) -> Tensor:
        return heads.score(self.backbone.units(theta, query.text), adapted)

    def meta_gradient(self, theta: Params, episode: Episode, rng: torch.Generator) -> tuple[Params, Tensor]:
        return slopes_after(self, episode, theta, lambda at: self._head(at, episode.support))

    def _head(self, theta: Params, support: Batch) -> Params:
        names = heads.class_names(self.backbone, theta, support)
        units = self.backbone.units(theta, support.text).flatten(0, 1)
        mean, count = heads.means(units, heads.membership(support.gold, len(names)))
        prototype = heads.blended(names, mean, count, theta["head.log_name_weight"].exp())  # (C, W)
        return heads.nearest(prototype, theta["head.log_scale"].exp())
