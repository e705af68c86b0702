"""Ridge regression onto the classes' indicators, in closed form (R2-D2: Bertinetto et al. 2019, eqs. 3 to 5), pulled
towards the class names.

With support units X (n, W), indicators Y (n, C) and W0 = name_scale times the names,

    W      = argmin |X W' - Y|^2 + strength |W - W0|^2 = W0 + (Y - X W0')' (X X' + strength I)^-1 X
    scores = scale X W' + shift

by way of an n x n system (Woodbury). A name that says nothing has a row of zeros in W0: with no name, this is R2-D2;
with no example, the names alone. Without a bias inside the regression, as in the paper.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from quickstudy.core.params import detach
from quickstudy.core.protocols import Backbone, Slopes
from quickstudy.core.types import Adapted, Batch, Episode, Loss, Params
from quickstudy.learners import heads
from quickstudy.learners.exact import slopes_after


@dataclass(frozen=True)
class Ridge:
    """The fields are where theta's scalars start. The support's loss is not looked at: adaptation fits squares.

    The shift, the same for all classes, starts where a score is zero at an indicator of one half.
    """

    backbone: Backbone
    strength: float = 2.0
    scale: float = 10.0
    name_scale: float = 1.0

    @property
    def slopes(self) -> Slopes:
        return "exact"

    def init(self, rng: torch.Generator) -> Params:
        logs = {"strength": self.strength, "scale": self.scale, "name_scale": self.name_scale}
        own = {f"ridge.log_{name}": torch.tensor(value).log() for name, value in logs.items()}
        return {**self.backbone.init(rng), **own, "ridge.shift": torch.tensor(-self.scale / 2)}

    def adapt(self, theta: Params, support: Batch, loss: Loss) -> Adapted:
        with torch.no_grad():
            return self._head(detach(theta), support)

    def predict(self, theta: Params, adapted: Adapted, query: Batch) -> Tensor:
        return heads.score(self.backbone.units(theta, query.text), adapted)

    def meta_gradient(self, theta: Params, episode: Episode, rng: torch.Generator) -> tuple[Params, Tensor]:
        return slopes_after(self, episode, theta, lambda at: self._head(at, episode.support))

    def _head(self, theta: Params, support: Batch) -> Params:
        names = heads.class_names(self.backbone, theta, support)  # (C, W)
        strength, scale, name_scale = (
            theta[f"ridge.log_{name}"].exp().to(names) for name in ("strength", "scale", "name_scale")
        )
        units = self.backbone.units(theta, support.text).flatten(0, 1)  # (n, W)
        units = units * heads.which_judged(support.gold).to(units)[:, None]  # nobody judges: a row of zeros has no say
        start = name_scale * names
        short = heads.membership(support.gold, len(names)).to(units) - units @ start.T  # (n, C)
        gram = units @ units.T + strength * torch.eye(len(units)).to(units)  # (n, n)
        weight = start + torch.linalg.solve(gram, short).T @ units  # (C, W)
        return {"head.weight": scale * weight, "head.bias": theta["ridge.shift"].to(names).repeat(len(names))}
