"""Quadratics |W w - y|^2 in ten dimensions with Gaussian W and y (Andrychowicz et al. 2016, section 3.1), as regression
episodes: ten rows of W are the units, a head of one class is w, and zero is where it starts."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.known import numbers
from quickstudy.core.types import Batch, DivergedError, Episode, Lower, Params, Text
from quickstudy.training.loop import meta_train
from quickstudy.training.outcome import Validation
from quickstudy.training.plan import Plan

SIZE = 10
RATES = tuple(10 ** (-power / 4) for power in range(17))
"""1 to 1e-4, four a decade: what each optimizer by hand is tuned over"""


@dataclasses.dataclass(frozen=True)
class Given:
    """The numbers themselves are the units; names say nothing."""

    width: int = SIZE

    def init(self, rng: torch.Generator) -> Params:
        return {}

    def depth(self, moving: Iterable[str]) -> int:
        return 0

    def lower(self, params: Params, read: Text, depth: int) -> Lower:
        return Lower(0, torch.empty(len(read.tokens), 0))

    def units(self, params: Params, read: Text, lower: Lower | None = None) -> Tensor:
        """(B, 1, width)"""
        if not read.tokens.shape[1]:
            return torch.zeros(len(read.tokens), 1, self.width)
        return (read.tokens / numbers.POINT).float()[:, None]


def drawn(seed: Sequence[int], count: int) -> tuple[Tensor, Tensor]:
    """W (count, 10, 10) and y (count, 10)."""
    rng = np.random.default_rng(seed)
    w, y = rng.standard_normal((count, SIZE, SIZE)), rng.standard_normal((count, SIZE))
    return torch.from_numpy(w).float(), torch.from_numpy(y).float()


def loss(scores: Tensor, judged: Batch) -> Tensor:
    """The sum of |W w - y|^2 over functions, so that none's slopes depend on the others."""
    return numbers.errors(scores, judged).sum()


def episode(w: Tensor, y: Tensor) -> Episode:
    """Of all the functions at once; what is descended on is what is judged."""
    one = numbers.batch(w, y)
    return Episode(one, one, loss)


def trained(learner: Any, settings: Mapping[str, Any], seed: int) -> Params:
    """Theta after meta-training on fresh functions, `tasks` of them in each of `steps` outer steps."""
    plan = Plan(
        steps=settings["steps"],
        tasks=1,
        rate=settings["rate"],
        clip=settings["clip"],
        patience=1000,
        validate_every=settings["steps"] // 8,
        seed=seed,
    )

    def validate(at: Params) -> Validation:
        try:
            found = np.log10(after(learner, at, *drawn((2, seed), 50)))
        except DivergedError:
            found = np.full(50, np.inf)
        return Validation(-float(np.mean(found)), float(np.mean(found)), tuple(-found))

    def episodes(step: int, history: object) -> Sequence[Episode]:
        return [episode(*drawn((1, seed, step), settings["tasks"]))]

    return meta_train(learner, learner.init(torch.Generator().manual_seed(seed)), episodes, validate, plan).theta


def after(learner: Any, theta: Params, w: Tensor, y: Tensor) -> list[float]:
    """|W w - y|^2 of each function where the learner's adaptation ends."""
    one = episode(w, y)
    adapted = learner.adapt(theta, one.support, one.loss)
    return numbers.errors(learner.predict(theta, adapted, one.query), one.query).sum(1).tolist()


def curve(learner: Any, theta: Params, seed: Sequence[int], count: int, steps: Sequence[int]) -> list[list[float]]:
    """`after` each of so many steps, each function adapted by itself; NaN where that diverges."""
    functions = list(zip(*drawn(seed, count), strict=True))

    def each(some: int) -> list[float]:
        stepping = dataclasses.replace(learner, steps=some)
        return [_alone(stepping, theta, w[None], y[None]) for w, y in functions]

    return [each(some) for some in steps]


def _alone(learner: Any, theta: Params, w: Tensor, y: Tensor) -> float:
    try:
        return after(learner, theta, w, y)[0]
    except DivergedError:
        return float("nan")


BY_HAND: Mapping[str, Callable[[list[Tensor], float], torch.optim.Optimizer]] = {
    "sgd": lambda weights, rate: torch.optim.SGD(weights, rate),
    "momentum": lambda weights, rate: torch.optim.SGD(weights, rate, momentum=0.9),
    "nesterov": lambda weights, rate: torch.optim.SGD(weights, rate, momentum=0.9, nesterov=True),
    "rmsprop": lambda weights, rate: torch.optim.RMSprop(weights, rate),
    "adam": lambda weights, rate: torch.optim.Adam(weights, rate),
}


def by_hand(name: str, rate: float, seed: Sequence[int], count: int, steps: Sequence[int]) -> list[list[float]]:
    """The same for an optimizer of torch's, from the same start and with the same weights (w and a bias)."""
    w, y = drawn(seed, count)
    weight, bias = torch.zeros(count, SIZE, 1, requires_grad=True), torch.zeros(count, 1, requires_grad=True)
    outer = BY_HAND[name]([weight, bias], rate)
    found = []
    for step in range(max(steps) + 1):
        value = ((w @ weight)[..., 0] + bias - y).square().sum(1)  # (count,)
        if step in steps:
            found.append(value.tolist())
        outer.zero_grad()
        value.sum().backward()
        outer.step()
    return found


def tuned(name: str, seed: Sequence[int], count: int, steps: int) -> float:
    """The rate whose mean value over functions and steps is least: the area that a learned optimizer is trained on."""

    def area(rate: float) -> float:
        found = float(np.mean(by_hand(name, rate, seed, count, range(steps + 1))))
        return found if np.isfinite(found) else float("inf")

    return min(RATES, key=area)
