"""Meta-training by a recipe: sources to episodes, a loop over them, a student at the end."""

import dataclasses
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from quickstudy import config
from quickstudy import recipe as recipes
from quickstudy.core.protocols import Learner, TaskKind
from quickstudy.core.scoring import scorer
from quickstudy.core.types import OF_BACKBONE, DivergedError, Draw, Episode, Params, QuickstudyError, Reward
from quickstudy.episodes.choosing import Chooser, Policy, Seen, tally
from quickstudy.episodes.leaks import without_leaks
from quickstudy.episodes.loading import load
from quickstudy.episodes.mixing import Mixture
from quickstudy.episodes.packaged import packaged_source
from quickstudy.episodes.sampling import Dice, draw
from quickstudy.episodes.shapes import Shape, ends
from quickstudy.episodes.sources import Source, class_names, index_of
from quickstudy.episodes.splits import Fractions, Splits, by_class
from quickstudy.episodes.wording import Wording, reworded
from quickstudy.recipe import Recipe, SourceTable, ValidatingTable
from quickstudy.student import Student, backbone, fresh
from quickstudy.student import load as load_student
from quickstudy.training import loop
from quickstudy.training.journal import Watch
from quickstudy.training.outcome import History, Validation
from quickstudy.training.plan import Plan

FILE = "student.qs"


def meta_train(
    recipe: str | Path | Mapping[str, Any], folder: str | Path | None = None, watch: Watch | None = None
) -> Student:
    """Meta-trains by `recipe` (a TOML file, or the same tables).

    `folder` keeps checkpoints, the journal and, at the end, `student.qs`, which `load` opens; the same call goes on
    where a killed one stopped and ends with the same weights. `watch` is told of every step. The student's `about`
    holds the recipe and, under "summary", what came of it; "leaks" says which rows were dropped beforehand, "sources"
    how often each was drawn and how likely it was at the end.
    """
    read = recipes.read(recipe)
    table = read.student
    loaded = backbone(table.backbone, table.scope, table.precision, table.device)
    student = fresh(loaded, read.learner, table.backbone)
    kind: TaskKind = config.build(config.KINDS, read.kind, f"{read.title}, [kind]", {"reader": student.reader})
    train, validation, leaks = sources(read, kind)
    if watch:
        watch({"event": "note", "text": leaks})
    draws = validation_draws(validation, kind, read.validating)
    learner = student.steady()
    mixture = Mixture(tuple(train), read.alpha)
    chooser = Policy(mixture, read.choosing) if read.choosing else mixture
    trained = loop.meta_train(
        learner,
        student.theta,
        stream(chooser, kind, read.episodes, read.training, config.REWARDS[read.reward], read.wording),
        judge(learner, kind, draws, read.validating),
        read.training,
        folder,
        watch,
        about=_about(read, (*train, *validation), kind),
    )
    about = {"recipe": read.written, "summary": trained.summary(), "leaks": leaks}
    about["sources"] = tally(
        chooser, read.training.seed, seen(trained.history, read.training), (trained.steps + 1) * read.training.tasks
    )
    student = dataclasses.replace(student, theta=_stored(trained.theta, table.stored), about=about)
    if folder is not None:
        path = Path(folder) / FILE
        student.save(path)
        return load_student(path, precision=table.precision, device=table.device)
    return student


def _stored(theta: Params, dtype: str) -> Params:
    """Weights of the backbone as they will be stored, so that what is returned and what is opened again are one."""
    low = {name: value.to(getattr(torch, dtype)).to(value) for name, value in theta.items()}
    return {name: low[name] if name.startswith(OF_BACKBONE) else value for name, value in theta.items()}


def sources(recipe: Recipe, kind: TaskKind) -> tuple[tuple[Source, ...], tuple[Source, ...], str]:
    """Training and validation sources that share no row, and a sentence on what was dropped to make it so."""
    train = tuple(_source(table, recipe, kind) for table in recipe.train)
    validation = tuple(_source(table, recipe, kind) for table in recipe.validation)
    test = tuple(_source(table, recipe, kind) for table in recipe.test)
    if not validation:
        cut = [_held_out(source, recipe, kind) for source in train]
        train = tuple(source for parts in cut for source in parts.train)
        validation = tuple(source for parts in cut for source in parts.validation)
        if not validation:
            raise QuickstudyError(
                f"{recipe.title}: no source has the four classes or more of which two can be held out; "
                "name a [[validation]] source"
            )
    judged = [kind.texts(example) for source in (*validation, *test) for example in source.examples]
    train, report = without_leaks(train, judged, kind)
    return train, validation, str(report)


def _held_out(source: Source, recipe: Recipe, kind: TaskKind) -> Splits:
    """Two classes at least for validation, since a task of one class says nothing; none where too few would be left."""
    classes = len(class_names(source, kind))
    share = max(recipe.validating.fraction, 2 / classes) if classes >= 4 else 0.0
    return by_class(source, kind, Fractions(1 - share, share, 0.0), recipe.training.seed)


def stream(
    chooser: Chooser,
    kind: TaskKind,
    shape: Shape,
    plan: Plan,
    reward: Reward | None = None,
    wording: Wording = Wording(),  # noqa: B008 (frozen)
) -> Callable[[int, History], list[Episode]]:
    """The episodes of an outer step, a function of the step and of what validation found before it."""

    def episodes(step: int, history: History) -> list[Episode]:
        past = seen(history, plan)
        return [
            reworded_episode(draw(source, kind, narrowed(shape, source, kind), n), source, kind, wording, reward)
            for n in range(step * plan.tasks, (step + 1) * plan.tasks)
            for source in [chooser.source(n, plan.seed, past)]
        ]

    return episodes


def seen(history: History, plan: Plan) -> Seen:
    """Validations as a chooser sees them: which episode comes next, and the score."""
    return tuple(((step + 1) * plan.tasks, found.score) for step, found in history)


def narrowed(shape: Shape, source: Source, kind: TaskKind) -> Shape:
    """The shape with no more ways and shots than the source has classes and examples for."""
    most = max(shape.queries + 1, 1)
    members = index_of(source, kind).members.values()
    classes = sum(len(member) >= most for member in members)
    if shape.ways is None:
        return shape
    low, high = ends(shape.ways)
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
    """The same tasks every time: of every source, at every number of shots that it has the examples for."""
    found = []
    for source in validation:
        classes = len(index_of(source, kind).classes)
        if classes < 2:
            raise QuickstudyError(f"validation: {source.name} has {classes} class, and a task needs two; name another")
        smallest = min(len(members) for members in index_of(source, kind).members.values())
        for shots in table.shots:
            if shots < smallest:
                shape = narrowed(Shape(table.ways or None, shots, table.queries), source, kind)
                found += [draw(source, kind, shape, seed) for seed in range(table.episodes)]
    if not found:
        raise QuickstudyError(
            f"validation: every source has a class with no more than {min(table.shots, default=0)} texts; lower "
            "`shots` in [validating], or name larger sources"
        )
    return found


def judge(
    learner: Learner, kind: TaskKind, draws: Sequence[Draw], table: ValidatingTable
) -> Callable[[Params], Validation]:
    """Accuracy and loss on fixed tasks, through the same adapt and predict that training and users run."""
    encoded = [(drawn, episode(drawn, kind)) for drawn in draws]

    def validate(theta: Params) -> Validation:
        scores: list[float] = []
        losses: list[float] = []
        diverged: list[DivergedError] = []
        for drawn, task in encoded:
            try:
                adapted = learner.adapt(theta, task.support, kind.loss)
            except DivergedError as error:
                diverged.append(error)
                scores.append(0.0)
                losses.append(math.inf)
                continue
            score = scorer(learner, theta, adapted)
            fitted = kind.fit(score, drawn.support, drawn.classes)
            losses.append(float(kind.loss(score(task.query), task.query)))
            if table.measure == "likelihood":
                scores.append(math.exp(-losses[-1]))
                continue
            answers = kind.answer(score, fitted, drawn.query, drawn.classes)
            scores.append(kind.measure(answers, drawn.query)["accuracy"])
        return Validation(fmean(scores), fmean(losses), tuple(scores), str(diverged[-1]) if diverged else "")

    return validate


def _source(table: SourceTable, recipe: Recipe, kind: TaskKind) -> Source:
    if table.packaged:
        found = packaged_source(table.packaged, kind)
    else:
        loaded = load(recipes.place(table, recipe), kind, table.columns or None)
        found = Source(table.title, loaded.examples, loaded.classes, licence=table.licence)
    examples = Dice(f"rows\n{table.title}").shuffled(found.examples)[: table.rows] if table.rows else found.examples
    return dataclasses.replace(found, examples=tuple(examples), weight=table.weight, called=table.called)


def _about(recipe: Recipe, used: Sequence[Source], kind: TaskKind) -> str:
    """What decides the outcome besides plan and theta: a checkpoint of anything else is refused."""
    written = {name: table for name, table in recipe.written.items() if name != "training"}  # the plan is marked itself
    prints = {source.name: index_of(source, kind).fingerprint for source in used}
    return json.dumps({"recipe": written, "sources": prints}, sort_keys=True, default=str)
