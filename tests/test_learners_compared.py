"""Learners by closed form and by comparing, each against the equation of its paper written out again."""

import dataclasses

import pytest
import torch
import torch.nn.functional as F
from few import Vectors, kinds, vector_task
from sklearn.linear_model import Ridge as Peer

from quickstudy.config import LEARNERS
from quickstudy.core.params import leaves, slopes_of
from quickstudy.core.protocols import Learner
from quickstudy.core.types import IGNORE, Batch, Params, batch_rows
from quickstudy.learners import matching, relation_network
from quickstudy.learners.leopard import Leopard
from quickstudy.learners.matching import Matching
from quickstudy.learners.named_prototypes import NamedPrototypes
from quickstudy.learners.prototypes import Prototypes
from quickstudy.learners.relation_network import RelationNetwork
from quickstudy.learners.ridge import Ridge

LOSS = kinds()["one label"].loss
COMPARED = ("ridge", "named_prototypes", "matching", "relation_network", "leopard")
N, CLASSES = 30, 3


def theta_of(made: Learner, noise: float = 0.0) -> Params:
    """The start in float64, `noise` away from where parts of it are zero."""
    rng = torch.Generator().manual_seed(0)
    drawn = {name: value.double() for name, value in made.init(rng).items()}
    return {name: v + noise * torch.randn(v.shape, generator=rng, dtype=v.dtype) for name, v in drawn.items()}


def scores(made: Learner, theta: Params, support: Batch, query: Batch) -> torch.Tensor:
    """(n, C)"""
    return made.predict(theta, made.adapt(theta, support, LOSS), query)[:, 0]


def silent(backbone: Vectors) -> Vectors:
    """The same units; class names that say nothing."""
    table = backbone.table.clone()
    table[2 * N :] = 0
    return Vectors(table)


def parts(backbone: Vectors) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Support units, query units and names as they are in the table."""
    return backbone.table[:N], backbone.table[N : 2 * N], backbone.table[2 * N :]


@pytest.mark.parametrize("name", COMPARED)
def test_examples_that_nobody_judged_have_no_say(name: str) -> None:
    backbone, support, query = vector_task(seed=1)
    made = LEARNERS[name](backbone)
    theta = theta_of(made, 0.1)
    judged = torch.arange(N) % 4 != 0
    some = support._replace(gold=support.gold.masked_fill(~judged[:, None], IGNORE))
    found = scores(made, theta, some, query)
    torch.testing.assert_close(found, scores(made, theta, batch_rows(support, judged), query))
    assert not torch.allclose(found, scores(made, theta, support, query))


@pytest.mark.parametrize("name", COMPARED)
def test_without_names_and_examples_every_class_scores_the_same(name: str) -> None:
    backbone, support, query = vector_task(seed=2)
    made = LEARNERS[name](silent(backbone))
    found = scores(made, theta_of(made, 0.1), batch_rows(support, torch.arange(0)), query)
    torch.testing.assert_close(found, found[:, :1].expand(-1, CLASSES))


@pytest.mark.parametrize("strength", [0.1, 3.0])
def test_ridge_without_names_is_scikit_learns(strength: float) -> None:
    """R2-D2, whose Woodbury form is the same minimum."""
    backbone, support, query = vector_task(seed=3)
    made = Ridge(silent(backbone), strength=strength, scale=7.0)
    theta = theta_of(made)
    units, asked, _ = parts(backbone)
    peer = Peer(alpha=float(theta["ridge.log_strength"].exp()), fit_intercept=False, solver="cholesky")
    peer.fit(units.numpy(), F.one_hot(support.gold[:, 0], CLASSES).double().numpy())
    wanted = theta["ridge.log_scale"].exp() * torch.from_numpy(peer.predict(asked.numpy())) + theta["ridge.shift"]
    torch.testing.assert_close(scores(made, theta, support, query), wanted)


def test_ridge_with_names_has_no_slope_where_adaptation_ended() -> None:
    backbone, support, _ = vector_task(seed=4)
    made = Ridge(backbone)
    theta = theta_of(made, 0.1)
    scalar = {name: theta[f"ridge.log_{name}"].exp() for name in ("strength", "scale", "name_scale")}
    at = leaves({"w": made.adapt(theta, support, LOSS)["head.weight"] / scalar["scale"]})
    units, _, names = parts(backbone)
    missed = (units @ at["w"].T - F.one_hot(support.gold[:, 0], CLASSES)).square().sum()
    away = (at["w"] - scalar["name_scale"] * names).square().sum()
    assert slopes_of(missed + scalar["strength"] * away, at)["w"].abs().max() < 1e-10


def test_ridge_without_examples_is_its_names() -> None:
    backbone, support, query = vector_task(seed=5)
    made = Ridge(backbone)
    theta = theta_of(made, 0.1)
    _, asked, names = parts(backbone)
    wanted = (theta["ridge.log_scale"] + theta["ridge.log_name_scale"]).exp() * asked @ names.T + theta["ridge.shift"]
    torch.testing.assert_close(scores(made, theta, batch_rows(support, torch.arange(0)), query), wanted)


def test_a_named_prototype_counts_its_name_as_so_many_examples() -> None:
    """Whole numbers can be counted: a name of weight 2 is two more examples; class 2 has its name alone."""
    backbone, support, query = vector_task(seed=6)
    made = NamedPrototypes(backbone, scale=1.5, name_weight=2.0)
    units, asked, names = parts(backbone)
    gold = support.gold[:, 0]
    few = batch_rows(support, gold != 2)
    prototypes = [torch.cat([units[gold == c], names[[c, c]]]).mean(0) for c in (0, 1)]
    distance = torch.cdist(asked, torch.stack([*prototypes, names[2]])).square()
    found = scores(made, theta_of(made), few, query)
    torch.testing.assert_close(found.softmax(-1), (-1.5 * distance).softmax(-1), rtol=1e-5, atol=1e-9)


def test_named_prototypes_with_silent_names_are_prototypes() -> None:
    backbone, support, query = vector_task(seed=7)
    made, plain = NamedPrototypes(silent(backbone)), Prototypes(backbone)
    torch.testing.assert_close(
        scores(made, theta_of(made), support, query), scores(plain, theta_of(plain), support, query)
    )


def shares(backbone: Vectors, member: torch.Tensor, theta: Params) -> torch.Tensor:
    """Vinyals et al. 2016, eq. 1, item by item: the support, then the names."""
    units, asked, names = parts(backbone)
    scale, pull = theta["matching.log_scale"].exp(), theta["matching.log_name_weight"].exp()
    items = [(x, y, 1.0) for x, y in zip(units, member, strict=True)]
    items += [(x, y, pull) for x, y in zip(names, torch.eye(CLASSES).double(), strict=True) if x.any()]
    found = []
    for u in asked:
        drawn = [w * (scale * F.cosine_similarity(u, x, dim=0)).exp() for x, _, w in items]
        found.append(sum(a * y for a, (_, y, _) in zip(drawn, items, strict=True)) / sum(drawn))
    return torch.stack(found)


@pytest.mark.parametrize("named", [True, False])
def test_matching_is_attention_over_the_support(named: bool) -> None:
    backbone, support, query = vector_task(seed=8)
    backbone = backbone if named else silent(backbone)
    made = Matching(backbone, scale=3.0)
    theta = theta_of(made)
    wanted = shares(backbone, F.one_hot(support.gold[:, 0], CLASSES).double(), theta)
    found = scores(made, theta, support, query)
    torch.testing.assert_close((found - theta["matching.shift"]).exp() - matching.SMOOTHING, wanted)
    torch.testing.assert_close(found.softmax(-1), wanted, atol=1e-3, rtol=0)


def test_matching_lets_several_classes_hold() -> None:
    """A class's share is that of the items that have it, and above one half its score is above zero."""
    backbone, support, query = vector_task(seed=9)
    both = F.one_hot(support.gold[:, 0], CLASSES).double()
    both[:, 1] = 1.0
    made = Matching(backbone, scale=5.0)
    theta = theta_of(made)
    wanted = shares(backbone, both, theta)
    found = scores(made, theta, support._replace(gold=both[:, None]), query)
    torch.testing.assert_close((found - theta["matching.shift"]).exp() - matching.SMOOTHING, wanted)
    assert ((found > 0) == (wanted > 0.5)).all()
    assert wanted.sum(-1).max() > 1.2


def test_a_relation_network_starts_as_prototypes() -> None:
    backbone, support, query = vector_task(seed=10)
    made, plain = RelationNetwork(backbone), Prototypes(backbone)
    few = batch_rows(support, support.gold[:, 0] != 1)  # and reads a name where there is no example
    torch.testing.assert_close(scores(made, theta_of(made), few, query), scores(plain, theta_of(plain), few, query))


def test_a_relation_network_judges_each_pair_as_if_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sung et al. 2018, eq. 1, pair by pair; in one table and in the smallest ones."""
    backbone, support, query = vector_task(seed=11)
    made = RelationNetwork(backbone, hidden=4)
    theta = theta_of(made, 0.3)
    own = {name.removeprefix("relation."): value for name, value in theta.items()}
    units, asked, _ = parts(backbone)
    first = torch.cat([own[name][:, : backbone.width] for name in ("unit", "class", "difference", "product")], 1)
    wanted = torch.zeros(N, CLASSES, dtype=torch.float64)
    for c in range(CLASSES):
        of_class = units[support.gold[:, 0] == c].mean(0)
        for row, u in enumerate(asked):
            hidden = torch.tanh(first @ torch.cat([u, of_class, (u - of_class).abs(), u * of_class]) + own["bias"])
            distance = (u - of_class).square().sum() - u.square().sum()
            wanted[row, c] = -own["log_scale"].exp() * distance + own["out"] @ hidden + own["shift"]
    torch.testing.assert_close(scores(made, theta, support, query), wanted)
    monkeypatch.setattr(relation_network, "LARGEST", 1)
    torch.testing.assert_close(scores(made, theta, support, query), wanted)


def written(theta: Params, items: torch.Tensor, share: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A class's weight (W,) and bias () as LEOPARD's network writes them from items (m, W) of share (m,)."""
    own = {name.removeprefix("writer."): value for name, value in theta.items()}
    width = items.shape[1]
    middle, scale = share @ items, own["log_scale"].exp()
    hidden = share @ torch.tanh(items @ own["first"][:, :width].T + own["first_bias"])
    return (
        2 * scale * middle + own["last"][:width] @ hidden,
        own["last_bias"] @ hidden - scale * middle.square().sum(),
    )


def test_leopard_takes_a_step_from_what_its_network_wrote() -> None:
    """Bansal et al. 2020, eqs. 1 to 4: the slope of a cross-entropy is (P - Y)'X / n; each tensor at its own rate."""
    backbone, support, query = vector_task(seed=12)
    made = Leopard(backbone, steps=1, hidden=4)
    theta = {**theta_of(made, 0.3), "rate.head.bias": torch.tensor(0.2), "rate.head.weight": torch.tensor(0.7)}
    units, asked, names = parts(backbone)
    gold, pull = support.gold[:, 0], theta["writer.log_name_weight"].exp()
    heads = []
    for c in range(CLASSES):
        items = torch.cat([units[gold == c], names[[c]]])
        weight = torch.cat([torch.ones(len(items) - 1).double(), pull[None]])
        heads.append(written(theta, items, weight / weight.sum()))
    weight, bias = (torch.stack(part) for part in zip(*heads, strict=True))
    away = (units @ weight.T + bias).softmax(-1) - F.one_hot(gold, CLASSES)
    weight = weight - 0.7 * away.T @ units / N
    bias = bias - 0.2 * away.sum(0) / N
    torch.testing.assert_close(scores(made, theta, support, query), asked @ weight.T + bias, rtol=1e-6, atol=1e-6)


def test_leopard_starts_from_named_prototypes() -> None:
    backbone, support, query = vector_task(seed=13)
    made, plain = Leopard(backbone, steps=0), NamedPrototypes(backbone)
    few = batch_rows(support, support.gold[:, 0] != 1)
    theta = theta_of(made)
    wanted = scores(plain, theta_of(plain), few, query)
    torch.testing.assert_close(scores(made, theta, few, query), wanted)
    stepped = scores(dataclasses.replace(made, steps=2), theta, few, query)
    assert not torch.allclose(stepped, wanted)
