"""How the small Transformer is trained before it meets the new pair: not, plainly, or by meta-learning, each on as many
examples."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from bench.translating import pairs
from quickstudy.backbones.speaking import Speaking
from quickstudy.core.types import Episode, Params
from quickstudy.episodes.mixing import Mixture
from quickstudy.episodes.shapes import Shape
from quickstudy.kinds.writing import Writing
from quickstudy.learners.fine_tune import FineTune
from quickstudy.learners.maml import Maml
from quickstudy.learners.reptile_adam import ReptileAdam
from quickstudy.meta_tasks import stream
from quickstudy.training import loop
from quickstudy.training.outcome import History, Validation
from quickstudy.training.plan import Decay, Plan

EXAMPLES = 64
"""an outer step, whatever the arm makes of them"""
RATE, WARMUP = 2e-3, 40


@dataclass(frozen=True)
class Arm:
    """`shots` and `queries` an episode, one an outer step."""

    learner: Callable[[Speaking], Any]
    shots: int
    queries: int
    decay: Decay = "linear"


def _plain(backbone: Speaking) -> Any:
    return FineTune(backbone)


ARMS = {
    "begin": Arm(_plain, 0, EXAMPLES, "constant"),
    "plain": Arm(_plain, 0, EXAMPLES),
    "reptile": Arm(lambda backbone: ReptileAdam(backbone, steps=4, rate=3e-4, rows=EXAMPLES // 4), EXAMPLES, 1),
    "fomaml": Arm(
        lambda backbone: Maml(backbone, steps=3, rate=1e-3, order=1, inner="adam"), EXAMPLES // 4, EXAMPLES * 3 // 4
    ),
}
"""`begin` is what all others go on from: with no examples to adapt to, `fine_tune` trains on the queries of all pairs
alike; `plain` goes on with that"""


def trained(
    name: str, start: Params | None, backbone: Speaking, own: Writing, data: Path, examples: int, folder: Path
) -> Params:
    """theta after as many examples, from `start`, or from random weights."""
    arm = ARMS[name]
    learner = arm.learner(backbone)
    theta = learner.init(torch.Generator().manual_seed(0))
    theta = theta if start is None else {key: start.get(key, value) for key, value in theta.items()}
    steps = max(1, examples // EXAMPLES)
    plan = Plan(
        steps=steps, tasks=1, rate=RATE, warmup=min(WARMUP, steps // 4), decay=arm.decay,
        validate_every=steps, patience=99, checkpoint_minutes=2, seed=len(name),
    )  # fmt: skip
    mixture = Mixture(pairs.sources(data, own), 0.0)
    drawn = stream(mixture, own, Shape(1, arm.shots, arm.queries), plan)
    later = 0 if start is None else 100_000  # no episode of the beginning comes again

    def episodes(step: int, history: History) -> list[Episode]:
        return drawn(step + later, history)

    def latest(at: Params) -> Validation:
        """The last theta is wanted, not the best one: every arm gets as many examples, also in a run that goes on."""
        return Validation(score := time.time(), 0.0, (score,))

    return loop.meta_train(learner, theta, episodes, latest, plan, folder, _told, name).theta


def _told(record: Any) -> None:
    if record.get("event") != "step" or record["step"] % 25 == 0:
        print(record, flush=True)
