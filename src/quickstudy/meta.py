"""Meta-training by a recipe: sources to episodes, a loop over them, a student at the end."""

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch

from quickstudy import config, given
from quickstudy import recipe as recipes
from quickstudy.authors import author, is_author
from quickstudy.backbones import loading
from quickstudy.backbones.folding import partly
from quickstudy.backbones.sharding import sharded
from quickstudy.core.params import same
from quickstudy.core.protocols import Backbone, TaskKind
from quickstudy.core.types import OF_BACKBONE, Params, QuickstudyError
from quickstudy.episodes.choosing import Policy
from quickstudy.episodes.mixing import Mixture
from quickstudy.episodes.sources import Source, index_of
from quickstudy.learners.engines import Engine, using
from quickstudy.learners.planner import Choice
from quickstudy.meta_sources import sources
from quickstudy.meta_tasks import drawn_from, judge, read_ahead, stream, validation_draws
from quickstudy.planning import EngineTable, planned
from quickstudy.recipe import Recipe, StudentTable
from quickstudy.student import Student, backbone, fresh
from quickstudy.student import load as load_student
from quickstudy.targeting import target_of, targeted
from quickstudy.training import loop
from quickstudy.training.journal import Watch
from quickstudy.training.outcome import Trained, Validation
from quickstudy.training.ranks import ALONE, here

FILE = "student.qs"
PLANNED = 8
"""outer steps among whose tasks the planner looks for the largest"""


def meta_train(
    recipe: str | Path | Mapping[str, Any],
    folder: str | Path | None = None,
    watch: Watch | None = None,
    target: given.Examples | None = None,
    max_memory: str = "",
) -> Student:
    """Meta-trains by `recipe` (a TOML file, or the same tables).

    `folder` keeps checkpoints, the journal and, at the end, `student.qs`, which `load` opens; the same call goes on
    where a killed one stopped and ends with the same weights. `watch` is told of every step. The student's `about`
    holds the recipe and, under "summary", what came of it; "leaks" says which rows were dropped beforehand, "sources"
    how often each was drawn and how likely it was at the end. With `target`, examples of the task that the student is
    for (a file or values, as `Student.learn` takes them), sources weigh by their usefulness to it; "usefulness" says
    how much. `max_memory`, such as "2 GiB", is what meta-gradients may take beyond the model, whatever the recipe's
    [engine] says; the planner then chooses how they are found.

    Started by torchrun or `accelerate launch`, all ranks call this alike and get the same student; the first alone
    writes and is watched (docs/distributed.md).
    """
    read = recipes.read(recipe)
    ranks = here()  # before a model is loaded: it says which GPU is this process's own
    table = read.student
    apart = table.held == "sharded" and ranks.size > 1
    if apart:  # opened on its own, since its parts replace it
        loaded = sharded(loading.load(table.backbone, scope=table.scope, device="cpu"), ranks.size, table.device)
    else:
        loaded = backbone(table.backbone, table.scope, table.precision, table.device)
    share = ALONE if apart else ranks
    student = fresh(loaded, read.learner, table.backbone)
    kind: TaskKind = config.build(config.KINDS, read.kind, f"{read.title}, [kind]", {"reader": student.reader})
    train, validation, leaks = sources(read, kind)
    aimed = None
    if target is not None and any(source.kind for source in train):
        raise QuickstudyError(f"{read.title} mixes kinds of tasks, and a target is for recipes of one kind")
    if target is not None:
        aimed = targeted(student, train, target_of(target, read, kind), kind, read)
        train, leaks = aimed.sources, f"{leaks}; {aimed.leaks}"
    if watch and not ranks.rank:
        watch({"event": "note", "text": leaks})
    draws = validation_draws(validation, kind, read.validating)
    if any(isinstance(source.of(kind), config.WRITING) for source in (*train, *validation)):
        if apart:
            raise QuickstudyError(f"{read.title} writes, and a sharded backbone only reads; leave `held` out")
        student = author(student)
    learner = student.steady()
    others = {source.name: source.kind for source in validation if source.kind}
    mixture = Mixture(tuple(train), read.alpha)
    chooser = Policy(mixture, read.choosing) if read.choosing else mixture
    drawn = plain = stream(chooser, kind, read.episodes, read.training, config.REWARDS[read.reward], read.wording)
    if not is_author(learner):
        drawn = read_ahead(plain, student.read_ahead, read.training, share)
    engine = read.engine or (EngineTable() if max_memory else None)
    first = range(1, min(PLANNED, read.training.steps) + 1)
    tasks = [each for step in first for each in plain(step, ())] if engine else []
    chosen = planned(engine, learner, student.theta, tasks, max_memory) if engine else None
    if chosen:
        student = dataclasses.replace(student, learner=config.reading(chosen.learner, _backbone(student.learner)))
        learner = chosen.learner
        for text in filter(None, (chosen.line, chosen.lost)):
            if watch and not ranks.rank:
                watch({"event": "note", "text": text})
    validate = judge(student.steady(), kind, draws, read.validating, others, share)
    with using(chosen.engine if chosen else engine.engine if engine else Engine()):
        trained = loop.meta_train(
            learner,
            student.theta,
            drawn,
            validate,
            read.training,
            folder,
            watch,
            about=_about(read, (*train, *validation, *([aimed.target] if aimed else [])), kind, chosen),
            share=share,
        )
    theta, said = kept(student.theta, trained, table, validate)
    about = {"recipe": read.written, "summary": f"{trained.summary()}{said}", "leaks": leaks}
    about["sources"] = drawn_from(chooser, read.training, trained)
    if aimed:
        about["usefulness"] = aimed.usefulness
    if chosen and chosen.lost:
        about["lost"] = chosen.lost
    student = dataclasses.replace(student, theta=theta, about=about)
    if folder is not None and not ranks.rank:
        path = Path(folder) / FILE
        student.save(path)
        if apart:
            return student  # whole, it need not fit here
        return load_student(path, precision=table.precision, device=table.device)
    return student


def kept(
    start: Params, trained: Trained, table: StudentTable, validate: Callable[[Params], Validation]
) -> tuple[Params, str]:
    """What is kept of the backbone's weights, rounded as it will be stored, so that what is returned and what is opened
    again are one; and a sentence on how it does. The start, where that does better."""
    part = partly(start, trained.theta, table.share)
    low = {name: value.to(getattr(torch, table.stored)).to(value) for name, value in part.items()}
    theta = {name: low[name] if name.startswith(OF_BACKBONE) else value for name, value in part.items()}
    if trained.best_step == 0 or same(theta, trained.theta):
        return trained.theta, ""
    found = validate(theta)
    told = f" Of its weights of the backbone {table.share:g} is kept, in {table.stored}: {found.score:.4f}"
    if found.score < trained.start.score:
        return start, f"{told}, which is below the start, so the start is returned."
    return theta, f"{told}."


def _backbone(learner: Any) -> Backbone:
    """What a learner reads through, or the one within it."""
    return cast(Backbone, learner.backbone) if hasattr(learner, "backbone") else _backbone(learner.inner)


def _about(recipe: Recipe, used: Sequence[Source], kind: TaskKind, chosen: Choice | None) -> str:
    """What decides the outcome besides plan and theta: a checkpoint of anything else is refused. Not how meta-gradients
    are found, so that a run for which memory was short may go on in less; but what was lost by it."""
    written = {name: table for name, table in recipe.written.items() if name not in ("training", "engine")}
    prints = {source.name: index_of(source, kind).fingerprint for source in used}
    found: dict[str, Any] = {"recipe": written, "sources": prints}
    if chosen and chosen.lost:
        found["order"] = 1
    if recipe.engine and recipe.engine.precision != "student":
        found["precision"] = recipe.engine.precision
    return json.dumps(found, sort_keys=True, default=str)
