"""The plan's values and the learning rate it gives each step."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quickstudy.core.types import QuickstudyError
from quickstudy.training.plan import Plan, rate_at


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
    ],
)
def test_values_that_cannot_be_are_named(name: str, value: object) -> None:
    with pytest.raises(QuickstudyError) as error:
        replace(Plan(), **{name: value})
    text = str(error.value)
    text = str(error.value)
    assert f"the plan's {name} is" in text and ("give" in text or "choose" in text)


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
