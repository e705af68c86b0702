"""Policy gradient: an unbiased estimate, how much its variance is lowered, that it raises rewards, what it refuses."""

import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from few import backbone, episode, kinds, start
from torch import Tensor

from quickstudy import config
from quickstudy.core.params import map_params
from quickstudy.core.protocols import Learner
from quickstudy.core.types import IGNORE, Batch, Episode, Loss, Params, QuickstudyError, Reward, Text
from quickstudy.kinds.rewards import bleu, exact_match, example_f1, macro_f1, set_macro_f1
from quickstudy.learners.frozen_linear import FrozenLinear
from quickstudy.learners.maml import Maml
from quickstudy.learners.policy_gradient import (
    PolicyGradient,
    answers,
    baselines,
    log_probability,
    surrogate,
    uniforms,
    variance,
)
from quickstudy.learners.prototypes import Prototypes
from quickstudy.learners.reptile import Reptile

KINDS = kinds()
DRAWS = 80
EMPTY = episode(KINDS["one label"], 0).query.text
ONE = Batch(EMPTY, torch.tensor([[0], [2], [1], [2]]), None)
SEVERAL = Batch(EMPTY, torch.tensor([[[1.0, 0.0, 1.0]], [[0.0, 0.0, 0.0]], [[0.0, 1.0, 1.0]]]), None)


@pytest.mark.parametrize(("reward", "whole"), [(exact_match, exact_match), (macro_f1, set_macro_f1)])
def test_its_mean_is_the_slope_of_the_expected_reward(reward: Reward, whole: Reward) -> None:
    """Through adaptation itself: all answers to three questions are enumerated."""
    task = episode(KINDS["one label"], 2)._replace(reward=reward)
    made = PolicyGradient(Maml(backbone("head"), steps=2), pairs=4)
    theta = start(made)
    exact, _ = made.inner.meta_gradient(theta, task._replace(loss=expected(task, whole)), torch.Generator())
    found = variance(made, theta, task, torch.Generator().manual_seed(0), DRAWS)
    for name, slope in exact.items():
        error = float(found.variance[name] / DRAWS) ** 0.5
        assert 0 < error < 10 * abs(float(slope))
        assert abs(float(found.mean[name] - slope)) < 4 * error


@pytest.mark.parametrize(
    ("batch", "reward", "whole"),
    [
        (ONE, exact_match, exact_match),
        (ONE, macro_f1, set_macro_f1),
        (ONE._replace(gold=torch.tensor([[0, 2], [1, 1]])), bleu, bleu),
        (SEVERAL, exact_match, exact_match),
        (SEVERAL, example_f1, example_f1),
        (SEVERAL, macro_f1, set_macro_f1),
        (ONE._replace(gold=torch.tensor([[0], [IGNORE], [1], [2]])), macro_f1, set_macro_f1),
        (
            ONE._replace(open=torch.tensor([[1, 0, 1], [1, 1, 1], [0, 1, 1], [1, 1, 1]]).bool()),
            exact_match,
            exact_match,
        ),
    ],
    ids=[
        "one",
        "one, macro",
        "two in a row, bleu",
        "several",
        "several, example",
        "several, macro",
        "one unjudged",
        "some closed",
    ],
)
def test_the_surrogate_is_unbiased(batch: Batch, reward: Reward, whole: Reward) -> None:
    scores = table_for(batch)
    wanted = -slope_of(expectation(scores, batch, whole), scores)
    rng = torch.Generator().manual_seed(1)
    found = torch.stack(
        [slope_of(surrogate(scores, batch, reward, uniforms(scores, batch, 3, rng)), scores) for _ in range(150)]
    )
    error = found.std(0) / len(found) ** 0.5
    assert ((found.mean(0) - wanted).abs() <= 4.5 * error + 1e-12).all()
    assert wanted.norm() > 4 * error.norm()  # the test can tell


@pytest.mark.parametrize(("batch", "reward", "pairs_gain"), [(ONE, exact_match, 0.8), (SEVERAL, example_f1, 1.0)])
def test_baseline_and_antithetic_pairs_lower_the_variance(batch: Batch, reward: Reward, pairs_gain: float) -> None:
    scores = table_for(batch)
    rng = torch.Generator().manual_seed(2)

    def spread(slope) -> float:
        return float(torch.stack([slope() for _ in range(150)]).var(0).sum())

    def bare() -> Tensor:
        """As Williams has it: independent answers, no baseline."""
        said = [answers(scores, batch, each) for each in independent().flatten(0, 1)]
        terms = [(reward(each, batch) * log_probability(scores, batch, each)).mean() for each in said]
        return slope_of(-torch.stack(terms).mean(), scores)

    def independent() -> Tensor:
        return torch.cat([uniforms(scores, batch, 4, rng)[:, :1], uniforms(scores, batch, 4, rng)[:, :1]], 1)

    none = spread(bare)
    baseline = spread(lambda: slope_of(surrogate(scores, batch, reward, independent()), scores))
    both = spread(lambda: slope_of(surrogate(scores, batch, reward, uniforms(scores, batch, 4, rng)), scores))
    assert baseline < 0.7 * none
    assert both < pairs_gain * baseline


def test_macro_f1_row_by_row_has_less_variance_than_given_whole_to_every_row() -> None:
    gold = torch.arange(20)[:, None] % 3
    batch = Batch(EMPTY, gold, None)
    scores = torch.randn(20, 1, 3, generator=torch.Generator().manual_seed(0)).double().requires_grad_()
    rng = torch.Generator().manual_seed(3)

    def spread(reward: Reward) -> float:
        drawn = [uniforms(scores, batch, 4, rng) for _ in range(50)]
        return float(torch.stack([slope_of(surrogate(scores, batch, reward, u), scores) for u in drawn]).var(0).sum())

    rows, whole = spread(macro_f1), spread(lambda scores, batch: 20 * set_macro_f1(scores, batch).expand(20))
    assert rows < 0.2 * whole


def test_a_baseline_leaves_out_the_whole_pair() -> None:
    rewards = torch.tensor([[[1.0], [0.0]], [[1.0], [1.0]], [[0.0], [0.0]]])
    means = [[[0.5], [0.5]], [[0.25], [0.25]], [[0.75], [0.75]]]
    torch.testing.assert_close(baselines(rewards, torch.ones(3, 2, 1), torch.ones(1)), torch.tensor(means))
    weights = torch.tensor([[[1.0], [2.0]], [[1.0], [1.0]], [[3.0], [4.0]]])
    wanted = [2 / 9, 1 / 10, 3 / 8]  # the last of weights lighter than expected
    found = baselines(rewards, weights, torch.tensor([2.0]))
    torch.testing.assert_close(found[:, 0, 0], torch.tensor(wanted))
    assert torch.equal(found[:, 0], found[:, 1])


def test_answers_are_drawn_with_the_probabilities_of_the_scores() -> None:
    scores = table_for(ONE).detach()[:1]
    batch = ONE._replace(gold=ONE.gold[:1])
    drawn = uniforms(scores, batch, 4000, torch.Generator().manual_seed(0)).flatten(0, 1)
    said = torch.stack([answers(scores, batch, each) for each in drawn])
    torch.testing.assert_close(said.mean(0), torch.softmax(scores, -1), atol=0.02, rtol=0)
    torch.testing.assert_close(
        log_probability(scores, batch, said[0]).exp(), (said[0] * torch.softmax(scores, -1)).sum((1, 2))
    )


@pytest.mark.parametrize("inner", ["prior_head", "maml", "fine_tune", "prototypes", "maml_pp", "learned_optimizer"])
def test_it_wraps_what_follows_the_query_loss(inner: str) -> None:
    """The value is the plain loss of the learner within, and the slope another than its own."""
    made = config.build(
        config.LEARNERS, {"name": "policy_gradient", "inner": inner}, "here", {"backbone": backbone("last(1)")}
    )
    theta, task = start(made), episode(KINDS["one label"], 2)
    own, wanted = made.inner.meta_gradient(theta, task, torch.Generator())
    slopes, loss = made.meta_gradient(theta, task, torch.Generator().manual_seed(0))
    assert torch.equal(loss, wanted)
    assert slopes.keys() == own.keys()
    assert any(not torch.equal(slopes[name], own[name]) for name in own)


def test_the_ordinary_loss_may_weigh_in() -> None:
    theta, task = start(Maml(backbone())), episode(KINDS["one label"], 2)
    own, _ = Maml(backbone()).meta_gradient(theta, task, torch.Generator())
    without, mixed = (
        PolicyGradient(Maml(backbone()), ordinary=weight).meta_gradient(theta, task, torch.Generator().manual_seed(0))[
            0
        ]
        for weight in (0.0, 0.5)
    )
    torch.testing.assert_close(mixed, map_params(lambda reward, loss: reward + 0.5 * loss, without, own))


def test_what_it_cannot_wrap_is_refused() -> None:
    with pytest.raises(QuickstudyError, match="cannot wrap FrozenLinear, which learns nothing"):
        PolicyGradient(FrozenLinear(backbone()))
    with pytest.raises(QuickstudyError, match="pairs is 1"):
        PolicyGradient(Maml(backbone()), pairs=1)
    made, task = PolicyGradient(Reptile(backbone("last(1)"))), episode(KINDS["one label"], 2)
    with pytest.raises(QuickstudyError, match="cannot wrap Reptile, whose slopes do not come from"):
        made.meta_gradient(start(made), task, torch.Generator())
    with pytest.raises(QuickstudyError, match=r"no reward to follow; name one in the recipe, such as \[episodes\]"):
        PolicyGradient(Maml(backbone())).meta_gradient({}, task._replace(reward=None), torch.Generator())


@pytest.mark.parametrize(("reward", "measured"), [(exact_match, exact_match), (macro_f1, set_macro_f1)])
def test_meta_training_raises_the_reward(reward: Reward, measured: Reward) -> None:
    """Which numbers matter is the same in all tasks: two of ten; the others are louder."""
    made = PolicyGradient(Prototypes(Weighed(10), scale=0.3))
    theta = made.init(torch.Generator())
    others = [toy(seed, reward) for seed in range(1000, 1020)]
    before = judged(made, theta, others, measured)
    outer = torch.optim.Adam([value.requires_grad_() for value in theta.values()], lr=0.1)
    for step in range(40):
        for_tasks = [
            made.meta_gradient(theta, toy(2 * step + place, reward), torch.Generator().manual_seed(step))[0]
            for place in range(2)
        ]
        for name, value in theta.items():
            value.grad = (for_tasks[0][name] + for_tasks[1][name]) / 2
        outer.step()
    after = judged(made, theta, others, measured)
    assert after > before + 0.2


class Weighed:
    """A backbone whose vectors are the tokens themselves, each number times a learned weight."""

    def __init__(self, width: int) -> None:
        self.width = width

    def init(self, rng: torch.Generator) -> Params:
        return {"backbone.weight": torch.ones(self.width)}

    def units(self, params: Params, text: Text, lower=None) -> Tensor:
        return (text.tokens.float() * params["backbone.weight"])[:, None]


def toy(seed: int, reward: Reward) -> Episode:
    """Three classes, three examples of each, that differ in the first two numbers alone."""
    rng = torch.Generator().manual_seed(seed)
    centres, gold = torch.randn(3, 2, generator=rng) * 2, torch.arange(18) % 3
    numbers = torch.cat(
        [centres[gold] + 0.3 * torch.randn(18, 2, generator=rng), 2 * torch.randn(18, 8, generator=rng)], 1
    )
    names = vectors(torch.zeros(3, 10))
    support, query = (Batch(vectors(numbers[some]), gold[some, None], names) for some in (slice(0, 9), slice(9, 18)))
    return Episode(support, query, KINDS["one label"].loss, reward)


def vectors(numbers: Tensor) -> Text:
    rows = len(numbers)
    return Text(numbers, torch.ones(numbers.shape).byte(), torch.zeros(rows, 1, 1, 2).long())


def judged(made: Learner, theta: Params, tasks: list[Episode], reward: Reward) -> float:
    total = 0.0
    for task in tasks:
        adapted = made.adapt(theta, task.support, task.loss)
        with torch.no_grad():
            total += float(reward(made.predict(theta, adapted, task.query), task.query).mean())
    return total / len(tasks)


def table_for(batch: Batch) -> Tensor:
    """Scores (B, 1, 3) of somebody who is right more often than not."""
    rng = torch.Generator().manual_seed(5)
    gold = batch.gold if batch.gold.ndim == 3 else F.one_hot(batch.gold.clamp(min=0), 3)
    return (torch.randn(gold.shape, generator=rng).double() + 2 * gold - 0.5).requires_grad_()


def slope_of(value: Tensor, scores: Tensor) -> Tensor:
    return torch.autograd.grad(value, scores)[0]


def expected(task: Episode, reward: Reward) -> Loss:
    """The episode's own loss on the support, minus the expected reward on the query."""
    return lambda scores, batch: (
        -expectation(scores, batch, reward) if batch is task.query else task.loss(scores, batch)
    )


def expectation(scores: Tensor, batch: Batch, reward: Reward) -> Tensor:
    """Over all answers there are, each with its probability."""
    rows, units, classes = scores.shape
    one = [torch.eye(classes)[place] for place in range(classes)]
    if batch.gold.ndim == 3:
        one = [torch.tensor(each, dtype=torch.float) for each in itertools.product((0, 1), repeat=classes)]
    total, mass = torch.zeros(()).to(scores), 0.0
    for said in itertools.product(one, repeat=rows * units):
        table = torch.stack(said).view(rows, units, classes).to(scores)
        if batch.open is not None and (table * ~batch.open[:, None]).any():
            continue
        chance = log_probability(scores, batch, table).sum().exp()
        total, mass = total + chance * reward(table, batch).mean(), mass + float(chance.detach())
    unjudged = int((batch.gold < 0).sum()) if batch.gold.ndim == 2 else 0
    assert math.isclose(mass, classes**unjudged)  # what nobody judges counts once for each answer
    return total / classes**unjudged
