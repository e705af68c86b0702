"""Rewards: how good answers are where no derivative is asked for. What `policy_gradient` follows.

The class with the highest score is the answer of a unit of gold (B, U); where gold is multi-hot (B, U, C), every class
whose score is above 0. So the one-hot tables of drawn answers serve as scores, too.

A reward gives each row the part that its own answer has in the whole. Where the whole is a sum over rows that is the
row's own term. Macro F1 is no such sum. Given whole to every row it would credit a row with what all others did: noise
that grows with the rows. So a row gets the difference that its answer makes (a difference reward, Wolpert & Tumer
2002), times the number of rows: what is taken off depends on the other rows alone, so the slope of the expectation is
that of the expected macro F1 and the noise is that of one row.
"""

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from quickstudy.core.types import Batch

LONGEST = 4
"""tokens in a row that BLEU counts"""


def exact_match(scores: Tensor, batch: Batch) -> Tensor:
    """(B,): 1 where every judged unit of the row is answered right, with all its classes and no other; else 0."""
    table = _table(scores, batch)
    return (table.said == table.gold).all(-1).all(-1).to(scores)


def example_f1(scores: Tensor, batch: Batch) -> Tensor:
    """(B,): the F1 of the classes of each unit, as a mean over a row's judged units. Where nothing holds and nothing
    was said it is 1. Of one class a unit it is the share answered right."""
    table = _table(scores, batch)
    both, all_ = (table.said & table.gold).sum(-1), table.said.sum(-1) + table.gold.sum(-1)
    each = torch.where(all_ > 0, 2 * both / all_.clamp(min=1), 1.0) * table.judged
    return (each.sum(-1) / table.judged.sum(-1).clamp(min=1)).to(scores)


def macro_f1(scores: Tensor, batch: Batch) -> Tensor:
    """(B,): B times what the row's answer adds to `set_macro_f1` beyond no answer; below 0 where it takes off."""
    right, said, gold = _counts(scores, batch)
    without = _macro(right.sum(0) - right, said.sum(0) - said, gold.sum(0))
    return (len(scores) * (_macro(right.sum(0), said.sum(0), gold.sum(0)) - without)).to(scores)


def set_macro_f1(scores: Tensor, batch: Batch) -> Tensor:
    """(): the mean F1 of the classes that stand in gold or in the answers, over the whole batch."""
    right, said, gold = _counts(scores, batch)
    return _macro(right.sum(0), said.sum(0), gold.sum(0)).to(scores)


def bleu(scores: Tensor, batch: Batch) -> Tensor:
    """(B,): BLEU of a row's answers, one after the other, against its gold (Papineni et al. 2002), with one added to
    the counts of two and more in a row (Lin & Och 2004), without which most single texts have 0. Where a text is
    written, answers are tokens, each drawn behind the true ones before it."""
    table = _table(scores, batch)
    said, gold = ([row.nonzero()[:, 1].tolist() for row in side] for side in (table.said, table.gold))
    return torch.tensor([_bleu(*row) for row in zip(said, gold, strict=True)]).to(scores)


class _Table(NamedTuple):
    said: Tensor
    """(B, U, C) bool, like gold; nothing where nobody judges"""
    gold: Tensor
    judged: Tensor
    """(B, U) bool"""


def _table(scores: Tensor, batch: Batch) -> _Table:
    if batch.open is not None:
        scores = scores.masked_fill(~batch.open[:, None], float("-inf"))
    if batch.gold.ndim == 3:
        return _Table(scores > 0, batch.gold > 0, torch.ones_like(batch.gold[..., 0], dtype=torch.bool))
    judged, classes = batch.gold >= 0, torch.arange(scores.shape[-1], device=scores.device)
    said = scores.argmax(-1, keepdim=True) == classes
    return _Table(said & judged[..., None], batch.gold[..., None] == classes, judged)


def _counts(scores: Tensor, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """(B, C) each: how often a row said a class and was right, said it, and should have."""
    table = _table(scores, batch)
    return (table.said & table.gold).sum(1), table.said.sum(1), table.gold.sum(1)


def _macro(right: Tensor, said: Tensor, gold: Tensor) -> Tensor:
    """Counts (..., C) -> (...)."""
    total = said + gold
    each = 2 * right.double() / total.clamp(min=1)
    return each.sum(-1) / (total > 0).sum(-1).clamp(min=1)


def _bleu(said: Sequence[int], gold: Sequence[int]) -> float:
    if not said or not gold:
        return float(len(said) == len(gold))
    shares = []
    for n in range(1, LONGEST + 1):
        found, wanted = _runs(said, n), _runs(gold, n)
        right, all_, more = (found & wanted).total(), found.total(), int(n > 1)
        shares.append((right + more) / (all_ + more))
    if not shares[0]:
        return 0.0
    brevity = min(0.0, 1 - len(gold) / len(said))
    return math.exp(brevity + sum(map(math.log, shares)) / LONGEST)


def _runs(tokens: Sequence[int], n: int) -> Counter[tuple[int, ...]]:
    """How often each n tokens stand in a row."""
    return Counter(tuple(tokens[start : start + n]) for start in range(len(tokens) - n + 1))
