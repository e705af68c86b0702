"""Policy gradient: follows a reward that has no derivative (REINFORCE, Williams 1992).

The scores of the query are a policy: each unit answers with a class drawn from their softmax, or, where several
classes may hold, with each class drawn by its own sigmoid. Answers come in antithetic pairs, from uniforms u and
1 - u. With r the reward of a row and b its baseline, the slope of

    -mean (r - b) log policy(answer)

is an unbiased estimate of that of minus the expected reward. It is taken through adaptation by the learner within.

The baseline of a row comes from its answers in the other pairs (leave-one-out, Kool et al. 2019; a pair's own members
depend on each other, so neither may stand in the other's). It is their reward weighed by w, the squared length of the
slope of log policy (Greensmith et al. 2004, section 4.2):

    b = sum r w / max(sum w, expected sum of w)

The mean reward, w = 1, makes things worse than no baseline where the policy is nearly sure: the rare wrong answer has
a long slope and, without a baseline, no weight.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from quickstudy.core.params import map_params
from quickstudy.core.protocols import Learner, Slopes
from quickstudy.core.types import Adapted, Batch, Episode, Loss, Params, QuickstudyError, Reward


@dataclass(frozen=True)
class PolicyGradient:
    """Adapts and predicts as `inner` does; across tasks it raises `Episode.reward` on the query.

    `pairs` of answers are drawn an episode. `ordinary` is the weight of the query loss beside the reward.
    """

    inner: Learner
    pairs: int = 4
    ordinary: float = 0.0

    def __post_init__(self) -> None:
        if self.inner.slopes == "none":
            raise QuickstudyError(
                f"policy_gradient cannot wrap {type(self.inner).__name__}, which learns nothing across tasks; wrap "
                "one that does, such as prior_head or maml"
            )
        if self.pairs < 2:
            raise QuickstudyError(f"policy_gradient: pairs is {self.pairs}; each needs another to compare with, give 2")

    @property
    def slopes(self) -> Slopes:
        return "approximate"

    def init(self, rng: torch.Generator) -> Params:
        return self.inner.init(rng)

    def adapt(self, theta: Params, support: Batch, loss: Loss) -> Adapted:
        return self.inner.adapt(theta, support, loss)

    def predict(self, theta: Params, adapted: Adapted, query: Batch) -> Tensor:
        return self.inner.predict(theta, adapted, query)

    def meta_gradient(self, theta: Params, episode: Episode, rng: torch.Generator) -> tuple[Params, Tensor]:
        reward = episode.reward
        if reward is None:
            raise QuickstudyError(
                "policy_gradient has no reward to follow; name one in the recipe, such as [episodes] "
                'reward = "exact_match"'
            )
        query = Batch(*episode.query)  # an object of its own: by it the loss knows the query from the support
        followed = False

        def loss(scores: Tensor, batch: Batch) -> Tensor:
            """The episode's own loss; on the query with the slope of the surrogate."""
            nonlocal followed
            plain = episode.loss(scores, batch)
            if batch is not query or not scores.requires_grad:
                return plain
            followed = True
            sought = surrogate(scores, query, reward, uniforms(scores, query, self.pairs, rng))
            sought = sought + self.ordinary * plain
            return plain.detach() + (sought - sought.detach())

        found = self.inner.meta_gradient(theta, episode._replace(query=query, loss=loss), rng)
        if theta and not followed:
            raise QuickstudyError(
                f"policy_gradient cannot wrap {type(self.inner).__name__}, whose slopes do not come from the query's "
                "loss; wrap one whose slopes do, such as prior_head or maml"
            )
        return found


class Estimates(NamedTuple):
    """What many estimates of one meta-gradient have in common, and how far they lie apart."""

    mean: Params
    variance: Params
    """of one estimate, entry by entry"""


def variance(learner: Learner, theta: Params, episode: Episode, rng: torch.Generator, draws: int) -> Estimates:
    """Mean and variance of `draws` (two at least) meta-gradients of the same episode."""
    mean = squares = map_params(torch.zeros_like, theta)
    for number in range(1, draws + 1):
        slopes, _ = learner.meta_gradient(theta, episode, rng)
        away = map_params(torch.sub, slopes, mean)
        mean = map_params(lambda m, a: m + a / number, mean, away)  # noqa: B023 (used at once)
        squares = map_params(lambda s, a, g, m: s + a * (g - m), squares, away, slopes, mean)
    return Estimates(mean, {name: value / (draws - 1) for name, value in squares.items()})


def uniforms(scores: Tensor, batch: Batch, pairs: int, rng: torch.Generator) -> Tensor:
    """(pairs, 2, B, U), or (pairs, 2, B, U, C) where several classes may hold: u and 1 - u."""
    shape = scores.shape if batch.gold.ndim == 3 else scores.shape[:2]
    u = torch.rand(pairs, 1, *shape, generator=rng, dtype=scores.dtype).clamp(min=1e-12).to(scores.device)
    return torch.cat([u, 1 - u], 1)


def surrogate(scores: Tensor, batch: Batch, reward: Reward, drawn: Tensor) -> Tensor:
    """() whose slope estimates that of minus the expected reward; `drawn` are uniforms (pairs, 2, B, U[, C])."""
    said = [answers(scores.detach(), batch, each) for each in drawn.flatten(0, 1)]
    rewards = torch.stack([reward(each, batch) for each in said]).to(scores)  # (2 pairs, B)
    logs = torch.stack([log_probability(scores, batch, each) for each in said])
    weights, expected = lengths(scores.detach(), batch, torch.stack(said))
    in_pairs = drawn.shape[:2]
    b = baselines(rewards.unflatten(0, in_pairs), weights.unflatten(0, in_pairs), expected)
    return -((rewards - b.flatten(0, 1)) * logs).mean()


def baselines(rewards: Tensor, weights: Tensor, expected: Tensor) -> Tensor:
    """(pairs, 2, B), of which each knows of the other pairs alone. Rewards and weights are of that shape; `expected`
    (B,) is a weight's mean."""
    above, below = (_others(each) for each in (rewards * weights, weights))
    least = 2 * (len(rewards) - 1) * expected
    return (above / torch.maximum(below, least).clamp(min=1e-30)).expand_as(rewards)


def lengths(scores: Tensor, batch: Batch, said: Tensor) -> tuple[Tensor, Tensor]:
    """The squared length of d log policy / d scores for answers (n, B, U, C): (n, B), and what it is expected to be
    (B,)."""
    share = torch.sigmoid(scores) if batch.gold.ndim == 3 else torch.softmax(_open(scores, batch), -1)
    counts = torch.ones_like(scores) if batch.open is None else batch.open[:, None].to(scores).expand_as(scores)
    if batch.gold.ndim == 2:
        counts = counts * (batch.gold >= 0)[..., None]
    return ((said - share).square() * counts).sum((-1, -2)), (share * (1 - share) * counts).sum((-1, -2))


def answers(scores: Tensor, batch: Batch, drawn: Tensor) -> Tensor:
    """Answers (B, U, C) of ones and zeros, by the inverse distribution function at uniforms (B, U) or (B, U, C)."""
    if batch.gold.ndim == 3:
        return (drawn < torch.sigmoid(_open(scores, batch))).to(scores)
    below = torch.softmax(_open(scores, batch), -1).cumsum(-1)
    place = (below < drawn[..., None] * below[..., -1:]).sum(-1)
    return F.one_hot(place, scores.shape[-1]).to(scores)


def log_probability(scores: Tensor, batch: Batch, said: Tensor) -> Tensor:
    """(B,): the logarithm of the probability that a row's judged units answer so."""
    if batch.gold.ndim == 3:
        each = -F.binary_cross_entropy_with_logits(scores, said, reduction="none")
        return (each if batch.open is None else each.masked_fill(~batch.open[:, None], 0.0)).sum((1, 2))
    each = torch.log_softmax(_open(scores, batch), -1).gather(-1, said.argmax(-1, keepdim=True))[..., 0]
    return each.masked_fill(batch.gold < 0, 0.0).sum(1)


def _others(each: Tensor) -> Tensor:
    """(pairs, 2, B) -> (pairs, 1, B): the sum over the other pairs."""
    pairs = each.sum(1, keepdim=True)
    return pairs.sum(0, keepdim=True) - pairs


def _open(scores: Tensor, batch: Batch) -> Tensor:
    return scores if batch.open is None else scores.masked_fill(~batch.open[:, None], float("-inf"))
