"""From sources to what the outer loop asks for: the episodes of a step, and a judge of theta on validation tasks."""

import dataclasses
import json
import math
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from types import MappingProxyType

import torch
from torch import Tensor

from quickstudy import config
from quickstudy.core.protocols import Learner, TaskKind
from quickstudy.core.scoring import scorer
from quickstudy.core.types import DivergedError, Draw, Episode, Params, QuickstudyError, Reward
from quickstudy.episodes.choosing import Chooser, Seen, tally
from quickstudy.episodes.distillation import Teach, nobody
from quickstudy.episodes.sampling import draw
from quickstudy.episodes.shapes import Shape, ends
from quickstudy.episodes.sources import Source, index_of
from quickstudy.episodes.wording import Wording, reworded
from quickstudy.recipe import ValidatingTable
from quickstudy.training.outcome import History, Trained, Validation
from quickstudy.training.plan import Plan
from quickstudy.training.ranks import ALONE, Drawn, Ranks


def stream(
    chooser: Chooser,
    kind: TaskKind,
    shape: Shape,
    plan: Plan,
    reward: Reward | None = None,
    wording: Wording = Wording(),  # noqa: B008 (frozen)
    teach: Teach = nobody,
) -> Callable[[int, History], Sequence[Episode]]:
    """The episodes of an outer step, a function of the step and of what validation found before it."""

    def episodes(step: int, history: History) -> Sequence[Episode]:
        past = seen(history, plan)

        def made(place: int) -> Episode:
            n = step * plan.tasks + place
            source = chooser.source(n, plan.seed, past)
            its, seed = source.of(kind), number(plan.seed, n)
            if taught := teach(source, its, seed):
                return taught
            drawn = draw(source, kind, narrowed(own(shape, source), source, kind), seed)
            return reworded_episode(drawn, source, its, wording, reward)

        return Drawn(plan.tasks, made)

    return episodes


def number(seed: int, n: int) -> int:
    """What draws episode n of a training, so that another seed draws others."""
    return (seed << 40) + n


def seen(history: History, plan: Plan) -> Seen:
    """Validations as a chooser sees them: which episode comes next, and the score."""
    return tuple(((step + 1) * plan.tasks, found.score) for step, found in history)


def drawn_from(chooser: Chooser, plan: Plan, trained: Trained) -> dict[str, dict[str, float]]:
    """How often each source was drawn in a training that has ended, and how likely it was at the end."""
    return tally(chooser, plan.seed, seen(trained.history, plan), (trained.steps + 1) * plan.tasks)


def own(shape: Shape, source: Source) -> Shape:
    """The shape with the shots and queries that the source asks for."""
    shots = shape.shots if source.shots is None else (source.shots[0], source.shots[1])
    return dataclasses.replace(shape, shots=shots, queries=source.queries or shape.queries)


def narrowed(shape: Shape, source: Source, kind: TaskKind) -> Shape:
    """The shape with the ways that the source asks for, and no more than it has classes with examples for."""
    wanted = source.ways or (None if shape.ways is None else ends(shape.ways))
    if wanted is None:
        return shape
    low, high = wanted
    members = index_of(source, kind).members.values()
    least = ends(shape.shots)[0]
    found = [sum(len(member) >= shape.queries + more for member in members) for more in (1, least)]
    classes = found[0] if found[0] >= low else max(found)  # a class with an example to spare, where enough have one
    return dataclasses.replace(shape, ways=(min(low, classes), min(high, classes)))


def episode(drawn: Draw, kind: TaskKind, reward: Reward | None = None) -> Episode:
    """An episode as a learner sees it."""
    support, query = (kind.encode(examples, drawn.classes) for examples in (drawn.support, drawn.query))
    return Episode(support, query, kind.loss, reward)


def reworded_episode(
    drawn: Draw, source: Source, kind: TaskKind, wording: Wording, reward: Reward | None = None
) -> Episode:
    """The same whose classes may be called otherwise, or of which one stands against the rest."""
    said, one = reworded(drawn.classes, source.called, drawn.shots, wording, drawn.id)
    task = episode(drawn, kind, reward)
    several = task.support.gold.ndim == 3
    if said == drawn.classes or (one is not None and several):
        return task
    names = kind.encode((), said).names
    support, query = (batch._replace(names=names) for batch in (task.support, task.query))
    if one is not None:
        place = list(drawn.classes).index(one)
        support, query = (batch._replace(gold=against(batch.gold, place)) for batch in (support, query))
    return task._replace(support=support, query=query)


def against(gold: Tensor, place: int) -> Tensor:
    """(B, U) classes -> 0 where it is the class at `place`, 1 where it is another."""
    return torch.where(gold < 0, gold, (gold != place).long())


def validation_draws(validation: Sequence[Source], kind: TaskKind, table: ValidatingTable) -> list[Draw]:
    """The same tasks every time: of every source, at every number of shots that it has the examples for. Where only so
    many ways are asked for, classes with few examples may be left out of a task; else none is."""
    found = []
    for source in validation:
        classes = len(index_of(source, kind).classes)
        if classes < 2 and isinstance(source.of(kind), config.LABELLED):
            raise QuickstudyError(f"validation: {source.name} has {classes} class, and a task needs two; name another")
        sizes = sorted((len(members) for members in index_of(source, kind).members.values()), reverse=True)
        ways, queries = source.ways[0] if source.ways else table.ways, source.queries or table.queries
        room = sizes[min(ways, len(sizes)) - 1] - queries if ways else sizes[-1] - 1
        for shots in table.shots:
            if shots <= room:
                shape = narrowed(Shape(table.ways or None, shots, queries), source, kind)
                found += [draw(source, kind, shape, seed) for seed in range(table.episodes)]
    if not found:
        raise QuickstudyError(
            f"validation: every source has a class with no more than {min(table.shots, default=0)} texts; lower "
            "`shots` in [validating], or name larger sources"
        )
    return found


def judge(
    learner: Learner,
    kind: TaskKind,
    draws: Sequence[Draw],
    table: ValidatingTable,
    others: Mapping[str, TaskKind] = MappingProxyType({}),
    ranks: Ranks = ALONE,
) -> Callable[[Params], Validation]:
    """What each kind counts and the loss on fixed tasks, through the same adapt and predict that training and users
    run. `others`: the kind of tasks of the sources whose is not `kind`, by name. Of several ranks, each judges its
    share, and all are told of every task."""
    kinds = [others.get(drawn.source, kind) for drawn in draws]
    shared = range(ranks.rank, len(draws), ranks.size)
    encoded = [(draws[place], kinds[place], episode(draws[place], kinds[place])) for place in shared]

    def validate(theta: Params) -> Validation:
        found = [_judged(learner, theta, *each, table.measure) for each in encoded]
        told = dict(zip(shared, found, strict=True))
        every = {int(place): mark for part in ranks.texts(json.dumps(told)) for place, mark in json.loads(part).items()}
        scores, losses, trouble = zip(*(every[place] for place in range(len(draws))), strict=True)
        return Validation(fmean(scores), fmean(losses), scores, next(filter(None, reversed(trouble)), ""))

    return validate


def _judged(
    learner: Learner, theta: Params, drawn: Draw, own: TaskKind, task: Episode, measure: str
) -> tuple[float, float, str]:
    """What it scores on one task, its query loss, and why it could not be learned, where it could not."""
    try:
        adapted = learner.adapt(theta, task.support, own.loss)
    except DivergedError as error:
        return 0.0, math.inf, str(error)
    score = scorer(learner, theta, adapted)
    fitted = own.fit(score, drawn.support, drawn.classes)
    loss = float(own.loss(score(task.query), task.query))
    if measure == "likelihood":
        return math.exp(-loss), loss, ""
    answers = own.answer(score, fitted, drawn.query, drawn.classes)
    return float(next(iter(own.measure(answers, drawn.query).values()))), loss, ""
