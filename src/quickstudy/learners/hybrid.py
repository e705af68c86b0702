"""Hybrid: meta-tasks and ordinary language modelling in one training (SMLMT's hybrid, Bansal et al. 2020).

An episode without a support whose classes are the vocabulary (masked words, the next token) has nothing to adapt to.
Its meta-gradient is the plain slope of its loss, times `ordinary`. Every other episode is the inner learner's, so that
the mixture of episodes says how much there is of each, and one without any other is ordinary pretraining.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from quickstudy.core.params import leaves, slopes_of
from quickstudy.core.protocols import Backbone, Learner, Slopes
from quickstudy.core.types import Adapted, Batch, Episode, Loss, Params, QuickstudyError
from quickstudy.learners import heads


@dataclass(frozen=True)
class Hybrid:
    """Adapts and predicts as `inner` does wherever there is something to adapt to."""

    backbone: Backbone
    inner: Learner
    ordinary: float = 1.0
    """how much the slope of an ordinary episode counts beside that of a task"""

    def __post_init__(self) -> None:
        if self.inner.slopes == "none":
            raise QuickstudyError(
                f"hybrid cannot wrap {type(self.inner).__name__}, which learns nothing across tasks; wrap one that "
                "does, such as prior_head or maml"
            )
        if not 0 <= self.ordinary < float("inf"):
            raise QuickstudyError(f"hybrid: ordinary is {self.ordinary}; give a finite number of 0 or more")

    @property
    def slopes(self) -> Slopes:
        return self.inner.slopes

    def init(self, rng: torch.Generator) -> Params:
        return self.inner.init(rng)

    def adapt(self, theta: Params, support: Batch, loss: Loss) -> Adapted:
        return {} if self._plain(support) else self.inner.adapt(theta, support, loss)

    def predict(self, theta: Params, adapted: Adapted, query: Batch) -> Tensor:
        if not adapted and heads.headless(self.backbone, query):
            return self.backbone.units(theta, query.text)
        return self.inner.predict(theta, adapted, query)

    def meta_gradient(self, theta: Params, episode: Episode, rng: torch.Generator) -> tuple[Params, Tensor]:
        if not self._plain(episode.support):
            return self.inner.meta_gradient(theta, episode, rng)
        at = leaves(theta)
        with torch.enable_grad():
            loss = episode.loss(self.predict(at, {}, episode.query), episode.query)
            slopes = slopes_of(loss, at)
        return {name: self.ordinary * slope for name, slope in slopes.items()}, loss.detach()

    def _plain(self, support: Batch) -> bool:
        """Whether there is nothing to adapt to but a vocabulary."""
        return heads.headless(self.backbone, support) and not heads.judged(support.gold)
