"""Low-rank additions to weights (Hu et al. 2021), as a function of Params."""

import torch
from torch import Tensor, nn

from quickstudy.core.types import Params


def init(weights: dict[str, Tensor], rank: int, rng: torch.Generator) -> Params:
    """ "lora.<weight>.a" (rank, n) drawn at scale 1 / sqrt(n), "….b" (m, rank) zero: nothing changes yet."""
    found: Params = {}
    for name, weight in weights.items():
        m, n = weight.shape
        drawn = torch.randn(rank, n, generator=rng, dtype=torch.float64) / n**0.5
        found[f"lora.{name}.a"] = drawn.to(weight)
        found[f"lora.{name}.b"] = torch.zeros(m, rank).to(weight)
    return found


def merge(params: Params, body: nn.Module) -> Params:
    """The body's weights that `params` replaces, under the body's own names: W, or W + b a."""
    weights = {name.removeprefix("backbone."): value for name, value in params.items() if name.startswith("backbone.")}
    for name, low in params.items():
        if name.startswith("lora.") and name.endswith(".a"):
            own = name.removeprefix("lora.").removesuffix(".a")
            base = weights.get(own)
            base = body.get_parameter(own) if base is None else base
            weights[own] = base + (params[name.removesuffix("a") + "b"] @ low).to(base)
    return weights
