"""Scopes as written, low-rank additions and pooling, against plain arithmetic."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from quickstudy.backbones import lora
from quickstudy.backbones.pooling import LIKENESS, join, pool
from quickstudy.backbones.scope import HEAD, Scope, scope
from quickstudy.core.types import QuickstudyError


@pytest.mark.parametrize("written", ["head", "last(2)", "lora(8)", "lora(8, 2)", "all"])
def test_a_scope_reads_as_it_is_written(written: str) -> None:
    assert str(scope(written)) == written
    assert scope(scope(written)) == scope(written)


def test_scopes_mean_what_they_say() -> None:
    assert scope("head") == HEAD
    assert scope(" lora(4,1) ") == Scope("lora", 4, 1)
    assert scope("last(2)") == Scope("last", last=2)


@pytest.mark.parametrize("written", ["last(0)", "lora(0)", "lora(8, 0)", "last(00)"])
def test_a_scope_that_names_no_weights_is_refused_and_head_named(written: str) -> None:
    with pytest.raises(QuickstudyError, match="names no weights; write head") as error:
        scope(written)
    assert written in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("written", ["last(1025)", "lora(9999999999)", "lora(8, 2000)"])
def test_a_scope_of_more_than_any_backbone_has_is_refused(written: str) -> None:
    with pytest.raises(QuickstudyError, match="is not from 1 to 1024"):
        scope(written)


@given(st.text(max_size=12))
@settings(max_examples=50, deadline=None)
def test_anything_else_is_refused_in_one_sentence(written: str) -> None:
    try:
        found = scope(written)
    except QuickstudyError as error:
        assert "last(2)" in str(error) and "\n" not in str(error).replace(repr(written), "")
    else:
        assert found.kind in ("head", "last", "lora", "all")


def test_low_rank_additions_start_at_nothing_and_add_b_a() -> None:
    body = nn.Linear(5, 3)
    start = lora.init({"weight": body.weight}, 2, torch.Generator().manual_seed(0))
    assert {name: tuple(value.shape) for name, value in start.items()} == {
        "lora.weight.a": (2, 5),
        "lora.weight.b": (3, 2),
    }
    assert torch.equal(lora.merge(start, body)["weight"], body.weight)
    moved = {**start, "lora.weight.b": torch.ones(3, 2)}
    assert torch.allclose(lora.merge(moved, body)["weight"], body.weight + start["lora.weight.a"].sum(0))


def test_additions_join_a_weight_that_moves_itself() -> None:
    body = nn.Linear(2, 2)
    params = {
        "backbone.weight": torch.zeros(2, 2),
        "lora.weight.a": torch.eye(2),
        "lora.weight.b": torch.eye(2) * 3,
        "head.weight": torch.ones(1),
    }
    assert torch.equal(lora.merge(params, body)["weight"], torch.eye(2) * 3)
    assert lora.merge({"head.weight": torch.ones(1)}, body) == {}


@given(st.integers(0, 6), st.integers(0, 6), st.sampled_from(["mean", "first", "last"]))
@settings(max_examples=50, deadline=None)
def test_pooling_looks_at_its_span_alone(one: int, two: int, how: str) -> None:
    start, end = sorted((one, two))
    hidden = torch.randn(1, 6, 4, generator=torch.Generator().manual_seed(start * 7 + end), dtype=torch.float64)
    found = pool(hidden, torch.tensor([[[[start, end]]]]), how, False)[0, 0, 0]  # type: ignore[arg-type]
    inside = hidden[0, start:end]
    if start == end:
        assert torch.equal(found, torch.zeros(4, dtype=torch.float64))
    else:
        wanted = {"mean": inside.mean(0), "first": inside[0], "last": inside[-1]}[how]
        assert torch.allclose(found, wanted)


def test_normalised_parts_have_length_one_and_nothing_stays_nothing() -> None:
    hidden = torch.randn(1, 4, 8)
    found = pool(hidden, torch.tensor([[[[0, 3]], [[2, 2]]]]), "mean", True)
    assert torch.allclose(found.norm(dim=-1), torch.tensor([[[1.0], [0.0]]]))


def test_two_parts_are_joined_by_mean_difference_its_size_and_likeness() -> None:
    first, second = torch.tensor([1.0, 4.0]), torch.tensor([3.0, 2.0])
    found = join(torch.stack([first, second])[None, None])[0, 0]
    cosine = 11 / (17 * 13) ** 0.5
    assert found.tolist() == pytest.approx([2.0, 3.0, -2.0, 2.0, 2.0, 2.0, LIKENESS * (cosine - 0.5)])
    alike = join(torch.stack([first, first])[None, None])[0, 0]
    assert alike.tolist() == pytest.approx([1.0, 4.0, 0.0, 0.0, 0.0, 0.0, LIKENESS / 2])
    with pytest.raises(ValueError, match="one part, two or three"):
        join(torch.zeros(1, 1, 4, 2))
