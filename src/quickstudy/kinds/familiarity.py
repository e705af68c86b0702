"""How familiar a text looks: where its best score lies among those of examples that were left out of learning.

The highest score tells texts of no class from others better than the highest probability, which is high, too, for a
text that is far from all classes but one (Hendrycks et al. 2022, "Scaling out-of-distribution detection", section 3).
Its rank among examples that were not seen either makes it a share with a meaning (conformal prediction: Vovk,
Gammerman & Shafer 2005): of texts like the examples, about a share a is as familiar as a or less.
"""

import torch
from torch import Tensor

FEWEST = 8
"""unseen examples, below which their scores say too little"""


def usual(scores: Tensor) -> Tensor:
    """Scores (m, C) of unseen examples -> the best score of each, from low to high (m,)."""
    return scores.float().amax(-1).sort().values


def shares(scores: Tensor, usual: Tensor) -> Tensor:
    """Scores (B, C) -> (B,) the share of the unseen examples whose best score is no higher, in [0, 1], rising with the
    score throughout: by straight lines between examples, and beyond the outermost two by exponentials that fall by e
    in a standard deviation. `usual` (m,) holds two numbers at least."""
    best, usual = scores.float().amax(-1), usual.to(scores.device)
    below = torch.searchsorted(usual, best, right=True)
    last = len(usual) - 1
    low, high = usual[(below - 1).clamp(min=0)], usual[below.clamp(max=last)]
    spread = usual.std().clamp(min=torch.finfo(usual.dtype).tiny)
    within = (best - low) / (high - low).clamp(min=torch.finfo(usual.dtype).tiny)
    within = torch.where(below == 0, ((best - usual[0]) / spread).clamp(max=0).exp(), within)
    within = torch.where(below > last, 1 - ((usual[last] - best) / spread).clamp(max=0).exp(), within)
    return (below + within) / (len(usual) + 1)
