"""Zero-shot: class names alone (Chang et al. 2008), whatever examples there are. A baseline."""

from dataclasses import dataclass

import torch
from torch import Tensor

from quickstudy.core.protocols import Backbone, Slopes
from quickstudy.core.types import Adapted, Batch, Episode, Loss, Params
from quickstudy.learners import heads
from quickstudy.learners.exact import no_slopes


@dataclass(frozen=True)
class NamesAlone:
    """Scores are `scale` times the product of a unit and a class's name."""

    backbone: Backbone
    scale: float = 10.0

    @property
    def slopes(self) -> Slopes:
        return "none"

    def init(self, rng: torch.Generator) -> Params:
        return {}

    def adapt(self, theta: Params, support: Batch, loss: Loss) -> Adapted:
        with torch.no_grad():
            return heads.start(self.backbone, {**theta, "head.scale": torch.tensor(self.scale)}, support)

    def predict(self, theta: Params, adapted: Adapted, query: Batch) -> Tensor:
        return heads.score(self.backbone.units(theta, query.text), adapted)

    def meta_gradient(self, theta: Params, episode: Episode, rng: torch.Generator) -> tuple[Params, Tensor]:
        return no_slopes(self, episode, theta)
