"""A support that is read in parts, each with its share of the loss."""

from collections.abc import Sequence

import torch
from torch import Tensor

from quickstudy.core.types import Batch, Loss, batch_rows
from quickstudy.learners import heads

Parts = Sequence[tuple[Batch, float]]
"""whole rows of a batch, and the share of its judged units that is theirs"""


def chunked(batch: Batch, parts: int) -> list[tuple[Batch, float]]:
    """A batch in so many parts at most; those that nobody judged are left out."""
    if min(parts, len(batch.gold)) < 2:
        return [(batch, 1.0)]
    rows = torch.arange(len(batch.gold)).split(-(-len(batch.gold) // parts))
    found = [batch_rows(batch, which) for which in rows]
    counts = [heads.judged(part.gold) for part in found]
    return [(part, count / sum(counts)) for part, count in zip(found, counts, strict=True) if count]


def adds_up(parts: Parts, scores: Sequence[Tensor], whole: Batch, loss: Loss) -> bool:
    """Whether a loss is the mean over judged units, so that it is that of the parts by their shares; some are not.
    Tried near `scores` (b, U, C) of each part, at none of a special kind: where all are equal, as at the start of
    classes without names, weighted means add up too."""
    if sum(len(part.gold) for part, _ in parts) != len(whole.gold):
        return False
    dice = torch.Generator().manual_seed(0)
    with torch.no_grad():
        scores = [score + torch.randn(score.shape, generator=dice).to(score) for score in scores]
        each = sum(share * loss(score, part) for score, (part, share) in zip(scores, parts, strict=True))
        return bool(torch.isclose(torch.as_tensor(each), loss(torch.cat(scores), whole), rtol=1e-4))


def divides(support: Batch, loss: Loss, chunks: int) -> bool:
    """Whether a support will be read in parts by an engine of so many, told before anything is read. Of a task that
    names no classes it is taken for granted: its scores have no width yet."""
    parts = chunked(support, chunks)
    if len(parts) < 2 or support.names is None:
        return len(parts) > 1
    blank = [torch.zeros(*part.gold.shape[:2], len(support.names.tokens)) for part, _ in parts]
    return adds_up(parts, blank, support, loss)
