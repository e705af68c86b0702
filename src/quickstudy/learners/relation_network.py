"""A relation network: a learned comparison of a unit with a class (Sung et al. 2018, eqs. 1 and 2).

    score(u, c) = -scale |u - c|^2 + v' tanh(P u + Q c + R |u - c| + S (u * c) + b) + shift

up to scale |u|^2, equal for all classes. c is the mean of the class's examples, or its name where it has none. The
paper compares by the network alone and sums where this takes the mean. Here v starts at zero, so that the start is a
prototypical network and the network learns what a distance misses.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from quickstudy.core.params import detach
from quickstudy.core.protocols import Backbone, Slopes
from quickstudy.core.types import Adapted, Batch, Episode, Loss, Params
from quickstudy.learners import heads
from quickstudy.learners.exact import slopes_after

LARGEST = 2**22
"""Numbers in the table of pairs (units, C, W) that is made at once."""
FEATURES = ("unit", "class", "difference", "product")


@dataclass(frozen=True)
class RelationNetwork:
    """`hidden` is the width of the network. Its columns serve units of one part and of two (`heads.widest`).
    Adapted is one vector a class. The loss is whatever the task has, where the paper's is the squared error."""

    backbone: Backbone
    hidden: int = 32
    scale: float = 10.0

    @property
    def slopes(self) -> Slopes:
        return "exact"

    def init(self, rng: torch.Generator) -> Params:
        shape = (self.hidden, heads.widest(self.backbone))
        # units are about as long as one, so that normal entries give sums of the size at which a tanh bends
        first = {f"relation.{name}": torch.randn(shape, generator=rng) / 2 for name in FEATURES}
        last = {"relation.bias": torch.zeros(self.hidden), "relation.out": torch.zeros(self.hidden)}
        own = {"relation.log_scale": torch.tensor(self.scale).log(), "relation.shift": torch.tensor(0.0)}
        return {**self.backbone.init(rng), **first, **last, **own}

    def adapt(self, theta: Params, support: Batch, loss: Loss) -> Adapted:
        with torch.no_grad():
            return self._classes(detach(theta), support)

    def predict(self, theta: Params, adapted: Adapted, query: Batch) -> Tensor:
        units = self.backbone.units(theta, query.text)
        classes = adapted["class.vectors"].to(units)
        own = {name: value.to(units) for name, value in theta.items() if name.startswith("relation.")}
        rows = max(1, LARGEST // max(1, classes.numel()))
        found = [_related(own, part, classes) for part in units.flatten(0, 1).split(rows)]
        return torch.cat(found).unflatten(0, units.shape[:2])

    def meta_gradient(self, theta: Params, episode: Episode, rng: torch.Generator) -> tuple[Params, Tensor]:
        return slopes_after(self, episode, theta, lambda at: self._classes(at, episode.support))

    def _classes(self, theta: Params, support: Batch) -> Params:
        return {"class.vectors": heads.prototypes(self.backbone, theta, support)}  # (C, W)


def _related(own: Params, units: Tensor, classes: Tensor) -> Tensor:
    """(n, W) units and (C, W) classes -> (n, C). What is linear in one of the two needs no table of pairs."""
    unit, of_class, difference, product = (own[f"relation.{name}"][:, : units.shape[-1]].T for name in FEATURES)
    apart = units[:, None] - classes  # (n, C, W)
    alone = (units @ unit)[:, None] + classes @ of_class + own["relation.bias"]
    both = apart.abs() @ difference + (units[:, None] * classes) @ product
    learned = torch.tanh(alone + both) @ own["relation.out"]
    plain = heads.score(units, heads.nearest(classes, own["relation.log_scale"].exp()))
    return plain + learned + own["relation.shift"]
