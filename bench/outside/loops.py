"""The same meta-gradients by learn2learn and by higher.

What they adapt is an ordinary module: the backbone's body as it is, a mean over tokens, a linear map. Weights that do
not move are buffers, so that `parameters()` are exactly what moves. The head's start is made out of theta
(`head.scale` x the class names, read by the weights before adaptation), as `learners.heads.start` makes it, and slopes
run on through it.
"""

import copy
import warnings
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.outside.fetched import HIGHER, LEARN2LEARN, module
from quickstudy.backbones.encoder import Encoder
from quickstudy.core.params import slopes_of
from quickstudy.core.types import Episode, Params, Text

Score = Callable[[Text], Tensor]
"""text -> scores (B, 1, C)"""


class Plain(nn.Module):
    """(B, S) tokens -> (B, 1, C) scores. Parameters: weight (C, D), bias (C), and the body's named in `moving`."""

    def __init__(self, encoder: Encoder, moving: Params, classes: int) -> None:
        super().__init__()
        self.body = copy.deepcopy(encoder.body)
        kept = {name.split(".", 1)[1]: value for name, value in moving.items() if name.startswith("backbone.")}
        dtype = next(self.body.parameters()).dtype
        for name, value in list(self.body.named_parameters()):
            owner, _, last = name.rpartition(".")
            within = self.body.get_submodule(owner)
            if name in kept:
                setattr(within, last, nn.Parameter(kept[name].detach().clone()))
            else:
                delattr(within, last)
                within.register_buffer(last, value.detach().clone())
        for within in self.body.modules():
            for name in [name for name, child in within._modules.items() if child is None]:
                del within._modules[name]  # learn2learn takes every child for a module
                object.__setattr__(within, name, None)
        self.weight = nn.Parameter(torch.zeros(classes, encoder.width, dtype=dtype))
        self.bias = nn.Parameter(torch.zeros(classes, dtype=dtype))

    def forward(self, text: Text) -> Tensor:
        return F.linear(self.read(text), self.weight, self.bias)[:, None]

    def read(self, text: Text) -> Tensor:
        """(B, D)"""
        hidden = self.body(text.tokens, text.role)
        place = torch.arange(hidden.shape[1])
        span = text.spans[:, 0, 0]  # (B, 2): one unit of one part
        inside = ((place >= span[:, :1]) & (place < span[:, 1:])).to(hidden.dtype)
        return F.normalize((hidden * inside[..., None]).sum(1) / inside.sum(1, keepdim=True), dim=-1)

    def start(self, scale: Tensor, names: Text) -> Params:
        """The head's first weights, with a graph towards `scale` and this module's own parameters."""
        weight = scale * self.read(names)
        return {"weight": weight, "bias": torch.zeros_like(weight[:, 0]).requires_grad_()}

    def own(self) -> Params:
        """The body's parameters under theta's names, in the order of `parameters()`."""
        return {f"backbone.{name}": value for name, value in self.body.named_parameters()}


def learn2learn_maml(plain: Plain, theta: Params, episode: Episode, steps: int, rate: float, order: int) -> Params:
    """d query loss / d (head.scale, backbone.…) by `learn2learn.algorithms.maml.MAML`."""
    scale = _leaf(theta["head.scale"])
    start = plain.start(scale, episode.support.names)
    clone = module(LEARN2LEARN, "learn2learn.algorithms.maml").MAML(plain, lr=rate, first_order=order == 1).clone()
    return _after(clone, clone, start, episode, steps, {"head.scale": scale, **plain.own()})


def learn2learn_anil(plain: Plain, theta: Params, episode: Episode, steps: int, rate: float, order: int) -> Params:
    """The same with `MAML` around the head alone, as learn2learn's own example of ANIL has it."""
    scale = _leaf(theta["head.scale"])
    start = plain.start(scale, episode.support.names)
    head = nn.Linear(plain.weight.shape[1], plain.weight.shape[0])
    clone = module(LEARN2LEARN, "learn2learn.algorithms.maml").MAML(head, lr=rate, first_order=order == 1).clone()
    towards = {"head.scale": scale, **plain.own()}
    return _after(clone, lambda text: clone(plain.read(text))[:, None], start, episode, steps, towards)


def learn2learn_meta_sgd(plain: Plain, theta: Params, episode: Episode, steps: int) -> Params:
    """The same by `MetaSGD`, and the slopes of its rates; a rate of the head serves every class."""
    leaf = {name: _leaf(value) for name, value in theta.items() if not name.startswith("backbone.")}
    weight = leaf["rate.head.weight"][: plain.weight.shape[1]].expand_as(plain.weight)
    rates = [weight, leaf["rate.head.bias"].expand_as(plain.bias), *(leaf[f"rate.{name}"] for name in plain.own())]
    start = plain.start(leaf["head.scale"], episode.support.names)
    clone = module(LEARN2LEARN, "learn2learn.algorithms.meta_sgd").MetaSGD(plain, lrs=rates).clone()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The .grad attribute of a Tensor that is not a leaf")  # it looks for its own
        return _after(clone, clone, start, episode, steps, {**leaf, **plain.own()})


def higher_maml(plain: Plain, theta: Params, episode: Episode, steps: int, rate: float, order: int) -> Params:
    """The same as `learn2learn_maml` by `higher.innerloop_ctx` around torch's SGD."""
    higher = module(HIGHER, "higher")
    towards = {"head.scale": _leaf(theta["head.scale"]), **plain.own()}
    outer = torch.optim.SGD(plain.parameters(), lr=rate)
    with higher.innerloop_ctx(plain, outer, copy_initial_weights=False, track_higher_grads=order == 2) as (fast, inner):
        head = plain.start(towards["head.scale"], episode.support.names)
        start = [head[name] if name in head else value.clone() for name, value in plain.named_parameters()]
        fast.update_params(start)
        for _ in range(steps):
            inner.step(episode.loss(fast(episode.support.text), episode.support))
        value = episode.loss(fast(episode.query.text), episode.query)
        if order == 2:
            return slopes_of(value, towards)
        # no graph was kept through the steps: the slope where they end is the slope where they start
        ended = torch.autograd.grad(value, list(fast.parameters()))
        return dict(zip(towards, torch.autograd.grad(start, list(towards.values()), ended), strict=True))


def _after(clone: Any, score: Score, start: Params, episode: Episode, steps: int, towards: Params) -> Params:
    """Slopes of the query loss after `steps` calls of learn2learn's `adapt`, from a head that is `start`."""
    clone.module._parameters.update(start)
    for _ in range(steps):
        clone.adapt(episode.loss(score(episode.support.text), episode.support))
    return slopes_of(episode.loss(score(episode.query.text), episode.query), towards)


def _leaf(value: Tensor) -> Tensor:
    return value.detach().clone().requires_grad_()
