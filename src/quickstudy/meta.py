"""Meta-training by a recipe: sources to episodes, a loop over them, a student at the end."""

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from quickstudy import config, given
from quickstudy import recipe as recipes
from quickstudy.authors import author
from quickstudy.backbones.folding import partly
from quickstudy.core.params import same
from quickstudy.core.protocols import TaskKind
from quickstudy.core.types import OF_BACKBONE, Params, QuickstudyError
from quickstudy.episodes.choosing import Policy, tally
from quickstudy.episodes.mixing import Mixture
from quickstudy.episodes.sources import Source, index_of
from quickstudy.meta_sources import sources
from quickstudy.meta_tasks import judge, seen, stream, validation_draws
from quickstudy.recipe import Recipe, StudentTable
from quickstudy.student import Student, backbone, fresh
from quickstudy.student import load as load_student
from quickstudy.targeting import target_of, targeted
from quickstudy.training import loop
from quickstudy.training.journal import Watch
from quickstudy.training.outcome import Trained, Validation

FILE = "student.qs"


def meta_train(
    recipe: str | Path | Mapping[str, Any],
    folder: str | Path | None = None,
    watch: Watch | None = None,
    target: given.Examples | None = None,
) -> Student:
    """Meta-trains by `recipe` (a TOML file, or the same tables).

    `folder` keeps checkpoints, the journal and, at the end, `student.qs`, which `load` opens; the same call goes on
    where a killed one stopped and ends with the same weights. `watch` is told of every step. The student's `about`
    holds the recipe and, under "summary", what came of it; "leaks" says which rows were dropped beforehand, "sources"
    how often each was drawn and how likely it was at the end. With `target`, examples of the task that the student is
    for (a file or values, as `Student.learn` takes them), sources weigh by their usefulness to it; "usefulness" says
    how much.
    """
    read = recipes.read(recipe)
    table = read.student
    loaded = backbone(table.backbone, table.scope, table.precision, table.device)
    student = fresh(loaded, read.learner, table.backbone)
    kind: TaskKind = config.build(config.KINDS, read.kind, f"{read.title}, [kind]", {"reader": student.reader})
    train, validation, leaks = sources(read, kind)
    aimed = None
    if target is not None and any(source.kind for source in train):
        raise QuickstudyError(f"{read.title} mixes kinds of tasks, and a target is for recipes of one kind")
    if target is not None:
        aimed = targeted(student, train, target_of(target, read, kind), kind, read)
        train, leaks = aimed.sources, f"{leaks}; {aimed.leaks}"
    if watch:
        watch({"event": "note", "text": leaks})
    draws = validation_draws(validation, kind, read.validating)
    if any(isinstance(source.of(kind), config.WRITING) for source in (*train, *validation)):
        student = author(student)
    learner = student.steady()
    others = {source.name: source.kind for source in validation if source.kind}
    validate = judge(learner, kind, draws, read.validating, others)
    mixture = Mixture(tuple(train), read.alpha)
    chooser = Policy(mixture, read.choosing) if read.choosing else mixture
    trained = loop.meta_train(
        learner,
        student.theta,
        stream(chooser, kind, read.episodes, read.training, config.REWARDS[read.reward], read.wording),
        validate,
        read.training,
        folder,
        watch,
        about=_about(read, (*train, *validation, *([aimed.target] if aimed else [])), kind),
    )
    theta, said = _kept(student.theta, trained, table, validate)
    about = {"recipe": read.written, "summary": f"{trained.summary()}{said}", "leaks": leaks}
    about["sources"] = tally(
        chooser, read.training.seed, seen(trained.history, read.training), (trained.steps + 1) * read.training.tasks
    )
    if aimed:
        about["usefulness"] = aimed.usefulness
    student = dataclasses.replace(student, theta=theta, about=about)
    if folder is not None:
        path = Path(folder) / FILE
        student.save(path)
        return load_student(path, precision=table.precision, device=table.device)
    return student


def _kept(
    start: Params, trained: Trained, table: StudentTable, validate: Callable[[Params], Validation]
) -> tuple[Params, str]:
    """What is kept of the backbone's weights, rounded as it will be stored, so that what is returned and what is opened
    again are one; and a sentence on how it does. The start, where that does better."""
    kept = partly(start, trained.theta, table.share)
    low = {name: value.to(getattr(torch, table.stored)).to(value) for name, value in kept.items()}
    theta = {name: low[name] if name.startswith(OF_BACKBONE) else value for name, value in kept.items()}
    if trained.best_step == 0 or same(theta, trained.theta):
        return trained.theta, ""
    found = validate(theta)
    told = f" Of its weights of the backbone {table.share:g} is kept, in {table.stored}: {found.score:.4f}"
    if found.score < trained.start.score:
        return start, f"{told}, which is below the start, so the start is returned."
    return theta, f"{told}."


def _about(recipe: Recipe, used: Sequence[Source], kind: TaskKind) -> str:
    """What decides the outcome besides plan and theta: a checkpoint of anything else is refused."""
    written = {name: table for name, table in recipe.written.items() if name != "training"}  # the plan is marked itself
    prints = {source.name: index_of(source, kind).fingerprint for source in used}
    return json.dumps({"recipe": written, "sources": prints}, sort_keys=True, default=str)
