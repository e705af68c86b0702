"""The contract test: every learner × every kind, with and without examples."""

import dataclasses
from pathlib import Path

import pytest
import torch
from few import CLASSES, backbone, encoder, episode, kinds, start

from quickstudy.backbones.kept import KeptFeatures
from quickstudy.backbones.passages import Passages
from quickstudy.config import LEARNERS, build, reading
from quickstudy.core.params import same
from quickstudy.core.protocols import Learner, Slopes
from quickstudy.core.tensors import load_tensors, save_tensors
from quickstudy.core.types import Episode, Params, QuickstudyError
from quickstudy.learners.maml import Maml

KINDS = kinds()
SCOPES = ["head", "lora(2)", "last(1)", "all"]


def learner(name: str, scope: str) -> Learner:
    return build(LEARNERS, {"name": name}, "here", {"backbone": backbone(scope)})


def those_whose_slopes_are(what: Slopes) -> list[str]:
    return [name for name in LEARNERS if learner(name, "head").slopes == what]


def copied(params: Params) -> Params:
    return {name: value.clone() for name, value in params.items()}


@pytest.mark.parametrize("shots", [0, 2])
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("name", LEARNERS)
def test_a_learner_meets_a_kind(name: str, kind, shots: int, tmp_path: Path) -> None:
    """Shapes, finite slopes with theta's keys, theta untouched, and identical predictions after saving."""
    made = learner(name, "last(1)")
    theta, task = start(made), episode(kind, shots)
    before = copied(theta)

    adapted = made.adapt(theta, task.support, task.loss)
    scores = made.predict(theta, adapted, task.query)
    assert scores.shape == (3, 1, len(CLASSES))
    assert scores.isfinite().all()
    assert not any(value.requires_grad for value in adapted.values())

    slopes, loss = made.meta_gradient(theta, task, torch.Generator().manual_seed(0))
    assert slopes.keys() == theta.keys()
    assert all(slopes[key].shape == value.shape for key, value in theta.items())
    assert all(value.isfinite().all() for value in slopes.values())
    torch.testing.assert_close(loss, task.loss(scores, task.query))
    assert same(theta, before)

    save_tensors(tmp_path / "adapted", adapted, {})
    again, _ = load_tensors(tmp_path / "adapted")
    assert torch.equal(made.predict(theta, again, task.query), scores)


@pytest.mark.parametrize("shots", [0, 2])
@pytest.mark.parametrize("name", LEARNERS)
def test_a_learner_does_not_notice_that_features_are_kept(name: str, shots: int) -> None:
    made = learner(name, "last(1)")
    theta, task = start(made), episode(KINDS["one label"], shots)
    moving = tuple(key for key in theta if key.startswith("backbone."))
    kept = reading(made, Passages(KeptFeatures(encoder("last(1)"), moving)))
    found, wanted = (one.predict(theta, one.adapt(theta, task.support, task.loss), task.query) for one in (kept, made))
    torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("shots", [0, 2])
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("name", those_whose_slopes_are("exact"))
def test_an_exact_meta_gradient_agrees_with_finite_differences(name: str, scope: str, kind, shots: int) -> None:
    """Along a random direction, in float64, to a relative error of 1e-6, through adapt and predict themselves."""
    made = learner(name, scope)
    theta, task = start(made), episode(kind, shots)
    slopes, _ = made.meta_gradient(theta, task, torch.Generator())
    difference = finite_difference(made, theta, task, direction := random_direction(theta))
    found = sum((slopes[key] * direction[key]).sum() for key in theta)
    torch.testing.assert_close(found, difference, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("moves", [(), ("backbone.layers.1.",)], ids=["head alone", "one layer"])
def test_maml_is_exact_where_it_learns_more_than_it_moves(moves: tuple[str, ...]) -> None:
    made = Maml(backbone("all"), moves=moves, steps=3)
    theta, task = start(made), episode(KINDS["one label"], 2)
    slopes, _ = made.meta_gradient(theta, task, torch.Generator())
    difference = finite_difference(made, theta, task, direction := random_direction(theta))
    torch.testing.assert_close(
        sum((slopes[key] * direction[key]).sum() for key in theta), difference, rtol=1e-6, atol=1e-9
    )


def test_first_order_maml_differs_from_the_true_slope_and_is_the_slope_where_adaptation_ended() -> None:
    """FOMAML (Finn et al. 2017, section 5.2): the slope of the query loss at the adapted weights."""
    first, second = (Maml(backbone("last(1)"), order=order, steps=3) for order in (1, 2))
    theta, task = start(first), nameless_episode()
    found, _ = first.meta_gradient(theta, task, torch.Generator())
    true, _ = second.meta_gradient(theta, task, torch.Generator())
    moved = [name for name in theta if name.startswith("backbone.")]
    gap = torch.cat([(found[name] - true[name]).flatten() for name in moved]).norm()
    assert gap > 1e-3 * torch.cat([true[name].flatten() for name in moved]).norm()

    adapted = {name: value.requires_grad_() for name, value in first.adapt(theta, task.support, task.loss).items()}
    loss = task.loss(first.predict(theta, adapted, task.query), task.query)
    for name, slope in zip(moved, torch.autograd.grad(loss, [adapted[name] for name in moved]), strict=True):
        torch.testing.assert_close(found[name], slope)


def test_reptile_slopes_are_the_way_adaptation_went() -> None:
    """Nichol et al. 2018, eq. 4; one inner step gives the rate times the support's own slope."""
    made = dataclasses.replace(learner("reptile", "last(1)"), steps=1, rate=0.1, head_rate=0.1)
    theta, task = start(made), episode(KINDS["one label"], 2)
    slopes, _ = made.meta_gradient(theta, task, torch.Generator())
    one_step = Maml(made.backbone, steps=1, rate=0.1, head_rate=0.1, order=1)
    ended = one_step.adapt({**theta, "head.scale": torch.tensor(made.head_scale)}, task.support, task.loss)
    assert all(torch.equal(slopes[name], theta[name] - ended[name]) for name in theta)
    assert any(slope.abs().max() > 0 for slope in slopes.values())


@pytest.mark.parametrize("name", those_whose_slopes_are("none"))
def test_baselines_learn_nothing_across_tasks(name: str) -> None:
    assert learner(name, "all").init(torch.Generator()) == {}


@pytest.mark.parametrize("name", LEARNERS)
def test_a_kind_without_named_classes_is_refused_in_a_sentence(name: str) -> None:
    made = learner(name, "head")
    support = episode(KINDS["one label"], 2).support._replace(names=None)
    with pytest.raises(QuickstudyError, match="named classes"):
        made.adapt(start(made), support, KINDS["one label"].loss)


def nameless_episode() -> Episode:
    """Class names that say nothing: the head starts at zero, so that theta acts through the moving weights alone."""
    kind = KINDS["one label"]
    task = episode(kind, 2)
    silent = kind.encode([], dict.fromkeys("123", "")).names
    return task._replace(support=task.support._replace(names=silent), query=task.query._replace(names=silent))


def random_direction(theta: Params) -> Params:
    rng = torch.Generator().manual_seed(7)
    return {name: torch.randn(value.shape, generator=rng, dtype=value.dtype) for name, value in theta.items()}


def finite_difference(made: Learner, theta: Params, task, direction: Params) -> torch.Tensor:
    """The fourth-order central difference of the query loss after adaptation: that of the steps tried which differs
    least from the step before it (too long a step misses curvature, too short a one is lost in rounding)."""

    def loss(step: float) -> torch.Tensor:
        moved = {name: value + step * direction[name] for name, value in theta.items()}
        adapted = made.adapt(moved, task.support, task.loss)
        with torch.no_grad():
            return task.loss(made.predict(moved, adapted, task.query), task.query)

    def difference(h: float) -> torch.Tensor:
        return (8 * (loss(h) - loss(-h)) - (loss(2 * h) - loss(-2 * h))) / (12 * h)

    before, best, gap = difference(3e-5), None, float("inf")
    for h in (1e-5, 3e-6, 1e-6, 3e-7):
        now = difference(h)
        if abs(now - before) < gap:
            best, gap = now, abs(now - before)
        if gap <= 1e-8 * abs(now):
            break
        before = now
    return best
