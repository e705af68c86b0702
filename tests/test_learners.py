"""Each learner against a closed form, the field's own library, or what its paper says."""

import math

import pytest
import torch
import torch.nn.functional as F
from few import CLASSES, Vectors, encoder, episode, kinds, rows, start, vector_task
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from quickstudy.core.params import detach, leaves, same, slopes_of
from quickstudy.core.types import IGNORE, Batch
from quickstudy.learners import convex
from quickstudy.learners.descent import path
from quickstudy.learners.fine_tune import FineTune
from quickstudy.learners.frozen_linear import FrozenLinear
from quickstudy.learners.maml import Maml
from quickstudy.learners.names_alone import NamesAlone
from quickstudy.learners.neighbours import Neighbours
from quickstudy.learners.prior_head import PriorHead, believing, rarity
from quickstudy.learners.prototypes import Prototypes
from quickstudy.learners.updates import at_rate

KIND = kinds()["one label"]


def test_frozen_linear_is_scikit_learns_logistic_regression() -> None:
    backbone, support, query = vector_task()
    made = FrozenLinear(backbone)
    adapted = made.adapt({}, support, KIND.loss)
    scores = made.predict({}, adapted, query)[:, 0]
    peer = LogisticRegression(C=1.0, tol=1e-10, max_iter=5000)
    peer.fit(backbone.table[:30].numpy(), support.gold[:, 0].numpy())
    wanted = torch.from_numpy(peer.predict_proba(backbone.table[30:60].numpy()))
    torch.testing.assert_close(torch.softmax(scores, -1), wanted, atol=1e-4, rtol=0)


@pytest.mark.parametrize("k", [1, 5])
def test_neighbours_agree_with_scikit_learn(k: int) -> None:
    backbone, support, query = vector_task(seed=1)
    made = Neighbours(backbone, k=k)
    adapted = made.adapt({}, support, KIND.loss)
    said = made.predict({}, adapted, query)[:, 0].argmax(-1)
    peer = KNeighborsClassifier(k, metric="cosine", weights=lambda distance: 1 - distance / 2)
    peer.fit(backbone.table[:30].numpy(), support.gold[:, 0].numpy())
    assert (said.numpy() == peer.predict(backbone.table[30:60].numpy())).all()


def test_prototypes_rank_by_squared_distance() -> None:
    """Snell et al. 2017, eqs. 1 and 2."""
    backbone, support, query = vector_task(seed=2)
    made = Prototypes(backbone, scale=1.5)
    theta = {"head.log_scale": torch.tensor(1.5).double().log()}
    scores = made.predict(theta, made.adapt(theta, support, KIND.loss), query)[:, 0]
    means = torch.stack([backbone.table[:30][support.gold[:, 0] == c].mean(0) for c in range(3)])
    distance = torch.cdist(backbone.table[30:60], means).square()
    torch.testing.assert_close(torch.softmax(scores, -1), torch.softmax(-1.5 * distance, -1))


def test_with_no_example_prior_head_is_the_names_prior() -> None:
    backbone, support, query = vector_task(seed=3)
    made = PriorHead(backbone, scale=7.0)
    theta = {name: value.double() for name, value in made.init(torch.Generator()).items()}
    empty = support._replace(text=rows(torch.arange(0)), gold=support.gold[:0])
    scores = made.predict(theta, made.adapt(theta, empty, KIND.loss), query)[:, 0]
    names = backbone.table[60:]
    torch.testing.assert_close(
        torch.softmax(scores, -1), torch.softmax(7.0 * backbone.table[30:60] @ names.T, -1), rtol=1e-5, atol=1e-7
    )


def test_the_minimum_of_prior_head_is_solved_to_1e_10() -> None:
    """Its own objective, written out again, has no slope where adaptation ended, before it goes towards the names."""
    backbone, support, _ = vector_task(seed=4)
    made = PriorHead(backbone, scale=0.3, strength=0.5, name_weight=2.0)
    theta = {name: value.double() for name, value in made.init(torch.Generator()).items()}
    units, gold, names = backbone.table[:30], support.gold[:, 0], backbone.table[60:]
    scalar = {name.removeprefix("prior.log_"): value.exp() for name, value in theta.items()}
    own = {"head.weight": scalar["scale"] * (names - names.mean(0)), "head.bias": torch.zeros(3).double()}
    saved = 1 - F.cross_entropy(units @ own["head.weight"].T, gold) / math.log(3)
    assert saved > 0
    share = (1 - math.exp(-4 * saved)) * scalar["name_weight"] / (scalar["name_weight"] + 1.5 * len(units))
    adapted = made.adapt(theta, support, KIND.loss)
    head = leaves({name: (value - share * own[name]) / (1 - share) for name, value in adapted.items()})
    centre = units.mean(0)
    count = torch.bincount(gold, minlength=3)[:, None]
    means = torch.stack([units[gold == c].mean(0) for c in range(3)])
    pulled = scalar["name_weight"] * (names - names.mean(0)) + count * (means - centre)
    prior = scalar["scale"] * pulled / (scalar["name_weight"] + count)
    away = (head["head.weight"] - prior).square().sum() + (head["head.bias"] + prior @ centre).square().sum()
    scores = units @ head["head.weight"].T + head["head.bias"] + rarity(support.gold, len(head["head.bias"]))
    fit = F.cross_entropy(scores, gold, reduction="sum")
    slopes = slopes_of(fit + scalar["strength"] * away / 2, head)
    assert max(float(slope.abs().max()) for slope in slopes.values()) <= 1e-9


def test_names_are_believed_by_what_they_save_of_the_examples_loss() -> None:
    """The same names, of the right classes and of each other's: the latter leave the fitted head as it is."""
    backbone, support, _ = vector_task(seed=4)
    units, gold = backbone.table[:30], support.gold[:, 0]
    means = F.normalize(torch.stack([units[gold == c].mean(0) for c in range(3)]), dim=-1)
    theta = PriorHead(backbone, scale=0.3).init(torch.Generator())
    for order, believed in (((0, 1, 2), True), ((1, 2, 0), False)):
        made = PriorHead(Vectors(torch.cat([backbone.table[:60], means[list(order)]])))
        found, prior, names = made._prior(theta, support)
        fitted = {name: value + 0.1 for name, value in prior.items()}
        head = believing(theta, fitted, names, found, support, KIND.loss)
        assert same(head, fitted) != believed
        nearer = [(fitted[name] - names[name]).norm() - (head[name] - names[name]).norm() for name in head]
        assert all(by > 0 for by in nearer) == believed


def test_more_examples_move_prior_head_from_the_names_to_the_data() -> None:
    backbone, support, query = vector_task(seed=5, n=60)
    made = PriorHead(backbone)
    theta = made.init(torch.Generator())
    right = []
    for n in (0, 3, 60):
        part = support._replace(text=rows(torch.arange(n)), gold=support.gold[:n])
        scores = made.predict(theta, made.adapt(theta, part, KIND.loss), query)[:, 0]
        right.append(float((scores.argmax(-1) == query.gold[:, 0]).double().mean()))
    assert right[0] < right[2]
    assert right[2] > 0.7


def test_uneven_counts_are_made_up_for_while_they_are_few() -> None:
    """Logits adjusted by the logarithms of the counts over their mean; less so with more examples."""
    even = torch.tensor([[0], [1], [2], [0], [1], [2]])
    assert torch.equal(rarity(even, 3), torch.zeros(3))
    uneven = torch.tensor([[0]] * 9 + [[1]])
    found = rarity(uneven, 2)
    assert torch.allclose(found, 5 / (5 + 5) * torch.tensor([9.5 / 5.5, 1.5 / 5.5]).log())
    assert rarity(uneven.repeat(100, 1), 2).abs().max() < 0.02 * found.abs().max() + 0.02
    count = torch.tensor([1.0] * 10 + [0.0] * 30) + 1 / 40
    expected = 5 / (5 + 10 / 40) * (count / count.mean()).log()
    assert torch.allclose(rarity(torch.arange(10)[:, None], 40), expected)  # among many, absent says little
    assert torch.equal(rarity(torch.ones(4, 1, 2), 2), torch.zeros(2))  # several labels may hold
    assert rarity(torch.tensor([[0], [IGNORE]]), 2).isfinite().all()


def test_an_uneven_support_does_not_drown_the_rare_class() -> None:
    """Nine examples of one class and one of another: the other's scores are not pushed down by being rare."""
    backbone, support, query = vector_task(seed=5, n=60)
    first, second = (support.gold[:, 0] == place for place in (0, 1))
    picked = torch.cat([first.nonzero()[:9, 0], second.nonzero()[:1, 0]])
    made = PriorHead(backbone)
    theta = made.init(torch.Generator())
    part = support._replace(text=rows(picked), gold=support.gold[picked])
    evened = made.predict(theta, made.adapt(theta, part, KIND.loss), query)[:, 0]

    def plain(scores: torch.Tensor, batch: Batch) -> torch.Tensor:
        return KIND.loss(scores - rarity(part.gold, scores.shape[-1]).to(scores), batch)

    as_they_come = made.predict(theta, made.adapt(theta, part, plain), query)[:, 0]
    leads = [(scores[:, 1] - scores[:, 0]).mean() for scores in (evened, as_they_come)]
    assert leads[0] > leads[1] + 0.1


def test_the_minimum_of_a_quadratic_and_slopes_through_it() -> None:
    """f = |A w - b|^2 / 2 + a |w|^2 / 2 has w* = (A'A + a)^-1 A'b; and d w*/d b by hand."""
    rng = torch.Generator().manual_seed(0)
    a = torch.randn(8, 4, generator=rng, dtype=torch.float64)
    theta = leaves({"b": torch.randn(8, generator=rng, dtype=torch.float64)})

    def objective(w: dict) -> torch.Tensor:
        return ((a @ w["w"] - theta["b"]).square().sum() + 0.3 * w["w"].square().sum()) / 2

    found = convex.minimum(lambda w: objective(w), {"w": torch.zeros(4, dtype=torch.float64)})
    inverse = torch.linalg.inv(a.T @ a + 0.3 * torch.eye(4, dtype=torch.float64))
    torch.testing.assert_close(found["w"], (inverse @ a.T @ theta["b"]).detach(), rtol=1e-9, atol=1e-9)
    slopes, value = convex.slopes_through(objective, lambda w: w["w"].square().sum(), found, theta)
    torch.testing.assert_close(slopes["b"], 2 * a @ inverse @ found["w"], rtol=1e-8, atol=1e-9)
    torch.testing.assert_close(value, found["w"].square().sum())


@pytest.mark.parametrize("order", [1, 2])
def test_descent_on_a_quadratic_is_the_closed_form(order) -> None:
    """w <- w - rate h w for loss h w^2 / 2, so w_k = (1 - rate h)^k w_0; order 1 has the identity as its slope."""
    start_at = leaves({"w": torch.tensor([2.0, -1.0], dtype=torch.float64)})
    *_, ended = path(lambda at: (3 * at["w"].square()).sum() / 2, start_at, 4, at_rate(0.1, 0.1), order)
    torch.testing.assert_close(ended["w"].detach(), 0.7**4 * start_at["w"].detach())
    slope = slopes_of(ended["w"].sum(), start_at)["w"]
    torch.testing.assert_close(slope, torch.full_like(slope, 0.7**4 if order == 2 else 1.0))


def test_order_two_of_zero_steps_is_the_plain_slope() -> None:
    made = Maml(encoder("last(1)"), steps=0)
    theta, task = start(made), episode(KIND, 2)
    slopes, _ = made.meta_gradient(theta, task, torch.Generator())
    at = leaves(theta)
    adapted = {name: value for name, value in made.adapt(theta, task.support, task.loss).items() if name[:4] == "head"}
    assert adapted["head.weight"].abs().max() > 0
    names = made.backbone.units(at, task.query.names)[:, 0]
    units = made.backbone.units(at, task.query.text)
    loss = task.loss(units @ (at["head.scale"] * names).T, task.query)
    wanted = slopes_of(loss, at)
    for name in theta:
        torch.testing.assert_close(slopes[name], wanted[name])


def test_fine_tuning_without_names_starts_at_chance_and_fits_its_support() -> None:
    made = FineTune(encoder("all"), steps=200, rate=1e-2)
    theta, task = start(made), episode(KIND, 3)
    empty = episode(KIND, 0).support
    flat = made.predict(theta, made.adapt(theta, empty, task.loss), task.query)
    assert flat.abs().max() == 0
    fitted = made.predict(theta, made.adapt(theta, task.support, task.loss), task.support)[:, 0]
    assert (fitted.argmax(-1) == task.support.gold[:, 0]).all()


def test_names_alone_ignores_examples() -> None:
    made = NamesAlone(encoder())
    first = made.adapt({}, episode(KIND, 0).support, KIND.loss)
    second = made.adapt({}, episode(KIND, 2).support, KIND.loss)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_adapting_leaves_no_graph_and_no_gradient() -> None:
    made = Maml(encoder("all"))
    theta = leaves(start(made))
    adapted = made.adapt(theta, episode(KIND, 2).support, KIND.loss)
    assert all(value.grad_fn is None and not value.requires_grad for value in adapted.values())
    assert all(value.grad is None for value in theta.values())
    assert len(CLASSES) == len(adapted["head.bias"])
    assert math.isfinite(float(detach(adapted)["head.weight"].sum()))
