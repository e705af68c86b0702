"""Logistic regression pulled towards a prior made of class names and class means: the default learner.

With support units u (n, W) of mean m, class means c_k less m of n_k examples, and class names v_k less their mean,

    prior_k = scale (name_weight v_k + n_k c_k) / (name_weight + n_k)
    head    = argmin  n loss(u W' + b) + strength / 2 (|W - prior|^2 + |b + prior m|^2)

so that a name counts as `name_weight` examples and, with no example, the head *is* the prior. The prior's bias
stands for centring u, which is not done. (A prior for a maximum-entropy model: Chelba & Acero 2004.) The scalars live
in theta as logarithms and are meta-learned through the minimum (`convex.slopes_through`).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from quickstudy.core.params import detach, leaves, slopes_of
from quickstudy.core.protocols import Backbone, Slopes
from quickstudy.core.types import Adapted, Batch, Episode, Loss, Params
from quickstudy.learners import convex, heads


@dataclass(frozen=True)
class PriorHead:
    """The fields are where theta's scalars start. The loss may be any smooth convex function of the scores."""

    backbone: Backbone
    scale: float = 10.0
    strength: float = 1.0
    name_weight: float = 4.0
    temperature: float = 1.0

    @property
    def slopes(self) -> Slopes:
        return "exact"

    def init(self, rng: torch.Generator) -> Params:
        start = {
            "prior.log_scale": self.scale,
            "prior.log_strength": self.strength,
            "prior.log_name_weight": self.name_weight,
            "prior.log_temperature": self.temperature,
        }
        own = {name: torch.tensor(value, dtype=torch.get_default_dtype()).log() for name, value in start.items()}
        return {**self.backbone.init(rng), **own}

    def adapt(self, theta: Params, support: Batch, loss: Loss) -> Adapted:
        theta = detach(theta)
        with torch.no_grad():
            units, prior = self._prior(theta, support)
            strength = _scalar(theta, "strength", units)
        head = prior
        if heads.judged(support.gold):
            head = convex.minimum(lambda head: _objective(head, prior, units, strength, support, loss), prior)
        return _tempered(theta, head)

    def predict(self, theta: Params, adapted: Adapted, query: Batch) -> Tensor:
        return heads.score(self.backbone.units(theta, query.text), adapted)

    def meta_gradient(self, theta: Params, episode: Episode, rng: torch.Generator) -> tuple[Params, Tensor]:
        support, loss = episode.support, episode.loss
        at = leaves(theta)

        def outer(head: Params) -> Tensor:
            return loss(self.predict(at, _tempered(at, head), episode.query), episode.query)

        with torch.enable_grad():
            units, prior = self._prior(at, support)
            strength = _scalar(at, "strength", units)
            if not heads.judged(support.gold):
                value = outer(prior)
                return slopes_of(value, at), value.detach()
            still = detach({"units": units, "strength": strength, **prior})
            head = convex.minimum(
                lambda head: _objective(head, still, still["units"], still["strength"], support, loss),
                detach(prior),
            )
            return convex.slopes_through(
                lambda head: _objective(head, prior, units, strength, support, loss), outer, head, at
            )

    def _prior(self, theta: Params, support: Batch) -> tuple[Tensor, Params]:
        """The support's units (B, U, W), and the prior as a head."""
        names = heads.class_names(self.backbone, theta, support)
        units = self.backbone.units(theta, support.text)
        flat = units.flatten(0, 1)
        mean, count = heads.means(flat, heads.membership(support.gold, len(names)))
        centre = flat.mean(0) if len(flat) else torch.zeros_like(names[0])
        said = heads.said(names)[:, None]  # a class whose name says nothing has no name to weigh
        pulled = _scalar(theta, "name_weight", names) * said  # (C, 1)
        middle = (names * said).sum(0) / said.sum().clamp(min=1)
        examples = count[:, None]
        total = pulled * (names - middle) + examples * (mean - centre)
        weight = _scalar(theta, "scale", names) * total / (pulled + examples).clamp(min=1e-9)
        return units, {"head.weight": weight, "head.bias": -weight @ centre}


def _objective(head: Params, prior: Params, units: Tensor, strength: Tensor, support: Batch, loss: Loss) -> Tensor:
    away = sum(((head[name] - prior[name]).square().sum() for name in head), torch.zeros(()).to(units))
    return heads.judged(support.gold) * loss(heads.score(units, head), support) + strength * away / 2


def _tempered(theta: Params, head: Params) -> Params:
    return {name: value / _scalar(theta, "temperature", value) for name, value in head.items()}


def _scalar(theta: Params, name: str, like: Tensor) -> Tensor:
    return theta[f"prior.log_{name}"].exp().to(like)
