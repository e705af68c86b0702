"""LEOPARD: a network writes each class's weights from its support, gradient steps then adapt them (Bansal et al.
2020, eqs. 1 to 4 and algorithm 1).

    (w_c, b_c) = (2 scale p_c, -scale |p_c|^2) + mean over the items x of class c of V tanh(A x + a)

where p_c is the mean of the items: the class's examples, and its name, which counts as `name_weight` of them. So one
start serves tasks of any number of classes, zero examples included. V starts at zero: the start is a prototypical
network. The steps move the head and whatever of theta begins with `moves`, each tensor at a rate of its own, which is
learned. Of the paper's two networks, the one between encoder and head is left out; a scope of the encoder does that.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from quickstudy.core.protocols import Backbone, Slopes
from quickstudy.core.types import OF_BACKBONE, Adapted, Batch, Episode, Loss, Params
from quickstudy.learners import heads
from quickstudy.learners.descent import Order, adapted_by, descend, moves, slopes_through
from quickstudy.learners.updates import at_rates

HEAD = ("head.weight", "head.bias")


@dataclass(frozen=True)
class Leopard:
    """`rate` is where the learned rates of the encoder's weights start, `head_rate` those of the head; `hidden` is the
    width of the network that writes heads (its columns serve units of one part and of two: `heads.widest`)."""

    backbone: Backbone
    moves: tuple[str, ...] = OF_BACKBONE
    steps: int = 5
    rate: float = 0.01
    head_rate: float = 2.0
    hidden: int = 32
    scale: float = 10.0
    name_weight: float = 3.0
    order: Order = 2

    @property
    def slopes(self) -> Slopes:
        return "exact" if self.order == 2 else "approximate"

    def init(self, rng: torch.Generator) -> Params:
        theta, width = self.backbone.init(rng), heads.widest(self.backbone)
        rates = dict.fromkeys(HEAD, self.head_rate) | dict.fromkeys(moves(theta, self.moves), self.rate)
        logs = {"writer.log_scale": self.scale, "writer.log_name_weight": self.name_weight}
        return {
            **theta,
            **{f"rate.{name}": torch.tensor(rate) for name, rate in rates.items()},
            **{name: torch.tensor(value).log() for name, value in logs.items()},
            # units are about as long as one, so that normal entries give sums of the size at which a tanh bends
            "writer.first": torch.randn((self.hidden, width), generator=rng),
            "writer.first_bias": torch.zeros(self.hidden),
            "writer.last": torch.zeros(width, self.hidden),
            "writer.last_bias": torch.zeros(self.hidden),
        }

    def adapt(self, theta: Params, support: Batch, loss: Loss) -> Adapted:
        return adapted_by(self._ended, theta, support, loss)

    def predict(self, theta: Params, adapted: Adapted, query: Batch) -> Tensor:
        return heads.score(self.backbone.units({**theta, **adapted}, query.text), adapted)

    def meta_gradient(self, theta: Params, episode: Episode, rng: torch.Generator) -> tuple[Params, Tensor]:
        return slopes_through(self, self._ended, episode, theta, self.order)

    def _ended(self, theta: Params, support: Batch, loss: Loss, order: Order) -> Params:
        start = {**moves(theta, self.moves), **self._written(theta, support)}
        update = at_rates(lambda step, name: theta[f"rate.{name}"].to(start[name]))
        return descend(self.backbone, theta, start, support, loss, self.steps, update, order)

    def _written(self, theta: Params, support: Batch) -> Params:
        """The head before any step."""
        names = heads.class_names(self.backbone, theta, support)
        units = self.backbone.units(theta, support.text).flatten(0, 1)
        said = heads.said(names).to(names)
        weight = torch.cat(
            [
                heads.membership(support.gold, len(names)).to(names),
                theta["writer.log_name_weight"].exp().to(names) * said.diag(),
            ]
        ).T  # (C, n + C): what each item weighs for each class
        share = weight / weight.sum(-1, keepdim=True).clamp(min=1e-9)
        items = torch.cat([units, names])
        own = {name: value.to(items) for name, value in theta.items() if name.startswith("writer.")}
        width = items.shape[-1]
        read = share @ torch.tanh(items @ own["writer.first"][:, :width].T + own["writer.first_bias"])  # (C, hidden)
        plain = heads.nearest(share @ items, own["writer.log_scale"].exp())
        return {
            "head.weight": plain["head.weight"] + read @ own["writer.last"][:width].T,
            "head.bias": plain["head.bias"] + read @ own["writer.last_bias"],
        }
