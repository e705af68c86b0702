"""Inner loops of which only weights are kept. Each step is one node of the graph; on the way back its slopes are found
again, and the Hessian of its loss is multiplied with what came back so far.

For a step  w' = U(w, g(w, c), s)  with slopes g = dL/dw, other tensors c and the optimizer's state s, and with l what
comes back to w' (and its share for the new state):

    v = (dU/dg)' l,      back to w: (dU/dw)' l + H v,      back to c: (dU/dc)' l + (d2L/dw dc)' v,      to s: (dU/ds)' l

so that memory holds the weights before each step and the graph of one step (as MixFlow-MG does, Kemaev et al. 2025,
but that H v is taken in reverse over reverse: on a CPU forward over reverse took more memory and more time,
docs/findings.md). Segments of steps can be nodes, too, whose weights are found again.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.attention import SDPBackend, sdpa_kernel

from quickstudy.core.params import detach, leaves, map_params, slopes_of
from quickstudy.core.types import DivergedError, Params
from quickstudy.learners.updates import Place, Update


@dataclass(frozen=True)
class Loop:
    """What an inner loop does at every step."""

    losses: Sequence[Callable[[Params], Tensor]]
    """of the weights and `given`; their sum is what the steps go down"""
    update: Update
    steps: int
    given: Params
    """whatever the losses are handed besides the weights, and has a graph of its own"""


def plain_attention(needed: bool) -> AbstractContextManager[None]:
    """Fused attention has no second derivative: the plain kernel exactly where one is taken."""
    return sdpa_kernel(SDPBackend.MATH) if needed else nullcontext()


def swept(loop: Loop, number: int, place: Place) -> Place:
    """The place after step `number`, whose graph is one node."""
    found, through = _taken(loop, number, place)
    return _node(_Step, loop, number, place, through, found)


def arrived(loop: Loop, place: Place) -> Place:
    """The place after all steps; only the weights before about sqrt(steps) of them are kept."""
    length = max(1, ceil(sqrt(loop.steps)))
    for first in range(0, loop.steps, length):
        place = _segment(loop, range(first, min(first + length, loop.steps)), place)
    return place


def _segment(loop: Loop, numbers: range, place: Place) -> Place:
    """The place after a few steps, whose graph is one node."""
    at, through = place, []
    for number in numbers:
        at, more = _taken(loop, number, at)
        through += more
    return _node(_Segment, loop, numbers, place, list({id(leaf): leaf for leaf in through}.values()), at)


def _taken(loop: Loop, number: int, place: Place) -> tuple[Place, list[Tensor]]:
    """The place after a step, without a graph, and the leaves that the step read by itself."""
    own, state, given = leaves(place.at), leaves(place.state), _alike(loop.given)
    with torch.enable_grad():
        slopes, values = _slopes(loop, own, given)
        check_finite(torch.stack([value.detach() for value in values]).sum(), slopes, number, loop.steps)
        cut = leaves(slopes)
        after = loop.update(number, own, cut, state)
        through = _captured([*values, *_graph(after)], [own, cut, state, given])
    return Place(detach(after.at), detach(after.state)), through


def _node(kind: type, loop: Loop, numbers: Any, place: Place, through: Sequence[Tensor], found: Place) -> Place:
    values = [*place.at.values(), *place.state.values(), *loop.given.values(), *through]
    names = tuple(place.at), tuple(place.state)
    made = kind.apply(loop, numbers, names, found, *values)  # type: ignore[attr-defined]
    at, state = made[: len(found.at)], made[len(found.at) :]
    return Place(dict(zip(found.at, at, strict=True)), dict(zip(found.state, state, strict=True)))


class _Step(torch.autograd.Function):
    """One step. Its inputs are the weights before it, the state, what was given, and leaves that it depends on."""

    @staticmethod
    def forward(ctx: Any, loop: Loop, number: Any, names: Any, found: Place, *values: Tensor) -> tuple[Tensor, ...]:
        ctx.about = loop, number, names
        ctx.save_for_backward(*values)
        ctx.set_materialize_grads(False)
        return (*found.at.values(), *found.state.values())

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *adjoints: Tensor | None) -> tuple[Any, ...]:
        loop, number, names = ctx.about
        place, given, through = _taken_apart(loop, names, ctx.saved_tensors)
        own, state, given = leaves(place.at), leaves(place.state), _alike(given)
        with torch.enable_grad():
            whole = len(loop.losses) == 1
            slopes, _ = _slopes(loop, own, given, create_graph=whole)
            cut = leaves(slopes)
            towards = [*own.values(), *state.values(), *cut.values(), *through]
            after = _graph(loop.update(number, own, cut, state), every=True)
            found = _pulled(after, adjoints, towards, retain=True)
            ours, theirs = found[: len(own)], found[len(own) : len(own) + len(state)]
            v = found[len(own) + len(state) : len(own) + len(state) + len(cut)]
            rest: list[Tensor | None] = [*(None for _ in given), *found[len(found) - len(through) :]]
            del found, cut, after, towards
            sides = [*own.values(), *given.values(), *through]
            for loss in loop.losses:
                if not whole:
                    slopes = _slopes_of_one(loss, own, given)
                more = _pulled(list(slopes.values()), v, sides, retain=False)
                del slopes
                ours = [_sum(a, b) for a, b in zip(ours, more[: len(own)], strict=True)]
                rest = [_sum(a, b) for a, b in zip(rest, more[len(own) :], strict=True)]
        return (None, None, None, None, *ours, *theirs, *rest)


class _Segment(_Step):
    """Several steps, which are taken again, each as a node, before they are gone back through."""

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *adjoints: Tensor | None) -> tuple[Any, ...]:
        loop, numbers, names = ctx.about
        place, given, through = _taken_apart(loop, names, ctx.saved_tensors)
        own, state, given = leaves(place.at), leaves(place.state), _alike(given)
        inside, at = Loop(loop.losses, loop.update, loop.steps, given), Place(own, state)
        with torch.enable_grad():
            for number in numbers:
                at = swept(inside, number, at)
            towards = [*own.values(), *state.values(), *given.values(), *through]
            return (None, None, None, None, *_pulled(_graph(at, every=True), adjoints, towards, retain=False))


def _taken_apart(loop: Loop, names: Any, values: Sequence[Tensor]) -> tuple[Place, Params, list[Tensor]]:
    rest = iter(values)
    at, state, given = ({name: next(rest) for name in group} for group in (*names, loop.given))
    return Place(at, state), given, list(rest)


def _slopes(loop: Loop, own: Params, given: Params, create_graph: bool = False) -> tuple[Params, list[Tensor]]:
    """The slopes of all losses together, and the losses, whose graph is kept with that of the slopes."""
    total, values = Params(), []
    for loss in loop.losses:
        with plain_attention(create_graph):
            value = loss({**given, **own})
            slopes = slopes_of(value, own, create_graph=create_graph, retain_graph=create_graph)
        values.append(value)
        total = map_params(torch.add, total, slopes) if total else slopes
    return total, values


def _slopes_of_one(loss: Callable[[Params], Tensor], own: Params, given: Params) -> Params:
    with plain_attention(True):
        return slopes_of(loss({**given, **own}), own, create_graph=True)


def _graph(place: Place, every: bool = False) -> list[Tensor]:
    """The tensors of a place that have a graph, or all."""
    return [value for value in (*place.at.values(), *place.state.values()) if every or value.requires_grad]


def _pulled(
    outputs: Sequence[Tensor], adjoints: Sequence[Tensor | None], towards: Sequence[Tensor], retain: bool
) -> list[Tensor | None]:
    """What comes back to `towards` when `adjoints` come back to `outputs`."""
    pairs = [(out, back) for out, back in zip(outputs, adjoints, strict=True) if out.requires_grad and back is not None]
    if not pairs or not towards:
        return [None] * len(towards)
    outs, backs = zip(*pairs, strict=True)
    asked = [value for value in towards if value.requires_grad]
    found = iter(torch.autograd.grad(outs, asked, backs, retain_graph=retain, allow_unused=True))
    return [next(found) if value.requires_grad else None for value in towards]


def _alike(params: Params) -> Params:
    """Fresh leaves, of which those want a gradient that did."""
    return {name: value.detach().requires_grad_(value.requires_grad) for name, value in params.items()}


def _sum(first: Tensor | None, second: Tensor | None) -> Tensor | None:
    if first is None or second is None:
        return second if first is None else first
    return first + second


def _captured(roots: Sequence[Tensor], known: Sequence[Params]) -> list[Tensor]:
    """The leaves behind `roots` that are not `known`: weights that a loss or an update reads by itself."""
    passed = {id(value) for group in known for value in group.values()}
    seen, found, waiting = set(), [], [root.grad_fn for root in roots]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        leaf = getattr(node, "variable", None)
        if leaf is not None and id(leaf) not in passed:
            found.append(leaf)
        waiting += [before for before, _ in node.next_functions]
    return found


def check_finite(value: Tensor, slopes: Params, step: int, steps: int) -> None:
    """DivergedError that names the step, counted from 0, if a loss or its slopes are not finite."""
    wrong = "loss" if not value.isfinite().all() else ""  # a sum is finite where its parts are, and read but once
    wrong = wrong or next((f"slope of {name}" for name, slope in slopes.items() if not slope.sum().isfinite()), "")
    if wrong:
        raise DivergedError(
            f"the inner loop diverged: at step {step + 1} of {steps} the support's {wrong} is not finite; "
            "lower the learner's rate, or take fewer steps"
        )
