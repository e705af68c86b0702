"""The inner loop: gradient descent on the support, with or without a graph through its steps.

Nothing else in the project descends on a support set by hand; evaluation runs what training runs.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Literal

from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from quickstudy.core.params import detach, map_params, slopes_of, views
from quickstudy.core.protocols import Backbone
from quickstudy.core.types import OF_BACKBONE, Params, Text

Order = Literal[1, 2]


def descend(loss: Callable[[Params], Tensor], start: Params, steps: int, rate: float, order: Order) -> Params:
    """`steps` steps of size `rate` down `loss` from `start`.

    Order 2 keeps the graph through the slopes (MAML, Finn et al. 2017, eq. 1); order 1 takes the slopes as
    constants, so that the result depends on `start` with the identity as its Jacobian (FOMAML, section 5.2).
    """
    at = start
    with attention_for(order):
        for _ in range(steps):
            at = views(at)
            slopes = slopes_of(loss(at), at, create_graph=order == 2)
            slopes = slopes if order == 2 else detach(slopes)
            at = map_params(lambda value, slope: value - rate * slope, at, slopes)
    return at


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
    """The entries of theta that adaptation may move: those whose name begins with one of the prefixes."""
    given = tuple(prefixes)
    return {name: value for name, value in theta.items() if name.startswith(given)}


def adapted_from(ended: Params) -> Params:
    """Where adaptation ended, as data: cut off from every graph, in memory of its own."""
    return {name: value.detach().clone() for name, value in ended.items()}
