"""What is compared on the sinusoids and the quadratics, with its settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.known.numbers import Perceptron
from bench.known.quadratic import Given
from quickstudy.learners.anil import Anil
from quickstudy.learners.learned_optimizer import LearnedOptimizer
from quickstudy.learners.maml import Maml
from quickstudy.learners.meta_sgd import MetaSgd
from quickstudy.learners.reptile import Reptile

TRAINING: Mapping[str, Any] = {"steps": 1500, "tasks": 25, "shots": 10, "queries": 10, "rate": 0.01, "clip": 10.0}
UNFOLDING: Mapping[str, Any] = {"steps": 160, "tasks": 16, "rate": 0.005, "clip": 1.0}
OPTIMIZER = LearnedOptimizer(Given(), steps=100, head_rate=0.003, truncate=20, order=2)


@dataclass(frozen=True)
class Method:
    """How theta is meta-trained, and how it is then adapted to a held-out wave."""

    learner: Any
    settings: Mapping[str, Any] = field(default_factory=dict)
    """that differ from TRAINING"""
    tested: Any = None
    """the learner that adapts; None: the same"""
    tuned: bool = False
    """whether the rate of adaptation is chosen on other waves, for the baselines' benefit (Finn et al., section 5.1)"""
    told: bool = False
    """whether amplitude and phase are inputs"""


_NET = Perceptron()
_DESCENT = Maml(_NET, rate=0.01, head_rate=0.01)
_ALONE = Maml(_NET, steps=0)
METHODS: Mapping[str, Method] = {
    "maml": Method(Maml(_NET, steps=1, rate=0.01, head_rate=0.01, order=2)),
    "maml_order_1": Method(Maml(_NET, steps=1, rate=0.01, head_rate=0.01, order=1)),
    "anil": Method(Anil(_NET, steps=1, head_rate=0.01)),
    "meta_sgd": Method(MetaSgd(_NET, steps=1, rate=0.01, head_rate=0.01), {"rates": {"rate.": 0.002}}),
    "reptile": Method(Reptile(_NET, steps=8, rate=0.01, head_rate=0.01, head_scale=1.0), {"shots": 20}),
    "pretrained": Method(_ALONE, tested=_DESCENT, tuned=True),
    "untrained": Method(_ALONE, {"steps": 0}, tested=_DESCENT, tuned=True),
    "oracle": Method(Maml(Perceptron(3), steps=0), told=True),
}
"""Without inner steps, MAML is training on all tasks at once: the paper's pretrained net and its oracle. Reptile asks
nothing of a query, so all 20 points that others see of a wave are its support (of 50 in Nichol et al. 2018)."""
