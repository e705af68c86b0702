"""k nearest neighbours on frozen features (Cover & Hart 1967): a baseline that learns nothing across tasks."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize

from quickstudy.core.protocols import Backbone, Slopes
from quickstudy.core.types import Adapted, Batch, Episode, Loss, Params
from quickstudy.learners import heads
from quickstudy.learners.exact import no_slopes

SMOOTHING = 0.01
"""Added to each class's share of the votes before the logarithm."""


@dataclass(frozen=True)
class Neighbours:
    """Scores are the logarithm of each class's share among the k nearest by cosine, weighted by it."""

    backbone: Backbone
    k: int = 5

    @property
    def slopes(self) -> Slopes:
        return "none"

    def init(self, rng: torch.Generator) -> Params:
        return {}

    def adapt(self, theta: Params, support: Batch, loss: Loss) -> Adapted:
        classes = len(heads.named(support).tokens)
        with torch.no_grad():
            units = self.backbone.units(theta, support.text).flatten(0, 1)
        member = heads.membership(support.gold, classes).to(units)
        return {"support.units": normalize(units, dim=-1), "support.member": member}

    def predict(self, theta: Params, adapted: Adapted, query: Batch) -> Tensor:
        units = normalize(self.backbone.units(theta, query.text), dim=-1)
        near = units @ adapted["support.units"].to(units).T  # (B, U, n)
        weight, index = near.topk(min(self.k, near.shape[-1]), dim=-1)
        weight = (1 + weight) / 2
        votes = torch.einsum("buk,bukc->buc", weight, adapted["support.member"].to(units)[index])
        share = votes / weight.sum(-1, keepdim=True).clamp(min=1e-9)
        return (share + SMOOTHING).log()

    def meta_gradient(self, theta: Params, episode: Episode, rng: torch.Generator) -> tuple[Params, Tensor]:
        return no_slopes(self, episode, theta)
