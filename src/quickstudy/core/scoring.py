"""From a learner and what it adapted to the scores of one task."""

import torch
from torch import Tensor

from quickstudy.core.protocols import Learner, Score
from quickstudy.core.types import Adapted, Batch, Params


def scorer(learner: Learner, theta: Params, adapted: Adapted) -> Score:
    """batch -> scores (B, U, C), keeping no graph."""

    def score(batch: Batch) -> Tensor:
        with torch.no_grad():
            return learner.predict(theta, adapted, batch)

    return score
