"""What a pretraining begins from, and the student that it ends with."""

import dataclasses
import hashlib
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from quickstudy.backbones import loading
from quickstudy.backbones.encoder import Encoder
from quickstudy.backbones.filling import FILL, filling
from quickstudy.backbones.folder import open_small, save_small
from quickstudy.backbones.loaded import Loaded, device_for
from quickstudy.backbones.scope import scope
from quickstudy.backbones.small import Sizes, Small
from quickstudy.config import LEARNERS, STILL, build, name_of, reading
from quickstudy.core.protocols import Learner
from quickstudy.core.types import OF_BACKBONE, Params, QuickstudyError
from quickstudy.corpus.store import Corpus
from quickstudy.going_on import Held, check, held
from quickstudy.pretrain_recipe import RANDOM, PretrainRecipe, RandomTable
from quickstudy.student import Student, fresh

FILE, BACKBONE = "student.qs", "backbone"


@dataclasses.dataclass(frozen=True)
class Start:
    """A student to be, and what it is trained with."""

    student: Student
    learner: Learner
    """the recipe's, around the student's own where that is hybrid; it fills in and writes"""
    theta: Params


def begin(recipe: PretrainRecipe, corpus: Corpus, folder: Path | None, start: str) -> Start:
    """From random weights, from a backbone as it comes, or, with `start`, from a student: "shipped" or its file, whose
    low-rank additions are gone on from as they are. QuickstudyError for what does not go together."""
    if recipe.student.backbone == RANDOM:
        if start:
            raise QuickstudyError(f"{recipe.title} begins with random weights; leave out the start, or name a backbone")
        if folder is None:
            raise QuickstudyError(f"{recipe.title} makes a backbone, which needs a folder to lie in; name one")
        return _started(recipe, _drawn(recipe, corpus, folder), recipe.inner, {})
    if start:
        return _going_on(recipe, held(start, recipe.student, recipe.title))
    asked = recipe.student
    loaded = loading.load(asked.backbone, scope=asked.scope, precision=asked.precision, device=asked.device)
    if not isinstance(loaded.backbone, Encoder):
        raise QuickstudyError(f"{recipe.title}: {asked.backbone} reads no text; name a model that does")
    return _started(recipe, loaded, recipe.inner, {})


def finish(start: Start, theta: Params, about: Mapping[str, Any]) -> Student:
    """The student, without what only said hidden words."""
    own = {name: value for name, value in theta.items() if not name.startswith(FILL)}
    return dataclasses.replace(start.student, theta=own, about=about)


def settle(student: Student, folder: Path) -> Path:
    """Writes the student's file and, where the backbone began with random weights, the backbone with what they became.
    `load` opens the file."""
    loaded = student.loaded
    place = folder / BACKBONE
    if loaded.name == str(place):
        body = loaded.backbone.body
        assert isinstance(body, Small)
        made = Small(body.sizes)
        made.load_state_dict({name: student.theta[f"backbone.{name}"] for name in made.state_dict()})
        save_small(place, made, loaded.tokenizer, loaded.languages)
        still = name_of(LEARNERS, student.learner) in STILL  # then what was learned need not stand beside it as well
        opened = loading.load(str(place), scope="head" if still else "all", precision=loaded.backbone.precision)
        own = {name: value for name, value in student.theta.items() if not (still and name.startswith(OF_BACKBONE))}
        student = dataclasses.replace(student, loaded=opened, theta=own)
    student.save(folder / FILE)
    return folder / FILE


def fingerprint(corpus: Corpus) -> str:
    """16 hexadecimal digits of a corpus' manifest, which says what it was made of."""
    return hashlib.sha256((corpus.folder / "manifest.json").read_bytes()).hexdigest()[:16]


def _started(recipe: PretrainRecipe, loaded: Loaded, inner: Mapping[str, Any], theta: Params) -> Start:
    """`theta`: what a start has learned already."""
    student = fresh(loaded, inner, recipe.student.backbone)
    alone = recipe.inner is recipe.learner
    asked = dict(inner) if alone else {**recipe.learner, "inner": dict(inner)}
    made = build(LEARNERS, asked, f"{recipe.title}, [learner]", {"backbone": loaded.backbone})
    learner = reading(made, filling(loaded.backbone))
    return Start(student, learner, {**learner.init(_rng()), **theta})


def _going_on(recipe: PretrainRecipe, found: Held) -> Start:
    """As `student.load` opens a file, but with what was learned of the backbone beside its weights, not in them."""
    asked = recipe.student
    loaded = loading.load(asked.backbone, scope=asked.scope, precision=asked.precision, device=asked.device)
    check(found, loaded, build(LEARNERS, recipe.inner, recipe.title, {"backbone": loaded.backbone}), recipe.title)
    begun = _started(recipe, loaded, found.learner, found.theta)
    return dataclasses.replace(begun, student=dataclasses.replace(begun.student, about=found.about))


def _drawn(recipe: PretrainRecipe, corpus: Corpus, folder: Path) -> Loaded:
    """A Small with random weights that reads the corpus' tokens. Its folder is written at the end."""
    sizes, asked = _sizes(recipe.random, corpus.tokenizer, recipe.title), recipe.student
    with tempfile.TemporaryDirectory() as made:
        save_small(Path(made), Small(sizes), corpus.tokenizer)
        device = device_for(asked.device)
        loaded = open_small(Path(made), scope=scope("all"), precision=asked.precision, device=device)
    return dataclasses.replace(loaded, name=str(folder / BACKBONE))


def _sizes(asked: RandomTable, tokenizer: Tokenizer, title: str) -> Sizes:
    try:
        return Sizes(tokenizer.get_vocab_size(), asked.width, asked.layers, asked.heads, asked.positions, asked.seed)
    except ValueError as error:
        raise QuickstudyError(f"{title}, [random]: {error}") from None


def _rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)
