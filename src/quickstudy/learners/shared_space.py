"""Shared space: the inputs and the outputs of all tasks go through learned maps M = W'X + b into one space, and are
compared there, so that tasks of every kind share what the two maps know ("mapping meta-learning").

The outputs are the classes' names. With a unit u, a name v_k and the mean c_k of a class's n_k units,

    point_k = (name_weight (W_out v_k + b_out) + n_k (W_in c_k + b_in)) / (name_weight + n_k)
    score_k = -scale |W_in u + b_in - point_k|^2,  up to what is equal for all classes

(prototypes in a learned space: Snell, Swersky & Zemel 2017; names and inputs in one: Frome et al. 2013, DeViSE).
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from quickstudy.core.params import detach
from quickstudy.core.protocols import Backbone, Slopes
from quickstudy.core.types import Adapted, Batch, Episode, Loss, Params
from quickstudy.learners import heads
from quickstudy.learners.exact import slopes_after


class Affine(NamedTuple):
    """x (…, W) -> weight x + bias (…, K)"""

    weight: Tensor
    bias: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        return x @ self.weight.T + self.bias

    def before(self, head: Params) -> Params:
        """The head on x whose scores are those of `head` on the map of x."""
        weight, bias = head["head.weight"], head["head.bias"]
        return {"head.weight": weight @ self.weight, "head.bias": bias + weight @ self.bias}


class Points(NamedTuple):
    """What a support is in the shared space of K dimensions."""

    into: Affine
    """the map of its units"""
    units: Tensor
    """(n, K)"""
    member: Tensor
    """(n, C)"""
    names: Tensor
    """(C, K), zeros for a name that says nothing"""


@dataclass(frozen=True)
class SharedSpace:
    """Starts as prototypes in which a name counts as `name_weight` examples. Nothing moves when adapting.

    The space has the W of pairs for its K, so that the identity loses nothing of either kind of unit. Theta holds
    what the maps have beyond the identity, times K (biases: times its root): a step of the outer optimizer then turns
    the space by about its rate, whatever the width.
    """

    backbone: Backbone
    scale: float = 10.0
    name_weight: float = 4.0

    @property
    def slopes(self) -> Slopes:
        return "exact"

    def init(self, rng: torch.Generator) -> Params:
        scalars = {"map.log_scale": self.scale, "map.log_name_weight": self.name_weight}
        own = {name: torch.tensor(value).log() for name, value in scalars.items()}
        size = heads.widest(self.backbone)
        for side in ("input", "output"):
            own |= {f"map.{side}.weight": torch.zeros(size, size), f"map.{side}.bias": torch.zeros(size)}
        return {**self.backbone.init(rng), **own}

    def adapt(self, theta: Params, support: Batch, loss: Loss) -> Adapted:
        with torch.no_grad():
            return self._head(detach(theta), support)

    def predict(self, theta: Params, adapted: Adapted, query: Batch) -> Tensor:
        return heads.score(self.backbone.units(theta, query.text), adapted)

    def meta_gradient(self, theta: Params, episode: Episode, rng: torch.Generator) -> tuple[Params, Tensor]:
        return slopes_after(self, episode, theta, lambda at: self._head(at, episode.support))

    def _head(self, theta: Params, support: Batch) -> Params:
        seen = points(self.backbone, theta, support)
        return seen.into.before(heads.nearest(classes(theta, seen), theta["map.log_scale"].exp()))


def points(backbone: Backbone, theta: Params, support: Batch) -> Points:
    """Reads a support and maps it."""
    names = heads.class_names(backbone, theta, support)
    units = backbone.units(theta, support.text).flatten(0, 1)
    into, out = (_map(theta, side, names) for side in ("input", "output"))
    outputs = out(names) * heads.said(names)[:, None]
    return Points(into, into(units), heads.membership(support.gold, len(names)).to(units), outputs)


def classes(theta: Params, seen: Points) -> Tensor:
    """(C, K): each class's name and examples in one point."""
    return heads.blended(seen.names, *heads.means(seen.units, seen.member), theta["map.log_name_weight"].exp())


def _map(theta: Params, side: str, like: Tensor) -> Affine:
    """The map of vectors as wide as `like`: its first columns."""
    weight, bias = theta[f"map.{side}.weight"].to(like), theta[f"map.{side}.bias"].to(like)
    size, width = len(bias), like.shape[-1]
    return Affine(torch.eye(size, width).to(like) + weight[:, :width] / size, bias / size**0.5)
