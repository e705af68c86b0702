"""What a meta-gradient keeps in memory, found by taking a few very small ones and counting what their graphs save."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from quickstudy.core.protocols import Learner
from quickstudy.core.types import PADDING, Batch, Episode, Params, batch_rows
from quickstudy.learners import heads
from quickstudy.learners.engines import Engine, using


@dataclass(frozen=True)
class Footprint:
    """Bytes, of tasks as large as one given."""

    moving: int
    """the weights that move, at one place"""
    learned: int
    """all of theta"""
    query: int
    """the graph of the query's loss, gone back through once"""
    step: int
    """the graph of a step of second order, but for the weights before it"""
    support: int
    """of that, what grows with the support"""
    once: int
    """the graph of the support's loss, gone back through once"""
    around: float
    """operations outside of steps"""
    within: float
    """those of a step whose graph is kept, and gone back through"""

    def operations(self, steps: int, share: float) -> float:
        """Of a whole meta-gradient whose steps cost such a share of those whose graph is kept."""
        return self.around + steps * share * self.within


def footprint(learner: Learner, theta: Params, episode: Episode) -> Footprint:
    """Of a learner that takes `steps` steps: what those of `episode` would keep. Rows are taken from it; a graph grows
    in proportion to them, and all rows are counted as long as the longest."""
    with using(Engine("unroll")):
        _taken(learner, theta, episode, 1, 1, 1)  # what is made once is not counted
        none, other = (_taken(learner, theta, episode, 0, 1, rows) for rows in (1, 2))
        one, two = (_taken(learner, theta, episode, 1, rows, 1) for rows in (1, 2))
    queries, rows = len(episode.query.gold), len(episode.support.gold)
    with torch.no_grad():
        adapted = learner.adapt(theta, _of(episode.support, 1), episode.loss)
    return Footprint(
        moving=_size(adapted),
        learned=_size(theta),
        query=none.saved + (other.saved - none.saved) * (queries - 1),
        step=one.saved - none.saved + (two.saved - one.saved) * (rows - 1),
        support=(two.saved - one.saved) * rows,
        once=(other.saved - none.saved) * rows,
        around=none.operations + (other.operations - none.operations) * (queries - 1),
        within=one.operations - none.operations + (two.operations - one.operations) * (rows - 1),
    )


class _Taken(NamedTuple):
    """What a small meta-gradient took."""

    saved: int
    """bytes that its graph saved, weights at its start left out"""
    operations: int


def _taken(learner: Any, theta: Params, episode: Episode, steps: int, rows: int, queries: int) -> _Taken:
    small = episode._replace(support=_of(episode.support, rows), query=_of(episode.query, queries))
    with _Operations() as operations, _counted() as kept:
        replace(learner, steps=steps).meta_gradient(theta, small, torch.Generator())
    for value in theta.values():
        kept.pop(value.untyped_storage().data_ptr(), None)
    return _Taken(sum(kept.values()), operations.total)


class _Operations(TorchDispatchMode):
    """Counts those of matrix products, which are nearly all there are."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, act: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if act.overloadpacket.__name__ in ("mm", "addmm", "bmm", "baddbmm"):
            left, right = args[-2:]
            self.total += 2 * left.numel() * right.shape[-1]
        return act(*args, **(kwargs or {}))


def _of(batch: Batch, rows: int) -> Batch:
    """So many rows as long as the longest of the batch."""
    lengths = (batch.text.role != PADDING).sum(1)
    judged = heads.which_judged(batch.gold).view(len(batch.gold), -1).any(1)
    longest = torch.where(judged, lengths, -1).argmax()
    return batch_rows(batch, longest.repeat(rows))


@contextmanager
def _counted() -> Iterator[dict[int, int]]:
    """Storage -> bytes of everything that is saved for a way back meanwhile, but what stays in memory anyway: leaves
    that want no gradient, such as frozen weights."""
    kept: dict[int, int] = {}
    alive: list[Tensor] = []

    def pack(value: Tensor) -> Tensor:
        if not isinstance(value, torch.nn.Parameter):
            storage = value.untyped_storage()
            kept[storage.data_ptr()] = storage.nbytes()
            alive.append(value)  # an address is that of one tensor for as long as it lives
        return value

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda value: value):
        yield kept
    alive.clear()


def _size(params: Params) -> int:
    return sum(value.numel() * value.element_size() for value in params.values())
