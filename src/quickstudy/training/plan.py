"""How long, how fast and how carefully to meta-train."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, get_args

from quickstudy.core.types import QuickstudyError

Decay = Literal["cosine", "linear", "constant"]


@dataclass(frozen=True)
class Plan:
    """The outer loop's settings. QuickstudyError names the field that cannot be."""

    steps: int = 400
    """outer steps at most"""
    tasks: int = 4
    """episodes an outer step, whose slopes are averaged"""
    rate: float = 1e-3
    """AdamW's highest learning rate"""
    rates: dict[str, float] = field(default_factory=dict)
    """highest learning rates of their own for weights whose name begins so, the longest match first: weights of the
    backbone want small ones, {"backbone." = 3e-5}, scalars of a learner large ones, {"prior." = 0.05}"""
    weight_decay: float = 0.0
    """AdamW's pull towards zero"""
    warmup: int = 20
    """steps over which the rate rises to its highest"""
    decay: Decay = "cosine"
    """how the rate falls afterwards, towards zero at the last step"""
    clip: float = 1.0
    """the longest that all mean slopes together may be, as one vector; inf never clips"""
    validate_every: int = 50
    """steps between validations; there is always one before the first step and one after the last"""
    patience: int = 5
    """validations without progress before stopping early"""
    checkpoint_minutes: float = 5.0
    """minutes between checkpoints; 0 writes one after every step, inf only at the end"""
    seed: int = 0
    """of what is drawn, and of the generators that learners are handed: with step and place it fixes each of them"""

    def __post_init__(self) -> None:
        for name in ("steps", "tasks", "validate_every", "patience"):
            _whole(name, getattr(self, name), least=1)
        for name in ("warmup", "seed"):
            _whole(name, getattr(self, name), least=0)
        for name in ("rate", "clip"):
            _real(name, getattr(self, name), "above 0", lambda value: value > 0)
        for name, value in self.rates.items():
            _real(f"rate of {name!a}", value, "finite and 0 or more", lambda value: 0 <= value < math.inf)
        for name in ("weight_decay", "checkpoint_minutes"):
            _real(name, getattr(self, name), "0 or more", lambda value: value >= 0)
        for name in ("rate", "weight_decay"):
            _real(name, getattr(self, name), "finite", math.isfinite)
        if self.decay not in get_args(Decay):
            raise QuickstudyError(f"the plan's decay is {self.decay!a}; choose one of {', '.join(get_args(Decay))}")


def rate_at(plan: Plan, step: int) -> float:
    """The learning rate of step 1 … plan.steps: a straight rise, then the decay. No step has a rate of 0."""
    return plan.rate * share_at(plan, step)


def rate_of(plan: Plan, name: str) -> float:
    """The highest learning rate of the weight of that name."""
    found = [prefix for prefix in plan.rates if name.startswith(prefix)]
    return plan.rates[max(found, key=len)] if found else plan.rate


def share_at(plan: Plan, step: int) -> float:
    """How much of their highest the learning rates are at step 1 … plan.steps."""
    done = step - 1
    if done < plan.warmup:
        return (done + 1) / (plan.warmup + 1)
    share = (done - plan.warmup) / (plan.steps - plan.warmup)
    if plan.decay == "cosine":
        return (1 + math.cos(math.pi * share)) / 2
    if plan.decay == "linear":
        return 1 - share
    return 1.0


def _whole(name: str, value: object, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise QuickstudyError(f"the plan's {name} is {value!a}; give a whole number of {least} or more")


def _real(name: str, value: object, wanted: str, allowed: Callable[[float], bool]) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not allowed(value):
        raise QuickstudyError(f"the plan's {name} is {value!a}; give a number that is {wanted}")
