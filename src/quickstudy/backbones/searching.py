"""Which text is written: the most probable token each time, one drawn, or the best of several beams."""

from collections.abc import Callable

import torch
from torch import Tensor

from quickstudy.backbones.reading_on import ReadingOn
from quickstudy.core.types import Limits, Written

Said = Callable[[Tensor], Tensor]
"""hidden (n, D) -> log-probabilities (n, V)"""


def one_by_one(rows: ReadingOn, hidden: Tensor, said: Said, limits: Limits, luck: Tensor) -> Written:
    """The most probable token, or one drawn by `luck` (n, T), numbers from 0 to 1: it is drawn where they fall."""
    likelihood = torch.zeros(len(hidden), device=hidden.device)
    open_ = torch.ones(len(hidden), dtype=torch.bool, device=hidden.device)
    found: list[Tensor] = []
    for step in range(limits.longest):
        if step:
            hidden = rows.more(found[-1].clamp(min=0))
        each = said(hidden)
        token = _drawn(each, limits, luck[:, step]) if limits.temperature else each.argmax(-1)
        likelihood += each.gather(1, token[:, None])[:, 0] * open_
        found.append(torch.where(open_, token, -1))
        open_ = open_ & (token != limits.end)
        if not open_.any():
            break
    return Written(_stacked(found, len(hidden)), likelihood)


def beams(rows: ReadingOn, hidden: Tensor, said: Said, limits: Limits) -> Written:
    """Beam search; a beam that has ended keeps its place, so that it is over when none is left that goes on."""
    count, n = limits.beams, len(hidden)
    rows.select(torch.arange(n, device=hidden.device).repeat_interleave(count))
    hidden = hidden.repeat_interleave(count, 0)
    total = torch.full((n, count), -torch.inf, device=hidden.device)
    total[:, 0] = 0.0
    length = torch.zeros_like(total)
    open_ = torch.ones_like(total, dtype=torch.bool)
    found = torch.empty(n, count, 0, dtype=torch.long, device=hidden.device)
    first = torch.arange(n, device=hidden.device)[:, None] * count
    for step in range(limits.longest):
        if step:
            hidden = rows.more(found[..., -1].flatten().clamp(min=0))
        each = said(hidden).view(n, count, -1)
        words = each.shape[-1]
        each = torch.where(open_[..., None], each, -torch.inf)
        each[..., 0] = torch.where(open_, each[..., 0], 0.0)  # an ended beam has one way to go on, which costs nothing
        total, best = (total[..., None] + each).flatten(1).topk(count, dim=1)
        beam, token = best // words, best % words
        was = open_.gather(1, beam)
        found = torch.cat(
            [found.gather(1, beam[..., None].expand(-1, -1, step)), torch.where(was, token, -1)[..., None]], -1
        )
        length = length.gather(1, beam) + was
        open_ = was & (token != limits.end)
        if not open_.any():
            break
        rows.select((first + beam).flatten())
    if not found.shape[-1]:
        return Written(found[:, 0], total[:, 0])
    best = (total / length.clamp(min=1) ** limits.penalty).argmax(1, keepdim=True)
    chosen = found.gather(1, best[..., None].expand(-1, -1, found.shape[-1]))[:, 0]
    return Written(chosen, total.gather(1, best)[:, 0])


def _drawn(each: Tensor, limits: Limits, luck: Tensor) -> Tensor:
    """(n,) one token each, of those that together have the probability `limits.top`."""
    share, token = (each / limits.temperature).softmax(-1).sort(-1, descending=True)
    upto = share.cumsum(-1)
    share = share * (upto - share < limits.top)
    upto = share.cumsum(-1)
    place = torch.searchsorted(upto, (luck[:, None] * upto[:, -1:]).to(upto), right=True)
    return token.gather(1, place.clamp(max=int(token.shape[1]) - 1))[:, 0]


def _stacked(found: list[Tensor], n: int) -> Tensor:
    return torch.stack(found, 1) if found else torch.empty(n, 0, dtype=torch.long)
