"""Logistic regression pulled towards a prior made of class names and class means: the default learner.

With support units u (n, W) of mean m, class means c_k less m of n_k examples, and class names v_k less their mean,

    prior_k = scale (name_weight v_k + n_k c_k) / (name_weight + n_k)
    fitted  = argmin  n loss(u W' + b + r) + strength / 2 (|W - prior|^2 + |b + prior m|^2)
    head    = fitted + s (names - fitted),    s = (1 - exp(-TRUST x)) name_weight / (name_weight + n C / 2)

so that a name counts as `name_weight` examples and, with no example, the head *is* that of the names alone. These have
not seen the support, so the share x of its loss that they save says how far to believe them on the rest; where they
save nothing, s is 0. Names of many classes save much and leave much to be learned, hence C. The prior's bias stands for
centring u, which is not done. r (C) is for how many examples each class happens to have, which of few says little about
how often it comes: logarithms of n_k + 1 / C (Perks 1947) over their mean, and less of them the more examples there are
(logit adjustment: Menon et al. 2021, eq. 10); zero where all have as many. So a class among many that has no example is
hardly held against its name. The scalars live in theta as logarithms and are meta-learned through the minimum
(`convex.slopes_through`). (A prior for a maximum-entropy model: Chelba & Acero 2004.)
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from quickstudy.core.params import detach, leaves, slopes_of
from quickstudy.core.protocols import Backbone, Slopes
from quickstudy.core.types import Adapted, Batch, Episode, Loss, Params
from quickstudy.learners import convex, heads

TELLING = 5.0
"""examples a class from which half of how often a class comes is believed"""
TRUST = 4.0
"""how fast names are believed that save some of the support's loss; docs/findings.md has what 1 to 30 gives"""


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
            units, prior, names = self._prior(theta, support)
            strength = scalar(theta, "strength", units)
        if not heads.judged(support.gold):
            return tempered(theta, prior)
        objective = _objective(support, loss)
        head = convex.minimum(lambda head: objective(head, prior, units, strength), prior)
        return tempered(theta, believing(theta, head, names, units, support, loss))

    def predict(self, theta: Params, adapted: Adapted, query: Batch) -> Tensor:
        return heads.score(self.backbone.units(theta, query.text), adapted)

    def meta_gradient(self, theta: Params, episode: Episode, rng: torch.Generator) -> tuple[Params, Tensor]:
        support, loss = episode.support, episode.loss
        at = leaves(theta)

        def asked(head: Params) -> Tensor:
            return loss(self.predict(at, tempered(at, head), episode.query), episode.query)

        with torch.enable_grad():
            units, prior, names = self._prior(at, support)
            strength = scalar(at, "strength", units)
            if not heads.judged(support.gold):
                value = asked(prior)
                return slopes_of(value, at), value.detach()
            still = detach({"units": units, "strength": strength, **prior})
            objective = _objective(support, loss)
            head = convex.minimum(lambda head: objective(head, still, still["units"], still["strength"]), detach(prior))
            return convex.slopes_through(
                lambda head: objective(head, prior, units, strength),
                lambda head: asked(believing(at, head, names, units, support, loss)),
                head,
                at,
            )

    def _prior(self, theta: Params, support: Batch) -> tuple[Tensor, Params, Params]:
        """The support's units (B, U, W), the prior as a head, and that of the names alone."""
        names = heads.class_names(self.backbone, theta, support)
        units = self.backbone.units(theta, support.text)
        judged = heads.which_judged(support.gold)
        member = heads.membership(support.gold, len(names))[judged]
        seen = units.flatten(0, 1)[judged]
        return units, prior_of(theta, names, seen, member), prior_of(theta, names, seen[:0], member[:0])


def prior_of(theta: Params, names: Tensor, units: Tensor, member: Tensor) -> Params:
    """The prior as a head: names (C, W), and units (n, W) that count `member` (n, C) for each class."""
    mean, count = heads.means(units, member)
    centre = units.mean(0) if len(units) else torch.zeros_like(names[0])
    said = heads.said(names)[:, None]  # a class whose name says nothing has no name to weigh
    pulled = scalar(theta, "name_weight", names) * said  # (C, 1)
    middle = (names * said).sum(0) / said.sum().clamp(min=1)
    examples = count[:, None]
    total = pulled * (names - middle) + examples * (mean - centre)
    weight = scalar(theta, "scale", names) * total / (pulled + examples).clamp(min=1e-9)
    return {"head.weight": weight, "head.bias": -weight @ centre}


def believing(theta: Params, head: Params, names: Params, units: Tensor, support: Batch, loss: Loss) -> Params:
    """A fitted head, gone towards that of the names alone by what this saves of the loss of the support's units."""
    scores = heads.score(units, tempered(theta, names))
    nothing = loss(torch.zeros_like(scores), support).clamp(min=torch.finfo(scores.dtype).tiny)
    saved = (1 - loss(scores, support) / nothing).clamp(min=0)
    weight, count = scalar(theta, "name_weight", saved), heads.judged(support.gold)
    share = (1 - (-TRUST * saved).exp()) * weight / (weight + count * scores.shape[-1] / 2)
    return {name: value + share * (names[name] - value) for name, value in head.items()}


def away(head: Params, prior: Params) -> Tensor:
    """() how far a head is from its prior: the square of the distance."""
    return sum(((head[name] - prior[name]).square().sum() for name in head), torch.zeros(()).to(head["head.weight"]))


def tempered(theta: Params, head: Params) -> Params:
    return {name: value / scalar(theta, "temperature", value) for name, value in head.items()}


def scalar(theta: Params, name: str, like: Tensor) -> Tensor:
    """One of theta's four, in the dtype of `like`."""
    return theta[f"prior.log_{name}"].exp().to(like)


def _objective(support: Batch, loss: Loss) -> Callable[[Params, Params, Tensor, Tensor], Tensor]:
    """(head, prior, units, strength) -> (). What depends on the support's gold alone is found once, not in each of the
    solver's steps."""
    count, even = heads.judged(support.gold), rarity(support.gold, len(heads.named(support).tokens))

    def objective(head: Params, prior: Params, units: Tensor, strength: Tensor) -> Tensor:
        scores = heads.score(units, head) + even.to(units)
        return count * loss(scores, support) + strength * away(head, prior) / 2

    return objective


def rarity(gold: Tensor, classes: int) -> Tensor:
    """(C,) what is added to scores while the head is fitted to gold (B, U), so that it need not itself say which
    classes have many; zeros for multi-hot gold, whose classes do not share."""
    if gold.ndim == 3:
        return torch.zeros(classes)
    count = heads.membership(gold, classes).sum(0) + 1 / classes
    return TELLING / (TELLING + heads.judged(gold) / classes) * (count / count.mean()).log()
