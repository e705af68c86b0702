"""Arithmetic on Params: dicts of tensors treated as one vector."""

from collections.abc import Callable

import torch
from torch import Tensor

from quickstudy.core.types import Params


def map_params(f: Callable[..., Tensor], first: Params, *others: Params) -> Params:
    """f over the tensors of the same name; the keys are those of `first`."""
    return {name: f(value, *(other[name] for other in others)) for name, value in first.items()}


def detach(params: Params) -> Params:
    """The same values, cut off from any graph (they share memory)."""
    return {name: value.detach() for name, value in params.items()}


def leaves(params: Params) -> Params:
    """Fresh leaves that require a gradient, sharing memory with `params`."""
    return {name: value.detach().requires_grad_() for name, value in params.items()}


def views(params: Params) -> Params:
    """A view of each tensor. Take one before every step of a head made out of theta: differentiating towards
    the view, not towards theta's own tensor, keeps an inner slope from running on into theta."""
    return {name: value.view_as(value) for name, value in params.items()}


def slopes_of(value: Tensor, params: Params, create_graph: bool = False, retain_graph: bool | None = None) -> Params:
    """d value / d params with exactly the keys of `params`; zeros where value does not depend on one."""
    if not params:
        return {}
    if not value.requires_grad:
        return {name: torch.zeros_like(part) for name, part in params.items()}
    found = torch.autograd.grad(
        value, list(params.values()), retain_graph=retain_graph, create_graph=create_graph, allow_unused=True
    )
    return {
        name: torch.zeros_like(part) if slope is None else slope
        for (name, part), slope in zip(params.items(), found, strict=True)
    }


def inner(first: Params, second: Params) -> Tensor:
    """The inner product over all shared entries."""
    total = torch.zeros(())
    for name, value in first.items():
        total = total + (value * second[name]).sum()
    return total


def norm(params: Params) -> Tensor:
    """The 2-norm of all entries as one vector."""
    return inner(params, params).sqrt()


def same(first: Params, second: Params) -> bool:
    """Bit-for-bit equality of keys and values."""
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)
