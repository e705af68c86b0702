"""The family of gradient descent against what its papers' theory says, with numbers, in float64."""

from dataclasses import replace

import pytest
import torch
from few import Vectors, backbone, episode, kinds, start, vector_task

from quickstudy.core.params import detach, inner, leaves, map_params, norm, slopes_of
from quickstudy.core.protocols import Learner
from quickstudy.core.types import OF_BACKBONE, Batch, DivergedError, Episode, Params, QuickstudyError
from quickstudy.learners import heads
from quickstudy.learners.anil import Anil
from quickstudy.learners.descent import moves
from quickstudy.learners.fine_tune import FineTune
from quickstudy.learners.imaml import Imaml
from quickstudy.learners.maml import Maml
from quickstudy.learners.maml_pp import MamlPP
from quickstudy.learners.meta_sgd import MetaSgd
from quickstudy.learners.proto_maml import ProtoMaml
from quickstudy.learners.prototypes import Prototypes
from quickstudy.learners.reptile import Reptile
from quickstudy.learners.sweep import plain_attention

KINDS = kinds()
RNG = torch.Generator()
KIND = KINDS["one label"]
BACKBONE = backbone("last(1)")
TASK = episode(KIND, 2)
SAME = TASK._replace(query=TASK.support)
"""judged on what it adapts to: only then do the expansions of Nichol et al. hold term by term"""


class Around:
    """The support's loss around the start of `Maml`: its slope g, products with its Hessian H, and what a slope at
    the start is as one of theta (the head's start is made of theta, too)."""

    def __init__(self, theta: Params, task: Episode) -> None:
        self.theta = leaves(theta)
        with plain_attention(True):
            self.start = {**moves(self.theta, OF_BACKBONE), **heads.start(BACKBONE, self.theta, task.support)}
            self.at = leaves(self.start)
            self.slope = slopes_of(self.loss(self.at, task.support), self.at, create_graph=True)

    def loss(self, at: Params, batch: Batch) -> torch.Tensor:
        return KIND.loss(heads.score(BACKBONE.units({**self.theta, **at}, batch.text), at), batch)

    def hessian(self, v: Params) -> Params:
        return slopes_of(inner(self.slope, v), self.at, retain_graph=True)

    def of_theta(self, slope: Params) -> Params:
        return slopes_of(inner(self.start, slope), self.theta, retain_graph=True)


def minus(first: Params, second: Params) -> Params:
    return map_params(torch.sub, first, second)


def times(number: float, params: Params) -> Params:
    return {name: number * value for name, value in params.items()}


def slopes(made: Learner, theta: Params, task: Episode) -> Params:
    return made.meta_gradient(theta, task, RNG)[0]


def along(first: Params, second: Params) -> float:
    """How much of `second` stands in `first`."""
    return float(inner(first, second) / inner(second, second))


def close(found: Params, wanted: Params, **tolerances: float) -> None:
    assert found.keys() == wanted.keys()
    for name in wanted:
        torch.testing.assert_close(
            found[name], wanted[name], msg=lambda said, name=name: f"{name}: {said}", **tolerances
        )


@pytest.mark.parametrize("rate", [0.01, 0.3])
def test_after_one_step_first_order_exceeds_maml_by_rate_times_hessian_times_query_slope(rate: float) -> None:
    """(1 - rate H) g_query against g_query: Finn et al. 2017, eq. 1; nothing is left over at any rate."""
    made = Maml(BACKBONE, steps=1, rate=rate, head_rate=rate)
    theta = start(made)
    around = Around(theta, TASK)
    ended = leaves(minus(around.at, times(rate, detach(around.slope))))
    query_slope = slopes_of(around.loss(ended, TASK.query), ended)
    gap = minus(slopes(replace(made, order=1), theta, TASK), slopes(made, theta, TASK))
    wanted = around.of_theta(times(rate, around.hessian(query_slope)))
    assert norm(wanted) > 1e-3
    close(gap, wanted, rtol=1e-9, atol=1e-11)


def test_first_order_comes_nearer_to_maml_in_proportion_to_the_rate() -> None:
    made = Maml(BACKBONE, steps=3)
    theta = start(made)
    gaps = [
        float(
            norm(
                minus(*(slopes(replace(made, rate=rate, head_rate=rate, order=order), theta, TASK) for order in (1, 2)))
            )
        )
        for rate in (2e-5, 1e-5, 5e-6)
    ]
    assert gaps[0] / gaps[1] == pytest.approx(2, rel=1e-2)
    assert gaps[1] / gaps[2] == pytest.approx(2, rel=1e-2)


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_reptile_is_a_sum_of_slopes_that_the_hessian_bends(steps: int) -> None:
    """theta - ended = rate (k g - rate k (k - 1) / 2 H g) + O(rate^3): Nichol et al. 2018, section 5.1."""
    made = Reptile(BACKBONE, steps=steps)
    theta = start(made)
    around = Around({**theta, "head.scale": torch.tensor(made.head_scale).double()}, TASK)
    slope = detach(around.slope)
    bend = around.hessian(slope)
    left = []
    for rate in (2e-5, 1e-5):
        wanted = minus(times(rate * steps, slope), times(rate**2 * steps * (steps - 1) / 2, bend))
        found = slopes(replace(made, rate=rate, head_rate=rate), theta, TASK)
        left.append(float(norm(minus(found, {name: wanted[name] for name in found}))))
    if steps == 1:
        assert max(left) < 1e-14
    else:
        assert left[0] / left[1] == pytest.approx(8, rel=0.02)


@pytest.mark.parametrize("steps", [1, 3])
def test_maml_first_order_and_reptile_turn_away_from_the_plain_slope_by_2k_k_and_half_k_minus_1(steps: int) -> None:
    """All are g - c rate H g for small rates, and only c differs (Nichol et al. 2018, section 5.1, where support and
    query are one): c = 2 k, k, (k - 1) / 2 after k steps."""
    rate = 1e-6
    maml, first, reptile = (
        Maml(BACKBONE, steps=steps, rate=rate, head_rate=rate),
        Maml(BACKBONE, steps=steps, rate=rate, head_rate=rate, order=1),
        Reptile(BACKBONE, steps=steps, rate=rate, head_rate=rate),
    )
    theta = start(maml)
    around = Around(theta, SAME)
    slope = detach(around.slope)
    bend = around.of_theta(around.hessian(slope))
    for made, wanted in ((maml, 2 * steps), (first, steps)):
        turned = minus(slopes(made, theta, SAME), around.of_theta(slope))
        assert along(turned, bend) / -rate == pytest.approx(wanted, rel=1e-3)

    theta = start(reptile)
    around = Around({**theta, "head.scale": torch.tensor(reptile.head_scale).double()}, SAME)
    slope = detach(around.slope)
    bend = {name: value for name, value in around.hessian(slope).items() if name in theta}
    mean = times(1 / (rate * steps), slopes(reptile, theta, SAME))
    turned = minus(mean, {name: slope[name] for name in theta})
    assert along(turned, bend) / -rate == pytest.approx((steps - 1) / 2, rel=1e-3, abs=1e-3)


def test_anil_is_maml_that_moves_the_head_alone() -> None:
    made, maml = Anil(BACKBONE, head_rate=0.2), Maml(BACKBONE, moves=(), rate=0.2, head_rate=0.2)
    theta = start(made)
    close(slopes(made, theta, TASK), slopes(maml, theta, TASK), rtol=0, atol=0)
    assert made.adapt(theta, TASK.support, TASK.loss).keys() == {"head.weight", "head.bias"}
    assert any(slope.abs().sum() > 0 for name, slope in slopes(made, theta, TASK).items() if name != "head.scale")


@pytest.mark.parametrize("kind", ["one label", "pairs"])
def test_meta_sgd_at_one_rate_is_maml_and_its_rates_slopes_add_up_to_that_of_the_one_rate(kind: str) -> None:
    task, rate = episode(KINDS[kind], 2), 0.05
    made, maml = (
        MetaSgd(BACKBONE, steps=3, rate=rate, head_rate=rate),
        Maml(BACKBONE, steps=3, rate=rate, head_rate=rate),
    )
    theta = start(maml)
    rates = {name: torch.full_like(value, rate, dtype=torch.float64) for name, value in made.init(RNG).items()}
    theta_sgd = {**rates, **theta}
    close(made.adapt(theta_sgd, task.support, task.loss), maml.adapt(theta, task.support, task.loss))
    found = slopes(made, theta_sgd, task)
    close({name: found[name] for name in theta}, slopes(maml, theta, task))

    def loss(h: float) -> torch.Tensor:
        other = replace(maml, rate=rate + h, head_rate=rate + h)
        return task.loss(other.predict(theta, other.adapt(theta, task.support, task.loss), task.query), task.query)

    with torch.no_grad():
        difference = (8 * (loss(1e-5) - loss(-1e-5)) - (loss(2e-5) - loss(-2e-5))) / 12e-5
    total = sum(slope.sum() for name, slope in found.items() if name.startswith("rate."))
    torch.testing.assert_close(total, difference, rtol=1e-6, atol=1e-9)


def pp(progress: float, **fields: float) -> tuple[MamlPP, Params, Params, Episode]:
    """MAML++ with all its rates 0.05, its theta and MAML's, and an episode so far into meta-training."""
    made = replace(MamlPP(BACKBONE, steps=3, rate=0.05, head_rate=0.05), **fields)
    theta = start(Maml(BACKBONE))
    rates = {
        f"rate.{name}": torch.full((3,), 0.05, dtype=torch.float64) for name in (*theta, "head.weight", "head.bias")
    }
    del rates["rate.head.scale"]
    return made, {**rates, **theta}, theta, TASK._replace(progress=progress)


@pytest.mark.parametrize("progress", [0.0, 0.2, 0.35, 0.5, 1.0])
def test_maml_pp_at_one_rate_is_a_weighted_sum_of_maml_of_every_length(progress: float) -> None:
    """Equal weights at first, the last step's alone from half of meta-training; first order before 0.3 of it."""
    made, theta, plain, task = pp(progress)
    early = {0.0: 1 / 3, 0.2: 0.2, 0.35: 0.1, 0.5: 0.0, 1.0: 0.0}[progress]
    shares = (early, early, 1 - 2 * early)
    maml = Maml(BACKBONE, rate=0.05, head_rate=0.05, order=1 if progress < 0.3 else 2)
    each = [times(share, slopes(replace(maml, steps=k + 1), plain, task)) for k, share in enumerate(shares)]
    found, loss = made.meta_gradient(theta, task, RNG)
    close({name: found[name] for name in plain}, map_params(lambda *parts: sum(parts), *each), rtol=1e-9, atol=1e-12)
    _, last = replace(maml, steps=3).meta_gradient(plain, task, RNG)
    torch.testing.assert_close(loss, last)


def test_maml_pp_half_way_has_the_exact_slopes_of_its_multi_step_loss() -> None:
    """By finite differences along a random direction, the rates of every step included."""
    made, theta, _, task = pp(0.5, last_alone_from=1.0)
    rng = torch.Generator().manual_seed(3)
    direction = {name: torch.randn(value.shape, generator=rng).double() for name, value in theta.items()}

    def loss(h: float) -> float:
        moved = {name: value + h * direction[name] for name, value in theta.items()}
        total = 0.0
        for steps, share in ((1, 1 / 6), (2, 1 / 6), (3, 2 / 3)):
            shorter = replace(made, steps=steps)
            adapted = shorter.adapt(moved, task.support, task.loss)
            with torch.no_grad():
                total += share * float(task.loss(shorter.predict(moved, adapted, task.query), task.query))
        return total

    difference = (8 * (loss(1e-5) - loss(-1e-5)) - (loss(2e-5) - loss(-2e-5))) / 12e-5
    found = slopes(made, theta, task)
    assert float(inner(found, direction)) == pytest.approx(difference, rel=1e-6)
    assert all(abs(float(found["rate.head.weight"][step])) > 0 for step in range(3))


def test_maml_pp_that_never_gets_exact_says_so() -> None:
    assert MamlPP(BACKBONE).slopes == "exact"
    assert replace(MamlPP(BACKBONE), second_order_from=2.0).slopes == "approximate"
    assert replace(MamlPP(BACKBONE), last_alone_from=2.0).slopes == "approximate"


def test_proto_maml_begins_as_prototypes_and_leaves_them_downhill() -> None:
    made, still = ProtoMaml(BACKBONE, rate=1e-3, head_rate=1e-3), Prototypes(BACKBONE)
    theta = start(made)
    before, none = (each.adapt(theta, TASK.support, TASK.loss) for each in (still, replace(made, steps=0)))
    close({name: none[name] for name in before}, before, rtol=0, atol=0)
    close(slopes(replace(made, steps=0), theta, TASK), slopes(still, theta, TASK))
    losses = [
        float(TASK.loss(made.predict(theta, adapted, TASK.support), TASK.support))
        for adapted in (none, made.adapt(theta, TASK.support, TASK.loss))
    ]
    assert losses[1] < losses[0]


def test_implicit_maml_ends_where_its_problem_has_no_slope() -> None:
    made = Imaml(BACKBONE)
    theta = start(made)
    around = Around(theta, TASK)
    ended = leaves(made.adapt(theta, TASK.support, TASK.loss))
    strength = {part: theta[f"strength.log_{part}"].exp() for part in ("head", "backbone")}
    pull = sum(
        strength[name.split(".")[0]] / 2 * (ended[name] - value.detach()).square().sum()
        for name, value in around.start.items()
    )
    slope = slopes_of(len(TASK.support.gold) * around.loss(ended, TASK.support) + pull, ended)
    assert max(float(value.abs().max()) for value in slope.values()) <= 1e-7
    assert norm(minus(detach(ended), detach(around.start))) > 1e-2


def test_implicit_maml_pulled_ever_harder_stays_at_the_start_a_slope_over_the_strength_away() -> None:
    """At the minimum strength (adapted - start) = -n slope there, which tends to the slope at the start."""
    made = Imaml(BACKBONE)
    theta = start(made)
    around = Around(theta, TASK)
    n = len(TASK.support.gold)
    left = []
    for strength in (1e5, 1e6):
        hard = {
            **theta,
            **{f"strength.log_{part}": torch.tensor(strength).double().log() for part in ("head", "backbone")},
        }
        ended = made.adapt(hard, TASK.support, TASK.loss)
        way = minus(ended, detach(around.start))
        assert norm(way) < 2 * n / strength * norm(detach(around.slope))
        left.append(float(norm(minus(times(-strength / n, way), detach(around.slope)))))
    assert left[0] / left[1] == pytest.approx(10, rel=0.1)


def squares(scores: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Half the mean squared distance to the classes' indicators."""
    wanted = heads.membership(batch.gold, scores.shape[-1]).to(scores)
    return (scores.flatten(0, 1) - wanted).square().sum() / (2 * len(wanted))


def test_implicit_maml_with_squares_is_ridge_regression_and_so_are_its_slopes() -> None:
    """W = W0 + (A'A + strength)^-1 A'(Y - A W0) for A = (units, 1), W0 = (scale names, 0)."""
    vectors, support, query = vector_task()
    made = Imaml(vectors)
    theta = leaves({name: value.double() for name, value in made.init(RNG).items()})
    one = torch.ones(30, 1, dtype=torch.float64)
    a, wanted = torch.cat([vectors.table[:30], one], 1), heads.membership(support.gold, 3).double()
    first = torch.cat([theta["head.scale"] * vectors.table[60:].T, torch.zeros(1, 3)])
    gram = a.T @ a + theta["strength.log_head"].exp() * torch.eye(a.shape[1], dtype=torch.float64)
    ridge = first + torch.linalg.solve(gram, a.T @ (wanted - a @ first))
    adapted = made.adapt(theta, support, squares)
    torch.testing.assert_close(adapted["head.weight"], ridge[:-1].T.detach(), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(adapted["head.bias"], ridge[-1].detach(), rtol=1e-9, atol=1e-9)
    value = squares((torch.cat([vectors.table[30:60], one], 1) @ ridge)[:, None], query)
    found, loss = made.meta_gradient(theta, Episode(support, query, squares), RNG)
    torch.testing.assert_close(loss, value.detach())
    close(found, slopes_of(value, theta), rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize(("rate", "step"), [(1e200, 2), (1e60, 4)])
def test_a_rate_that_diverges_names_the_step(rate: float, step: int) -> None:
    """With squares every step multiplies the head by about the rate, and the loss by its square, up to 1e308."""
    vectors, support, query = vector_task()
    for made in (
        Maml(vectors, rate=rate, head_rate=rate),
        Anil(vectors, head_rate=rate),
        ProtoMaml(vectors, rate=rate, head_rate=rate),
    ):
        with pytest.raises(DivergedError, match=f"diverged: at step {step} of 5 .*lower the learner's rate"):
            made.meta_gradient(start(made), Episode(support, query, squares), RNG)


@pytest.mark.parametrize("made", [Maml, Reptile, ProtoMaml, FineTune])
def test_a_last_step_that_diverges_is_no_result(made: type) -> None:
    """After it nothing is judged on the support that could show it."""
    vectors, support, _ = vector_task()
    learner = made(vectors, steps=1, head_rate=1e308)
    with pytest.raises(DivergedError, match=r"after its last step head.weight is not finite; lower the learner's rate"):
        learner.adapt(start(learner), support, lambda scores, batch: 100 * squares(scores, batch))


def test_a_problem_without_a_finite_minimum_is_refused() -> None:
    _, support, _ = vector_task()
    made = Imaml(Vectors(torch.full((63, 5), float("inf"), dtype=torch.float64)))
    with pytest.raises(DivergedError, match="no finite minimum"):
        made.adapt(start(made), support, squares)


@pytest.mark.parametrize("made", [Maml, ProtoMaml, Imaml])
def test_moves_that_name_no_weights_are_refused(made: type) -> None:
    wrong = made(BACKBONE, moves=("backbone.layers.7.",))
    with pytest.raises(QuickstudyError, match=r"`moves` names no weights.*'backbone.layers.7.'"):
        wrong.adapt(start(wrong), TASK.support, TASK.loss)
