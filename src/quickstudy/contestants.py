"""Who takes part in a meta-test: a student, and the baselines over the same backbone."""

from collections.abc import Mapping, Sequence
from typing import Any

from quickstudy import config
from quickstudy.core.types import QuickstudyError
from quickstudy.evaluation.metatest import Contestant
from quickstudy.student import Student, backbone, fresh

REFERENCE = "quickstudy"
BASELINES = ("frozen_linear", "prototypes", "neighbours", "names_alone", "fine_tune:last(2)")
"""frozen features under logistic regression, class means and nearest neighbours, zero-shot names, and plain
fine-tuning of the top two layers"""


def contestants(student: Student, written: Sequence[str] = BASELINES) -> Mapping[str, Contestant]:
    """The student under the name "quickstudy", then each learner that is written as `name` or `name:scope` from its
    own start. Those of the same scope read through the student's kept features. QuickstudyError for other names."""
    found = {REFERENCE: Contestant(student.steady(), student.theta)}
    for each in written:
        name, _, scope = each.partition(":")
        config.pick(config.LEARNERS, name, "learners")
        if each in found:
            raise QuickstudyError(f"the learner {each} is named twice; name it once")
        found[each] = _contestant(student, {"name": name}, scope)
    return found


def _contestant(student: Student, table: Mapping[str, Any], scope: str) -> Contestant:
    loaded = student.loaded
    if scope not in ("", str(loaded.backbone.scope)):
        encoder = loaded.backbone
        loaded = backbone(loaded.name, scope, encoder.precision, str(encoder.device))
    made = fresh(loaded, table, student.origin)
    return Contestant(made.steady(), made.theta)
