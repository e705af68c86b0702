"""Teachers of a meta-training: students whose answers another is to agree with (Hinton, Vinyals & Dean 2015).

Texts of one source stand for classes, and the question is which of them another text is most like: a relation between
texts is taught (Park et al. 2019), not a vector, so teacher and student may be of any width and read any tokens. The
episode has no examples. What a learner makes of class names it makes of these texts, and its loss on the query is how
far its probabilities are from the teachers' mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from quickstudy import config
from quickstudy.backbones.encoder import Encoder
from quickstudy.core.protocols import TaskKind
from quickstudy.core.tensors import digest
from quickstudy.core.types import Batch, Episode, QuickstudyError, shortened
from quickstudy.episodes.distillation import Distillation, drawn
from quickstudy.episodes.sources import Source
from quickstudy.kinds import labelled
from quickstudy.student import Student, load
from quickstudy.text.reader import Reader


def teachers(table: Distillation, title: str) -> "Teachers":
    """Those of a recipe, opened. QuickstudyError for one that cannot be, or reads no texts."""
    opened = tuple(load(name) for name in table.teachers)
    for name, teacher in zip(table.teachers, opened, strict=True):
        if not isinstance(teacher.loaded.backbone, Encoder):
            raise QuickstudyError(f"{title}, [distillation]: {name} reads no texts; name a teacher that does")
    return Teachers(table, opened)


@dataclass(frozen=True)
class Teachers:
    """None, where the table names none: every episode is an ordinary one."""

    table: Distillation
    students: tuple[Student, ...]

    @property
    def prints(self) -> dict[str, str]:
        """What each of them knows, as a digest: of another teacher, another student comes."""
        known = (f"{one.loaded.fingerprint} {digest(one.theta)[:16]}" for one in self.students)
        return dict(zip(self.table.teachers, known, strict=True))

    def reach(self, train: Sequence[Source], kind: TaskKind) -> str:
        """In how many sources they teach, in a sentence; "" where that is all of them."""
        taught = sum(self._reader(source, source.of(kind)) is not None for source in train)
        if not self.students or taught == len(train):
            return ""
        few = f"the others are not of single texts, or of fewer than {2 * self.table.texts}"
        return f"{' and '.join(self.table.teachers)} can teach in {taught} of {len(train)} sources: {few}"

    def episode(self, source: Source, kind: TaskKind, seed: int) -> Episode | None:
        """One in which they are followed; None for an ordinary one."""
        reader = self._reader(source, kind)
        found = None if reader is None else drawn(self.table, source, kind, seed)
        if reader is None or found is None:
            return None
        said = torch.stack([self._probabilities(teacher, *found) for teacher in self.students]).mean(0)
        return self._asked(reader, *found, said)

    def _reader(self, source: Source, kind: TaskKind) -> Reader | None:
        """What reads the texts of a source in which they can teach."""
        if not self.students or len(source.examples) < 2 * self.table.texts:
            return None
        return kind.reader if isinstance(kind, config.LABELLED) and kind.parts == 1 else None

    def _probabilities(self, teacher: Student, classes: Sequence[Any], asked: Sequence[Any]) -> Tensor:
        """(Q, 1, C) what a teacher says."""
        task = self._asked(teacher.reader, classes, asked, torch.zeros(len(asked), 1, len(classes)))
        adapted = teacher.learner.adapt(teacher.theta, task.support, task.loss)
        with torch.no_grad():
            return torch.softmax(teacher.learner.predict(teacher.theta, adapted, task.query).float(), dim=-1)

    def _asked(self, reader: Reader, classes: Sequence[Any], asked: Sequence[Any], said: Tensor) -> Episode:
        names, query, nothing = (
            shortened(labelled.encode_texts(reader, 1, examples)[0], self.table.tokens)
            for examples in (classes, asked, ())
        )
        support = Batch(nothing, torch.zeros(0, 1, dtype=torch.long), names)
        return Episode(support, Batch(query, said, names), agreement)


def agreement(scores: Tensor, batch: Batch) -> Tensor:
    """() the mean divergence of the probabilities that scores (Q, 1, C) mean from those in gold (Q, 1, C), in nats
    (Kullback & Leibler 1951)."""
    said = batch.gold.to(scores)
    return (torch.special.xlogy(said, said) - said * scores.log_softmax(-1)).sum(-1).mean()
