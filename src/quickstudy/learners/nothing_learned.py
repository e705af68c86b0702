"""The meta-gradient of learners that learn nothing across tasks: none, and the query loss."""

import torch
from torch import Tensor

from quickstudy.core.protocols import Learner
from quickstudy.core.types import Episode, Params


def no_slopes(learner: Learner, theta: Params, episode: Episode) -> tuple[Params, Tensor]:
    """Zeros for whatever stands in theta, and how the learner does on the query."""
    adapted = learner.adapt(theta, episode.support, episode.loss)
    with torch.no_grad():
        loss = episode.loss(learner.predict(theta, adapted, episode.query), episode.query)
    return {name: torch.zeros_like(value) for name, value in theta.items()}, loss
