"""Homoiconic meta-mapping: a task's map is made from its examples or its description, and tasks are mapped by the
same networks as data (Lampinen & McClelland 2020, "Transforming task representations to perform novel tasks").

In the shared space of `shared_space` lie data, names, and tasks. Three networks: M turns pairs (input, output) into a
task z, L turns the names of classes into one, and H turns a task into a map of the space:

    z    = unit length of (weight L(names) + n M(pairs)) / (weight + n)
    F_z p = p + U' H(z) (V p + a)                                  H(z) of R x R, U and V of R x K

Units and examples go through F_z before they are compared with the classes. A meta-mapping ("a task -> its negation")
is F of the z that M makes of pairs (task, task): `transformed`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import gelu, normalize

from quickstudy.core.params import detach
from quickstudy.core.protocols import Backbone, Slopes
from quickstudy.core.types import Adapted, Batch, Episode, Loss, Params
from quickstudy.learners import heads
from quickstudy.learners.exact import slopes_after
from quickstudy.learners.shared_space import Affine, Points, SharedSpace, classes, points


@dataclass(frozen=True)
class MetaMapping:
    """Starts as `shared_space` does: the last layer of H is zero. `hidden` is the width of the three networks, `rank`
    is R. Learned by `meta_gradient` are tasks; meta-mappings are learned through `transformed` and `perform`."""

    backbone: Backbone
    hidden: int = 64
    rank: int = 16
    scale: float = 10.0
    name_weight: float = 4.0

    @property
    def slopes(self) -> Slopes:
        return "exact"

    def init(self, rng: torch.Generator) -> Params:
        size, hidden, rank = heads.widest(self.backbone), self.hidden, self.rank
        shapes = {
            "task.pair.weight": (hidden, 2 * size),
            "task.name.weight": (hidden, size),
            "task.pair.last": (size, hidden),
            "task.name.last": (size, hidden),
            "task.map.weight": (hidden, size),
            "task.map.left": (rank, size),
            "task.map.right": (rank, size),
        }
        drawn = {name: torch.randn(shape, generator=rng) for name, shape in shapes.items()}
        for name in ("pair", "name", "map"):
            drawn[f"task.{name}.bias"] = torch.randn(hidden, generator=rng)
        zero = {"task.map.last": torch.zeros(rank * rank, hidden), "task.map.add": torch.zeros(rank)}
        zero |= {"task.log_name_weight": torch.tensor(self.name_weight).log()}
        return {**SharedSpace(self.backbone, self.scale, self.name_weight).init(rng), **drawn, **zero}

    def adapt(self, theta: Params, support: Batch, loss: Loss) -> Adapted:
        with torch.no_grad():
            return self._head(detach(theta), support)

    def predict(self, theta: Params, adapted: Adapted, query: Batch) -> Tensor:
        return heads.score(self.backbone.units(theta, query.text), adapted)

    def meta_gradient(self, theta: Params, episode: Episode, rng: torch.Generator) -> tuple[Params, Tensor]:
        return slopes_after(self, episode, theta, lambda at: self._head(at, episode.support))

    def represent(self, theta: Params, support: Batch) -> Tensor:
        """z (K,), of unit length: the task that a support shows or, if it is empty, that its names describe."""
        return _task(theta, points(self.backbone, theta, support))

    def perform(self, theta: Params, z: Tensor, support: Batch) -> Params:
        """The head of task z among the classes of `support`, which may be empty: then by their names alone."""
        return _performed(theta, z, points(self.backbone, theta, support))

    def _head(self, theta: Params, support: Batch) -> Params:
        seen = points(self.backbone, theta, support)
        return _performed(theta, _task(theta, seen), seen)


def transformed(theta: Params, before: Tensor, after: Tensor, z: Tensor) -> Tensor:
    """Tasks z (…, K) under the meta-mapping that takes each task of `before` (n, K) to that of `after` (n, K)."""
    return normalize(_map(theta, normalize(_of_pairs(theta, before, after), dim=-1))(z), dim=-1)


def _performed(theta: Params, z: Tensor, seen: Points) -> Params:
    mapped = _map(theta, z)
    head = heads.nearest(classes(theta, seen._replace(units=mapped(seen.units))), theta["map.log_scale"].exp())
    return seen.into.before(mapped.before(head))


def _task(theta: Params, seen: Points) -> Tensor:
    unit, which = seen.member.nonzero(as_tuple=True)
    shown = _of_pairs(theta, seen.units[unit], classes(theta, seen)[which])
    described = _pooled(theta, "name", seen.names[heads.said(seen.names)])
    count = seen.member.sum()[None]
    return normalize(heads.blended(described[None], shown[None], count, theta["task.log_name_weight"].exp())[0], dim=-1)


def _of_pairs(theta: Params, inputs: Tensor, outputs: Tensor) -> Tensor:
    """M: pairs of points (n, K) -> (K,), whatever their order; zeros for none."""
    return _pooled(theta, "pair", torch.cat([inputs, outputs], dim=-1))


def _pooled(theta: Params, name: str, x: Tensor) -> Tensor:
    """A network over the mean of what a first layer makes of each row; zeros for no row."""
    first = gelu(x @ theta[f"task.{name}.weight"].to(x).T + theta[f"task.{name}.bias"].to(x))
    return theta[f"task.{name}.last"].to(x) @ first.sum(0) / max(1, len(x))


def _map(theta: Params, z: Tensor) -> Affine:
    """F_z, with the weights that H writes."""
    own = {name: theta[f"task.map.{name}"].to(z) for name in ("weight", "bias", "last", "left", "right", "add")}
    inside = (own["last"] @ gelu(own["weight"] @ z + own["bias"])).view(len(own["add"]), -1) / len(own["bias"])
    change = own["left"].T @ inside / (len(inside) * len(z) ** 0.5)  # (K, R)
    return Affine(torch.eye(len(z)).to(z) + change @ own["right"], change @ own["add"])
