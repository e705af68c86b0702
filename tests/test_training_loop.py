"""The outer loop on small real learners: it learns, it stops, and what it hands back is honest."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from quickstudy.core.params import same
from quickstudy.core.types import Adapted, Batch, Episode, Params, QuickstudyError, Text
from quickstudy.training.loop import meta_train
from quickstudy.training.outcome import Trained, Validation, is_better
from quickstudy.training.plan import Plan
from quickstudy.training.slopes import clipped, generator

QUICK = Plan(steps=30, tasks=2, rate=0.05, warmup=3, validate_every=5, patience=3, checkpoint_minutes=math.inf)


def squares(scores: Tensor, batch: Batch) -> Tensor:
    return ((scores - batch.gold) ** 2).mean()


@dataclass(frozen=True)
class OneStep:
    """MAML with one step on linear regression: theta is the start and the inner rate, with exact slopes. The
    generator drops inputs, so that a resumed run must hand out the very same generators."""

    dropout: float = 0.1

    def init(self, rng: torch.Generator) -> Params:
        return {"head.weight": torch.randn(3, generator=rng), "rate.step": torch.tensor(0.05)}

    def adapt(self, theta: Params, support: Batch, loss: object) -> Adapted:
        weight = theta["head.weight"].detach().requires_grad_()
        (slope,) = torch.autograd.grad(squares(scores(weight, support), support), weight)
        return {"head.weight": (weight - theta["rate.step"] * slope).detach()}

    def predict(self, theta: Params, adapted: Adapted, query: Batch) -> Tensor:
        return scores(adapted["head.weight"], query)

    def meta_gradient(self, theta: Params, episode: Episode, rng: torch.Generator) -> tuple[Params, Tensor]:
        start = {name: value.detach().requires_grad_() for name, value in theta.items()}
        kept = torch.rand(3, generator=rng) >= self.dropout
        weight = start["head.weight"] * kept
        inner = episode.loss(scores(weight, episode.support), episode.support)
        (slope,) = torch.autograd.grad(inner, weight, create_graph=True)
        loss = episode.loss(scores(weight - start["rate.step"] * slope, episode.query), episode.query)
        found = torch.autograd.grad(loss, list(start.values()))
        return dict(zip(start, found, strict=True)), loss.detach()


def scores(weight: Tensor, batch: Batch) -> Tensor:
    return (batch.text.tokens @ weight)[:, None, None]  # (B, 1, 1)


def task(rng: torch.Generator) -> Episode:
    """A line near (2, -1, 0.5)."""
    line = torch.tensor([2.0, -1.0, 0.5]) + 0.1 * torch.randn(3, generator=rng)

    def batch(rows: int) -> Batch:
        inputs = torch.randn(rows, 3, generator=rng)
        text = Text(inputs, torch.ones(rows, 3), torch.zeros(rows, 1, 1, 2))
        return Batch(text, (inputs @ line)[:, None, None], None)

    return Episode(batch(4), batch(6), squares)


def episodes(step: int, history: object = ()) -> Sequence[Episode]:
    rng = generator(7, step, 0)
    return [task(rng) for _ in range(QUICK.tasks)]


HELD_OUT = [task(generator(8, place, 0)) for place in range(6)]


def validate(theta: Params) -> Validation:
    learner = OneStep()
    losses = []
    for episode in HELD_OUT:
        adapted = learner.adapt(theta, episode.support, episode.loss)
        losses.append(squares(learner.predict(theta, adapted, episode.query), episode.query).item())
    marks = tuple(1 / (1 + loss) for loss in losses)
    return Validation(sum(marks) / len(marks), sum(losses) / len(losses), marks)


def start() -> Params:
    return OneStep().init(torch.Generator().manual_seed(0))


def train(plan: Plan = QUICK, folder: Path | None = None, **others: object) -> Trained:
    parts = {"learner": OneStep(), "theta": start(), "episodes": episodes, "validate": validate, **others}
    return meta_train(**parts, plan=plan, folder=folder)  # type: ignore[arg-type]


def test_it_learns_and_leaves_the_start_alone() -> None:
    theta = start()
    trained = train(theta=theta)
    assert same(theta, start()) and not any(value.requires_grad for value in trained.theta.values())
    assert trained.best.score > trained.start.score + 0.1
    assert validate(trained.theta) == trained.best and validate(theta) == trained.start
    assert trained.steps == 30 and trained.stopped == "all steps of the plan"
    assert [step for step, _ in trained.history] == [0, 5, 10, 15, 20, 25, 30]
    assert dict(trained.history)[trained.best_step] == trained.best
    assert "raised the score on 6 validation tasks" in trained.summary()


def test_it_is_a_function_of_its_inputs() -> None:
    assert same(train().theta, train().theta)
    assert not same(train().theta, train(replace(QUICK, seed=1)).theta)


def test_the_last_step_is_validated_even_off_the_rhythm() -> None:
    trained = train(replace(QUICK, steps=7))
    assert [step for step, _ in trained.history] == [0, 5, 7]


def judged(*marks: Sequence[float]) -> Callable[[Params], Validation]:
    """A validation that gives these marks in turn, then the last again."""
    left = list(marks)

    def validate(theta: Params) -> Validation:
        now = tuple(left.pop(0) if len(left) > 1 else left[0])
        return Validation(sum(now) / len(now), 0.0, now)

    return validate


def test_a_start_that_nothing_beats_comes_back_and_it_is_said() -> None:
    trained = train(validate=judged([0.5, 0.6], [0.4, 0.6]))
    assert same(trained.theta, start())
    assert trained.best_step == 0 and trained.best == trained.start
    assert trained.steps == 15 and trained.stopped == "no progress in 3 validations"
    assert "found nothing better than its start, which is what it returns: 0.5500" in trained.summary()


def test_patience_counts_from_the_last_progress() -> None:
    trained = train(validate=judged([0.5], [0.4], [0.4], [0.6], [0.6]))
    assert (trained.best_step, trained.steps, trained.best.score) == (15, 30, 0.6)


def test_a_validation_that_breaks_later_is_no_progress() -> None:
    trained = train(validate=judged([0.5, 0.5], [math.nan, 0.9]))
    assert trained.best_step == 0 and same(trained.theta, start())


@pytest.mark.parametrize(
    ("new", "old", "better"),
    [
        ([0.6], [0.5], True),
        ([0.5], [0.5], False),
        ([0.6, 0.6, 0.6], [0.5, 0.5, 0.5], True),
        ([0.9, 0.5, 0.5, 0.5], [0.5, 0.5, 0.5, 0.5], False),  # one lucky task is no progress
        ([0.9, 0.6, 0.6, 0.6], [0.5, 0.5, 0.5, 0.5], True),
        ([0.9, 0.1, 0.5, 0.6], [0.5, 0.5, 0.5, 0.5], False),
        ([0.4, 0.4], [0.5, 0.5], False),
        ([math.inf, 0.5], [0.5, 0.5], False),
    ],
)
def test_better_means_more_than_chance(new: list[float], old: list[float], better: bool) -> None:
    first, second = (Validation(sum(marks) / len(marks), 0.0, tuple(marks)) for marks in (new, old))
    assert is_better(first, second) is better


@dataclass
class Breaking:
    """OneStep whose slopes are NaN at chosen calls."""

    broken: Callable[[int], bool]
    calls: int = 0
    seen: list[Params] = field(default_factory=list)

    def meta_gradient(self, theta: Params, episode: Episode, rng: torch.Generator) -> tuple[Params, Tensor]:
        self.calls += 1
        self.seen.append({name: value.clone() for name, value in theta.items()})
        slopes, loss = OneStep().meta_gradient(theta, episode, rng)
        if self.broken(self.calls):
            slopes["rate.step"] = slopes["rate.step"] * math.nan
        return slopes, loss


def test_broken_episodes_are_left_out_counted_and_told() -> None:
    told: list[dict[str, object]] = []
    trained = train(learner=Breaking(lambda call: call in (3, 4, 6)), watch=told.append)
    assert trained.skipped == 3 and "3 episodes left out" in trained.summary()
    skipped = [(record["step"], record["task"]) for record in told if record["event"] == "skipped"]
    assert skipped == [(2, 0), (2, 1), (3, 1)]
    assert all(value.isfinite().all() for value in trained.theta.values())
    losses = [record["loss"] for record in told if record["event"] == "step"]
    assert len(losses) == 30 and math.isnan(losses[1]) and not math.isnan(losses[2])  # type: ignore[arg-type]


def test_a_step_without_one_sound_episode_moves_nothing() -> None:
    learner = Breaking(lambda call: call in (3, 4))
    train(replace(QUICK, weight_decay=0.1), learner=learner)
    assert same(learner.seen[2], learner.seen[4]) and not same(learner.seen[4], learner.seen[6])


def test_too_many_broken_episodes_in_a_row_end_it(tmp_path: Path) -> None:
    with pytest.raises(QuickstudyError, match="broke down at step 4: 6 episodes in a row"):
        train(learner=Breaking(lambda call: call > 2), folder=tmp_path)
    trained = train(learner=Breaking(lambda call: call % 6 != 0), folder=tmp_path / "five in a row are borne")
    assert trained.skipped == 50


class Forgetful:
    """OneStep without the slope of its own rate."""

    def meta_gradient(self, theta: Params, episode: Episode, rng: torch.Generator) -> tuple[Params, Tensor]:
        slopes, loss = OneStep().meta_gradient(theta, episode, rng)
        return {"head.weight": slopes["head.weight"]}, loss


def test_what_cannot_be_trained_is_refused() -> None:
    with pytest.raises(QuickstudyError, match="nothing to meta-train"):
        train(theta={})
    with pytest.raises(QuickstudyError, match="only floating-point"):
        train(theta={"count": torch.tensor(1)})
    with pytest.raises(QuickstudyError, match="not finite everywhere"):
        train(theta={"w": torch.tensor(math.nan)})
    with pytest.raises(QuickstudyError, match="validation gave no finite score"):
        train(validate=lambda theta: Validation(math.nan, 0.0, (math.nan,)))
    with pytest.raises(QuickstudyError, match="validation gave no finite score"):
        train(validate=lambda theta: Validation(0.0, 0.0, ()))
    with pytest.raises(QuickstudyError, match="step 1 got 0 episodes where the plan says 2"):
        train(episodes=lambda step, history: [])
    with pytest.raises(QuickstudyError, match=r"do not fit its theta at rate\.step"):
        train(learner=Forgetful())


def test_clipping_keeps_the_direction() -> None:
    slopes = {"a": torch.tensor([3.0]), "b": torch.tensor([[4.0]])}
    short, length = clipped(slopes, 1.0)
    assert length == 5.0
    torch.testing.assert_close(short, {"a": torch.tensor([0.6]), "b": torch.tensor([[0.8]])})
    assert clipped(slopes, math.inf)[0] is slopes
    assert clipped({}, 1.0) == ({}, 0.0)


def test_generators_depend_on_all_three_numbers() -> None:
    draws = {
        torch.rand(1, generator=generator(*numbers)).item()
        for numbers in [(0, 1, 2), (0, 2, 1), (1, 0, 2), (2, 1, 0), (0, 1, 3), (2**40, 1, 2)]
    }
    assert len(draws) == 6


def test_weights_of_several_types_move_together() -> None:
    theta = {"head.weight": start()["head.weight"], "rate.step": torch.tensor(0.05, dtype=torch.float64)}
    trained = train(theta=theta)
    assert trained.theta["rate.step"].dtype == torch.float64 and trained.theta["rate.step"] != 0.05
