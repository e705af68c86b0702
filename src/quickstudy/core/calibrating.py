"""What is fitted on a task's support, part of it on examples that were left out of learning.

A task judges the examples it learned from too well: they say neither how sure it should be of a new text nor how
familiar one should look to it. So parts of the support are left out of learning, one after the other, until enough
examples have been judged unseen.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor

from quickstudy.core.protocols import Learner, TaskKind
from quickstudy.core.scoring import scorer
from quickstudy.core.types import OF_BACKBONE, Adapted, Batch, Classes, DivergedError, Params, batch_rows

PARTS = 8
"""that a support is dealt into at least: each leaves seven eighths to learn from"""
ENOUGH = 96
"""examples judged unseen, after which no further part is left out"""
DEAR = (*OF_BACKBONE, "context.")
"""How the names begin of what costs too much to adapt again: weights of the backbone, prompts of a decoder."""


@runtime_checkable
class Calibrated(Protocol):
    """A kind that fits something on unseen examples."""

    def calibrate(self, scores: Tensor, unseen: Batch) -> Params:
        """scores (B, U, C) of examples that were left out of learning -> "kind.…"."""


@runtime_checkable
class Named(Protocol):
    """A kind whose classes are known well enough by their names for the only example of one to be left out."""

    by_name: ClassVar[bool]


def fitted(
    learner: Learner,
    theta: Params,
    adapted: Adapted,
    kind: TaskKind,
    support: Batch,
    examples: Sequence[Any],
    classes: Classes,
) -> Params:
    """What turns the scores of an adapted task into answers: what the kind fits on the support and, where learning
    again is cheap and some class has two examples, what it fits on examples left out. `support` is `examples`, encoded.
    """
    found = kind.fit(scorer(learner, theta, adapted), examples, classes)
    several = support.gold.ndim == 3
    if several or not isinstance(kind, Calibrated) or any(name.startswith(DEAR) for name in adapted):
        return found
    unseen = left_out(learner, theta, kind, support)
    return found if unseen is None else {**found, **kind.calibrate(*unseen)}


def left_out(learner: Learner, theta: Params, kind: TaskKind, support: Batch) -> tuple[Tensor, Batch] | None:
    """Scores (m, 1, C) of examples by heads that were learned without them, and these examples; None where no example
    can be left out, or where learning fails on a part. `support` has one judged unit a row, gold (B, 1)."""
    scores, places = [], []
    for out in _parts(support.gold.flatten().tolist(), 0 if isinstance(kind, Named) else 1):
        left = torch.ones(len(support.gold), dtype=torch.bool)
        left[out] = False
        try:
            adapted = learner.adapt(theta, batch_rows(support, left), kind.loss)
        except DivergedError:
            return None
        scores.append(scorer(learner, theta, adapted)(batch_rows(support, ~left)))
        places += sorted(out)
        if len(places) >= ENOUGH:
            break
    if not places or not all(part.isfinite().all() for part in scores):
        return None
    return torch.cat(scores), batch_rows(support, torch.tensor(places))


def _parts(gold: Sequence[int], least: int = 1) -> Iterator[list[int]]:
    """Which examples are left out together: from all classes alike, and from classes of more than `least`."""
    count = Counter(gold)
    dealt = sorted((place for place, own in enumerate(gold) if own >= 0 and count[own] > least), key=gold.__getitem__)
    parts = max(PARTS, len(dealt) // (2 * ENOUGH))  # of many, more at once: a part costs the same
    yield from (out for part in range(parts) if (out := dealt[part::parts]))
