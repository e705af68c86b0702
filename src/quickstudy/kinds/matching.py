"""Matching: rank candidates for a query. FAQ retrieval, response selection, multiple choice.

The classes are the candidates, and their whole text is their name: so a head of class vectors is a matrix of candidate
vectors, an episode of N ways without examples is one-of-N response selection (Henderson et al. 2019), and what is
learned across such episodes is contrastive. A query that brings its own candidates may choose among those alone.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from quickstudy.core.protocols import Score
from quickstudy.core.types import IGNORE, PADDING, Batch, Classes, Params, QuickstudyError, Text
from quickstudy.kinds import query, ranking
from quickstudy.kinds.query import Query
from quickstudy.text.bm25 import BM25
from quickstudy.text.reader import Reader

TOGETHER = 256
"""queries answered at once, so that many take no more memory than some"""
WEIGHTS = torch.linspace(-4.0, 3.0, 29)
"""logarithms of BM25's weights over the usual one that are tried"""
TEMPERATURES = torch.linspace(-2.0, 2.0, 17)
SPREAD = 1.0
"""Standard deviation of the logarithms of both before any example is seen."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """Candidates for a query, the best first."""

    candidates: tuple[str, ...]
    scores: tuple[float, ...]
    probabilities: tuple[float, ...]
    """over everything that the query could choose from"""
    cut: int = 0
    """tokens that the backbone did not read, of the query and of candidates that it brought"""

    @property
    def best(self) -> str:
        return self.candidates[0]


@dataclass(frozen=True)
class Matching:
    by_name: ClassVar[bool] = True
    reader: Reader
    turns: int = 3
    """of a dialogue, the last so many are read"""
    top: int = 1000
    """candidates that an answer holds at most; what stands further down counts as not found"""
    mix: float = 0.0
    """what BM25's scores weigh beside the learner's where no example says; 0: nothing, and nothing is fitted"""

    def read(self, record: dict[str, Any]) -> Query:
        return query.read(record)

    def write(self, example: Query) -> dict[str, Any]:
        return query.write(example)

    def texts(self, example: Query) -> tuple[str, ...]:
        return (" ".join(example.turns),)

    def labels(self, example: Query) -> frozenset[str]:
        return frozenset(example.right)

    def ask(self, value: Any) -> Query:
        return query.ask(value)

    def unread(self, examples: Sequence[Query]) -> list[int]:
        """Of queries, of the candidates that they bring, and of those that answer them."""
        asked = query.encode_queries(self.reader, self.turns, examples)[1].tolist()
        own = self._unread([{*one.candidates, *one.right} for one in examples])
        return [sum(each) for each in zip(asked, own, strict=True)]

    def brought(self, examples: Iterable[Query], classes: Classes) -> Classes:
        own = (one for example in examples for one in (*example.candidates, *example.right))
        more = dict.fromkeys((one for one in own if one not in classes), "")
        return {**classes, **more} if more else classes

    def encode(self, examples: Sequence[Query], classes: Classes) -> Batch:
        if not classes:
            raise QuickstudyError("there are no candidates to choose from; give examples, candidates, or both")
        text, _ = query.encode_queries(self.reader, self.turns, examples)
        place = {name: number for number, name in enumerate(classes)}
        right = [[_found(place, one) for one in example.right] for example in examples]
        gold = torch.tensor([own[0] if own else IGNORE for own in right], dtype=torch.long).view(-1, 1)
        if any(len(own) > 1 for own in right):
            gold = torch.zeros(len(examples), 1, len(classes))
            for row, own in enumerate(right):
                gold[row, 0, own] = 1.0
        return Batch(text, gold, query.encode_candidates(self.reader, classes), _open(examples, place))

    def loss(self, scores: Tensor, batch: Batch) -> Tensor:
        """The mean negative log-likelihood of the right candidates among those a query may choose from."""
        open_ = scores if batch.open is None else scores.masked_fill(~batch.open[:, None], float("-inf"))
        if batch.gold.ndim == 2:
            return F.cross_entropy(open_.flatten(0, 1), batch.gold.flatten(), ignore_index=IGNORE)
        gold = batch.gold.to(scores)
        each = torch.where(gold > 0, F.log_softmax(open_, dim=-1), 0.0).sum(-1) / gold.sum(-1).clamp(min=1)
        return -each.sum() / (gold.sum(-1) > 0).sum().clamp(min=1)

    def fit(self, score: Score, support: Sequence[Query], classes: Classes) -> Params:
        return {"kind.mix": torch.tensor(self.mix)} if self.mix else {}

    def calibrate(self, scores: Tensor, unseen: Batch) -> Params:
        """The most probable temperature and weight of BM25 for the scores (m, 1, C) of m unseen examples, log-normal
        about 1 and about what the weight is without examples."""
        learned, gold = scores[:, 0].double(), unseen.gold.flatten()
        assert unseen.names is not None
        shared = _shared(unseen.text, BM25(tokens(unseen.names))).to(learned) if self.mix else torch.zeros(())
        weights = self.mix * WEIGHTS.exp() if self.mix else torch.zeros(1)
        unlikely = torch.stack(
            [
                self.loss((learned + weight * shared)[:, None] / step.exp(), unseen) * len(gold)
                + (0.0 if weight == 0 else (weight / self.mix).log().square() / (2 * SPREAD**2))
                + step.square() / (2 * SPREAD**2)
                for weight in weights
                for step in TEMPERATURES
            ]
        )
        best = int(unlikely.argmin())
        weight, step = weights[best // len(TEMPERATURES)], TEMPERATURES[best % len(TEMPERATURES)]
        return {"kind.log_temperature": step.clone()} | ({"kind.mix": weight.clone()} if self.mix else {})

    def answer(self, score: Score, fitted: Params, examples: Sequence[Query], classes: Classes) -> list[Ranking]:
        if not classes:
            raise QuickstudyError("there are no candidates to choose from; learn some, or give them with the query")
        names = list(classes)
        place = {name: number for number, name in enumerate(names)}
        weight = float(fitted.get("kind.mix", 0.0))
        temperature = float(fitted.get("kind.log_temperature", torch.zeros(())).exp())
        words = BM25(tokens(query.encode_candidates(self.reader, classes))) if weight else None
        found = []
        for start in range(0, len(examples), TOGETHER):
            some = examples[start : start + TOGETHER]
            text, cut = query.encode_queries(self.reader, self.turns, some)
            cut = cut + torch.tensor(self._unread([one.candidates for one in some]))
            open_ = _open(some, place)
            with torch.no_grad():
                scores = score(Batch(text, torch.full((len(some), 1), IGNORE), None, open_))[:, 0].double()
            if words is not None:
                scores = scores + weight * _shared(text, words).to(scores)
            found += self.ranked(scores / temperature, open_, names, cut)
        return found

    def record(self, answer: Ranking) -> dict[str, Any]:
        rows = zip(answer.candidates, answer.scores, answer.probabilities, strict=True)
        found = [{"candidate": one, "score": score, "probability": chance} for one, score, chance in rows]
        return {"best": answer.best, "candidates": found} | ({"cut": answer.cut} if answer.cut else {})

    def measure(self, answers: Sequence[Ranking], examples: Sequence[Query]) -> dict[str, float]:
        """Means over the judged queries."""
        judged = [(a.candidates, frozenset(e.right)) for a, e in zip(answers, examples, strict=True) if e.right]
        if not judged:
            raise QuickstudyError("no query says which candidate is right, so there is nothing to measure")
        return {
            **{f"recall@{most}": fmean(ranking.recall(*one, most) for one in judged) for most in (1, 5, 10)},
            "mrr": fmean(ranking.reciprocal_rank(*one) for one in judged),
            "ndcg@10": fmean(ranking.ndcg(*one, 10) for one in judged),
            "accuracy": fmean(float(ranked[0] in right) for ranked, right in judged),
        }

    def _unread(self, lists: Sequence[Collection[str]]) -> list[int]:
        """Tokens of each list's candidates that are not read. One that stands in several lists is looked at once."""
        each = list({name for names in lists for name in names})
        cut = dict(zip(each, self.reader.unread(each), strict=True))
        return [sum(cut[name] for name in names) for names in lists]

    def ranked(self, scores: Tensor, open_: Tensor | None, names: list[str], cut: Tensor) -> list[Ranking]:
        if open_ is not None:
            scores = scores.masked_fill(~open_.to(scores.device), float("-inf"))
        chances = scores.softmax(-1)
        best, order = scores.sort(dim=-1, descending=True, stable=True)
        found = []
        for row, places in enumerate(order[:, : self.top].tolist()):
            count = int(best[row, : self.top].isfinite().sum())
            chance = chances[row, order[row, :count]].tolist()
            ranked = tuple(names[one] for one in places[:count])
            found.append(Ranking(ranked, tuple(best[row, :count].tolist()), tuple(chance), int(cut[row])))
        return found


def _found(place: dict[str, int], candidate: str) -> int:
    if candidate not in place:
        raise QuickstudyError(f"the candidate {candidate!r:.60} is not among the {len(place)} of the task; learn it")
    return place[candidate]


def _open(examples: Sequence[Query], place: dict[str, int]) -> Tensor | None:
    """(B, C) bool; None where no example brings candidates of its own."""
    if not any(example.candidates for example in examples):
        return None
    found = torch.zeros(len(examples), len(place), dtype=torch.bool)
    for row, example in enumerate(examples):
        found[row, [_found(place, one) for one in example.candidates] if example.candidates else slice(None)] = True
    return found


def tokens(text: Text) -> list[list[int]]:
    """The tokens of each row, as BM25's terms: what is in every row, such as the tokenizer's own, says nothing."""
    read = text.role != PADDING
    return [row[own].tolist() for row, own in zip(text.tokens, read, strict=True)]


def _shared(text: Text, words: BM25) -> Tensor:
    """(B, C) BM25's scores for the rows of a text."""
    return torch.from_numpy(words.scores(tokens(text)))
