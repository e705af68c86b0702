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
from quickstudy.core.types import Batch, Episode, QuickstudyError, shortened
from quickstudy.episodes.distillation import Distillation, Teach, drawn, nobody
from quickstudy.episodes.sources import Source
from quickstudy.kinds import labelled
from quickstudy.student import Student, load
from quickstudy.text.reader import Reader


def teaching(table: Distillation, title: str) -> Teach:
    """How the teachers of a recipe teach. QuickstudyError for one that cannot be opened, or judges nothing by names."""
    if not table.teachers:
        return nobody
    opened = tuple(load(name) for name in table.teachers)
    for name, teacher in zip(table.teachers, opened, strict=True):
        if not isinstance(teacher.loaded.backbone, Encoder):
            raise QuickstudyError(f"{title}, [distillation]: {name} reads no texts; name a teacher that does")
    return Teachers(table, opened).episode


@dataclass(frozen=True)
class Teachers:
    table: Distillation
    students: tuple[Student, ...]

    def episode(self, source: Source, kind: TaskKind, seed: int) -> Episode | None:
        """Of single texts; other kinds have ordinary episodes alone."""
        if not isinstance(kind, config.LABELLED) or kind.parts != 1:
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
