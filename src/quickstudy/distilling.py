"""Teachers of a meta-training: students whose answers another is to agree with (Hinton, Vinyals & Dean 2015).

Texts of one source stand for classes, and the question is which of them another text is most like: a relation between
texts is taught (Park et al. 2019), not a vector, so teacher and student may be of any width and read any tokens. The
episode has no examples. What a learner makes of class names it makes of these texts, and its loss on the query is how
far its probabilities are from the teachers' mean.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import torch
from torch import Tensor

from quickstudy import config
from quickstudy.backbones.encoder import Encoder
from quickstudy.core.protocols import TaskKind
from quickstudy.core.tensors import digest
from quickstudy.core.types import Batch, Episode, QuickstudyError, shortened
from quickstudy.episodes.distillation import Distillation, different, drawn
from quickstudy.episodes.sources import Source
from quickstudy.kinds import labelled
from quickstudy.kinds.classification import Classification
from quickstudy.kinds.multilabel import MultiLabel
from quickstudy.recipe import Recipe
from quickstudy.student import Student, load
from quickstudy.text.reader import Reader

ALIKE = 1e-6
"""Probabilities of different texts that lie no further apart come of a learner that reads no names."""


def teachers(recipe: Recipe) -> "Teachers | None":
    """Those of a recipe, opened. QuickstudyError for one that cannot be, or reads no texts, and for a learner that
    follows rewards."""
    table = recipe.distillation
    if table is None:
        return None
    title = f"{recipe.title}, [distillation]"
    if any(name.startswith("policy_gradient") for name in _layers(recipe.learner)):
        raise QuickstudyError(f"{title}: policy_gradient follows a reward, and teachers give none; leave one out")
    opened = tuple(load(name, device=recipe.student.device) for name in table.teachers)
    for name, teacher in zip(table.teachers, opened, strict=True):
        if not isinstance(teacher.loaded.backbone, Encoder):
            raise QuickstudyError(f"{title}: {name} reads no texts; name a teacher that does")
    return Teachers(table, opened)


@dataclass(frozen=True)
class Teachers:
    table: Distillation
    students: tuple[Student, ...]

    @property
    def prints(self) -> dict[str, str]:
        """What each of them knows, as a digest: of another teacher, another student comes."""
        names = zip(self.table.teachers, self.students, strict=True)
        return {name: f"{one.loaded.fingerprint} {digest(one.theta)} {_learner(one)}" for name, one in names}

    def reach(self, train: Sequence[Source], kind: TaskKind) -> str:
        """In how many sources they teach, in a sentence; "" where that is all of them. QuickstudyError where it is
        none."""
        taught = sum(
            _of_single_texts(source.of(kind)) and bool(different(source, source.of(kind), 2 * self.table.texts))
            for source in train
        )
        names = " and ".join(self.table.teachers)
        few = f"of single texts, {2 * self.table.texts} different ones at least"
        if not taught:
            raise QuickstudyError(f"distillation: {names} can teach in no source: none is {few}")
        return "" if taught == len(train) else f"{names} can teach in {taught} of {len(train)} sources: those {few}"

    def episode(self, source: Source, kind: TaskKind, seed: int) -> Episode | None:
        """One in which they are followed; None for an ordinary one."""
        if not _of_single_texts(kind):
            return None
        found = drawn(self.table, source, kind, seed)
        if found is None:
            return None
        said = torch.stack([self._probabilities(teacher, *found) for teacher in self.students]).mean(0)
        return self._asked(kind.reader, *found, said)

    def _probabilities(self, teacher: Student, classes: Sequence[Any], asked: Sequence[Any]) -> Tensor:
        """(Q, 1, C) what a teacher says."""
        task = self._asked(teacher.reader, classes, asked, torch.zeros(len(asked), 1, len(classes)))
        adapted = teacher.learner.adapt(teacher.theta, task.support, task.loss)
        with torch.no_grad():
            said = torch.softmax(teacher.learner.predict(teacher.theta, adapted, task.query).float(), dim=-1)
        if said.max() - said.min() < ALIKE:
            name = self.table.teachers[self.students.index(teacher)]
            raise QuickstudyError(f"distillation: {name} finds all texts alike; name one that judges by class names")
        return said

    def _asked(self, reader: Reader, classes: Sequence[Any], asked: Sequence[Any], said: Tensor) -> Episode:
        names, query, nothing = (
            shortened(labelled.encode_texts(reader, 1, examples)[0], self.table.tokens)
            for examples in (classes, asked, ())
        )
        support = Batch(nothing, torch.zeros(0, 1, dtype=torch.long), names)
        return Episode(support, Batch(query, said, names), divergence)


def _of_single_texts(kind: TaskKind) -> TypeGuard[Classification | MultiLabel]:
    return isinstance(kind, config.LABELLED) and kind.parts == 1


def _layers(table: Mapping[str, Any]) -> list[str]:
    """The name of a learner, and those of what it wraps."""
    inner = table.get("inner")
    return [str(table.get("name", "")), *(_layers(inner) if isinstance(inner, Mapping) else ())]


def _learner(student: Student) -> str:
    return json.dumps(config.table(config.LEARNERS, student.learner, "backbone"), sort_keys=True)


def divergence(scores: Tensor, batch: Batch) -> Tensor:
    """() the mean divergence of the probabilities that scores (Q, 1, C) mean from those in gold (Q, 1, C), in nats
    (Kullback & Leibler 1951)."""
    said = batch.gold.to(scores)
    return (torch.special.xlogy(said, said) - said * scores.log_softmax(-1)).sum(-1).mean()
