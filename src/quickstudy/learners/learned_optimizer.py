"""A learned optimizer: the update rule itself is meta-learned (Andrychowicz et al. 2016; as an MLP, Metz et al. 2019).

One small network, the same for every coordinate of every weight, reads the slope g, averages of the slopes so far
m_k, and the step, and writes y:

    w <- w - rate (exp(y_0) g + sum_k y_k m_k + y_last s),    s = the root-mean-square slope of the weight's tensor

Its last layer begins at zero: it starts as plain gradient descent at its rates, and what it learns is what it adds.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from quickstudy.core.params import detach, leaves, map_params, slopes_of
from quickstudy.core.protocols import Backbone, Slopes
from quickstudy.core.types import OF_BACKBONE, Adapted, Batch, Episode, Loss, Params, QuickstudyError
from quickstudy.learners import heads
from quickstudy.learners.descent import Order, adapted_from, arrive, moves
from quickstudy.learners.updates import Place, Update

DECAYS = (0.5, 0.9, 0.99)
"""of the averages m_k"""
CLOCKS = (3.0, 30.0, 300.0)
"""steps after which each of the rule's clocks stands near its end (Metz et al. 2019, appendix)"""
SMALLEST = 1e-2
"""Slopes are read as asinh(g / SMALLEST): linear below it, sign and logarithm above, as Andrychowicz et al. 2016,
appendix A, read them, but smooth."""
SHRINK = 0.2
"""brings those readings near one"""
READ, WRITTEN = 1 + len(DECAYS) + len(CLOCKS) + 1, 1 + len(DECAYS) + 1


@dataclass(frozen=True)
class LearnedOptimizer:
    """Moves the head, which starts from the class names as Maml's does, and whatever of theta begins with `moves`.

    With `steps` <= `truncate` and order 2 the slopes are exact. Longer loops are cut every `truncate` steps, and the
    slopes are the mean of those of the query loss at the end of each segment, taken through that segment alone, so
    that memory is that of one segment. Order 1 takes the slopes that the rule reads as constants, as the paper does.
    """

    backbone: Backbone
    moves: tuple[str, ...] = OF_BACKBONE
    steps: int = 5
    rate: float = 0.005
    head_rate: float = 0.5
    hidden: int = 16
    truncate: int = 20
    order: Order = 2

    def __post_init__(self) -> None:
        if self.truncate < 1:
            raise QuickstudyError(f"learned_optimizer: truncate is {self.truncate}; give a number of steps, 1 or more")

    @property
    def slopes(self) -> Slopes:
        return "exact" if self.order == 2 and self.steps <= self.truncate else "approximate"

    def init(self, rng: torch.Generator) -> Params:
        start = {"head.scale": torch.tensor(10.0)}
        start["optimizer.hidden"] = torch.randn(self.hidden, READ, generator=rng) / READ**0.5
        start["optimizer.hidden_bias"] = torch.zeros(self.hidden)
        start["optimizer.out"] = torch.zeros(WRITTEN, self.hidden)
        start["optimizer.out_bias"] = torch.zeros(WRITTEN)
        return {**self.backbone.init(rng), **start}

    def adapt(self, theta: Params, support: Batch, loss: Loss) -> Adapted:
        theta = detach(theta)
        with torch.enable_grad():
            start, update = Place(self._start(theta, support), {}), rule(theta, 0, self._rate)
            return adapted_from(arrive(self.backbone, theta, start, support, loss, self.steps, update, order=1).at)

    def predict(self, theta: Params, adapted: Adapted, query: Batch) -> Tensor:
        return heads.score(self.backbone.units({**theta, **adapted}, query.text), adapted)

    def meta_gradient(self, theta: Params, episode: Episode, rng: torch.Generator) -> tuple[Params, Tensor]:
        support, query, loss = episode.support, episode.query, episode.loss
        firsts = range(0, self.steps, self.truncate) if heads.judged(support.gold) and self.steps else range(1)
        total = map_params(torch.zeros_like, detach(theta))
        reached = None
        for first in firsts:
            steps, at = min(self.truncate, self.steps - first), leaves(theta)
            with torch.enable_grad():
                start, update = reached or Place(self._start(at, support), {}), rule(at, first, self._rate)
                ended = arrive(self.backbone, at, start, support, loss, steps, update, self.order)
                value = loss(self.predict(at, ended.at, query), query)
                total = map_params(torch.add, total, slopes_of(value, at))
            reached = Place(detach(ended.at), detach(ended.state))
        return {name: slope / len(firsts) for name, slope in total.items()}, value.detach()

    def _rate(self, name: str) -> float:
        return self.head_rate if name.startswith("head.") else self.rate

    def _start(self, theta: Params, support: Batch) -> Params:
        return {**moves(theta, self.moves), **heads.start(self.backbone, theta, support)}


def rule(theta: Params, first: int, rate: Callable[[str], float]) -> Update:
    """The update that theta's "optimizer.…" describe, from step number `first` on. Its state: for every weight the
    averages of its slopes (K, *shape), which begin at zero."""

    def update(step: int, at: Params, slopes: Params, state: Params) -> Place:
        ended, averages = {}, {}
        for name, slope in slopes.items():
            decays = torch.tensor(DECAYS).to(slope).view(-1, *(1,) * slope.ndim)
            before = state.get(name, torch.zeros_like(decays))
            averages[name] = decays * before + (1 - decays) * slope
            seen = torch.cat([slope[None], averages[name] / (1 - decays ** (first + step + 1))]).movedim(0, -1)
            ended[name] = at[name] - rate(name) * _direction(theta, seen, first + step, name.startswith("head."))
        return Place(ended, averages)

    return update


def _direction(theta: Params, seen: Tensor, step: int, of_head: bool) -> Tensor:
    """Slopes and their averages (*shape, 1 + K) -> what is taken off, a unit of the rate (*shape)."""
    clocks = [(step + 1) / clock for clock in CLOCKS]
    same = torch.cat([torch.tensor(clocks).tanh(), torch.tensor([float(of_head)])]).to(seen)
    read = torch.cat([SHRINK * torch.asinh(seen / SMALLEST), same.expand(*seen.shape[:-1], -1)], -1)
    weight = {name: theta[f"optimizer.{name}"].to(seen) for name in ("hidden", "hidden_bias", "out", "out_bias")}
    inside = torch.tanh(read @ weight["hidden"].T + weight["hidden_bias"])
    written = inside @ weight["out"].T + weight["out_bias"]  # (*shape, 1 + K + 1)
    kept = torch.cat([written[..., :1].exp(), written[..., 1:-1]], -1)
    size = (seen[..., 0].square().mean() + SMALLEST**2).sqrt()
    return (kept * seen).sum(-1) + size * written[..., -1]
