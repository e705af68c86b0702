"""The minimum of a smooth, strongly convex function of a head's weights, and slopes through that minimum.

L-BFGS comes near, Newton steps by conjugate gradient polish to the tolerance. The slopes are exact by the implicit
function theorem: at the minimum w*(theta) of f(w, theta),

    d g(w*, theta) / d theta = dg/dtheta - d/dtheta <df/dw, x>,    (d2f/dw2) x = dg/dw

(Bengio 2000; Rajeswaran et al. 2019), and no step of the solver is kept.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from quickstudy.core.params import detach, inner, leaves, map_params, slopes_of
from quickstudy.core.types import Params

Objective = Callable[[Params], Tensor]

TOLERANCE = {torch.float32: 1e-3, torch.float64: 1e-10}
"""On the largest entry of the gradient, relative to 1 + its size at the start. In float32 the minimum is near enough
for use (probabilities to about 0.001) and slopes through it are as near; in float64 both are exact to rounding."""


def minimum(objective: Objective, start: Params, max_iter: int = 500) -> Params:
    """The weights at which `objective` is least, detached, found in at most `max_iter` iterations of L-BFGS. Keys and
    shapes are those of `start`."""
    at = leaves({name: value.clone() for name, value in start.items()})
    dtype = next(iter(at.values())).dtype

    def value_and_slopes() -> Tensor:
        with torch.enable_grad():
            value = objective(at)
        for name, slope in slopes_of(value, at).items():
            at[name].grad = slope
        return value.detach()

    first = value_and_slopes()
    tolerance = TOLERANCE[dtype] * (1 + max(float(value.grad.abs().max()) for value in at.values()))  # type: ignore[union-attr]
    torch.optim.LBFGS(
        list(at.values()),
        max_iter=max_iter,
        history_size=10,
        tolerance_grad=max(tolerance, 1e-7),
        tolerance_change=torch.finfo(dtype).eps * max(1.0, abs(float(first))),
        line_search_fn="strong_wolfe",
    ).step(value_and_slopes)
    near = detach(at)
    return _polished(objective, near, tolerance) if dtype == torch.float64 else near


def slopes_through(objective: Objective, outer: Objective, minimiser: Params, at: Params) -> tuple[Params, Tensor]:
    """d outer(w*) / d `at` with the keys of `at`, and the value of outer ().

    `at` are the leaves that both functions were made of; `minimiser` is w*, where objective is least.
    """
    with torch.enable_grad():
        w = leaves(minimiser)
        value = outer(w)
        wanted = detach(slopes_of(value, w, retain_graph=True))
        slope = slopes_of(objective(w), w, create_graph=True)
        x = conjugate_gradient(lambda v: slopes_of(inner(slope, v), w, retain_graph=True), wanted)
        slopes = slopes_of(value - inner(slope, x), at)  # both terms in one way back through the backbone
    return slopes, value.detach()


def conjugate_gradient(
    product: Callable[[Params], Params], b: Params, tolerance: float | None = None, steps: int = 500
) -> Params:
    """x with product(x) = b, for a symmetric positive (semi-)definite product (Hestenes & Stiefel 1952)."""
    dtype = next(iter(b.values())).dtype
    goal = (tolerance or (1e-12 if dtype == torch.float64 else 1e-6)) ** 2 * float(inner(b, b))
    x = map_params(torch.zeros_like, b)
    residual, direction = dict(b), dict(b)
    size = float(inner(residual, residual))
    for _ in range(steps):
        if size <= goal or size == 0.0:
            break
        image = detach(product(direction))
        curvature = float(inner(direction, image))
        if curvature <= 0.0:  # rounding, or a direction in which the function is flat
            break
        step = size / curvature
        x = map_params(lambda a, d: a + step * d, x, direction)  # noqa: B023 (used at once)
        residual = map_params(lambda r, i: r - step * i, residual, image)  # noqa: B023
        before, size = size, float(inner(residual, residual))
        direction = map_params(lambda r, d: r + size / before * d, residual, direction)  # noqa: B023
    return x


def _polished(objective: Objective, start: Params, tolerance: float) -> Params:
    """Newton's method from nearby: quadratic convergence needs no line search."""
    at = start
    for _ in range(20):
        with torch.enable_grad():
            w = leaves(at)
            slope = slopes_of(objective(w), w, create_graph=True)
            if max(float(part.detach().abs().max()) for part in slope.values()) <= tolerance:
                break
            step = conjugate_gradient(
                lambda v: slopes_of(inner(slope, v), w, retain_graph=True),  # noqa: B023
                detach(slope),
            )
        at = map_params(torch.sub, detach(w), step)
    return at
