"""Meta-training by a recipe: sources to episodes, a loop over them, a student at the end."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from quickstudy import config
from quickstudy import recipe as recipes
from quickstudy.core.protocols import TaskKind
from quickstudy.core.types import OF_BACKBONE, Params
from quickstudy.episodes.choosing import Policy, tally
from quickstudy.episodes.mixing import Mixture
from quickstudy.episodes.sources import Source, index_of
from quickstudy.meta_sources import sources
from quickstudy.meta_tasks import judge, seen, stream, validation_draws
from quickstudy.recipe import Recipe
from quickstudy.student import Student, backbone, fresh
from quickstudy.student import load as load_student
from quickstudy.training import loop
from quickstudy.training.journal import Watch

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


def _about(recipe: Recipe, used: Sequence[Source], kind: TaskKind) -> str:
    """What decides the outcome besides plan and theta: a checkpoint of anything else is refused."""
    written = {name: table for name, table in recipe.written.items() if name != "training"}  # the plan is marked itself
    prints = {source.name: index_of(source, kind).fingerprint for source in used}
    return json.dumps({"recipe": written, "sources": prints}, sort_keys=True, default=str)
