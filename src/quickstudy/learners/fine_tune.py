"""Plain fine-tuning with AdamW; across tasks, multi-task training with a head a task (Caruana 1997)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from quickstudy.core.params import detach, leaves, slopes_of
from quickstudy.core.protocols import Backbone, Slopes
from quickstudy.core.types import OF_BACKBONE, Adapted, Batch, Episode, Loss, Params
from quickstudy.learners import heads
from quickstudy.learners.descent import adapted_from, check_finite, moves, reading


@dataclass(frozen=True)
class FineTune:
    """Moves a fresh head and the backbone's scope, full batch. Class names are not used: with an empty support
    every class scores the same.

    Across tasks it follows the slope of the query loss at theta with the task's fitted head held still, which is
    multi-task training; it does not look through adaptation.
    """

    backbone: Backbone
    steps: int = 40
    rate: float = 1e-4
    head_rate: float = 0.05
    weight_decay: float = 0.01

    @property
    def slopes(self) -> Slopes:
        return "approximate"

    def init(self, rng: torch.Generator) -> Params:
        return self.backbone.init(rng)

    def adapt(self, theta: Params, support: Batch, loss: Loss) -> Adapted:
        own = moves(detach(theta), OF_BACKBONE)
        with torch.no_grad():
            names = heads.class_names(self.backbone, theta, support)
        head = {"head.weight": torch.zeros_like(names), "head.bias": torch.zeros_like(names[:, 0])}
        if not heads.judged(support.gold):
            return adapted_from({**own, **head})
        at = leaves({name: value.clone() for name, value in {**own, **head}.items()})
        groups = [
            {"params": [at[name] for name in own], "lr": self.rate},
            {"params": [at[name] for name in head], "lr": self.head_rate},
        ]
        outer = torch.optim.AdamW([group for group in groups if group["params"]], weight_decay=self.weight_decay)
        with torch.enable_grad():
            units = reading(self.backbone, detach(theta), support.text, own)
            for step in range(self.steps):
                outer.zero_grad()
                value = loss(heads.score(units(at), at), support)
                slopes = slopes_of(value, at)
                check_finite(value, slopes, step, self.steps)
                for name, slope in slopes.items():
                    at[name].grad = slope
                outer.step()
        return adapted_from(at)

    def predict(self, theta: Params, adapted: Adapted, query: Batch) -> Tensor:
        return heads.score(self.backbone.units({**theta, **adapted}, query.text), adapted)

    def meta_gradient(self, theta: Params, episode: Episode, rng: torch.Generator) -> tuple[Params, Tensor]:
        ended = self.adapt(theta, episode.support, episode.loss)
        head = {name: value for name, value in ended.items() if name.startswith("head.")}
        at = leaves(theta)
        with torch.enable_grad():
            slopes = slopes_of(episode.loss(self.predict(at, head, episode.query), episode.query), at)
        with torch.no_grad():
            return slopes, episode.loss(self.predict(theta, ended, episode.query), episode.query)
