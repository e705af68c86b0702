"""prior_head that learns from unlabelled text, too: a step of soft k-means (Ren et al. 2018, section 3.1).

The head made of examples and names guesses the classes of the unlabelled texts. The next head is made of both: a text
counts for each class by its probability p, and by `trust` and how many texts there are,

    weight_ik = p_ik min(1, trust (n + name_weight C) / P)

for n examples, C classes and P unlabelled texts, so that all of these weigh `trust` times what is known, and none more
than an example. Prior and minimum are prior_head's; both heads' units are centred on all texts. One step: with more,
the guesses confirm each other (docs/findings.md).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from quickstudy.core.params import detach
from quickstudy.core.protocols import Slopes
from quickstudy.core.types import Adapted, Batch, Episode, Loss, Params, Text
from quickstudy.learners import convex, heads
from quickstudy.learners.prior_head import PriorHead, away, believing, prior_of, rarity, scalar, tempered


@dataclass(frozen=True)
class SemiSupervised:
    """For units that have exactly one class. Nothing of it is learned across tasks but what prior_head learns."""

    inner: PriorHead
    pool: Text
    """P texts of one unit each"""
    trust: float = 1.0
    shots: float = 8.0
    """Examples a class, on average, up to which the pool is looked at. With more, and with none, it did not help on
    development sets (docs/findings.md)."""

    @property
    def slopes(self) -> Slopes:
        return self.inner.slopes

    def init(self, rng: torch.Generator) -> Params:
        return self.inner.init(rng)

    def adapt(self, theta: Params, support: Batch, loss: Loss) -> Adapted:
        shots = heads.judged(support.gold) / max(1, len(heads.named(support).tokens))
        if not len(self.pool.tokens) or not 0 < shots <= self.shots:
            return self.inner.adapt(theta, support, loss)
        theta = detach(theta)
        with torch.no_grad():
            names = heads.class_names(self.inner.backbone, theta, support)
            pool = self.inner.backbone.units(theta, self.pool).flatten(0, 1)
            known = self.inner.backbone.units(theta, support.text).view(-1, pool.shape[1])
        units = torch.cat([known, pool])
        member = heads.membership(support.gold, len(names)).to(pool)
        nothing = torch.zeros_like(pool[:, :1]).expand(-1, len(names))
        even = torch.cat([rarity(support.gold, len(names)).to(pool).expand(len(known), -1), nothing])
        alone = prior_of(theta, names, pool[:0], nothing[:0])

        def believe(head: Params) -> Params:
            return believing(theta, head, alone, known.view(*support.gold.shape[:2], -1), support, loss)

        first = tempered(theta, believe(_fitted(theta, names, units, torch.cat([member, nothing]), even)))
        guess = torch.softmax(heads.score(pool, first), dim=-1)
        counted = torch.cat([member, self._weight(theta, member, len(pool)) * guess])
        return tempered(theta, believe(_fitted(theta, names, units, counted, even)))

    def predict(self, theta: Params, adapted: Adapted, query: Batch) -> Tensor:
        return self.inner.predict(theta, adapted, query)

    def meta_gradient(self, theta: Params, episode: Episode, rng: torch.Generator) -> tuple[Params, Tensor]:
        """prior_head's: unlabelled text is of one task, not of many."""
        return self.inner.meta_gradient(theta, episode, rng)

    def _weight(self, theta: Params, member: Tensor, count: int) -> Tensor:
        """() what one unlabelled text counts."""
        said = member.sum() + scalar(theta, "name_weight", member) * member.shape[1]
        return (self.trust * said / count).clamp(max=1.0)


def _fitted(theta: Params, names: Tensor, units: Tensor, member: Tensor, even: Tensor) -> Params:
    """The head at prior_head's minimum, where unit i of (n, W) counts `member` (n, C) for each class, and all alike for
    their centre; `even` (n, C) is added to the scores while it is fitted (`prior_head.rarity`)."""
    prior = prior_of(theta, names, units, member)
    strength = scalar(theta, "strength", units)

    def objective(head: Params) -> Tensor:
        chances = torch.log_softmax(heads.score(units, head) + even, dim=-1)
        return strength * away(head, prior) / 2 - (member * chances).sum()

    return convex.minimum(objective, prior)
