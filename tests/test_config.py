"""The catalogue: tables to objects and back, and refusals that name the near miss."""

import dataclasses
from typing import Literal

import pytest
from few import backbone

from quickstudy import config
from quickstudy.core.types import QuickstudyError
from quickstudy.learners.maml import Maml


@pytest.mark.parametrize("name", config.LEARNERS)
def test_a_table_builds_what_it_was_made_from(name: str) -> None:
    given = {"backbone": backbone()}
    made = config.build(config.LEARNERS, {"name": name}, "here", given)
    table = config.table(config.LEARNERS, made, "backbone")
    assert table["name"] == f"{name}.v1"
    assert config.build(config.LEARNERS, table, "here", given) == made


def test_fields_are_checked_and_converted() -> None:
    table = {"name": "maml", "rate": 1, "moves": ["head."]}
    made = config.build(config.LEARNERS, table, "here", {"backbone": backbone()})
    assert isinstance(made, Maml)
    assert (made.rate, made.moves) == (1.0, ("head.",))


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"name": "mamml"}, "here: there is no 'mamml'; near: maml; all: "),
        ({}, "nothing says which it is; give it a name"),
        ({"name": "maml.v2"}, "maml.v2 is of a newer quickstudy"),
        ({"name": "maml", "rates": 0.1}, "Maml has no field 'rates'; near: rate"),
        ({"name": "maml", "rate": "fast"}, "here: rate cannot be 'fast'"),
        ({"name": "maml", "rate": True}, "here: rate cannot be True"),
        ({"name": "maml", "order": 3}, "here: order cannot be 3; it takes 1 or 2"),
        ({"name": "maml", "moves": "head."}, "here: moves cannot be 'head.'; it takes a list"),
        ({"name": "policy_gradient", "inner": 3}, "inner cannot be 3; it takes a learner's name or its table"),
        (
            {"name": "policy_gradient", "inner": {"name": "maml", "step": 2}},
            "inner: Maml has no field 'step'; near: steps",
        ),
        ({"name": "maml", "backbone": 1}, "Maml has no field 'backbone'"),
    ],
)
def test_a_wrong_table_is_refused(table: dict, said: str) -> None:
    with pytest.raises(QuickstudyError) as refused:
        config.build(config.LEARNERS, table, "here", {"backbone": backbone()})
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("value", "hint", "fits"),
    [
        (3, int | tuple[int, int], True),
        ([2, 5], int | tuple[int, int], True),
        ([2, 5, 7], int | tuple[int, int], False),
        ("b", Literal["a", "b"], True),
        ("c", Literal["a", "b"], False),
        ([1, "a"], tuple[int, ...], False),
        ({"a": "b"}, dict[str, str], True),
        (None, int | None, True),
    ],
)
def test_values_fit_hints(value: object, hint: object, fits: bool) -> None:
    if fits:
        config.checked(value, hint, "here")
    else:
        with pytest.raises(QuickstudyError):
            config.checked(value, hint, "here")


def test_every_learner_is_frozen_and_configured_by_its_fields() -> None:
    for made in (*config.LEARNERS.values(), *config.KINDS.values()):
        assert dataclasses.is_dataclass(made)
        assert made.__dataclass_params__.frozen


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("leopard", "hidden", -1),
        ("neighbours", "k", 0),
        ("maml", "steps", -1),
        ("maml", "head_rate", -0.1),
        ("prototypes", "scale", float("inf")),
        ("ridge", "strength", float("nan")),
    ],
)
def test_numbers_that_cannot_be_are_refused(name: str, key: str, value: float) -> None:
    with pytest.raises(QuickstudyError, match=rf"here: {key} is {value}; give (1|a number of 0) or more"):
        config.build(config.LEARNERS, {"name": name, key: value}, "here", {"backbone": backbone()})
