"""Implicit MAML: adapt to the minimum of a pull towards the start and differentiate through the minimum, whatever
way led there (Rajeswaran, Finn, Kakade & Levine 2019, eqs. 4 to 7).

    adapted = argmin over phi of   n loss(phi) + strength / 2 |phi - start(theta)|^2

over n judged units, so that strength / n is the paper's lambda; the head and the backbone's weights have one each.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from quickstudy.core.params import detach, inner, leaves, map_params
from quickstudy.core.protocols import Backbone, Slopes
from quickstudy.core.types import OF_BACKBONE, Adapted, Batch, DivergedError, Episode, Loss, Params
from quickstudy.learners import convex, heads
from quickstudy.learners.descent import adapted_from, moves, reading
from quickstudy.learners.sweep import plain_attention


@dataclass(frozen=True)
class Imaml:
    """Moves the head and whatever of theta begins with `moves`; learns the backbone's scope, the head's scale and the
    strengths. No step of the solver is kept, so memory does not grow with them.

    The slopes are exact at a minimum: where L-BFGS has not arrived after `iterations` (it need not in float32), or
    where the support's loss curves down more than the strength curves up, they are near it.
    """

    backbone: Backbone
    moves: tuple[str, ...] = OF_BACKBONE
    head_strength: float = 10.0
    backbone_strength: float = 3000.0
    """where theta's own strengths start"""
    iterations: int = 100

    @property
    def slopes(self) -> Slopes:
        return "exact"

    def init(self, rng: torch.Generator) -> Params:
        strengths = {"head": self.head_strength, "backbone": self.backbone_strength}
        own = {f"strength.log_{part}": torch.tensor(value).log() for part, value in strengths.items()}
        return {**self.backbone.init(rng), "head.scale": torch.tensor(10.0), **own}

    def adapt(self, theta: Params, support: Batch, loss: Loss) -> Adapted:
        theta = detach(theta)
        with torch.enable_grad(), plain_attention(True):
            start, objective = self._problem(theta, support, loss)
            return adapted_from(_reached(theta, start, self._way(start, objective)))

    def predict(self, theta: Params, adapted: Adapted, query: Batch) -> Tensor:
        return heads.score(self.backbone.units({**theta, **adapted}, query.text), adapted)

    def meta_gradient(self, theta: Params, episode: Episode, rng: torch.Generator) -> tuple[Params, Tensor]:
        at = leaves(theta)
        with torch.enable_grad(), plain_attention(True):
            way = self._way(*self._problem(detach(theta), episode.support, episode.loss))
            start, objective = self._problem(at, episode.support, episode.loss)

            def outer(way: Params) -> Tensor:
                return episode.loss(self.predict(at, _reached(at, start, way), episode.query), episode.query)

            return convex.slopes_through(objective, outer, way, at)

    def _way(self, start: Params, objective: convex.Objective) -> Params:
        way = convex.minimum(objective, map_params(torch.zeros_like, start), self.iterations)
        with torch.no_grad():
            if not objective(way).isfinite():
                raise DivergedError("the inner problem has no finite minimum; raise the learner's strengths")
        return way

    def _problem(self, theta: Params, support: Batch, loss: Loss) -> tuple[Params, convex.Objective]:
        """The start, and what is least at the way from there: in lengths of 1 / sqrt(strength), so that the pull
        curves alike in every direction and the solvers take few steps."""
        start = {**moves(theta, self.moves), **heads.start(self.backbone, theta, support)}
        units = reading(self.backbone, theta, support.text, start)
        judged = heads.judged(support.gold)

        def objective(way: Params) -> Tensor:
            pull = inner(way, way) / 2
            at = _reached(theta, start, way)
            return judged * loss(heads.score(units(at), at), support) + pull if judged else pull

        return start, objective


def _reached(theta: Params, start: Params, way: Params) -> Params:
    length = {part: (-theta[f"strength.log_{part}"] / 2).exp() for part in ("head", "backbone")}
    part = {name: "head" if name.startswith("head.") else "backbone" for name in start}
    return {name: value + length[part[name]].to(value) * way[name] for name, value in start.items()}
