"""Students for tasks that write."""

import dataclasses
from typing import TYPE_CHECKING

import torch

from quickstudy import config
from quickstudy.backbones.speaking import Speaking, speaking
from quickstudy.core.protocols import Learner

if TYPE_CHECKING:
    from quickstudy.student import Student


def author(student: "Student") -> "Student":
    """The same student for tasks that write: its learner reads through a backbone whose classes are the vocabulary.
    Theta is made anew where it is of an encoder's weights, and a decoder's move as well."""
    writes = speaking(student.loaded.backbone)
    learner = config.reading(student.learner, writes)
    theta = student.theta
    if writes.writes.whole is not None:
        start = learner.init(torch.Generator().manual_seed(0))
        theta = theta if start.keys() == theta.keys() else start
    return dataclasses.replace(student, learner=learner, theta=theta)


def is_author(learner: Learner) -> bool:
    """Whether a learner is one that `author` made. What it read is not kept: it is as wide as the vocabulary."""
    return isinstance(getattr(learner, "backbone", None), Speaking)
