"""The ways to a meta-gradient: each exact, all alike, for every learner that steps; and the inner optimizers."""

from dataclasses import replace

import pytest
import torch
from few import backbone, episode, kinds, start
from test_contract import finite_difference, learner, random_direction
from test_contract_words import task as task_of_words

from quickstudy.core.params import inner, leaves, map_params, norm, slopes_of
from quickstudy.core.protocols import Learner
from quickstudy.core.types import DivergedError, Episode, Params, QuickstudyError
from quickstudy.learners import convex, engines
from quickstudy.learners.anil import Anil
from quickstudy.learners.descent import path
from quickstudy.learners.engines import Engine, using
from quickstudy.learners.maml import Maml
from quickstudy.learners.maml_pp import MamlPP
from quickstudy.learners.updates import adam, at_rate, momentum

KINDS = kinds()
ENGINES = [Engine("checkpoint"), Engine("mixed"), Engine("mixed", chunks=4)]
STEPPING = ["maml", "anil", "meta_sgd", "maml_pp", "proto_maml", "leopard", "learned_optimizer"]
RATES = {"sgd": (0.3, 0.3), "momentum": (0.1, 0.1), "adam": (0.01, 0.01)}


def slopes(made: Learner, theta: Params, task: Episode, engine: Engine) -> Params:
    with using(engine):
        return made.meta_gradient(theta, task, torch.Generator())[0]


def alike(found: Params, wanted: Params) -> None:
    assert found.keys() == wanted.keys()
    assert norm(map_params(torch.sub, found, wanted)) <= 1e-10 * norm(wanted)
    for name in wanted:
        torch.testing.assert_close(
            found[name], wanted[name], rtol=1e-8, atol=1e-11, msg=lambda said, name=name: f"{name}: {said}"
        )


@pytest.mark.parametrize(("scope", "kind"), [("lora(1, 1)", "several labels"), ("last(1)", "pairs")])
@pytest.mark.parametrize("name", STEPPING)
def test_engines_agree_for_every_learner_that_steps(name: str, scope: str, kind: str) -> None:
    made = replace(learner(name, scope), steps=2)
    theta, task = start(made), episode(KINDS[kind], 1)
    wanted = slopes(made, theta, task, Engine("unroll"))
    for engine in ENGINES:
        alike(slopes(made, theta, task, engine), wanted)


@pytest.mark.parametrize("name", STEPPING)
def test_every_engine_agrees_with_finite_differences(name: str) -> None:
    """Of a scope below what moves, too, where the learner can move less than it learns."""
    made = replace(learner(name, "all"), steps=2)
    if hasattr(made, "moves"):
        made = replace(made, moves=("backbone.layers.1.",))
    theta, task = start(made), episode(KINDS["one label"], 2)
    wanted = finite_difference(made, theta, task, direction := random_direction(theta))
    for engine in (Engine("unroll"), *ENGINES):
        found = inner(slopes(made, theta, task, engine), direction)
        torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("inner_by", RATES)
@pytest.mark.parametrize("kind", [Maml, Anil])
def test_inner_optimizers_are_differentiated_through(kind: type, inner_by: str) -> None:
    rate, head_rate = RATES[inner_by]
    rates = {"head_rate": head_rate} if kind is Anil else {"head_rate": head_rate, "rate": rate}
    made = kind(backbone("last(1)"), steps=3, inner=inner_by, **rates)
    theta, task = start(made), episode(KINDS["one label"], 2)
    wanted = finite_difference(made, theta, task, direction := random_direction(theta))
    unrolled = slopes(made, theta, task, Engine("unroll"))
    torch.testing.assert_close(inner(unrolled, direction), wanted, rtol=1e-6, atol=1e-9)
    for engine in ENGINES[:2]:
        alike(slopes(made, theta, task, engine), unrolled)


@pytest.mark.parametrize("made", [momentum, adam])
def test_inner_optimizers_step_as_those_of_torch_do(made) -> None:
    weight = torch.nn.Parameter(torch.tensor([2.0, -1.0, 0.5], dtype=torch.float64))
    begin = leaves({"w": weight.detach().clone()})
    outer = torch.optim.SGD([weight], 0.1, momentum=0.9) if made is momentum else torch.optim.Adam([weight], 0.1)
    for at in path(lambda at: at["w"].pow(4).sum(), begin, 5, made(lambda step, name: 0.1), 1):
        outer.zero_grad()
        weight.pow(4).sum().backward()
        outer.step()
        torch.testing.assert_close(at["w"].detach(), weight.detach())


def test_adam_has_slopes_where_the_slope_is_zero() -> None:
    begin = leaves({"w": torch.zeros(2, dtype=torch.float64)})
    *_, ended = path(lambda at: at["w"].square().sum(), begin, 2, adam(lambda step, name: 0.1), 2)
    assert slopes_of(ended["w"].sum(), begin)["w"].isfinite().all()


@pytest.mark.parametrize("progress", [0.1, 0.35])
def test_losses_after_every_step_come_back_through_every_engine(progress: float) -> None:
    made = MamlPP(backbone("last(1)"), steps=4, second_order_from=0.3)
    theta, task = start(made), episode(KINDS["one label"], 2)._replace(progress=progress)
    wanted = slopes(made, theta, task, Engine("unroll"))
    for engine in ENGINES:
        alike(slopes(made, theta, task, engine), wanted)


@pytest.mark.parametrize("name", ["tagging", "answering"])
def test_parts_of_a_support_add_up_where_rows_have_several_units(name: str) -> None:
    """Some of which nobody judges, and not as many in every row."""
    made, (_, task) = learner("maml", "last(1)"), task_of_words(name, 2)
    theta = start(made)
    alike(slopes(made, theta, task, Engine("mixed", chunks=2)), slopes(made, theta, task, Engine("unroll")))


@pytest.mark.parametrize("engine", [Engine("mixed", chunks=2), Engine("checkpoint", chunks=2)])
def test_a_loss_that_weighs_units_is_never_read_in_parts(engine: Engine) -> None:
    """At the start of classes whose names say nothing all scores are equal, and so are all means."""
    made, (_, task) = replace(learner("maml", "last(1)"), steps=2), task_of_words("tagging", 2)
    silent = task.support.names._replace(spans=torch.zeros_like(task.support.names.spans))
    task = task._replace(support=task.support._replace(names=silent), query=task.query._replace(names=silent))
    theta = start(made)
    alike(slopes(made, theta, task, engine), slopes(made, theta, task, Engine("unroll")))


@pytest.mark.parametrize("steps", [0, 1])
@pytest.mark.parametrize("shots", [0, 2])
def test_no_step_and_no_example(steps: int, shots: int) -> None:
    made = Maml(backbone("last(1)"), steps=steps)
    theta, task = start(made), episode(KINDS["one label"], shots)
    for engine in ENGINES:
        alike(slopes(made, theta, task, engine), slopes(made, theta, task, Engine("unroll")))


@pytest.mark.parametrize("way", ["mixed", "checkpoint"])
def test_a_leaf_that_an_update_reads_by_itself_gets_its_slope(way: engines.Way) -> None:
    rate, begin = torch.tensor(0.1, dtype=torch.float64, requires_grad=True), {"w": torch.tensor([2.0, -1.0]).double()}

    def found() -> list[torch.Tensor]:
        begin["w"].requires_grad_()
        *_, at = path(lambda at: (3 * at["w"].square()).sum() / 2, begin, 4, at_rate(rate, rate), 2)
        return list(torch.autograd.grad(at["w"].sum(), [rate, begin["w"]]))

    with using(way):
        ours = found()
    torch.testing.assert_close(ours, found())


def test_a_loop_that_diverges_says_at_which_step() -> None:
    made = replace(learner("maml", "last(1)"), rate=1e200, head_rate=1e200)
    theta, task = start(made), episode(KINDS["one label"], 2)
    for engine in ENGINES:
        with pytest.raises(DivergedError, match="at step 2 of"):
            slopes(made, theta, task, engine)


def test_the_implicit_way_is_for_minima() -> None:
    theta, task = start(made := learner("maml", "head")), episode(KINDS["one label"], 2)
    with pytest.raises(QuickstudyError, match="adapt to a minimum"):
        slopes(made, theta, task, Engine("implicit"))


def test_the_implicit_way_is_where_many_steps_lead() -> None:
    """At a minimum of a smooth function all four ways give one number."""
    theta = leaves({"b": torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)})

    def objective(w: Params) -> torch.Tensor:
        return (w["w"] - theta["b"]).pow(4).sum() / 4 + (w["w"] - theta["b"]).square().sum() + w["w"].square().sum()

    least = convex.minimum(objective, {"w": torch.zeros(3, dtype=torch.float64)})
    wanted, _ = convex.slopes_through(objective, lambda w: w["w"].pow(3).sum(), least, theta)
    for way in ("unroll", "checkpoint", "mixed"):
        with using(way):
            begin = leaves({"w": torch.zeros(3, dtype=torch.float64)})
            *_, ended = path(objective, begin, 200, at_rate(0.1, 0.1), 2)
            torch.testing.assert_close(slopes_of(ended["w"].pow(3).sum(), theta)["b"], wanted["b"])


def test_an_engine_that_is_not_there_is_refused() -> None:
    with pytest.raises(QuickstudyError, match="there is no engine 'fast'"):
        Engine("fast")
    with pytest.raises(QuickstudyError, match="whole number"):
        Engine("mixed", chunks=0)
