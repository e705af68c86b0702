"""Meta-training by a recipe: sources to episodes, a loop over them, a student at the end."""

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch

from quickstudy import config, given, lineage
from quickstudy import recipe as recipes
from quickstudy.authors import author, is_author
from quickstudy.backbones.folding import partly
from quickstudy.core.params import same
from quickstudy.core.protocols import Backbone, Learner, TaskKind
from quickstudy.core.tensors import digest
from quickstudy.core.types import OF_BACKBONE, Episode, Params, QuickstudyError
from quickstudy.distilling import Teachers, teachers
from quickstudy.episodes.choosing import Policy
from quickstudy.episodes.distillation import nobody
from quickstudy.episodes.mixing import Mixture
from quickstudy.episodes.sources import Source, index_of
from quickstudy.learners.engines import Engine, using
from quickstudy.learners.planner import Choice
from quickstudy.meta_sources import sources
from quickstudy.meta_start import apart, begin
from quickstudy.meta_tasks import drawn_from, judge, stream, validation_draws
from quickstudy.planning import NOTHING_TO_CHOOSE, EngineTable, planned
from quickstudy.reading_ahead import read_ahead
from quickstudy.recipe import Recipe, StudentTable
from quickstudy.student import Student
from quickstudy.student import load as load_student
from quickstudy.targeting import Targeted, target_of, targeted
from quickstudy.training import loop
from quickstudy.training.journal import Watch
from quickstudy.training.outcome import History, Trained, Validation
from quickstudy.training.ranks import ALONE, Ranks, here

FILE = "student.qs"
PLANNED = 8
"""outer steps among whose tasks the planner looks for the largest"""


def meta_train(
    recipe: str | Path | Mapping[str, Any],
    folder: str | Path | None = None,
    watch: Watch | None = None,
    target: given.Examples | None = None,
    max_memory: str = "",
    start: str | Path = "",
) -> Student:
    """Meta-trains by `recipe` (a TOML file, or the same tables).

    `folder` keeps checkpoints, the journal and, at the end, `student.qs`, which `load` opens; the same call goes on
    where a killed one stopped and ends with the same weights. `watch` is told of every step. The student's `about`
    holds the recipe and, under "summary", what came of it; "leaks" says which rows were dropped beforehand, "sources"
    how often each was drawn and how likely it was at the end. With `target`, examples of the task that the student is
    for (a file or values, as `Student.learn` takes them), sources weigh by their usefulness to it; "usefulness" says
    how much. `max_memory`, such as "2 GiB", is what meta-gradients may take beyond the model, whatever the recipe's
    [engine] says; the planner then chooses how they are found. `start`: "shipped", or a student's file, whose weights
    are gone on from.

    Started by torchrun or `accelerate launch`, all ranks call this alike and get the same student; the first alone
    writes and is watched (docs/distributed.md).
    """
    read = recipes.read(recipe)
    ranks = here()  # before a model is loaded: it says which GPU is this process's own
    tell = partial(_note, None if ranks.rank else watch)
    taught = teachers(read)
    student, share = begin(read, ranks, str(start)), ALONE if apart(read, ranks) else ranks
    kind: TaskKind = config.build(config.KINDS, read.kind, f"{read.title}, [kind]", {"reader": student.reader})
    data = _data(read, kind, student, target)
    tell(data.leaks)
    draws = validation_draws(data.validation, kind, read.validating)
    student = _writing(student, data, kind, read, ranks)
    learner = student.steady()
    mixture = Mixture(tuple(data.train), read.alpha)
    chooser = Policy(mixture, read.choosing) if read.choosing else mixture
    if taught and (reach := taught.reach(data.train, kind)):
        tell(reach)
    teach = taught.episode if taught else nobody
    drawn = plain = stream(
        chooser, kind, read.episodes, read.training, config.REWARDS[read.reward], read.wording, teach
    )
    if not is_author(learner):
        drawn = read_ahead(plain, student.read_ahead, read.training, share)
    engine, chosen = _engine(read, learner, student.theta, plain, max_memory, tell)
    if chosen:
        student = dataclasses.replace(student, learner=config.reading(chosen.learner, _backbone(student.learner)))
        learner = chosen.learner
    others = {source.name: source.kind for source in data.validation if source.kind}
    validate = judge(student.steady(), kind, draws, read.validating, others, share)
    decided = _decided(read, data.used, kind, chosen, taught)
    with using(engine):
        trained = loop.meta_train(
            learner, student.theta, drawn, validate, read.training, folder, watch, about=decided, share=share
        )
    theta, said = kept(student.theta, trained, read.student, validate)
    about = _about(read, data, trained, said, chosen, drawn_from(chooser, read.training, trained))
    if isinstance(target, str | Path):
        about["target"] = [{"path": "/".join(Path(target).absolute().parts[-lineage.ENOUGH :])}]
    if start:
        about["start"] = {"file": str(start), "weights": digest(student.theta), "about": dict(student.about)}
    return _stored(dataclasses.replace(student, theta=theta, about=about), folder, read, ranks)


@dataclass(frozen=True)
class _Data:
    """The rows of a run, and what is said of them."""

    train: Sequence[Source]
    validation: Sequence[Source]
    leaks: str
    aimed: Targeted | None

    @property
    def used(self) -> Mapping[str, Sequence[Source]]:
        """By what they are for: sources of one name may stand on two sides."""
        return {"train": self.train, "validation": self.validation, "target": [self.aimed.target] if self.aimed else []}


def _note(watch: Watch | None, text: str) -> None:
    if watch:
        watch({"event": "note", "text": text})


def _data(read: Recipe, kind: TaskKind, student: Student, target: given.Examples | None) -> _Data:
    """The sources, weighed by their usefulness to a target where there is one."""
    train, validation, leaks = sources(read, kind)
    if target is None:
        return _Data(train, validation, leaks, None)
    if not all(isinstance(source.of(kind), config.LABELLED) for source in train if source.kind):
        raise QuickstudyError(f"{read.title} mixes kinds of tasks, and a target is for recipes of labelled texts alone")
    aimed = targeted(student, train, target_of(target, read, kind), kind, read)
    return _Data(aimed.sources, validation, f"{leaks}; {aimed.leaks}", aimed)


def _writing(student: Student, data: _Data, kind: TaskKind, read: Recipe, ranks: Ranks) -> Student:
    """The student, as one that writes where a task asks for that."""
    if not any(isinstance(source.of(kind), config.WRITING) for source in (*data.train, *data.validation)):
        return student
    if apart(read, ranks):
        raise QuickstudyError(f"{read.title} writes, and a sharded backbone only reads; leave `held` out")
    return author(student)


def _engine(
    read: Recipe,
    learner: Learner,
    theta: Params,
    plain: Callable[[int, History], Sequence[Episode]],
    max_memory: str,
    tell: Callable[[str], None],
) -> tuple[Engine, Choice | None]:
    """By which engine meta-gradients are found, and the planner's choice, which is told; None where it made none."""
    table = read.engine or (EngineTable() if max_memory else None)
    if table is None:
        return Engine(), None
    first = range(1, min(PLANNED, read.training.steps) + 1)
    tasks = [each for step in first for each in plain(step, ())]
    chosen = planned(table, learner, theta, tasks, max_memory)
    if chosen is None:
        told = [NOTHING_TO_CHOOSE] if max_memory or table.max_memory else []
    else:
        told = [chosen.line, chosen.lost]
    for text in filter(None, told):
        tell(text)
    return (chosen.engine if chosen else table.engine), chosen


def _about(read: Recipe, data: _Data, trained: Trained, said: str, chosen: Choice | None, drawn: Any) -> dict[str, Any]:
    """What a student tells of its training."""
    about = {"recipe": read.written, "summary": f"{trained.summary()}{said}", "leaks": data.leaks, "sources": drawn}
    if data.aimed:
        about["usefulness"] = data.aimed.usefulness
    if chosen and chosen.lost:
        about["lost"] = chosen.lost
    return about


def _stored(student: Student, folder: str | Path | None, read: Recipe, ranks: Ranks) -> Student:
    """The student, saved where there is a folder, and as it is opened again from there."""
    if folder is None or ranks.rank:
        return student
    path = Path(folder) / FILE
    student.save(path)
    if apart(read, ranks):
        return student  # whole, it need not fit here
    return load_student(path, precision=read.student.precision, device=read.student.device)


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


def _decided(
    recipe: Recipe, used: Mapping[str, Sequence[Source]], kind: TaskKind, chosen: Choice | None, taught: Teachers | None
) -> str:
    """What decides the outcome besides plan and theta: a checkpoint of anything else is refused. Not how meta-gradients
    are found, so that a run for which memory was short may go on in less; but what was lost by it."""
    written = {name: table for name, table in recipe.written.items() if name not in ("training", "engine")}
    prints = {
        f"{role} {source.name}": index_of(source, kind).fingerprint for role, some in used.items() for source in some
    }
    found: dict[str, Any] = {"recipe": written, "sources": prints}
    if taught:
        found["teachers"] = taught.prints
    if chosen and chosen.lost:
        found["order"] = 1
    if recipe.engine and recipe.engine.precision != "student":
        found["precision"] = recipe.engine.precision
    return json.dumps(found, sort_keys=True, default=str)
