"""Where a meta-training stands: all that the next step depends on, besides its unchanging inputs."""

from dataclasses import dataclass

import torch

from quickstudy.core.params import detach
from quickstudy.core.types import Params, QuickstudyError
from quickstudy.training.outcome import History, Trained
from quickstudy.training.plan import Plan, rate_of


@dataclass(frozen=True)
class Counters:
    """What is no tensor. Replaced as a whole, so it is never half-way between two steps."""

    step: int = 0
    """outer steps taken"""
    history: History = ()
    best: int = 0
    """which entry of the history is the best"""
    skipped: int = 0
    """episodes left out"""
    in_a_row: int = 0
    """episodes left out since the last that was not"""
    seconds: float = 0.0
    """time spent so far, in all runs together"""
    stopped: str | None = None
    """why there is no further step; None while there is one"""


@dataclass
class State:
    """The thin stateful shell: theta and AdamW's moments, which a step changes in place."""

    theta: Params
    """leaves"""
    optimizer: torch.optim.AdamW
    best: Params
    counters: Counters


def begin(theta: Params, plan: Plan) -> State:
    """The state before the first step. QuickstudyError if there is nothing that could learn."""
    if not theta:
        raise QuickstudyError(
            "this learner has nothing to meta-train (its theta is empty); use it as it is, or choose a "
            "learner or a scope that learns something across tasks"
        )
    for name, value in theta.items():
        if not value.is_floating_point():
            raise QuickstudyError(f"theta's {name!a} is {value.dtype}; only floating-point weights can learn")
        if not value.isfinite().all():
            raise QuickstudyError(f"theta's {name!a} is not finite everywhere; start from a sound theta")
    for prefix in plan.rates:
        if not any(name.startswith(prefix) for name in theta):
            raise QuickstudyError(
                f"the plan's rate of {prefix!a} is for no weight: theta has {', '.join(sorted(theta)[:3])} …"
            )
    moving = {name: value.detach().clone().requires_grad_() for name, value in theta.items()}
    highest = {name: rate_of(plan, name) for name in moving}
    groups = [
        {"params": [moving[name] for name in moving if highest[name] == rate], "lr": rate, "highest": rate}
        for rate in sorted(set(highest.values()))
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=plan.weight_decay)
    return State(moving, optimizer, copy(theta), Counters())


def copy(params: Params) -> Params:
    """The values as they are now, in memory of their own."""
    return {name: value.clone() for name, value in detach(params).items()}


def ended(state: State) -> Trained:
    """What a finished meta-training hands back."""
    now = state.counters
    step, best = now.history[now.best]
    return Trained(
        theta=copy(state.best),
        best_step=step,
        start=now.history[0][1],
        best=best,
        stopped=now.stopped or "not finished",
        steps=now.step,
        skipped=now.skipped,
        history=now.history,
    )
