"""A learned matching task over very many candidates: an index instead of a score for each, with BM25 mixed in."""

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from quickstudy.core import index as vectors
from quickstudy.core.index import Index
from quickstudy.core.types import IGNORE, OF_BACKBONE, Batch, Classes, QuickstudyError, Text
from quickstudy.kinds import query
from quickstudy.kinds.matching import Matching, Ranking, tokens
from quickstudy.kinds.query import Query
from quickstudy.kinds.vector_matching import VectorMatching
from quickstudy.task import Task
from quickstudy.text.bm25 import BM25
from quickstudy.text.reader import Reader

SHORTLIST = 200
"""candidates that the index and BM25 each propose, where the task mixes both"""
_TOGETHER = 10_000


class Retriever:
    """Finds the best of a task's candidates without scoring all of them.

    The candidates' vectors are the rows of the task's head, with its bias as a last column. What is found is scored
    exactly as the task scores it; only what is not found may be missing. Of more than `core.index.EXACT` candidates
    faiss finds them (`pip install 'quickstudy[index]'`).
    """

    def __init__(self, task: Task, index: Index | None = None) -> None:
        """`index`: that of another Retriever of this very task, or one that looks into more or fewer lists."""
        kind = task.kind.over if isinstance(task.kind, VectorMatching) else task.kind
        if not isinstance(kind, Matching):
            raise QuickstudyError("only a task of the kind matching has candidates to search")
        self.task = task
        self.kind = kind
        self.candidates = list(task.classes)
        self.index = index or vectors.build(_rows(task))
        if len(self.index.vectors) != len(self.candidates):
            raise QuickstudyError(
                f"the index holds {len(self.index.vectors)} vectors and the task {len(self.candidates)} candidates; "
                "build it anew"
            )
        self._weight = float(task.fitted.get("kind.mix", 0.0))
        self._words = BM25(_terms(self.kind.reader, task.classes)) if self._weight else None
        _check(self)

    def search(self, queries: Iterable[Any], k: int = 10) -> list[Ranking]:
        """The k best for each query, as `Task.predict` takes them. Probabilities are among what was found."""
        asked = [self.task.kind.ask(one) for one in queries]
        if any(one.candidates for one in asked):
            raise QuickstudyError("a query that brings its own candidates needs no index; give it to Task.predict")
        text, cut = query.encode_queries(self.kind.reader, self.kind.turns, asked)
        units = _units(self.task, text)
        near = self.index.search(units, max(k, SHORTLIST) if self._words else k).places
        return [self._ranked(*row, k) for row in zip(tokens(text), units, near, cut.tolist(), strict=True)]

    def _ranked(self, asked: list[int], unit: Tensor, near: Tensor, cut: int, k: int) -> Ranking:
        found = near[near >= 0]
        shared = None
        if self._words is not None:
            shared = torch.from_numpy(self._words.scores([asked])[0])
            more = shared.topk(min(SHORTLIST, len(shared))).indices
            found = torch.cat([found, more]).unique()
        scores = self.index.scores(unit, found)
        if shared is not None:
            scores = scores + self._weight * shared[found]
        scores = scores.double() / float(self.task.fitted.get("kind.log_temperature", torch.zeros(())).exp())
        best, order = scores.topk(min(k, len(scores)))
        ranked = tuple(self.candidates[place] for place in found[order].tolist())
        chances = scores.softmax(-1)[order].tolist()
        return Ranking(ranked, tuple(best.tolist()), tuple(chances), cut)


def _terms(reader: Reader, candidates: Classes) -> Iterator[list[int]]:
    """Each candidate's tokens."""
    names = list(candidates.items())
    for start in range(0, len(names), _TOGETHER):
        yield from tokens(query.encode_candidates(reader, dict(names[start : start + _TOGETHER])))


def _rows(task: Task) -> Tensor:
    """(N, W + 1): each candidate's vector and bias."""
    try:
        weight, bias = task.adapted["head.weight"], task.adapted["head.bias"]
    except KeyError:
        raise QuickstudyError("this learner has no vector for each candidate; take prior_head") from None
    return torch.cat([weight, bias[:, None]], dim=1).float()


def _units(task: Task, text: Text) -> Tensor:
    """(B, W + 1): queries as the task reads them, and 1 for the bias."""
    backbone = getattr(task.judge, "backbone", None)
    if backbone is None:
        raise QuickstudyError("this learner reads texts in a way of its own; take prior_head")
    moved = {name: value for name, value in task.adapted.items() if name.startswith(OF_BACKBONE)}
    with torch.inference_mode():
        units = backbone.units({**task.student.theta, **moved}, text)[:, 0].float()
    return torch.cat([units, torch.ones(len(units), 1)], dim=1)


def _check(found: Retriever) -> None:
    """Errors: QuickstudyError where the learner scores otherwise than by inner products."""
    text, _ = query.encode_queries(found.kind.reader, 1, [Query(("a",))])
    wanted = found.task.score(Batch(text, torch.tensor([[IGNORE]]), None))[0, 0].float()
    some = torch.arange(len(wanted))[:: max(1, len(wanted) // _TOGETHER)]
    got, wanted = found.index.scores(_units(found.task, text)[0], some), wanted[some]
    if not torch.allclose(got, wanted, rtol=0.02, atol=0.02 * float(wanted.abs().max()) + 1e-6):
        raise QuickstudyError("the index is of another task, or its learner scores by more than inner products")
