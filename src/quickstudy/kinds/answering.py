"""Answering: the words of a context that answer a question, or that none do (extractive question answering).

Question and context are read together. Each word of the context is a unit that scores as outside of the answer, its
begin or its end; the first token of the row scores whether nothing answers. Those four are the classes, whatever the
task, and their names are fixed sentences, from which a learner that reads names can begin.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

import torch
from torch import Tensor

from quickstudy.core.protocols import Score
from quickstudy.core.types import IGNORE, Batch, Classes, Params, QuickstudyError, rows
from quickstudy.kinds import labelled, passages, question, spans, squad
from quickstudy.kinds.passages import Passage
from quickstudy.kinds.question import Question
from quickstudy.kinds.windows import Answer, Window, pooled
from quickstudy.text.reader import Reader
from quickstudy.text.words import words

NAMES: Mapping[str, str] = {
    "outside": "this word is not part of the answer",
    "begins": "here begins the answer to the question",
    "ends": "here ends the answer to the question",
    "nothing": "the text does not answer the question",
}
"""the classes, in the order that kinds/spans.py counts on"""
ANSWER = "answer"
"""the one class that examples are drawn by"""
ROWS = 64
"""windows scored together"""


@dataclass(frozen=True)
class Answering:
    """`window` is how many tokens of a context are read at once when it is searched for the answer, `about` how many
    around the answer when it is learned from: fewer are faster. `longest` is how many words an answer has at most,
    unless an example has more; `every` that one example in so many is also learned from where the answer is not.
    `empty` says whether "no answer" may be the answer: "auto" is where some example had none."""

    reader: Reader
    window: int = 384
    about: int = 96
    longest: int = 30
    every: int = 4
    empty: Literal["auto", "never", "allowed"] = "auto"

    def read(self, record: dict[str, Any]) -> Question:
        example = question.read(record)
        passages.check(self.reader, example)
        return example

    def write(self, example: Question) -> dict[str, Any]:
        return question.write(example)

    def texts(self, example: Question) -> tuple[str, ...]:
        return example.question, example.context

    def labels(self, example: Question) -> frozenset[str]:
        return frozenset() if example.answers is None else frozenset({ANSWER})

    def unread(self, examples: Sequence[Question]) -> list[int]:
        """Of questions; of contexts nothing is cut."""
        found: list[int] = passages.rows(self.reader, [passages.passage(one, 0, 0) for one in examples]).cut.tolist()
        return found

    def ask(self, value: Any) -> Question:
        """(question, context), a dict of the two, or a Question."""
        if isinstance(value, Question):
            return Question(value.question, value.context)
        if isinstance(value, Mapping):
            value = (value.get("question"), value.get("context"))
        if isinstance(value, str) or not isinstance(value, Sequence) or len(value) != 2:
            raise QuickstudyError(f"{value!r:.60} is no question about a context; give (question, context)")
        return question.read({"question": value[0], "context": value[1]})

    def encode(self, examples: Sequence[Question], classes: Classes) -> Batch:
        """One row an example, the piece of the context about its answer, and for one in `every` another piece, in which
        nothing answers."""
        found = [one for place, example in enumerate(examples) for one in self._pieces(place, example)]
        text = passages.rows(self.reader, [one for one, _ in found]).text
        gold = torch.full((*text.spans.shape[:2], len(NAMES)), float(IGNORE))
        for row, (one, judged) in enumerate(found):
            if judged:
                _mark(gold[row], one, text.spans[row, :, 0])
        return Batch(text, gold, labelled.encode_names(self.reader, 1, dict.fromkeys(NAMES.values(), "")))

    def loss(self, scores: Tensor, batch: Batch) -> Tensor:
        """The sum over rows of the negative log-likelihood of the gold span, over the number of judged units."""
        judged = batch.gold[..., 0] >= 0
        which = judged.any(1)
        where = spans.legal(rows(batch.text, which))
        said = spans.likelihood(scores[which], batch.gold[which], where, self.longest)
        return -said.sum() / judged.sum().clamp(min=1)

    def fit(self, score: Score, support: Sequence[Question], classes: Classes) -> Params:
        """Whether an example had no answer, and how many words the longest answer had."""
        lengths = [len(words(answer.text)) for example in support for answer in example.answers or ()]
        return {
            "kind.may_be_empty": torch.tensor(float(any(example.answers == () for example in support))),
            "kind.longest": torch.tensor(float(max(lengths, default=0))),
        }

    def answer(self, score: Score, fitted: Params, examples: Sequence[Question], classes: Classes) -> list[Answer]:
        """The best span of all windows of each example's context."""
        may = self.empty == "allowed" or (self.empty == "auto" and bool(fitted.get("kind.may_be_empty", 0.0)))
        longest = max(self.longest, int(fitted.get("kind.longest", 0)))
        found: list[Answer] = []
        for start in range(0, len(examples), ROWS):
            some = examples[start : start + ROWS]
            pieces = [passages.all_of(self.reader, example, self.window) for example in some]
            scored = self._scored(score, [one for own in pieces for one in own], longest)
            found += [
                pooled(example, list(islice(scored, len(own))), may) for example, own in zip(some, pieces, strict=True)
            ]
        return found

    def record(self, answer: Answer) -> dict[str, Any]:
        return answer._asdict()

    def measure(self, answers: Sequence[Answer], examples: Sequence[Question]) -> dict[str, float]:
        """The mean F1 and share of exact matches of SQuAD, of CMRC 2018 where the context is Chinese."""
        each = [squad.score(answer.text, example) for answer, example in zip(answers, examples, strict=True)]
        return {
            "f1": sum(one.f1 for one in each) / max(1, len(each)),
            "exact_match": sum(one.exact for one in each) / max(1, len(each)),
        }

    def _pieces(self, place: int, example: Question) -> Iterator[tuple[Passage, bool]]:
        """Pieces to learn from, and whether they are judged."""
        if not example.answers:
            yield passages.about(self.reader, example, None, self.about), example.answers is not None
            return
        answer = Counter(example.answers).most_common(1)[0][0]
        one = passages.about(self.reader, example, answer, self.about)
        yield one, one.gold is not None
        if place % self.every == 0 and (other := passages.elsewhere(self.reader, example, self.about)) is not None:
            yield other, True

    def _scored(self, score: Score, found: Sequence[Passage], longest: int) -> Iterator[Window]:
        for start in range(0, len(found), ROWS):
            some = found[start : start + ROWS]
            text, cut = passages.rows(self.reader, some)
            with torch.no_grad():
                scores = score(Batch(text, torch.full(text.spans.shape[:2], IGNORE), None)).double().cpu()
            own = torch.tensor([one.own for one in some])
            best = spans.best(scores, spans.legal(text), longest, own)
            columns = zip(*(part.tolist() for part in (*best, cut)), strict=True)
            yield from (Window(one, *row) for one, row in zip(some, columns, strict=True))


def _mark(gold: Tensor, one: Passage, places: Tensor) -> None:
    """Writes into gold (U, C) what each unit is, `places` (U, 2) being its tokens; nothing where not all of the answer
    was read. All that is outside counts as one unit, as a begin does, so that it has no more examples than the others.
    Words within the token of a begin or an end, whose vector is the same, are judged nowhere."""
    marks = [(0, spans.NOTHING)]
    if one.gold is not None:
        low, high = one.gold.start - one.start, one.gold.end - one.start
        held = [unit for unit, (start, end) in enumerate(one.units, 1) if start < high and low < end]
        if not held or not bool((places[held, 1] > places[held, 0]).all()):
            return
        first, last = ((places == places[unit]).all(-1).nonzero().flatten() for unit in (held[0], held[-1]))
        marks = [(int(first[0]), spans.BEGINS), (int(last[-1]), spans.ENDS)]
    read = places[:, 1] > places[:, 0]
    within = torch.stack([(places == places[unit]).all(-1) for unit, _ in marks]).any(0)
    outside = read & ~within
    gold[read & within] = IGNORE
    gold[outside] = 0.0
    gold[outside, spans.OUTSIDE] = 1 / max(1, int(outside.sum()))
    for unit, _ in marks:
        gold[unit] = 0.0
    for unit, place in marks:
        gold[unit, place] = 1.0
