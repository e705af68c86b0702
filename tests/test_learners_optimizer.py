"""The learned optimizer: what it starts as, how long loops are cut, and that it learns to optimise."""

import dataclasses

import pytest
import torch
from few import backbone, episode, kinds, start
from torch import Tensor

from quickstudy.core.params import detach, same
from quickstudy.core.types import Batch, Episode, Params, QuickstudyError, Text
from quickstudy.learners.descent import arrive
from quickstudy.learners.learned_optimizer import LearnedOptimizer, rule
from quickstudy.learners.maml import Maml
from quickstudy.learners.updates import Place

TASK = episode(kinds()["one label"], 2)


def test_it_starts_as_gradient_descent() -> None:
    read = backbone("last(1)")
    made, plain = (
        LearnedOptimizer(read, rate=0.3, head_rate=0.3, steps=3),
        Maml(read, rate=0.3, head_rate=0.3, steps=3),
    )
    theta = {name: value.double() for name, value in made.init(torch.Generator().manual_seed(1)).items()}
    ended, wanted = (learner.adapt(theta, TASK.support, TASK.loss) for learner in (made, plain))
    assert ended.keys() == wanted.keys()
    for name in wanted:
        torch.testing.assert_close(ended[name], wanted[name])


def test_momentum_is_within_its_reach() -> None:
    """With the right last layer it is gradient descent along the average of the slopes, its start corrected for."""
    made = LearnedOptimizer(backbone("head"), steps=3, head_rate=0.3)
    theta = {name: value.double() for name, value in made.init(torch.Generator().manual_seed(1)).items()}
    theta["optimizer.out_bias"] = torch.tensor([-1e9, 0.0, 1.0, 0.0, 0.0]).double()  # the second decay, 0.9, alone
    at = {name: value.requires_grad_() for name, value in start_of(made, theta).items()}
    units = made.backbone.units(theta, TASK.support.text)
    average = {name: torch.zeros_like(value) for name, value in at.items()}
    for step in range(3):
        value = TASK.loss(units @ at["head.weight"].T + at["head.bias"], TASK.support)
        for name, slope in zip(at, torch.autograd.grad(value, list(at.values())), strict=True):
            average[name] = 0.9 * average[name] + 0.1 * slope
            at[name] = (at[name] - 0.3 * average[name] / (1 - 0.9 ** (step + 1))).detach().requires_grad_()
    ended = made.adapt(theta, TASK.support, TASK.loss)
    for name in at:
        torch.testing.assert_close(ended[name], at[name].detach())


@pytest.mark.parametrize("steps", [4, 5])
def test_truncated_slopes_are_the_mean_of_those_of_the_segments(steps: int) -> None:
    """Each segment by finite differences of its own, from where a shorter adaptation ends."""
    made = LearnedOptimizer(backbone("last(1)"), steps=steps, truncate=2)
    assert made.slopes == "approximate"
    theta = start(made)
    slopes, loss = made.meta_gradient(theta, TASK, torch.Generator())
    rng = torch.Generator().manual_seed(7)
    direction = {name: torch.randn(value.shape, generator=rng).double() for name, value in theta.items()}

    def segment(first: int) -> float:
        def ended(to: float) -> float:
            moved = {name: value + to * 1e-5 * direction[name] for name, value in theta.items()}
            begin = start_of(made, moved)
            averages: Params = {}
            if first:  # the way there, with theta as it is
                update, before = rule(theta, 0, made._rate), Place(start_of(made, theta), {})
                there = arrive(made.backbone, theta, before, TASK.support, TASK.loss, first, update, 1)
                begin, averages = detach(there.at), detach(there.state)
                short = dataclasses.replace(made, steps=first).adapt(theta, TASK.support, TASK.loss)
                assert same(begin, short)
            update, length = rule(moved, first, made._rate), min(2, steps - first)
            place = Place(begin, averages)
            at = detach(arrive(made.backbone, moved, place, TASK.support, TASK.loss, length, update, 1).at)
            return float(TASK.loss(made.predict(moved, at, TASK.query), TASK.query))

        return (8 * (ended(1) - ended(-1)) - (ended(2) - ended(-2))) / 12e-5

    parts = [segment(first) for first in range(0, steps, 2)]
    found = sum(float((slopes[name] * direction[name]).sum()) for name in theta)
    assert found == pytest.approx(sum(parts) / len(parts), rel=1e-5)
    adapted = made.adapt(theta, TASK.support, TASK.loss)
    torch.testing.assert_close(loss, TASK.loss(made.predict(theta, adapted, TASK.query), TASK.query))


def test_a_loop_that_is_not_cut_has_the_exact_slopes_and_one_that_is_has_not() -> None:
    whole = LearnedOptimizer(backbone("head"), steps=6, truncate=6)
    theta = start(whole)
    exact, _ = whole.meta_gradient(theta, TASK, torch.Generator())
    longer, _ = dataclasses.replace(whole, truncate=100).meta_gradient(theta, TASK, torch.Generator())
    cut, _ = dataclasses.replace(whole, truncate=3).meta_gradient(theta, TASK, torch.Generator())
    first, _ = dataclasses.replace(whole, order=1).meta_gradient(theta, TASK, torch.Generator())
    assert same(exact, longer)
    for other in (cut, first):
        assert (other["optimizer.out"] - exact["optimizer.out"]).norm() > 1e-3 * exact["optimizer.out"].norm()
    assert [dataclasses.replace(whole, order=order).slopes for order in (1, 2)] == ["approximate", "exact"]


def test_a_segment_without_steps_is_refused() -> None:
    with pytest.raises(QuickstudyError, match="truncate is 0"):
        LearnedOptimizer(backbone(), truncate=0)


def test_meta_trained_on_quadratics_it_beats_the_best_constant_rate_on_others() -> None:
    """Andrychowicz et al. 2016, section 3.1: |W x - y|^2 of ten dimensions, W and y Gaussian; here with a bias."""
    made = LearnedOptimizer(Rows(10), steps=12, head_rate=0.1, order=1)
    theta = made.init(torch.Generator().manual_seed(0))
    moving = {name: value.clone().requires_grad_() for name, value in theta.items() if name.startswith("optimizer.")}
    outer = torch.optim.Adam(list(moving.values()), lr=0.003)
    for step in range(100):
        outer.param_groups[0]["lr"] = 0.003 * (1 - step / 100)
        slopes, _ = made.meta_gradient({**theta, **detach(moving)}, quadratics(step), torch.Generator())
        for name, value in moving.items():
            value.grad = slopes[name]
        outer.step()
    others = [quadratics(seed) for seed in range(10_000, 10_020)]
    learned = ended_at(made, {**theta, **detach(moving)}, others)
    constant = {
        rate: ended_at(Maml(made.backbone, steps=12, rate=rate, head_rate=rate), theta, others) for rate in RATES
    }
    assert min(constant, key=constant.__getitem__) not in (RATES[0], RATES[-1])
    assert learned < 0.9 * min(constant.values())


RATES = [0.01 * 1.25**power for power in range(16)]


class Rows:
    """A backbone whose vectors are the tokens themselves, as numbers."""

    def __init__(self, width: int) -> None:
        self.width = width

    def init(self, rng: torch.Generator) -> Params:
        return {}

    def units(self, params: Params, text: Text, lower=None) -> Tensor:
        return text.tokens[:, None].float()


def quadratics(seed: int, number: int = 8) -> Episode:
    """Quadratics that share W; the query is the support."""
    rng = torch.Generator().manual_seed(seed)
    w, y = torch.randn(10, 10, generator=rng), torch.randn(10, 1, number, generator=rng)
    nothing = torch.zeros(10, 1, 1, 2).long()
    names = Text(torch.zeros(number, 10), torch.ones(number, 10).byte(), nothing[:1].expand(number, -1, -1, -1))
    batch = Batch(Text(w, torch.ones(10, 10).byte(), nothing), y, names)
    return Episode(batch, batch, lambda scores, batch: (scores - batch.gold).square().sum((1, 2)).mean())


def ended_at(learner, theta: Params, tasks: list[Episode]) -> float:
    """The mean loss after adaptation."""
    total = 0.0
    for task in tasks:
        ended = learner.adapt(theta, task.support, task.loss)
        total += float(task.loss(learner.predict(theta, ended, task.query), task.query))
    return total / len(tasks)


def start_of(made: LearnedOptimizer, theta: Params) -> Params:
    """Where adaptation begins: what no step leads to."""
    return dataclasses.replace(made, steps=0).adapt(theta, TASK.support, TASK.loss)
