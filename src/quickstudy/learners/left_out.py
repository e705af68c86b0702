"""A support without some of its examples: how each is judged by the others."""

from collections.abc import Iterator

import torch
from torch import Tensor

from quickstudy.core.types import Batch, Loss, Params, batch_rows
from quickstudy.learners import heads
from quickstudy.learners.prior_head import prior_of, tempered


def prior_scores(theta: Params, units: Tensor, names: Tensor, gold: Tensor) -> Tensor:
    """Scores (B, U, C) of units (B, U, W) by prior_head's prior, made for each without itself."""
    flat = units.flatten(0, 1)
    member = heads.membership(gold, len(names)).to(flat)  # (n, C)
    found = []
    for row, unit in enumerate(flat):
        others = torch.arange(len(flat)) != row
        prior = prior_of(theta, names, flat[others], member[others])
        found.append(heads.score(unit, tempered(theta, prior)))
    return torch.stack(found).view(*units.shape[:2], -1)


def dealt(support: Batch, parts: int) -> Iterator[tuple[Tensor, Tensor]]:
    """(the others, a part) for each part: of every class as many in each, up to one."""
    order = torch.argsort(first_class(support), stable=True)
    place = torch.empty_like(order)
    place[order] = torch.arange(len(order))
    for part in range(parts):
        out = place % parts == part
        yield (~out).nonzero()[:, 0], out.nonzero()[:, 0]


def each(loss: Loss, scores: Tensor, asked: Batch) -> Tensor:
    """(B,) the loss of each row."""
    rows = torch.arange(len(scores))
    return torch.stack([loss(scores[row], batch_rows(asked, row)) for row in rows[:, None]])


def first_class(support: Batch) -> Tensor:
    """(B,) of each row's first unit: its class, or the first that holds."""
    gold = support.gold[:, 0]
    return gold if support.gold.ndim == 2 else gold.argmax(-1)
