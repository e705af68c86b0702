"""The exact meta-gradient of an adaptation whose graph was kept, and of one that learns nothing."""

from collections.abc import Callable

import torch
from torch import Tensor

from quickstudy.core.params import leaves, slopes_of
from quickstudy.core.protocols import Learner
from quickstudy.core.types import Adapted, Episode, Params


def slopes_after(
    learner: Learner, episode: Episode, theta: Params, adapt: Callable[[Params], Adapted]
) -> tuple[Params, Tensor]:
    """d query loss / d theta through `adapt(theta)`, which is what adaptation ends with; and the loss ()."""
    at = leaves(theta)
    with torch.enable_grad():
        loss = episode.loss(learner.predict(at, adapt(at), episode.query), episode.query)
        return slopes_of(loss, at), loss.detach()


def no_slopes(learner: Learner, episode: Episode, theta: Params) -> tuple[Params, Tensor]:
    """Zeros for whatever stands in theta, and how a learner that learns nothing does on the query."""
    adapted = learner.adapt(theta, episode.support, episode.loss)
    with torch.no_grad():
        loss = episode.loss(learner.predict(theta, adapted, episode.query), episode.query)
    return {name: torch.zeros_like(value) for name, value in theta.items()}, loss
