"""The inner loop: steps down the support's loss, with or without a graph through them.

Every learner that steps by a slope steps here, but `fine_tune`, whose steps are AdamW's; evaluation runs what training
runs.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from quickstudy.core.params import detach, slopes_of, views
from quickstudy.core.protocols import Backbone, Learner
from quickstudy.core.types import (
    OF_BACKBONE,
    Adapted,
    Batch,
    DivergedError,
    Episode,
    Loss,
    Lower,
    Params,
    QuickstudyError,
    Text,
)
from quickstudy.learners import engines, heads, sweep
from quickstudy.learners.exact import slopes_after
from quickstudy.learners.parts import adds_up, chunked
from quickstudy.learners.sweep import Loop, check_finite, plain_attention
from quickstudy.learners.updates import Place, Update

Order = Literal[1, 2]


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
    return arrive(backbone, theta, Place(start, {}), support, loss, steps, update, order).at


def arrive(
    backbone: Backbone,
    theta: Params,
    start: Place,
    support: Batch,
    loss: Loss,
    steps: int,
    update: Update,
    order: Order,
) -> Place:
    """`descend` for an optimizer that goes on where it stopped: with what it remembers."""
    if not heads.judged(support.gold):
        return start
    start, loop = _loop(backbone, theta, start, support, loss, steps, update)
    if order == 2 and engines.current().way == "checkpoint":
        return sweep.arrived(loop, start)
    ended = start
    for ended in _places(loop, start, order):  # noqa: B007 (the last is wanted)
        pass
    return ended


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
    begin, loop = _loop(backbone, theta, Place(start, {}), support, loss, steps, update)
    for place in _places(loop, begin, order):
        yield place.at


def path(loss: Callable[[Params], Tensor], start: Params, steps: int, update: Update, order: Order) -> Iterator[Params]:
    """The weights after each of `steps` steps down `loss` from `start`.

    Order 2 goes through the slopes (MAML, Finn et al. 2017, eq. 1), by the engine that is in use; order 1 takes the
    slopes as constants, so that the result depends on `start` with the identity as its Jacobian (FOMAML, section 5.2).
    What `loss` reads beside the weights is a leaf, or made anew in each call: engines take slopes more than once.
    DivergedError at the first step whose loss or slopes are not finite.
    """
    for place in _places(Loop((loss,), update, steps, {}), Place(start, {}), order):
        yield place.at


def _places(loop: Loop, place: Place, order: Order) -> Iterator[Place]:
    way = engines.current().way
    if order == 2 and way == "implicit":
        raise QuickstudyError(engines.NO_MINIMUM)
    sparing = order == 2 and way in ("mixed", "checkpoint")
    for step in range(loop.steps):
        last = step == loop.steps - 1 and len(loop.losses) == 1  # whose graph would be made again at once
        place = sweep.swept(loop, step, place) if sparing and not last else _unrolled(loop, step, place, order)
        yield place


def _unrolled(loop: Loop, step: int, place: Place, order: Order) -> Place:
    """The place after a step; in order 2 its graph is kept."""
    at = views(place.at)
    with plain_attention(order == 2):
        value = torch.stack([loss({**loop.given, **at}) for loss in loop.losses]).sum()
        slopes = slopes_of(value, at, create_graph=order == 2)
    check_finite(value, slopes, step, loop.steps)
    return loop.update(step, at, slopes if order == 2 else detach(slopes), place.state)


def _loop(
    backbone: Backbone, theta: Params, start: Place, support: Batch, loss: Loss, steps: int, update: Update
) -> tuple[Place, Loop]:
    """A support's loss as steps go down it; what lies below the weights that move is read here, once."""
    at = {name: value if value.requires_grad else value.requires_grad_() for name, value in start.at.items()}
    parts = chunked(support, engines.current().chunks)
    reads = [_reading(backbone, theta, part.text, at, f"kept.{number}") for number, (part, _) in enumerate(parts)]
    given = {name: value for _, kept in reads for name, value in kept.items()}
    if len(parts) > 1 and not adds_up(parts, _scores([read for read, _ in reads], {**given, **at}), support, loss):
        with engines.using(replace(engines.current(), chunks=1)):
            return _loop(backbone, theta, start, support, loss, steps, update)
    losses = [partial(_part_of_loss, read, *part, loss) for (read, _), part in zip(reads, parts, strict=True)]
    return Place(at, start.state), Loop(tuple(losses), update, steps, given)


def _scores(reads: Sequence[Callable[[Params], Tensor]], at: Params) -> list[Tensor]:
    with torch.no_grad():
        return [heads.score(read(at), at) for read in reads]


def _part_of_loss(read: Callable[[Params], Tensor], part: Batch, share: float, loss: Loss, at: Params) -> Tensor:
    value = loss(heads.score(read(at), at), part)
    return value if share == 1 else share * value


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
    return slopes_after(learner, episode, theta, lambda at: ended(at, episode.support, episode.loss, order))


def reading(backbone: Backbone, theta: Params, text: Text, moving: Iterable[str]) -> Callable[[Params], Tensor]:
    """A function from the weights that move to units (B, U, W); what lies below them is computed here, once."""
    read, given = _reading(backbone, theta, text, moving, "kept")
    return lambda at: read({**given, **at})


def _reading(
    backbone: Backbone, theta: Params, text: Text, moving: Iterable[str], name: str
) -> tuple[Callable[[Params], Tensor], Params]:
    """`reading` that asks for what was computed once under this name, and that, where it has a name."""
    moving = [name for name in moving if name in theta and name.startswith(OF_BACKBONE)]
    if not moving:
        return lambda at: at[name], {name: backbone.units(theta, text)}
    depth = backbone.depth(moving)
    if not depth:
        return lambda at: backbone.units({**theta, **at}, text), {}
    given = {name: backbone.lower(theta, text, depth).hidden}
    return lambda at: backbone.units({**theta, **at}, text, Lower(depth, at[name])), given


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
