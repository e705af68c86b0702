"""MAML++: a learned rate for every layer and step, a loss after every step, and first order at the beginning
(Antoniou, Edwards & Storkey 2019; their per-step batch statistics have no place in a Transformer)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from quickstudy.core.params import detach, leaves, slopes_of
from quickstudy.core.protocols import Backbone, Slopes
from quickstudy.core.types import OF_BACKBONE, Adapted, Batch, Episode, Loss, Params
from quickstudy.learners import heads
from quickstudy.learners.descent import Order, adapted_from, moves, walk
from quickstudy.learners.updates import at_rates


@dataclass(frozen=True)
class MamlPP:
    """Descends as `Maml` does, from the class names. "rate.<name>" (steps,) is the rate of one weight tensor at each
    step, as in the authors' own code.

    The slopes are those of the query losses after each step, weighted: equally at first, and moving evenly onto the
    last step until `last_alone_from` of meta-training, from where they are exact. Before `second_order_from` they are
    of first order. The loss returned is always the one after the last step.
    """

    backbone: Backbone
    steps: int = 5
    rate: float = 0.02
    """where the rates of the backbone's weights start"""
    head_rate: float = 2.0
    """where those of the head start"""
    second_order_from: float = 0.3
    last_alone_from: float = 0.5

    @property
    def slopes(self) -> Slopes:
        return "exact" if max(self.second_order_from, self.last_alone_from) <= 1 else "approximate"

    def init(self, rng: torch.Generator) -> Params:
        own = self.backbone.init(rng)
        starts = dict.fromkeys(own, self.rate) | dict.fromkeys(("head.weight", "head.bias"), self.head_rate)
        rates = {f"rate.{name}": torch.full((self.steps,), rate) for name, rate in starts.items()}
        return {**own, "head.scale": torch.tensor(10.0), **rates}

    def adapt(self, theta: Params, support: Batch, loss: Loss) -> Adapted:
        with torch.enable_grad():
            return adapted_from(self._passed(detach(theta), support, loss, order=1)[-1])

    def predict(self, theta: Params, adapted: Adapted, query: Batch) -> Tensor:
        return heads.score(self.backbone.units({**theta, **adapted}, query.text), adapted)

    def meta_gradient(self, theta: Params, episode: Episode, rng: torch.Generator) -> tuple[Params, Tensor]:
        order: Order = 2 if episode.progress >= self.second_order_from else 1
        at = leaves(theta)
        with torch.enable_grad():
            passed = self._passed(at, episode.support, episode.loss, order)
            shares = self._shares(len(passed), episode.progress)
            losses = [
                share * episode.loss(self.predict(at, weights, episode.query), episode.query)
                for share, weights in zip(shares, passed, strict=True)
                if share
            ]
            return slopes_of(torch.stack(losses).sum(), at), losses[-1].detach() / shares[-1]

    def _passed(self, theta: Params, support: Batch, loss: Loss, order: Order) -> list[Params]:
        """The weights after each step; the start alone where no step is taken."""
        start = {**moves(theta, OF_BACKBONE), **heads.start(self.backbone, theta, support)}
        update = at_rates(lambda step, name: theta[f"rate.{name}"][step].to(start[name]))
        return list(walk(self.backbone, theta, start, support, loss, self.steps, update, order)) or [start]

    def _shares(self, steps: int, progress: float) -> list[float]:
        """What the loss after each step counts; they add up to 1."""
        early = max(0.0, 1 - progress / self.last_alone_from) / steps if self.last_alone_from else 0.0
        return [early] * (steps - 1) + [1 - early * (steps - 1)]
