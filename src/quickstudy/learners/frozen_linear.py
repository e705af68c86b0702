"""Frozen features + logistic regression: what a practitioner uses today, and so the first baseline."""

from dataclasses import dataclass

import torch
from torch import Tensor

from quickstudy.core.protocols import Backbone, Slopes
from quickstudy.core.types import Adapted, Batch, Episode, Loss, Params
from quickstudy.learners import convex, heads
from quickstudy.learners.exact import no_slopes


@dataclass(frozen=True)
class FrozenLinear:
    """Equal to scikit-learn's LogisticRegression(C=1 / strength) on the backbone's units. Learns nothing across
    tasks: theta is empty. With an empty support every class scores the same."""

    backbone: Backbone
    strength: float = 1.0

    @property
    def slopes(self) -> Slopes:
        return "none"

    def init(self, rng: torch.Generator) -> Params:
        return {}

    def adapt(self, theta: Params, support: Batch, loss: Loss) -> Adapted:
        with torch.no_grad():
            units = self.backbone.units(theta, support.text)
            names = heads.class_names(self.backbone, theta, support)
        zero = {"head.weight": torch.zeros_like(names), "head.bias": torch.zeros_like(names[:, 0])}
        judged = heads.judged(support.gold)
        if not judged:
            return zero

        def objective(head: Params) -> Tensor:
            bias = BIAS_STRENGTH * head["head.bias"].square().sum()
            size = self.strength * head["head.weight"].square().sum()
            return judged * loss(heads.score(units, head), support) + (size + bias) / 2

        return convex.minimum(objective, zero)

    def predict(self, theta: Params, adapted: Adapted, query: Batch) -> Tensor:
        return heads.score(self.backbone.units(theta, query.text), adapted)

    def meta_gradient(self, theta: Params, episode: Episode, rng: torch.Generator) -> tuple[Params, Tensor]:
        return no_slopes(self, episode, theta)


BIAS_STRENGTH = 1e-4
"""Just enough to hold the bias of a class without examples; scikit-learn, which knows no such class, has none."""
