"""Spans of units out of scores: unit 0 stands for "no answer", the others are the words in order.

A span from word i to word j scores begins_i + ends_j, "no answer" scores nothing_0, each less the score of "outside" at
the same unit. The probabilities are the softmax over all legal spans of a row and "no answer" (Rajpurkar et al. 2018's
no-answer score, normalised over spans rather than over begins and ends apart). Linear in the scores under one
log-sum-exp, so the negative log-likelihood is convex.

Shapes: B rows, U units, C = 4 classes, L units a span at most.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from quickstudy.core.types import Text

OUTSIDE, BEGINS, ENDS, NOTHING = range(4)


class Found(NamedTuple):
    """The span of each row that scores best."""

    begin: Tensor
    """(B,) long, counted from the first word"""
    end: Tensor
    """(B,) long, the last word"""
    score: Tensor
    """(B,): above "no answer", natural logarithm; -inf where there is no span"""
    total: Tensor
    """(B,) the logarithm of the sum over all spans of exp(score)"""


class Legal(NamedTuple):
    """Where a span may begin and end: at words that the backbone saw and, of several within one token, which score
    alike, at the first and the last."""

    begins: Tensor
    """(B, U - 1) bool"""
    ends: Tensor
    """(B, U - 1) bool"""


def legal(text: Text) -> Legal:
    places = text.spans[:, 1:, 0].detach()
    seen = places[..., 1] > places[..., 0]
    begins, ends = seen.clone(), seen.clone()
    differ = (places[:, 1:] != places[:, :-1]).any(-1)
    begins[:, 1:] &= differ
    ends[:, :-1] &= differ
    return Legal(begins, ends)


def likelihood(scores: Tensor, gold: Tensor, where: Legal, limit: int) -> Tensor:
    """(B,) log-probability of the gold span: scores (B, U, C), gold (B, U, C) with one begin and one end or NOTHING at
    unit 0. A gold span longer than `limit` makes all of that length legal."""
    begins, ends, nothing = _scores(scores)
    gold = gold.to(scores).clamp(min=0)
    right = (gold[:, 1:, BEGINS] * begins + gold[:, 1:, ENDS] * ends).sum(1) + gold[:, 0, NOTHING] * nothing
    each = _table(begins, ends, where, max(limit, _longest(gold)))
    return right - torch.cat([nothing[:, None], each.flatten(1)], 1).logsumexp(1)


def best(scores: Tensor, where: Legal, limit: int, own: Tensor) -> Found:
    """The best span of each row, of scores (B, U, C). Only those are looked at whose first and last word's numbers have
    a sum within own (B, 2), the upper end left out."""
    begins, ends, nothing = _scores(scores)
    each = _table(begins, ends, where, limit) - nothing[:, None, None]
    first, length = (torch.arange(size, device=scores.device) for size in each.shape[1:])
    sums = 2 * first[:, None] + length
    looked = (sums >= own[:, 0, None, None]) & (sums < own[:, 1, None, None])
    each = each.masked_fill(~looked, float("-inf")).flatten(1)
    score, at = each.max(1)
    begin = at // len(length)
    return Found(begin, begin + at % len(length), score, each.logsumexp(1))


def _scores(scores: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """begins (B, U - 1), ends (B, U - 1), nothing (B,)."""
    own = scores - scores[..., OUTSIDE : OUTSIDE + 1]
    return own[:, 1:, BEGINS], own[:, 1:, ENDS], own[:, 0, NOTHING]


def _table(begins: Tensor, ends: Tensor, where: Legal, limit: int) -> Tensor:
    """(B, U - 1, L): the span that begins at a word and has so many words more; -inf where it is none."""
    limit = max(1, min(limit, begins.shape[1]))
    begins = begins.masked_fill(~where.begins, float("-inf"))
    ends = F.pad(ends.masked_fill(~where.ends, float("-inf")), (0, limit - 1), value=float("-inf"))
    return begins[:, :, None] + ends.unfold(1, limit, 1)


def _longest(gold: Tensor) -> int:
    """Words of the longest gold span."""
    has = gold[:, 1:, BEGINS].amax(1) > 0
    length = gold[:, 1:, ENDS].argmax(1) - gold[:, 1:, BEGINS].argmax(1) + 1
    return int((length * has).max()) if len(gold) and has.any() else 0
