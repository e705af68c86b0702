"""Extractive summaries: the sentences of a document are the candidates, and the document is what they are to answer.

A sentence scores by its likeness to the whole document (centroid summaries: Radev et al. 2004) and by how early it
stands. Of examples, the sentences that together share most words with the summary are right (Nallapati et al. 2017,
section 3): from them meta-training learns what a summary keeps. A head fitted to a few documents learns sentences that
do not come again, and is no better than none (docs/findings.md).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from quickstudy.core.protocols import Score
from quickstudy.core.sentences import sentences
from quickstudy.core.types import IGNORE, Batch, Classes, Params, QuickstudyError
from quickstudy.kinds import written_measures
from quickstudy.kinds.matching import Matching
from quickstudy.kinds.query import MOST_CANDIDATES, Query, encode_queries, tidy
from quickstudy.text.bm25 import terms
from quickstudy.text.reader import Reader

WIDE = tuple("。！？”』」）")
CLASS = "summary"
"""the one class that documents have for the sampler"""


@dataclass(frozen=True, slots=True)
class Document:
    """A text, and summaries that people wrote of it."""

    text: str
    summaries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Extract:
    """Sentences that stand for a document, in its order."""

    sentences: tuple[str, ...]
    places: tuple[int, ...]
    """their numbers among the document's sentences"""
    cut: int = 0
    """tokens at the document's end that its own vector does not hold; sentences there are still candidates"""

    @property
    def text(self) -> str:
        """Behind a full stop of Chinese or Japanese no space stands."""
        return "".join(one if one.endswith(WIDE) else f"{one} " for one in self.sentences).rstrip()


@dataclass(frozen=True)
class Extracting:
    """`sentences` is how many are chosen; `lead` how much a score falls with the logarithm of a sentence's number: the
    best of five on scitldr."""

    reader: Reader
    sentences: int = 3
    lead: float = 0.5

    def read(self, record: dict[str, Any]) -> Document:
        text = record.get("document", record.get("text"))
        if not isinstance(text, str) or not text.strip():
            raise QuickstudyError("the document is empty")
        given = record.get("refs") or record.get("summaries") or record.get("summary") or ()
        several = given if isinstance(given, list | tuple) else (given,)
        return Document(text, tuple(tidy(str(one)) for one in several if str(one).strip()))

    def write(self, example: Document) -> dict[str, Any]:
        return {"document": example.text, **({"summaries": list(example.summaries)} if example.summaries else {})}

    def texts(self, example: Document) -> tuple[str, ...]:
        return (example.text,)

    def labels(self, example: Document) -> frozenset[str]:
        return frozenset({CLASS} if example.summaries else ())

    def unread(self, examples: Sequence[Document]) -> list[int]:
        """Of what a document's own vector holds; its sentences are candidates wherever they stand."""
        return self.reader.unread([one.text for one in examples])

    def ask(self, value: Any) -> Document:
        if isinstance(value, Document):
            return Document(value.text)
        if not isinstance(value, str | Mapping):
            raise QuickstudyError(f"{value!r:.60} is no document; give a text")
        return Document(self.read({"text": value} if isinstance(value, str) else dict(value)).text)

    def brought(self, examples: Iterable[Document], classes: Classes) -> Classes:
        own = dict.fromkeys((one for example in examples for one in _split(example) if one not in classes), "")
        return {**classes, **own} if own else classes

    def encode(self, examples: Sequence[Document], classes: Classes) -> Batch:
        return self._matching.encode([self._query(one) for one in examples], classes)

    def loss(self, scores: Tensor, batch: Batch) -> Tensor:
        return self._matching.loss(scores, batch)

    def fit(self, score: Score, support: Sequence[Document], classes: Classes) -> Params:
        return {"kind.lead": torch.tensor(self.lead)}

    def answer(self, score: Score, fitted: Params, examples: Sequence[Document], classes: Classes) -> list[Extract]:
        queries = [Query((one.text,), (), _candidates(one)) for one in examples]
        text, cut = encode_queries(self.reader, 1, queries)
        with torch.no_grad():
            scores = score(Batch(text, torch.full((len(examples), 1), IGNORE), None))
        scores = (scores + float(fitted["kind.lead"]) * self._early(examples, classes).to(scores))[:, 0]
        place = {name: number for number, name in enumerate(classes)}
        found = []
        for row, example in enumerate(examples):
            own = _split(example)
            each = scores[row, [place[one] for one in own]]
            best = sorted(each.topk(min(self.sentences, len(own))).indices.tolist())
            found.append(Extract(tuple(own[one] for one in best), tuple(best), int(cut[row])))
        return found

    def record(self, answer: Extract) -> dict[str, Any]:
        found = {"summary": answer.text, "sentences": list(answer.sentences), "places": list(answer.places)}
        return {**found, "cut": answer.cut} if answer.cut else found

    def measure(self, answers: Sequence[Extract], examples: Sequence[Document]) -> dict[str, float]:
        """ROUGE, the best over a document's summaries."""
        judged = [(answer.text, one.summaries) for answer, one in zip(answers, examples, strict=True) if one.summaries]
        if not judged:
            raise QuickstudyError("no document has a summary, so there is nothing to measure")
        return written_measures.rouge([said for said, _ in judged], [wanted for _, wanted in judged])

    @property
    def _matching(self) -> Matching:
        return Matching(self.reader, 1)

    def _query(self, example: Document) -> Query:
        own = _candidates(example)
        right = tuple(dict.fromkeys(chosen(own, example.summaries[0], self.sentences))) if example.summaries else ()
        return Query((example.text,), right, own)

    def _early(self, examples: Sequence[Document], classes: Classes) -> Tensor:
        """(B, 1, C): minus the logarithm of a sentence's number, 0 for what is not in the document."""
        place = {name: number for number, name in enumerate(classes)}
        found = torch.zeros(len(examples), 1, len(classes))
        for row, example in enumerate(examples):
            own = _split(example)
            found[row, 0, [place[one] for one in own]] = -torch.arange(1, len(own) + 1).float().log()
        return found


def chosen(candidates: Sequence[str], summary: str, most: int) -> list[str]:
    """Sentences taken one after the other while the share of words that they have in common with the summary grows
    (F1 over words and pairs of words)."""
    wanted = _grams(summary)
    taken: list[str] = []
    best = 0.0
    while len(taken) < most:
        rest = [one for one in candidates if one not in taken]
        if not rest:
            break
        score, one = max((_overlap(_grams(" ".join([*taken, each])), wanted), each) for each in rest)
        if score <= best:
            break
        best = score
        taken.append(one)
    return taken


def _grams(text: str) -> Counter[tuple[str, ...]]:
    said = terms(text)
    return Counter([(one,) for one in said] + list(pairwise(said)))


def _overlap(said: Counter[tuple[str, ...]], wanted: Counter[tuple[str, ...]]) -> float:
    return 2 * (said & wanted).total() / max(1, said.total() + wanted.total())


def _split(example: Document) -> list[str]:
    """The document's sentences, each once."""
    own = [tidy(example.text[start:end]) for start, end in sentences(example.text)]
    return list(dict.fromkeys(own))[:MOST_CANDIDATES]


def _candidates(example: Document) -> tuple[str, ...]:
    return tuple(_split(example))
