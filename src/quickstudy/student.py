"""A student: a backbone and a meta-learned way to adapt it. It learns tasks; it is not changed by them."""

import dataclasses
import functools
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from quickstudy import budgets, config, given, remarks
from quickstudy import unlabelled as without_labels
from quickstudy.authors import author, is_author
from quickstudy.backbones import loading
from quickstudy.backbones.encoder import Encoder
from quickstudy.backbones.folder import moved
from quickstudy.backbones.folding import fold
from quickstudy.backbones.kept import KeptFeatures, together
from quickstudy.backbones.loaded import Learned, Loaded
from quickstudy.backbones.passages import Passages
from quickstudy.backbones.running import Precision
from quickstudy.core.params import map_params
from quickstudy.core.protocols import Backbone, Learner
from quickstudy.core.types import OF_BACKBONE, Params, QuickstudyError, QuickstudyWarning, Text
from quickstudy.starts import FOLDER, shipped, start_for
from quickstudy.store.artifact import open_artifact, save_artifact
from quickstudy.task import Task, settled
from quickstudy.text.reader import Reader

STUDENT = "student"
DEFAULT_LEARNER = {"name": "prior_head"}


@dataclasses.dataclass(frozen=True, eq=False)
class Student:
    """One backbone in memory serves any number of tasks."""

    loaded: Loaded = dataclasses.field(repr=False)
    reader: Reader = dataclasses.field(repr=False)
    learner: Learner = dataclasses.field(repr=False)
    """reads through the bare backbone and keeps nothing"""
    theta: Params = dataclasses.field(repr=False)
    origin: str
    """the name or file that `load` takes to get this student again"""
    about: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """how it was meta-trained; empty where it was not"""

    def learn(
        self,
        examples: given.Examples = (),
        labels: Mapping[str, str] | Iterable[str] = (),
        kind: str | Mapping[str, Any] | None = None,
        name: str = "",
        columns: Mapping[str, str] | None = None,
        budget: str = budgets.DEFAULT,
        unlabelled: given.Examples = (),
    ) -> Task:
        """A task from examples, class names, or both; with no example it judges by the names alone.

        `examples`: a file or folder, or pairs (text, label), ((text, text), label), (text, [label, …]), or dicts.
        `labels`: the class names, or names with descriptions; classes that stand only in examples are added.
        `kind`: a name of docs/kinds.md, or a table of it and its fields; None: labels, one or several as examples have.
        `columns`: which column of a file holds what, where the guess is wrong: {"text": "utterance"}.
        `budget`: how long it may take, "1s" (a head is fitted), "10s" or "1m" (weights of the backbone move, too,
        from 32 examples a class on, where held-out examples say that it pays).
        `unlabelled`: texts like those to be judged, or those themselves, or a file of them; they show where the
        classes lie.
        """
        kind = remarks.meant(self.loaded.name, kind)
        found, made = given.everything(self.reader, examples, labels, kind, columns)
        doubts = remarks.on_task(self.loaded, made, found.classes, found.examples)
        doubts += remarks.on_start(self.origin, kind)
        for warning in (*found.problems, *doubts):
            warnings.warn(str(warning), QuickstudyWarning, stacklevel=2)
        remarks.check_fits(made, labels, budget)
        pool = without_labels.of_use(unlabelled, columns, made, found)
        task = Task.learned(self, made, found.classes, found.examples, name, budget, pool)
        if not found.examples and isinstance(made, config.LABELLED) and _says_nothing(task):
            warnings.warn(
                f"{config.name_of(config.LEARNERS, self.learner)} takes nothing from these class names, so without "
                "an example every class is as probable; give examples, names in words that the model knows, or a "
                "learner that reads names, such as prior_head",
                QuickstudyWarning,
                stacklevel=2,
            )
        return task

    def save(self, path: str | Path) -> None:
        """Writes theta and the names of everything else: a few kilobytes, or what its scope weighs."""
        learned = self.loaded.learned or Learned({}, str(self.loaded.backbone.scope), self.loaded.fingerprint)
        document = {
            "backbone": {"name": settled(self.loaded.name), "fingerprint": learned.fingerprint},
            "scope": learned.scope,
            "learner": config.table(config.LEARNERS, self.learner, "backbone"),
            "about": dict(self.about),
        }
        save_artifact(path, STUDENT, map_params(_halved, {**learned.weights, **self.theta}), document)

    def steady(self) -> Learner:
        """The same learner reading in groups of one shape, so that what it makes of a text does not depend on what
        else it read: for meta-training and evaluation, which must give the same bits again."""
        kept = _steady(self.loaded.backbone, self._learned)
        return self.learner if is_author(self.learner) else _reading(self.learner, kept)

    def read_ahead(self, text: Text) -> None:
        """Reads what `steady` will need of a text, so that it is there when it is asked for."""
        _steady(self.loaded.backbone, self._learned).read_ahead(self.theta, text, Passages)

    def keeping(self) -> Learner:
        """The same learner with a memory of its own for the texts it reads: for a task that will grow, which reads
        each of its texts once."""
        kept = KeptFeatures(self.loaded.backbone, self._learned, together, budgets.MEMORY)
        return self.learner if is_author(self.learner) else _reading(self.learner, kept)

    @property
    def _learned(self) -> tuple[str, ...]:
        """The weights of the backbone that theta holds."""
        return tuple(name for name in self.theta if name.startswith(OF_BACKBONE))


def load(
    model: str | Path = "minilm",
    *,
    kind: str | Mapping[str, Any] | None = None,
    learner: Mapping[str, Any] | str | None = None,
    scope: str = "head",
    precision: Precision = "auto",
    device: str = "auto",
) -> Student:
    """A student ready to learn.

    `model`: a packaged backbone ("minilm", "e5-small", "smollm2"), a Hugging Face hub id, a local folder, or the
    file of a student that meta-training wrote. Unless `learner` is given, a backbone that ships with a meta-learned
    start gets it, and that for tasks of `kind` where there is one (kind "tagging": the start "minilm-tagging").
    `learner` is a name or a table of name and fields; `scope` says what adaptation may move.
    """
    if learner is None and scope == "head" and (start := start_for(str(model), kind)) in shipped():
        return _opened(*_stamped(FOLDER / f"{start}.student"), start, precision, device)
    if Path(model).is_file():
        if learner is not None or scope != "head":
            raise QuickstudyError(f"{model} is a student and says its own learner and scope; leave both out")
        return _opened(*_stamped(Path(model)), str(model), precision, device)
    table = {"name": learner} if isinstance(learner, str) else dict(learner or DEFAULT_LEARNER)
    loaded = backbone(str(model), scope, precision, device)
    return fresh(loaded, table, str(model))


def fresh(loaded: Loaded, table: Mapping[str, Any], origin: str, seed: int = 0) -> Student:
    """A student whose theta is the learner's own start."""
    bare: Learner = config.build(config.LEARNERS, table, "learner", {"backbone": loaded.backbone})
    theta = bare.init(torch.Generator().manual_seed(seed))
    for name, value in theta.items():
        if not value.isfinite().all():  # the logarithm of a field of zero
            raise QuickstudyError(
                f"learner: the {name!a} of {table['name']} begins as no finite number; give its settings values above 0"
            )
    return student(loaded, bare, theta, origin)


def student(loaded: Loaded, learner: Learner, theta: Params, origin: str) -> Student:
    """A student of these parts."""
    reader = Reader(loaded.tokenizer, loaded.limit, loaded.prompt, loaded.filler)
    return Student(loaded, reader, _reading(learner, loaded.backbone), theta, origin)


def _halved(value: Tensor) -> Tensor:
    """In half the bytes where nothing is lost by it."""
    half = value.half()
    return half if torch.equal(half.to(value), value) else value


def _says_nothing(task: Task) -> bool:
    """Whether even the name of its first class is every class alike to a task."""
    return len(set(task.predict([next(iter(task.classes))])[0].probabilities.values())) == 1


def _reading(learner: Learner, backbone: Backbone) -> Learner:
    return config.reading(learner, Passages(backbone))


@functools.lru_cache(maxsize=4)
def backbone(name: str, scope: str, precision: Precision, device: str) -> Loaded:
    """The same backbone for every task that asks for it."""
    return loading.load(name, scope=scope, precision=precision, device=device)


@functools.lru_cache(maxsize=3)
def _steady(encoder: Encoder, learned: tuple[str, ...]) -> KeptFeatures:
    """Shared by all students that move the same weights of the same backbone: what is kept lies below those."""
    return KeptFeatures(encoder, learned)


def _stamped(path: Path) -> tuple[Path, tuple[int, int]]:
    """A file, and what tells it from another that lay there before."""
    about = path.resolve().stat()
    return path.resolve(), (about.st_mtime_ns, about.st_size)


@functools.lru_cache(maxsize=4)
def _opened(path: Path, stamp: tuple[int, int], origin: str, precision: Precision, device: str) -> Student:
    """From its file. Where adaptation leaves the backbone alone, what was learned of it becomes part of its weights."""
    theta, document = open_artifact(path, STUDENT)
    theta = {name: value.float() if value.dtype == torch.float16 else value for name, value in theta.items()}
    try:
        wanted, scope, table = document["backbone"], document["scope"], document["learner"]
        folds = table["name"].partition(".v")[0] in config.STILL and any(name.startswith(OF_BACKBONE) for name in theta)
        name = moved(wanted["name"], path)
        if folds:  # its weights will change, so it is nobody else's
            loaded = loading.load(name, scope=scope, precision=precision, device=device)
        else:
            loaded = backbone(name, scope, precision, device)
        fingerprint = wanted["fingerprint"]
    except (KeyError, TypeError, AttributeError) as error:
        raise QuickstudyError(f"{path} does not say what its student is made of ({error})") from None
    check_weights(loaded, fingerprint, path)
    fit = fresh(loaded, table, origin)
    if theta.keys() != fit.theta.keys() and loaded.backbone.writes is not None:
        fit = dataclasses.replace(fit, theta=author(fit).theta)
    if {name: value.shape for name, value in theta.items()} != {n: v.shape for n, v in fit.theta.items()}:
        raise QuickstudyError(f"{path} holds other weights than its learner needs; meta-train it again")
    about = dict(document.get("about", {}))
    if not folds:
        return dataclasses.replace(fit, theta=theta, about=about)
    learned = {name: value for name, value in theta.items() if name.startswith(OF_BACKBONE)}
    own = {name: value for name, value in theta.items() if name not in learned}
    still = fold(loaded, learned)
    bare = config.reading(fit.learner, still.backbone)
    return dataclasses.replace(student(still, bare, own, origin), about=about)


def check_weights(loaded: Loaded, fingerprint: str, path: str | Path) -> None:
    """Refuses a backbone whose weights are not those that something was learned with."""
    if loaded.fingerprint != fingerprint:
        raise QuickstudyError(
            f"{path} was learned with other weights of {loaded.name} ({fingerprint}, here {loaded.fingerprint}); "
            "get those, or learn it again"
        )
