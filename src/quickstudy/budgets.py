"""How long learning may take. By default a head is fitted; with more time, low-rank additions to the backbone move."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import torch

from quickstudy import config
from quickstudy.backbones.kept import KeptFeatures, together
from quickstudy.backbones.passages import Passages
from quickstudy.backbones.scope import Scope
from quickstudy.backbones.sharing import scoped
from quickstudy.core.protocols import Learner
from quickstudy.core.types import OF_BACKBONE, QuickstudyError
from quickstudy.learners.prior_head import PriorHead
from quickstudy.learners.tuned import Tuned

if TYPE_CHECKING:
    from quickstudy.student import Student

DEFAULT = "1s"
FEWEST = 32
"""examples a class on average below which nothing moves: there it gained nothing (docs/findings.md)"""
MEMORY = 64 * 2**20
"""bytes of features that one task keeps"""


class Plan(NamedTuple):
    """What a budget is spent on."""

    seconds: float
    rank: int
    share: float
    """of the layers, from the top"""
    steps: int
    rate: float
    parts: int


BUDGETS: Mapping[str, Plan | None] = {
    DEFAULT: None,
    "10s": Plan(seconds=10, rank=8, share=0.5, steps=12, rate=2e-3, parts=4),
    "1m": Plan(seconds=60, rank=8, share=1.0, steps=24, rate=1e-3, parts=4),
}


class Within(NamedTuple):
    """Learners of one task."""

    judge: Learner
    """keeps nothing: for texts that come once"""
    learner: Learner
    """the same, but reads each of the task's own texts once"""
    cheap: Learner
    """the same where no weights of the backbone move, as often as one likes"""


def learners(student: "Student", budget: str) -> Within:
    """How `student` learns and judges a task within `budget`.

    Errors: QuickstudyError for a budget that is none, and for a student whose learner or scope has no use for one.
    """
    if budget not in BUDGETS:
        raise QuickstudyError(f"budget: there is no {config.near(str(budget), BUDGETS)}")
    plan = BUDGETS[budget]
    if plan is None:
        keeping = student.keeping()
        return Within(student.learner, keeping, keeping)
    if type(student.learner) is not PriorHead:
        name = config.name_of(config.LEARNERS, student.learner)
        raise QuickstudyError(
            f"budget {budget!r} is for the learner prior_head, and this student's is {name}; leave the budget out, or "
            "take prior_head"
        )
    if any(name.startswith(OF_BACKBONE) for name in student.theta):
        raise QuickstudyError(
            f"budget {budget!r} moves weights of a backbone that is still, and this student's own has the scope "
            f"{student.loaded.backbone.scope}; leave the budget out, or load the backbone with the scope head"
        )
    still = student.loaded.backbone
    top = None if plan.share == 1 else max(1, round(plan.share * still.height))
    encoder = scoped(still, Scope("lora", plan.rank, top))
    kept = KeptFeatures(encoder, tuple(encoder.init(torch.Generator())), together, MEMORY)
    tuned = Tuned(Passages(encoder), plan.seconds, plan.steps, plan.rate, plan.parts, FEWEST)
    return Within(tuned, config.reading(tuned, Passages(kept)), PriorHead(Passages(kept)))
