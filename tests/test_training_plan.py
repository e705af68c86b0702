"""The plan's values and the learning rate it gives each step."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from quickstudy.core.types import QuickstudyError
from quickstudy.training.loop import _move
from quickstudy.training.plan import Plan, rate_at, rate_of
from quickstudy.training.state import begin


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", 0),
        ("steps", 2.5),
        ("steps", True),
        ("tasks", "4"),
        ("tasks", -1),
        ("rate", 0.0),
        ("rate", math.nan),
        ("rate", math.inf),
        ("rate", "fast"),
        ("weight_decay", -0.1),
        ("weight_decay", math.inf),
        ("warmup", -1),
        ("decay", "exponential"),
        ("decay", None),
        ("clip", 0),
        ("clip", math.nan),
        ("validate_every", 0),
        ("patience", 0),
        ("checkpoint_minutes", -1),
        ("checkpoint_minutes", math.nan),
        ("seed", -1),
        ("seed", 1.0),
        ("rates", {"head.": -1.0}),
        ("rates", {"head.": math.inf}),
    ],
)
def test_values_that_cannot_be_are_named(name: str, value: object) -> None:
    with pytest.raises(QuickstudyError) as error:
        replace(Plan(), **{name: value})
    text = str(error.value)
    text = str(error.value)
    assert f"the plan's {name.removesuffix('s')}" in text and ("give" in text or "choose" in text)


def test_endless_clip_and_checkpoints_are_allowed() -> None:
    plan = Plan(clip=math.inf, checkpoint_minutes=math.inf, warmup=10_000)
    assert rate_at(plan, 1) > 0


@settings(max_examples=50, deadline=None)
@given(
    steps=st.integers(1, 200),
    warmup=st.integers(0, 250),
    decay=st.sampled_from(["cosine", "linear", "constant"]),
)
def test_the_rate_rises_then_falls_and_is_never_zero(steps: int, warmup: int, decay: str) -> None:
    plan = Plan(steps=steps, warmup=warmup, decay=decay, rate=0.5)  # type: ignore[arg-type]
    rates = [rate_at(plan, step) for step in range(1, steps + 1)]
    top = min(warmup, steps - 1)
    assert all(0 < rate <= 0.5 for rate in rates)
    assert all(before < after for before, after in pairwise(rates[: top + 1]))
    assert all(before >= after for before, after in pairwise(rates[top:]))
    assert warmup >= steps or rates[warmup] == 0.5


def test_weights_have_rates_of_their_own() -> None:
    """The longest prefix wins; at rate 0 a weight stays, at ten times the rate it goes ten times as far."""
    plan = Plan(steps=1, rate=0.01, rates={"a.": 0.1, "a.still": 0.0}, warmup=0, decay="constant")
    assert [rate_of(plan, name) for name in ("a.b", "a.still.c", "b.a.")] == [0.1, 0.0, 0.01]
    state = begin({name: torch.zeros(2) for name in ("a.b", "a.still", "c")}, plan)
    _move(state, {name: torch.ones(2) for name in state.theta}, 1.0)
    moved = {name: -value[0].item() for name, value in state.theta.items()}
    assert moved == pytest.approx({"a.b": 0.1, "a.still": 0.0, "c": 0.01}, rel=1e-5)
    with pytest.raises(QuickstudyError, match=r"the plan's rate of 'x\.' is for no weight"):
        begin({"a": torch.zeros(1)}, Plan(rates={"x.": 1.0}))
