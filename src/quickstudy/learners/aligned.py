"""A head of class names that move together: one linear map of the units, learned from examples of any classes.

With names v_k less their mean, a unit u scores scale v_k (u + D u), and

    D = argmin  n loss(scale (u + u D) v') + strength / 2 |D|^2

so that without an example a class is judged by its name alone, and an example of one class says something of all: what
turns a query into the likes of its answers. That is what matching needs, where most candidates have no example; where
each class has some, `prior_head`, whose rows move alone, learns more. A convex problem; the scalars live in theta as
logarithms and are meta-learned through its minimum. (A bilinear ranker kept near the cosine: Bai et al. 2009,
"Supervised semantic indexing".)
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from quickstudy.core.params import detach, leaves, slopes_of
from quickstudy.core.protocols import Backbone, Slopes
from quickstudy.core.types import Adapted, Batch, Episode, Loss, Params
from quickstudy.learners import convex, heads


@dataclass(frozen=True)
class Aligned:
    """The fields are where theta's scalars start; `strength` is the best of four for 64 pairs on a dialogue set."""

    backbone: Backbone
    scale: float = 14.0
    strength: float = 20.0

    @property
    def slopes(self) -> Slopes:
        return "exact"

    def init(self, rng: torch.Generator) -> Params:
        start = {"aligned.log_scale": self.scale, "aligned.log_strength": self.strength}
        own = {name: torch.tensor(value, dtype=torch.get_default_dtype()).log() for name, value in start.items()}
        return {**self.backbone.init(rng), **own}

    def adapt(self, theta: Params, support: Batch, loss: Loss) -> Adapted:
        theta = detach(theta)
        with torch.no_grad():
            units, names, strength = self._read(theta, support)
        if not heads.judged(support.gold):
            return _head(names, None)
        return _head(names, _minimum(support, loss, units, names, strength))

    def predict(self, theta: Params, adapted: Adapted, query: Batch) -> Tensor:
        return heads.score(self.backbone.units(theta, query.text), adapted)

    def meta_gradient(self, theta: Params, episode: Episode, rng: torch.Generator) -> tuple[Params, Tensor]:
        support, loss = episode.support, episode.loss
        at = leaves(theta)
        with torch.enable_grad():
            units, names, strength = self._read(at, support)

            def outer(moved: Params | None) -> Tensor:
                return loss(self.predict(at, _head(names, moved), episode.query), episode.query)

            if not heads.judged(support.gold):
                value = outer(None)
                return slopes_of(value, at), value.detach()
            objective = _objective(support, loss)
            moved = _minimum(support, loss, units.detach(), names.detach(), strength.detach())
            return convex.slopes_through(lambda moved: objective(moved, units, names, strength), outer, moved, at)

    def _read(self, theta: Params, support: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """The support's units (B, U, W), scaled names (C, W) less their mean, and the map's strength ()."""
        names = heads.class_names(self.backbone, theta, support)
        said = heads.said(names)[:, None]
        middle = (names * said).sum(0) / said.sum().clamp(min=1)
        units = self.backbone.units(theta, support.text)
        scale, strength = (theta[f"aligned.log_{name}"].exp().to(names) for name in ("scale", "strength"))
        return units, scale * (names - middle) * said, strength


def _minimum(support: Batch, loss: Loss, units: Tensor, names: Tensor, strength: Tensor) -> Params:
    """The map that is best. It is zero outside what the units and the names span, since only there it costs nothing to
    be zero; so it is sought between bases of the two, which of few examples are small."""
    count = heads.judged(support.gold)
    before, behind = (torch.linalg.qr(vectors.T).Q for vectors in (units.flatten(0, 1), names))  # (W, r), (W, s)
    plain, left, right = units @ names.T, units @ before, names @ behind

    def objective(inside: Params) -> Tensor:
        scores = plain + left @ inside["map"] @ right.T
        return count * loss(scores, support) + strength * inside["map"].square().sum() / 2

    start = torch.zeros(before.shape[1], behind.shape[1], dtype=names.dtype, device=names.device)
    return {"map": before @ convex.minimum(objective, {"map": start})["map"] @ behind.T}


def _head(names: Tensor, moved: Params | None) -> Adapted:
    """(u + u D) v' = u (v + v D')'."""
    weight = names if moved is None else names + names @ moved["map"].T
    return {"head.weight": weight, "head.bias": torch.zeros_like(weight[:, 0])}


def _objective(support: Batch, loss: Loss) -> Callable[[Params, Tensor, Tensor, Tensor], Tensor]:
    """(map, units, names, strength) -> ()."""
    count = heads.judged(support.gold)

    def objective(moved: Params, units: Tensor, names: Tensor, strength: Tensor) -> Tensor:
        scores = (units + units @ moved["map"]) @ names.T
        return count * loss(scores, support) + strength * moved["map"].square().sum() / 2

    return objective
