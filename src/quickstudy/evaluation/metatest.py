"""Meta-test: contestants learn the same unseen tasks from the same examples, as training does it."""

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from quickstudy.core import calibrating
from quickstudy.core.protocols import Learner, TaskKind
from quickstudy.core.scoring import scorer
from quickstudy.core.types import Batch, Classes, Draw, Params, Prediction, QuickstudyError
from quickstudy.evaluation import metrics
from quickstudy.evaluation.wording import count

Watch = Callable[[int, int, str], None]
"""(done, total, text): told before each contestant's turn at an episode, and once at the end"""


class Contestant(NamedTuple):
    """A learner and the weights it starts every task from."""

    learner: Learner
    theta: Params


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one contestant did on one episode. Plain numbers and strings: `asdict` gives JSON.

    `gold` and `predicted` number the classes that hold, by their place in `classes`; `top` is the most
    probable class and `confidence` its probability. All four are empty for a kind whose answers are no
    Predictions.
    """

    contestant: str
    draw: str
    source: str
    shots: int
    classes: tuple[str, ...]
    measures: dict[str, float] = field(default_factory=dict)
    seconds_adapt: float = 0.0
    """adapting, and fitting what turns scores into answers; without encoding the support"""
    seconds_answer: float = 0.0
    """answering all query texts, their encoding included"""
    gold: tuple[tuple[int, ...], ...] = ()
    predicted: tuple[tuple[int, ...], ...] = ()
    top: tuple[int, ...] = ()
    confidence: tuple[float, ...] = ()
    failure: str = ""
    """why there are no answers; "" where there are"""


def meta_test(
    contestants: Mapping[str, Contestant],
    draws: Iterable[Draw],
    kind: TaskKind,
    watch: Watch | None = None,
) -> list[Outcome]:
    """An Outcome for every episode and contestant. An error that a user can act on is one contestant's
    failure on one episode; the others go on."""
    episodes = list(draws)
    total = len(episodes) * len(contestants)
    outcomes: list[Outcome] = []
    for draw in episodes:
        support: Batch | str
        try:
            if not draw.query:
                raise QuickstudyError(f"Episode {draw.id} has no query examples; draw at least one a class.")
            support = kind.encode(draw.support, draw.classes)
        except QuickstudyError as error:
            support = str(error)
        for name, contestant in contestants.items():
            if watch:
                watch(len(outcomes), total, f"{name} on {draw.source}, {count(draw.shots, 'shot')}")
            outcomes.append(_turn(name, contestant, draw, support, kind))
    if watch:
        watch(total, total, "done")
    return outcomes


def _turn(name: str, contestant: Contestant, draw: Draw, support: Batch | str, kind: TaskKind) -> Outcome:
    """One contestant on one episode; `support` is the reason where it could not be encoded."""
    same = (name, draw.id, draw.source, draw.shots, tuple(draw.classes))
    if isinstance(support, str):
        return Outcome(*same, failure=support)
    learner, theta = contestant
    try:
        start = time.perf_counter()
        adapted = learner.adapt(theta, support, kind.loss)
        score = scorer(learner, theta, adapted)
        fitted = calibrating.fitted(learner, theta, adapted, kind, support, draw.support, draw.classes)
        middle = time.perf_counter()
        answers = kind.answer(score, fitted, draw.query, draw.classes)
        end = time.perf_counter()
        judged = _judged(answers, draw.query, draw.classes, kind)
        # The kind knows best what its measures mean; the common ones stand beside them.
        measures = {**judged.pop("measures"), **kind.measure(answers, draw.query)}
        _check_finite(measures)
    except QuickstudyError as error:
        return Outcome(*same, failure=str(error))
    return Outcome(
        *same,
        measures=measures,
        seconds_adapt=middle - start,
        seconds_answer=end - middle,
        **judged,
    )


def _check_finite(measures: Mapping[str, float]) -> None:
    for name, value in measures.items():
        if not math.isfinite(value):
            raise QuickstudyError(f"The measure {name} came out as {value}: the adaptation has diverged.")


def _judged(answers: Sequence[Any], query: Sequence[Any], classes: Classes, kind: TaskKind) -> dict[str, Any]:
    """The answers beside the gold labels, by number, and what is measured on them."""
    if not answers or not all(isinstance(answer, Prediction) for answer in answers):
        return {"measures": {}}
    place = {label: index for index, label in enumerate(classes)}
    gold = [tuple(sorted(kind.labels(example), key=lambda label: place.get(label, -1))) for example in query]
    predicted = [answer.labels for answer in answers]
    tables = [answer.probabilities for answer in answers]
    top = [max(table, key=table.__getitem__) for table in tables]
    measures = metrics.overall(gold, predicted, tuple(classes))
    measures["brier"] = metrics.brier(gold, tables)
    if all(len(right) == 1 for right in gold):
        measures["negative_log_likelihood"] = metrics.negative_log_likelihood(gold, tables)
    return {
        "measures": measures,
        "gold": tuple(tuple(place[label] for label in row) for row in gold),
        "predicted": tuple(tuple(place[label] for label in row) for row in predicted),
        "top": tuple(place[label] for label in top),
        # Four decimals: finer than any bin of the reliability curve, a third of the file.
        "confidence": tuple(
            round(min(1.0, max(0.0, table[label])), 4) for table, label in zip(tables, top, strict=True)
        ),
    }
