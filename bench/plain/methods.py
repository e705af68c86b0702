"""Three methods the plain way: a Hugging Face model, padded batches, float32, and the whole model re-run at every step.

They are the same methods as the library's, to the last term, so that what they learn can be compared weight by weight:
the head starts at the scaled class names, and outer slopes are averaged, clipped and stepped alike.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LoraLinear(nn.Module):
    """A frozen linear map and a low-rank addition to it."""

    def __init__(self, inner: nn.Linear, a: Tensor, b: Tensor) -> None:
        super().__init__()
        self.inner, self.a, self.b = inner, nn.Parameter(a.clone()), nn.Parameter(b.clone())

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x) + x @ self.a.T @ self.b.T


@dataclass
class Plain:
    """A sentence encoder whose weights named in `theta` ("backbone.model.…", "lora.model.…") are trained."""

    folder: Path
    limit: int
    theta: dict[str, Tensor]
    model: Any = field(init=False)
    tokenizer: Any = field(init=False)
    moving: dict[str, nn.Parameter] = field(init=False)
    """the weights of the model that learn, by theta's names"""
    scale: nn.Parameter = field(init=False)

    def __post_init__(self) -> None:
        from transformers import AutoModel, AutoTokenizer

        self.tokenizer = AutoTokenizer.from_pretrained(self.folder)
        self.model = AutoModel.from_pretrained(self.folder, dtype=torch.float32).eval().requires_grad_(False)
        self.moving = {}
        for name, value in self.theta.items():
            if name.startswith("backbone."):
                weight = self.model.get_parameter(name.removeprefix("backbone.model."))
                self.moving[name] = weight.requires_grad_()
            elif name.endswith(".a"):
                owner, _, last = name.removeprefix("lora.model.").removesuffix(".weight.a").rpartition(".")
                inner = self.model.get_submodule(f"{owner}.{last}")
                added = LoraLinear(inner, value, self.theta[name.removesuffix("a") + "b"])
                setattr(self.model.get_submodule(owner), last, added)
                self.moving |= {name: added.a, name.removesuffix("a") + "b": added.b}
        scale = next((value for name, value in self.theta.items() if name.startswith("head.")), torch.tensor(10.0))
        self.scale = nn.Parameter(scale.clone())

    def read(self, texts: Sequence[str]) -> Tensor:
        """(texts, width): the mean over tokens, of length one."""
        given = self.tokenizer(list(texts), padding=True, truncation=True, max_length=self.limit, return_tensors="pt")
        hidden = self.model(**given).last_hidden_state
        mask = given["attention_mask"][:, :, None]
        return F.normalize((hidden * mask).sum(1) / mask.sum(1), dim=-1)

    def learning(self) -> dict[str, nn.Parameter]:
        """Everything that the outer optimizer steps, by theta's names."""
        head = {name: self.scale for name in self.theta if name.startswith("head.")}
        return {**self.moving, **head}


@dataclass(frozen=True)
class Task:
    """An episode as texts and the numbers of their classes."""

    names: Sequence[str]
    support: Sequence[str]
    support_gold: Tensor
    query: Sequence[str]
    query_gold: Tensor


def prototypes(plain: Plain, task: Task) -> None:
    """Adds an episode's slopes to `.grad` (Snell et al. 2017)."""
    units = plain.read(task.support)
    centres = torch.stack([units[task.support_gold == k].mean(0) for k in range(len(task.names))])
    distance = torch.cdist(plain.read(task.query), centres).square()
    F.cross_entropy(-plain.scale.exp() * distance, task.query_gold).backward()


def first_order_maml(plain: Plain, task: Task, steps: int, rate: float, head_rate: float) -> None:
    """The same for first-order MAML: slopes where adaptation ends count for where it began (Finn et al. 2017)."""
    weights = list(plain.moving.values())
    before = [weight.detach().clone() for weight in weights]
    with torch.no_grad():
        start = plain.scale * plain.read(task.names)
    head, bias = _adapted(plain, task, start, steps, rate, head_rate)
    scores = plain.read(task.query) @ head.T + bias
    slopes = torch.autograd.grad(F.cross_entropy(scores, task.query_gold), [*weights, head])
    _set(weights, before)
    # where the head began depends on what learns, too
    start = plain.scale * plain.read(task.names)
    start.backward(slopes[-1])
    for weight, slope in zip(weights, slopes[:-1], strict=True):
        weight.grad = slope if weight.grad is None else weight.grad + slope


def reptile(plain: Plain, task: Task, steps: int, rate: float, head_rate: float) -> None:
    """The same for Reptile: the way from where adaptation ended back to where it began (Nichol et al. 2018)."""
    weights = list(plain.moving.values())
    before = [weight.detach().clone() for weight in weights]
    with torch.no_grad():
        start = plain.scale * plain.read(task.names)
    _adapted(plain, task, start, steps, rate, head_rate)
    ended = [weight.detach().clone() for weight in weights]
    with torch.no_grad():
        plain.read(task.query)  # for the loss, which every training loop shows
    _set(weights, before)
    for weight, was, now in zip(weights, before, ended, strict=True):
        weight.grad = was - now if weight.grad is None else weight.grad + was - now


def _adapted(
    plain: Plain, task: Task, start: Tensor, steps: int, rate: float, head_rate: float
) -> tuple[Tensor, Tensor]:
    """Plain gradient descent of the moving weights, in place, and of a head (classes, width) and bias."""
    weights = list(plain.moving.values())
    head = start.detach().clone().requires_grad_()
    bias = torch.zeros(len(start)).requires_grad_()
    for _ in range(steps):
        loss = F.cross_entropy(plain.read(task.support) @ head.T + bias, task.support_gold)
        slopes = torch.autograd.grad(loss, [*weights, head, bias])
        with torch.no_grad():
            for weight, slope in zip(weights, slopes[:-2], strict=True):
                weight -= rate * slope
            head -= head_rate * slopes[-2]
            bias -= head_rate * slopes[-1]
    return head, bias


def _set(weights: Sequence[nn.Parameter], values: Sequence[Tensor]) -> None:
    with torch.no_grad():
        for weight, value in zip(weights, values, strict=True):
            weight.copy_(value)


def stepped(plain: Plain, optimizer: torch.optim.Optimizer, share: float, clip: float, tasks: int) -> None:
    """The outer step, after the slopes of so many episodes were added up: `share` of each group's highest rate."""
    learning = list(plain.learning().values())
    for weight in learning:
        weight.grad /= tasks
    if math.isfinite(clip):
        nn.utils.clip_grad_norm_(learning, clip)
    for group in optimizer.param_groups:
        group["lr"] = group["highest"] * share
    optimizer.step()
    optimizer.zero_grad()
