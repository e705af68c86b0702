"""From pretext tasks to what the outer loop asks for: the episodes of a step, and a judge of theta."""

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import NamedTuple

import torch

from quickstudy.core.protocols import Learner
from quickstudy.core.types import IGNORE, DivergedError, Episode, Params, QuickstudyError
from quickstudy.corpus.store import TRAIN, VALIDATION
from quickstudy.episodes.choosing import Chooser
from quickstudy.episodes.sources import Source
from quickstudy.meta_tasks import number, seen
from quickstudy.pretext.drawn import Pretext
from quickstudy.pretext.frame import Frame
from quickstudy.pretrain_recipe import JudgingTable, TaskTable
from quickstudy.training.outcome import History, Validation
from quickstudy.training.plan import Plan
from quickstudy.training.ranks import Drawn

ANEW = 3
"""draws of an episode: words that the luck of a draw brings together may have too few documents between them"""


class Judged(NamedTuple):
    """What a learner made of an episode."""

    loss: float
    accuracy: float
    """share of the judged units whose highest score is what is right"""


def sources(tables: Sequence[TaskTable], tasks: Mapping[str, Pretext]) -> tuple[Source, ...]:
    """Pretext tasks as what a chooser chooses among; the task itself stands where examples do."""
    return tuple(Source(table.title, (tasks[table.title],), weight=table.weight) for table in tables)


def stream(
    chooser: Chooser, frame: Frame, plan: Plan, hardness: Mapping[str, float]
) -> Callable[[int, History], Sequence[Episode]]:
    """The episodes of an outer step, a function of the step and of what validation found before it. They become harder
    in a straight line up to `hardness`."""

    def episodes(step: int, history: History) -> Sequence[Episode]:
        past, share = seen(history, plan), step / plan.steps

        def made(place: int) -> Episode:
            n = step * plan.tasks + place
            source = chooser.source(n, plan.seed, past)
            hard = share * hardness.get(source.name, 0.0)
            return drawn(source.examples[0], frame, TRAIN, number(plan.seed, n), hard)

        return Drawn(plan.tasks, made)

    return episodes


def drawn(task: Pretext, frame: Frame, part: int, seed: int, hardness: float = 0.0) -> Episode:
    """An episode of this number, drawn anew a few times where it cannot be had."""
    for again in range(ANEW):
        try:
            return task.episode(frame, part, seed + (again << 80), hardness)
        except QuickstudyError:
            if again == ANEW - 1:
                raise
    raise AssertionError


def judge(
    learner: Learner, tasks: Mapping[str, Pretext], frame: Frame, table: JudgingTable
) -> Callable[[Params], Validation]:
    """What counts, and the loss, on fixed episodes out of the validation part."""
    fixed = [drawn(task, frame, VALIDATION, seed) for task in tasks.values() for seed in range(table.episodes)]

    def validate(theta: Params) -> Validation:
        scores: list[float] = []
        losses: list[float] = []
        trouble = ""
        for episode in fixed:
            try:
                found = judged(learner, theta, episode)
            except DivergedError as error:
                found, trouble = Judged(math.inf, 0.0), str(error)
            losses.append(found.loss)
            scores.append(_worth(found, table.measure))
        return Validation(fmean(scores), fmean(losses), tuple(scores), trouble)

    return validate


def _worth(found: Judged, measure: str) -> float:
    """Higher is better."""
    if measure == "loss":
        return -found.loss
    return math.exp(-found.loss) if measure == "likelihood" else found.accuracy


def judged(learner: Learner, theta: Params, episode: Episode) -> Judged:
    """Adapts and predicts as everybody does."""
    adapted = learner.adapt(theta, episode.support, episode.loss)
    with torch.no_grad():
        scores, gold = learner.predict(theta, adapted, episode.query), episode.query.gold
        loss = float(episode.loss(scores, episode.query))
        asked = gold != IGNORE
        right = (scores.argmax(-1) == gold)[asked]
    return Judged(loss, float(right.float().mean()) if len(right) else 0.0)
