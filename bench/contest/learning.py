"""What `Student.learn` makes of a draw, with features that are kept from one draw to the next."""

import functools
from typing import Any

from quickstudy import config
from quickstudy.backbones.kept import KeptFeatures, together
from quickstudy.backbones.passages import Passages
from quickstudy.core import calibrating
from quickstudy.core.protocols import Learner, Score, TaskKind
from quickstudy.core.scoring import scorer
from quickstudy.core.types import Draw, Params
from quickstudy.student import Student


def learner_of(student: Student) -> Learner:
    """The student's learner; students of one backbone share what it has read."""
    return config.reading(student.learner, _memory(student.loaded.backbone))


@functools.lru_cache(maxsize=2)
def _memory(encoder: Any) -> Passages:
    return Passages(KeptFeatures(encoder, groups=together, budget=2**29))


def learned(student: Student, learner: Learner, kind: TaskKind, draw: Draw) -> tuple[Score, Params]:
    """What `Student.learn` makes of a support: a function from batches to scores, and what was fitted on them."""

    support = kind.encode(draw.support, draw.classes)
    adapted = learner.adapt(student.theta, support, kind.loss)
    fitted = calibrating.fitted(learner, student.theta, adapted, kind, support, draw.support, draw.classes)
    return scorer(learner, student.theta, adapted), fitted
