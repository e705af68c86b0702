"""The planner: what it predicts, what it chooses under a limit, and what it says."""

from dataclasses import replace

import pytest
import torch
from few import backbone, episode, kinds, start
from test_contract import learner

from quickstudy.core.types import Batch, QuickstudyError
from quickstudy.learners.anil import Anil
from quickstudy.learners.engines import Engine, using
from quickstudy.learners.footprint import footprint
from quickstudy.learners.maml import Maml
from quickstudy.learners.parts import divides
from quickstudy.learners.planner import plan, predicted
from quickstudy.learners.policy_gradient import PolicyGradient
from quickstudy.learners.resources import free_memory
from quickstudy.planning import EngineTable, planned, size

TASK = episode(kinds()["one label"], 2)
MADE = Maml(backbone("last(1)"), steps=30, rate=0.01, head_rate=0.01)
THETA = start(MADE)
FOUND = footprint(MADE, THETA, TASK)
WAYS = {way: predicted(FOUND, MADE.steps, Engine(way)) for way in ("unroll", "mixed", "checkpoint")}
FIRST = predicted(FOUND, MADE.steps, Engine("unroll"), order=1)


def test_a_graph_is_counted_as_autograd_keeps_it() -> None:
    """Twice the rows, twice the graph: counted on one and two rows, checked on the whole support."""
    found = footprint(replace(MADE, steps=7), THETA, TASK)
    assert found == FOUND, "the number of steps is not the footprint's"
    double = footprint(MADE, THETA, TASK._replace(support=_twice(TASK.support)))
    assert double.support == 2 * FOUND.support
    assert double.step - FOUND.step == FOUND.support
    assert FOUND.moving == sum(value.numel() * 8 for value in THETA.values()) - 8 + 3 * 9 * 8


def test_memory_falls_from_engine_to_engine() -> None:
    assert WAYS["unroll"] > WAYS["mixed"] > WAYS["checkpoint"] > FIRST
    assert predicted(FOUND, 30, Engine("mixed", 4)) < WAYS["mixed"]
    step = predicted(FOUND, 31, Engine("mixed")) - WAYS["mixed"]
    assert step == pytest.approx(1.08 * FOUND.moving, abs=1)


@pytest.mark.parametrize("way", ["mixed", "checkpoint"])
def test_the_fastest_engine_that_fits_is_taken(way: str) -> None:
    chosen = plan(MADE, THETA, TASK, WAYS[way])
    assert chosen.engine == Engine(way)
    assert chosen.memory <= WAYS[way]
    assert chosen.learner is MADE
    assert not chosen.lost
    assert chosen.line.startswith(f"engine: {way} (")
    assert "\n" not in chosen.line
    with using(chosen.engine):
        chosen.learner.meta_gradient(THETA, TASK, torch.Generator())


def test_a_support_is_read_in_parts_before_anything_is_lost() -> None:
    chosen = plan(MADE, THETA, TASK, WAYS["checkpoint"] - 1)
    assert chosen.engine.chunks > 1
    assert not chosen.lost


def test_parts_are_not_counted_on_where_the_loss_does_not_add_up() -> None:
    """Such a support is read whole."""

    def weighted(scores: torch.Tensor, batch: Batch) -> torch.Tensor:
        return TASK.loss(scores, batch) * len(batch.gold)

    task = TASK._replace(loss=weighted)
    assert divides(TASK.support, TASK.loss, 4) and not divides(task.support, task.loss, 4)
    whole = plan(MADE, THETA, task, None, Engine("mixed"))
    parts = plan(MADE, THETA, task, None, Engine("mixed", 4))
    assert (parts.engine, parts.memory) == (whole.engine, whole.memory)
    assert plan(MADE, THETA, TASK, None, Engine("mixed", 4)).memory < whole.memory
    assert plan(MADE, THETA, task, WAYS["checkpoint"] - 1).lost


def test_where_second_order_does_not_fit_first_order_is_done_and_said() -> None:
    chosen = plan(MADE, THETA, TASK, FIRST)
    assert (chosen.learner.order, chosen.learner.moves) == (1, MADE.moves)
    assert "first order" in chosen.line
    assert "lost is the slopes through the steps' own slopes" in chosen.lost


def test_an_impossible_limit_is_one_sentence() -> None:
    with pytest.raises(
        QuickstudyError, match=r"max_memory is 0 MiB, and a task of this size takes .* give more"
    ) as said:
        plan(MADE, THETA, TASK, 1)
    assert str(said.value).count(". ") == 0


def test_an_engine_that_is_asked_for_is_taken() -> None:
    assert plan(MADE, THETA, TASK, None, Engine("mixed", 2)).engine == Engine("mixed", 2)


@pytest.mark.parametrize("name", ["prior_head", "prototypes", "frozen_linear"])
def test_what_does_not_step_needs_no_plan(name: str) -> None:
    made = learner(name, "head")
    assert plan(made, start(made), TASK) is None


def test_learners_without_an_order_are_planned_too() -> None:
    for made in (learner("meta_sgd", "last(1)"), Anil(backbone("head"))):
        assert plan(made, start(made), TASK, 10**9).engine == Engine("unroll")


def test_a_learner_around_another_is_planned_as_that() -> None:
    chosen = plan(PolicyGradient(MADE), THETA, TASK, WAYS["mixed"])
    assert chosen.engine == Engine("mixed")
    assert chosen.learner == PolicyGradient(MADE)


def test_the_implicit_way_is_refused_for_what_steps() -> None:
    with pytest.raises(QuickstudyError, match="adapt to a minimum"):
        plan(MADE, THETA, TASK, None, Engine("implicit"))


def test_without_examples_no_step_is_taken() -> None:
    none = episode(kinds()["one label"], 0)
    assert plan(MADE, THETA, none) is None
    assert planned(EngineTable(), MADE, THETA, [none, TASK, none]).line


def test_what_a_learned_optimizer_remembers_is_kept_before_each_step() -> None:
    made = replace(learner("learned_optimizer", "last(1)"), steps=12, truncate=12)
    theta, mixed = start(made), Engine("mixed")
    found, whole = footprint(made, theta, TASK), plan(made, theta, TASK, None, mixed).memory
    assert whole - predicted(found, 12, mixed) == pytest.approx(1.08 * 12 * 3 * found.moving, abs=1)
    half = plan(replace(made, truncate=6), theta, TASK, None, mixed).memory  # the rest is cut off
    assert whole - half == pytest.approx(1.08 * 6 * 4 * found.moving, abs=1)


def test_a_loss_after_every_step_is_counted() -> None:
    made = learner("maml_pp", "last(1)")
    theta = start(made)
    last = replace(made, last_alone_from=0.0)
    more = plan(made, theta, TASK).memory - plan(last, theta, TASK).memory
    assert more == (made.steps - 1) * footprint(made, theta, TASK).query


def test_processes_of_one_machine_share_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = free_memory(torch.device("cpu"))
    for name, value in {"RANK": 1, "WORLD_SIZE": 8, "LOCAL_RANK": 1, "LOCAL_WORLD_SIZE": 4, "MASTER_ADDR": "x"}.items():
        monkeypatch.setenv(name, str(value))
    assert free_memory(torch.device("cpu")) < 0.5 * alone


def test_the_largest_task_counts() -> None:
    table, small = EngineTable(), episode(kinds()["one label"], 1)
    one, both = (planned(table, MADE, THETA, tasks, "1 GB") for tasks in ([TASK], [small, TASK, small]))
    assert both.memory == one.memory


def test_sizes() -> None:
    assert (size(""), size("2 GiB"), size("800MB"), size("1.5 kib")) == (None, 2 * 2**30, 800_000_000, 1536)
    for wrong in ("many", "2", "0 GB", "-1 GB", "1e9 GB", "9" * 400 + " GB"):
        for refuses in (size, lambda written: EngineTable(max_memory=written)):
            with pytest.raises(QuickstudyError, match="give a size"):
                refuses(wrong)


def _twice(batch):
    text = batch.text._replace(**{name: torch.cat([value] * 2) for name, value in batch.text._asdict().items()})
    return batch._replace(text=text, gold=torch.cat([batch.gold] * 2))
