"""The inner loop: steps down the support's loss, with or without a graph through them.

Every learner that steps by a slope steps here, but `fine_tune`, whose steps are AdamW's; evaluation runs what training
runs.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from quickstudy.core.params import detach, slopes_of, views
from quickstudy.core.protocols import Backbone, Learner
from quickstudy.core.types import (
    OF_BACKBONE,
    Adapted,
    Batch,
    DivergedError,
    Episode,
    Loss,
    Params,
    QuickstudyError,
    Text,
)
from quickstudy.learners import heads
from quickstudy.learners.exact import slopes_after

Order = Literal[1, 2]
Update = Callable[[int, Params, Params], Params]
"""(the step's number from 0, weights, slopes) -> the weights after it"""


def at_rate(rate: float, head_rate: float) -> Update:
    """Plain gradient descent: weights of the backbone at `rate`, the head at `head_rate`. Units are about as long as
    one, so a head wants a rate a hundred times that of a layer."""
    return at_rates(lambda step, name: head_rate if name.startswith("head.") else rate)


def at_rates(rate: Callable[[int, str], Tensor | float]) -> Update:
    """Gradient descent at the rate of (the step's number from 0, the weight's name): of any shape that spreads over
    the weight's."""
    return lambda step, at, slopes: {name: value - rate(step, name) * slopes[name] for name, value in at.items()}


def descend(
    backbone: Backbone,
    theta: Params,
    start: Params,
    support: Batch,
    loss: Loss,
    steps: int,
    update: Update,
    order: Order,
) -> Params:
    """Where `steps` steps lead a head and whatever of theta moves; `start` itself if the support judges nothing.

    `start` has "head.weight", "head.bias" and those entries of theta that move; the rest is as `path` has it.
    """
    at = start
    for at in walk(backbone, theta, start, support, loss, steps, update, order):  # noqa: B007 (the last is wanted)
        pass
    return at


def walk(
    backbone: Backbone,
    theta: Params,
    start: Params,
    support: Batch,
    loss: Loss,
    steps: int,
    update: Update,
    order: Order,
) -> Iterator[Params]:
    """The weights after each step of `descend`."""
    if not heads.judged(support.gold):
        return
    start = {name: value if value.requires_grad else value.requires_grad_() for name, value in start.items()}
    with attention_for(order):
        units = reading(backbone, theta, support.text, start)
    yield from path(lambda at: loss(heads.score(units(at), at), support), start, steps, update, order)


def path(loss: Callable[[Params], Tensor], start: Params, steps: int, update: Update, order: Order) -> Iterator[Params]:
    """The weights after each of `steps` steps down `loss` from `start`.

    Order 2 keeps the graph through the slopes (MAML, Finn et al. 2017, eq. 1); order 1 takes the slopes as
    constants, so that the result depends on `start` with the identity as its Jacobian (FOMAML, section 5.2).
    DivergedError at the first step whose loss or slopes are not finite.
    """
    at = start
    for step in range(steps):
        at = views(at)
        with attention_for(order):
            value = loss(at)
            slopes = slopes_of(value, at, create_graph=order == 2)
        check_finite(value, slopes, step, steps)
        at = update(step, at, slopes if order == 2 else detach(slopes))
        yield at


Ended = Callable[[Params, Batch, Loss, Order], Params]
"""(theta, support, loss, order) -> the weights where a learner's steps end, their graph kept"""


def adapted_by(ended: Ended, theta: Params, support: Batch, loss: Loss) -> Adapted:
    """What a learner that steps makes of a task."""
    with torch.enable_grad():
        return adapted_from(ended(detach(theta), support, loss, 1))


def slopes_through(
    learner: Learner, ended: Ended, episode: Episode, theta: Params, order: Order
) -> tuple[Params, Tensor]:
    """The meta-gradient of a learner that steps: through its steps in order 2, past their slopes in order 1."""
    with attention_for(order):
        return slopes_after(learner, episode, theta, lambda at: ended(at, episode.support, episode.loss, order))


def attention_for(order: Order) -> AbstractContextManager[None]:
    """Fused attention has no second derivative: the plain kernel exactly where one is taken."""
    return sdpa_kernel(SDPBackend.MATH) if order == 2 else nullcontext()


def reading(backbone: Backbone, theta: Params, text: Text, moving: Iterable[str]) -> Callable[[Params], Tensor]:
    """A function from the weights that move to units (B, U, W); what lies below them is computed here, once."""
    moving = [name for name in moving if name in theta and name.startswith(OF_BACKBONE)]
    if not moving:
        fixed = backbone.units(theta, text)
        return lambda _: fixed
    depth = backbone.depth(moving)
    lower = backbone.lower(theta, text, depth) if depth else None
    return lambda at: backbone.units({**theta, **at}, text, lower)


def moves(theta: Params, prefixes: Iterable[str]) -> Params:
    """The entries of theta that adaptation may move: those whose name begins with one of the prefixes.
    QuickstudyError for a prefix that names none, "backbone." and "lora." (whatever the scope holds) aside."""
    given = tuple(prefixes)
    for prefix in given:
        if prefix not in OF_BACKBONE and not any(name.startswith(prefix) for name in theta):
            known = ", ".join(sorted(theta)[:3]) or "nothing"
            raise QuickstudyError(
                f"`moves` names no weights: nothing in theta begins with {prefix!r}; it has {known} …"
            )
    return {name: value for name, value in theta.items() if name.startswith(given)}


def adapted_from(ended: Params) -> Params:
    """Where adaptation ended, as data: cut off from every graph, in memory of its own. DivergedError if it is not
    finite: a loop's last step is followed by no loss that would show it."""
    for name, value in ended.items():
        if not value.isfinite().all():
            raise DivergedError(
                f"the inner loop diverged: after its last step {name} is not finite; lower the learner's rate, or take "
                "fewer steps"
            )
    return {name: value.detach().clone() for name, value in ended.items()}


def check_finite(value: Tensor, slopes: Params, step: int, steps: int) -> None:
    """DivergedError that names the step, counted from 0, if a loss or its slopes are not finite."""
    wrong = "loss" if not value.isfinite().all() else ""
    wrong = wrong or next((f"slope of {name}" for name, slope in slopes.items() if not slope.isfinite().all()), "")
    if wrong:
        raise DivergedError(
            f"the inner loop diverged: at step {step + 1} of {steps} the support's {wrong} is not finite; "
            "lower the learner's rate, or take fewer steps"
        )
