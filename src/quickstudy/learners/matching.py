"""Matching networks: attention over the support, class names included (Vinyals et al. 2016, eq. 1).

    share_c(u) = sum_i a_i(u) y_ic,    a_i(u) = w_i exp(scale cos(u, x_i)) / sum_j w_j exp(scale cos(u, x_j))

over the support's examples, w = 1, and the classes' names, each an item of its class with the learned w =
name_weight. The paper's full-context embeddings (section 2.1.2) are left out: they gained little there, and a
pretrained encoder reads an example well without the others.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize

from quickstudy.core.params import detach
from quickstudy.core.protocols import Backbone, Slopes
from quickstudy.core.types import Adapted, Batch, Episode, Loss, Params
from quickstudy.learners import heads
from quickstudy.learners.exact import slopes_after

SMOOTHING = 1e-4
"""Added to each class's share before the logarithm."""


@dataclass(frozen=True)
class Matching:
    """Scores are the logarithm of a class's share, plus a learned shift: a softmax gives back the shares, and at the
    start a score is above zero where the share is above one half, for tasks in which several classes may hold.

    Adapted is the support itself: unit vectors, and what each weighs for each class. With neither names nor
    examples every class scores the same.
    """

    backbone: Backbone
    scale: float = 10.0
    name_weight: float = 4.0

    @property
    def slopes(self) -> Slopes:
        return "exact"

    def init(self, rng: torch.Generator) -> Params:
        logs = {"scale": self.scale, "name_weight": self.name_weight}
        own = {f"matching.log_{name}": torch.tensor(value).log() for name, value in logs.items()}
        return {**self.backbone.init(rng), **own, "matching.shift": torch.tensor(2.0).log()}

    def adapt(self, theta: Params, support: Batch, loss: Loss) -> Adapted:
        with torch.no_grad():
            return self._items(detach(theta), support)

    def predict(self, theta: Params, adapted: Adapted, query: Batch) -> Tensor:
        units = normalize(self.backbone.units(theta, query.text), dim=-1)
        scale, shift = theta["matching.log_scale"].exp().to(units), theta["matching.shift"].to(units)
        like = scale * (units @ adapted["support.units"].to(units).T)  # (B, U, m)
        drawn = (like + adapted["support.log_weight"].to(units)).softmax(-1)
        share = drawn @ adapted["support.member"].to(units)  # (B, U, C)
        return (share + SMOOTHING).log() + shift

    def meta_gradient(self, theta: Params, episode: Episode, rng: torch.Generator) -> tuple[Params, Tensor]:
        return slopes_after(self, episode, theta, lambda at: self._items(at, episode.support))

    def _items(self, theta: Params, support: Batch) -> Params:
        """The m items: judged examples, then names that say something."""
        names = heads.class_names(self.backbone, theta, support)
        units = self.backbone.units(theta, support.text).flatten(0, 1)
        member = heads.membership(support.gold, len(names)).to(names)
        judged, said = heads.which_judged(support.gold), heads.said(names)
        pull = theta["matching.log_name_weight"].to(names).repeat(int(said.sum()))
        return {
            "support.units": normalize(torch.cat([units[judged], names[said]]), dim=-1),  # (m, W)
            "support.member": torch.cat([member[judged], torch.eye(len(names)).to(names)[said]]),  # (m, C)
            "support.log_weight": torch.cat([torch.zeros(int(judged.sum())).to(names), pull]),  # (m,)
        }
