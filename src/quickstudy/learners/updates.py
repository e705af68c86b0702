"""Inner optimizers: what a step does with weights and slopes. Pure functions that can be differentiated through; what
an optimizer remembers is handed in and out.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

from torch import Tensor

from quickstudy.core.params import map_params
from quickstudy.core.types import Params


class Place(NamedTuple):
    """Where an inner loop stands."""

    at: Params
    """the weights"""
    state: Params
    """what the optimizer remembers; empty before the first step"""


Update = Callable[[int, Params, Params, Params], Place]
"""(the step's number from 0, weights, slopes, state) -> where that leads"""
Rate = Callable[[int, str], Tensor | float]
"""(the step's number from 0, the weight's name) -> its rate: of any shape that spreads over the weight's"""
Inner = Literal["sgd", "momentum", "adam"]
"""Inner optimizers by name."""

HEAVY = 0.9
"""how much of its way momentum keeps a step"""
BETAS = (0.9, 0.999)
EPSILON = 1e-8
"""Adam's; it is squared and stands within the root, which would have no slope at a slope of zero"""


def at_rate(rate: float, head_rate: float) -> Update:
    """Plain gradient descent: weights of the backbone at `rate`, the head at `head_rate`. Units are about as long as
    one, so a head wants a rate a hundred times that of a layer."""
    return at_rates(_two(rate, head_rate))


def at_rates(rate: Rate) -> Update:
    """Gradient descent, each weight at a rate of its own."""

    def update(step: int, at: Params, slopes: Params, state: Params) -> Place:
        return Place({name: value - rate(step, name) * slopes[name] for name, value in at.items()}, state)

    return update


def momentum(rate: Rate, kept: float = HEAVY) -> Update:
    """Heavy-ball descent (Polyak 1964) as torch's SGD has it: way <- kept way + slope, weight <- weight - rate way."""

    def update(step: int, at: Params, slopes: Params, state: Params) -> Place:
        way = {name: slope + kept * state[name] if state else slope for name, slope in slopes.items()}
        return Place({name: value - rate(step, name) * way[name] for name, value in at.items()}, way)

    return update


def adam(rate: Rate, betas: tuple[float, float] = BETAS, epsilon: float = EPSILON) -> Update:
    """Adam (Kingma & Ba 2015), the root smoothed: sqrt(mean square + epsilon^2)."""
    first, second = betas

    def update(step: int, at: Params, slopes: Params, state: Params) -> Place:
        mean = _averaged("mean.", slopes, state, first)
        square = _averaged("square.", map_params(lambda slope: slope * slope, slopes), state, second)
        ended = {}
        for name, value in at.items():
            length = (square[f"square.{name}"] / (1 - second ** (step + 1)) + epsilon**2).sqrt()
            ended[name] = value - rate(step, name) * mean[f"mean.{name}"] / (1 - first ** (step + 1)) / length
        return Place(ended, {**mean, **square})

    return update


def named(inner: Inner, rate: float, head_rate: float) -> Update:
    """The inner optimizer of that name, the backbone's weights and the head each at a rate."""
    return {"sgd": at_rates, "momentum": momentum, "adam": adam}[inner](_two(rate, head_rate))


def _two(rate: float, head_rate: float) -> Rate:
    return lambda step, name: head_rate if name.startswith("head.") else rate


def _averaged(prefix: str, new: Params, state: Params, kept: float) -> Params:
    names = {f"{prefix}{name}": value for name, value in new.items()}
    return {
        name: kept * state[name] + (1 - kept) * value if name in state else (1 - kept) * value
        for name, value in names.items()
    }
