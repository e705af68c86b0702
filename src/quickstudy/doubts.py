"""How well a task does on its own examples when each is left out, and which of them it doubts.

An example is doubtful where the task, not having seen it, gives another label at least the probability that it gives
that label's own examples on average (confident learning: Northcutt, Jiang & Chuang 2021, section 3.1).
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

import torch

from quickstudy.core.scoring import scorer
from quickstudy.core.types import Prediction, QuickstudyError, batch_rows
from quickstudy.kinds.labelled import Labelled
from quickstudy.kinds.multilabel import MultiLabel
from quickstudy.remarks import silent

if TYPE_CHECKING:
    from quickstudy.task import Task

MOST_LEFT_OUT_SINGLY = 100
FOLDS = 20
SURE = 0.75
"""how probable it must be that a class was wrongly given or wrongly left out, where several may hold"""
Watch = Callable[[int, int], None]
"""(done, total), told after each part that was left out"""


@dataclass(frozen=True, slots=True)
class Doubt:
    """An example whose label the other examples speak against."""

    place: int
    """where it stands among the task's examples, from 0"""
    text: str
    pair: str | None
    given: tuple[str, ...]
    said: tuple[str, ...]
    """what the task says instead"""
    of: str
    """the class that the probability is of: what it says or, where several may hold, the one (given or not) that it
    disputes most"""
    probability: float


@dataclass(frozen=True, slots=True)
class Check:
    """What a task does with examples that it has not seen."""

    parts: int
    """how many parts the examples were left out in, one after the other"""
    examples: int
    right: int
    """with several labels: those whose labels were found exactly"""
    low: float
    high: float
    """Wilson's 95 % interval of the accuracy"""
    alone: int
    """examples that are the only one of some class: left out, of that class only the name remains"""
    doubts: tuple[Doubt, ...]
    """the most doubtful first"""

    @property
    def accuracy(self) -> float:
        return self.right / self.examples

    @property
    def how(self) -> str:
        """ "leave-one-out" or "20-fold"."""
        return "leave-one-out" if self.parts == self.examples else f"{self.parts}-fold"


def check(task: "Task", watch: Watch | None = None) -> Check:
    """Learns the task anew without each part of its examples and judges that part: every example alone up to 100 of
    them, 20 parts beyond. QuickstudyError where the task has no examples."""
    examples = task.examples
    if not examples:
        why = "was saved without its examples" if task.examples_left_out else "was learned from class names alone"
        raise QuickstudyError(f"this task {why}, so there is nothing to check it on; give it examples")
    answers = _left_out(task, watch)
    gold = [frozenset(example.labels) for example in examples]
    right = sum(frozenset(answer.labels) == wanted for answer, wanted in zip(answers, gold, strict=True))
    count = Counter(label for labels in gold for label in labels)
    find = _doubts_of_several if isinstance(task.kind, MultiLabel) else _doubts_of_one
    unsaid = {name for name in silent(task.classes) if count[name] == 1}  # left out, nothing is left of such a class
    found = [one for one in find(examples, answers) if unsaid.isdisjoint(one[1].given)]
    low, high = wilson(right, len(examples))
    return Check(
        parts=parts_of(len(examples)),
        examples=len(examples),
        right=right,
        low=low,
        high=high,
        alone=sum(any(count[label] == 1 for label in labels) for labels in gold),
        doubts=tuple(doubt for _, doubt in sorted(found, key=lambda pair: (-pair[0], pair[1].place))),
    )


def parts_of(examples: int) -> int:
    """In how many parts so many examples are left out, one part after the other."""
    return examples if examples <= MOST_LEFT_OUT_SINGLY else FOLDS


def wilson(right: int, count: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share (Wilson 1927)."""
    z2 = 1.959963984540054**2
    share = right / count
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = math.sqrt(z2 * (share * (1 - share) / count + z2 / (4 * count**2))) / (1 + z2 / count)
    return max(0.0, middle - half), min(1.0, middle + half)


def _left_out(task: "Task", watch: Watch | None) -> list[Prediction]:
    """What the task says of each of its examples without having seen it."""
    learner, theta, kind, classes = task.learner, task.student.theta, task.kind, task.classes
    whole = kind.encode(task.examples, classes)
    found: dict[int, Prediction] = {}
    for out in _parts(task.examples):
        left = set(out)
        rest = [place for place in range(len(task.examples)) if place not in left]
        support = batch_rows(whole, torch.tensor(rest, dtype=torch.long))
        adapted = learner.adapt(theta, support, kind.loss)
        score = scorer(learner, theta, adapted)
        fitted = {**task.fitted, **kind.fit(score, [task.examples[place] for place in rest], classes)}
        answers = kind.answer(score, fitted, [task.examples[place] for place in out], classes)
        found.update(zip(out, answers, strict=True))
        if watch:
            watch(len(found), len(task.examples))
    return [found[place] for place in range(len(task.examples))]


def _parts(examples: Sequence[Labelled]) -> Iterator[list[int]]:
    """Which examples are left out together; no two of one class where that can be had."""
    if len(examples) <= MOST_LEFT_OUT_SINGLY:
        yield from ([place] for place in range(len(examples)))
        return
    dealt = sorted(range(len(examples)), key=lambda place: (examples[place].labels, place))
    yield from (sorted(dealt[part::FOLDS]) for part in range(FOLDS))


def _doubts_of_one(examples: Sequence[Labelled], answers: Sequence[Prediction]) -> Iterator[tuple[float, Doubt]]:
    own: dict[str, list[float]] = {}
    for example, answer in zip(examples, answers, strict=True):
        own.setdefault(example.labels[0], []).append(answer.probabilities[example.labels[0]])
    usual = fmean(value for values in own.values() for value in values)
    for place, (example, answer) in enumerate(zip(examples, answers, strict=True)):
        given, said = example.labels[0], str(answer.label)
        # one example says nothing of what is usual for its class
        usual_here = fmean(own[said]) if len(own.get(said, ())) > 1 else usual
        if said != given and answer.probability >= usual_here:
            doubt = Doubt(place, example.text, example.pair, example.labels, (said,), said, answer.probability)
            yield answer.probability - answer.probabilities[given], doubt


def _doubts_of_several(examples: Sequence[Labelled], answers: Sequence[Prediction]) -> Iterator[tuple[float, Doubt]]:
    for place, (example, answer) in enumerate(zip(examples, answers, strict=True)):
        against = {name: 1 - value if name in example.labels else value for name, value in answer.probabilities.items()}
        worst = max(against.values())
        if worst >= SURE and set(answer.labels) != set(example.labels):
            disputed = max(against, key=against.__getitem__)
            doubt = Doubt(
                place,
                example.text,
                example.pair,
                example.labels,
                answer.labels,
                disputed,
                answer.probabilities[disputed],
            )
            yield worst, doubt
