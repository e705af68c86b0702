"""Pretraining by a recipe: pretext tasks out of raw text, the loop of meta-training over them, a student at the end."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from quickstudy import config, pretrain_start
from quickstudy import pretrain_recipe as recipes
from quickstudy.backbones.filling import Filling
from quickstudy.core.tensors import digest
from quickstudy.core.types import QuickstudyError
from quickstudy.corpus.store import Corpus
from quickstudy.episodes.choosing import Policy
from quickstudy.episodes.mixing import Mixture
from quickstudy.meta import kept
from quickstudy.meta_tasks import drawn_from
from quickstudy.pretext.drawn import Pretext
from quickstudy.pretext.frame import framed
from quickstudy.pretrain_recipe import PretrainRecipe
from quickstudy.pretrain_start import Start
from quickstudy.pretrain_tasks import judge, sources, stream
from quickstudy.student import Student
from quickstudy.student import load as load_student
from quickstudy.training import loop
from quickstudy.training.journal import Watch
from quickstudy.training.ranks import here


def pretrain(
    recipe: str | Path | Mapping[str, Any],
    folder: str | Path | None = None,
    watch: Watch | None = None,
    corpus: str | Path | None = None,
    start: str | Path = "",
) -> Student:
    """Pretrains by `recipe` (a TOML file, or the same tables).

    `folder` keeps checkpoints, the journal and, at the end, `student.qs`, which `load` opens, and beside it the
    backbone where that began with random weights; the same call goes on where a killed one stopped and ends with the
    same weights. `corpus`: a folder that `quickstudy corpus build` made, where the recipe names none. `start`:
    "shipped", or a student's file, whose weights are gone on from. The student's `about` holds the recipe and what came
    of it, as that of `meta_train` does. Several ranks work together as they do there.
    """
    read = recipes.read(recipe)
    ranks = here()  # before a model is loaded: it says which GPU is this process's own
    opened = Corpus.open(_place(read, corpus))
    begun = pretrain_start.begin(read, opened, None if folder is None else Path(folder), str(start))
    frame = framed(opened, begun.student.reader, _vectors(begun))
    tasks: dict[str, Pretext] = {
        each.title: config.build(config.PRETEXTS, each.pretext, f"{read.title}: {each.title}", {})
        for each in read.tasks
    }
    mixture = Mixture(sources(read.tasks, tasks))
    chooser = Policy(mixture, read.choosing) if read.choosing else mixture
    validate = judge(begun.learner, tasks, frame, read.validating)
    trained = loop.meta_train(
        begun.learner,
        begun.theta,
        stream(chooser, frame, read.training, {each.title: each.hardness for each in read.tasks}),
        validate,
        read.training,
        folder,
        watch,
        about=_about(read, opened),
    )
    theta, said = kept(begun.theta, trained, read.student, validate)
    about = {
        "recipe": read.written,
        "summary": f"{trained.summary()}{said}",
        "corpus": {"fingerprint": pretrain_start.fingerprint(opened), "sources": opened.manifest.get("sources", [])},
        "tasks": drawn_from(chooser, read.training, trained),
    }
    if start:
        about["start"] = {"file": str(start), "weights": digest(begun.theta), "about": dict(begun.student.about)}
    student = pretrain_start.finish(begun, theta, about)
    if folder is None or ranks.rank:
        return student
    file = pretrain_start.settle(student, Path(folder))
    return load_student(file, precision=read.student.precision, device=read.student.device)


def _place(recipe: PretrainRecipe, named: str | Path | None) -> Path:
    if named is not None:
        return Path(named)
    if not recipe.corpus.path:
        raise QuickstudyError(
            f"{recipe.title} names no corpus; say [corpus] path, or give one that `quickstudy corpus build` made"
        )
    return recipe.folder / recipe.corpus.path


def _vectors(start: Start) -> Any:
    """(V, D) what the model starts with for its words, by which tasks tell which are near."""
    backbone = getattr(start.learner, "backbone", None)
    if not isinstance(backbone, Filling):
        return None
    return backbone.encoder.body.get_parameter(backbone.words).detach().float().cpu().numpy()


def _about(recipe: PretrainRecipe, corpus: Corpus) -> str:
    """What decides the outcome besides plan and theta: a checkpoint of anything else is refused."""
    written = {name: table for name, table in recipe.written.items() if name not in ("training", "corpus")}
    return json.dumps({"recipe": written, "corpus": pretrain_start.fingerprint(corpus)}, sort_keys=True, default=str)
