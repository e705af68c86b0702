"""A stack of layers as pure functions of weights: cut anywhere, in any company, it gives the same units."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from quickstudy.backbones import running
from quickstudy.backbones.encoder import Encoder
from quickstudy.backbones.scope import scope
from quickstudy.backbones.small import Sizes, Small
from quickstudy.core.params import leaves, same, slopes_of
from quickstudy.core.types import GIVEN, PADDING, Params, QuickstudyError, Text

SIZES = Sizes(vocabulary=40, width=16, layers=3, heads=2, positions=16)
SCOPES = ["head", "last(1)", "last(2)", "last(9)", "lora(2)", "lora(2, 1)", "all"]


def made(written: str = "head", **other: object) -> Encoder:
    return Encoder(Small(SIZES), "layers", 16, scope=scope(written), precision="float32", **other)  # type: ignore[arg-type]


def text(*lengths: int, parts: int = 1) -> Text:
    longest = max(lengths)
    tokens = torch.randint(4, 40, (len(lengths), longest), generator=torch.Generator().manual_seed(len(lengths)))
    role = torch.full(tokens.shape, PADDING, dtype=torch.uint8)
    spans = torch.zeros(len(lengths), 1, parts, 2, dtype=torch.long)
    for row, length in enumerate(lengths):
        role[row, :length] = GIVEN
        edges = torch.linspace(0, length, parts + 1).long()
        spans[row, 0] = torch.stack([edges[:-1], edges[1:]], dim=1)
    return Text(tokens, role, spans)


def moved(encoder: Encoder) -> Params:
    rng = torch.Generator().manual_seed(1)
    start = encoder.init(rng)
    return {name: value + 0.1 * torch.randn(value.shape, generator=rng) for name, value in start.items()}


@pytest.mark.parametrize("written", SCOPES)
def test_units_over_kept_hidden_states_equal_units_without(written: str) -> None:
    encoder, read = made(written), text(5, 9, 3, 7)
    params = moved(encoder)
    with torch.no_grad():
        whole = encoder.units(params, read)
        for depth in range(encoder.depth(params) + 1):
            kept = encoder.lower(params, read, depth)
            assert kept.depth == depth
            assert torch.allclose(encoder.units(params, read, kept), whole, atol=1e-6), depth


@pytest.mark.parametrize("written", SCOPES)
def test_the_start_of_every_scope_changes_nothing(written: str) -> None:
    encoder, read = made(written), text(5, 9)
    start = encoder.init(torch.Generator().manual_seed(0))
    assert same(start, encoder.init(torch.Generator().manual_seed(0)))
    with torch.no_grad():
        assert torch.allclose(encoder.units(start, read), encoder.units({}, read), atol=1e-6)


def test_depth_counts_the_layers_below_the_lowest_weight_that_moves() -> None:
    wanted = {
        "head": 3,
        "last(1)": 2,
        "last(2)": 1,
        "last(9)": 0,
        "lora(2)": 0,
        "lora(2, 1)": 2,
    }
    assert {name: made(name).depth(moved(made(name))) for name in wanted} == wanted
    assert made("all").depth(moved(made("all"))) == 0
    assert made().depth(["head.weight", "rate.x"]) == 3
    assert made().depth(["backbone.norm.weight"]) == 3
    assert made().depth(["backbone.words.weight"]) == 0


@pytest.mark.parametrize("written", ["last(1)", "lora(2)", "lora(2, 1)", "all"])
def test_slopes_reach_every_weight_that_moves_and_no_other(written: str) -> None:
    encoder, read = made(written), text(5, 9, 3)
    params = leaves(moved(encoder))
    with torch.no_grad():
        kept = encoder.lower(params, read, encoder.depth(params))
    units = encoder.units(params, read, kept)
    slopes = slopes_of((units * torch.randn(16)).sum(), params)
    silent = [name for name, slope in slopes.items() if not slope.abs().sum() > 0]
    assert silent == [] and all(not weight.requires_grad for weight in encoder.body.parameters())


def test_slopes_with_kept_hidden_states_equal_slopes_without() -> None:
    encoder, read = made("last(1)"), text(4, 6)
    params = leaves(moved(encoder))
    with torch.no_grad():
        kept = encoder.lower(params, read, 2)
    weight = torch.randn(16)
    over, whole = (slopes_of((encoder.units(params, read, each) * weight).sum(), params) for each in (kept, None))
    assert all(torch.allclose(over[name], whole[name], atol=1e-5) for name in whole)


@given(st.lists(st.integers(1, 12), min_size=1, max_size=6), st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_a_row_reads_the_same_alone_and_in_any_company(lengths: list[int], random: object) -> None:
    read = text(*lengths)
    order = list(range(len(lengths)))
    random.shuffle(order)  # type: ignore[attr-defined]
    encoder = made()
    whole = encoder.units({}, read)
    index = torch.tensor(order)
    mixed = encoder.units({}, Text(*(part[index] for part in read)))
    assert torch.allclose(mixed, whole[index], atol=1e-6)
    alone = encoder.units({}, Text(*(part[:1] for part in read)))
    assert torch.allclose(alone, whole[:1], atol=1e-6)


def test_many_chunks_are_put_back_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    read = text(*[1 + row % 12 for row in range(40)])
    whole = made().units({}, read)
    monkeypatch.setattr("quickstudy.backbones.encoder.TOKENS_A_CHUNK", {"cpu": (16, 16)})
    encoder = made()
    assert torch.allclose(encoder.units({}, read), whole, atol=1e-6)
    assert torch.allclose(encoder.units({}, read, encoder.lower({}, read, 2)), whole, atol=1e-6)


def test_two_parts_make_a_unit_of_three_widths_and_a_likeness() -> None:
    assert made().units({}, text(6, 4, parts=2)).shape == (2, 1, 49)


@pytest.mark.parametrize("parts", [1, 2])
def test_no_rows_make_no_units(parts: int) -> None:
    none = Text(*(part[:0] for part in text(4, parts=parts)))
    encoder = made()
    assert encoder.units({}, none).shape == (0, 1, 16 if parts == 1 else 49)
    assert encoder.units({}, none, encoder.lower({}, none, 2)).shape[0] == 0


def test_double_precision_stays_double() -> None:
    encoder = Encoder(Small(SIZES).double(), "layers", 16)
    assert encoder.units({}, text(4)).dtype == torch.float64


def test_bfloat16_is_near_and_auto_leaves_it_where_a_slope_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "has_bfloat16", lambda device: True)
    exact, auto, rough = (
        Encoder(Small(SIZES), "layers", 16, scope=scope("last(1)"), precision=precision)
        for precision in ("float32", "auto", "bfloat16")
    )
    read = text(5, 9)
    with torch.no_grad():
        near = rough.units({}, read)
        assert near.dtype == torch.float32
        assert not torch.equal(near, exact.units({}, read))
        assert torch.allclose(near, exact.units({}, read), atol=0.05)
    params = leaves(moved(exact))
    assert torch.equal(auto.units(params, read), exact.units(params, read))
    found = [slopes_of(encoder.units(params, read).square().sum(), params) for encoder in (exact, rough)]
    assert not same(*found)
    for name, slope in found[0].items():  # mixed: weights and their slopes stay in float32
        assert found[1][name].dtype == torch.float32
        assert torch.allclose(found[1][name], slope, atol=0.1 * float(slope.abs().max()) + 0.02)


def test_a_processor_that_would_emulate_bfloat16_is_left_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "has_bfloat16", lambda device: False)
    exact, asked = (
        Encoder(Small(SIZES), "layers", 16, scope=scope("last(1)"), precision=precision)
        for precision in ("float32", "bfloat16")
    )
    read, params = text(5, 9), leaves(moved(exact))
    with torch.no_grad():
        assert torch.equal(asked.units({}, read), exact.units({}, read))
    found = [slopes_of(encoder.units(params, read).square().sum(), params) for encoder in (exact, asked)]
    assert same(*found)


class Twice(nn.Module):
    """A body whose one layer runs twice, a table no slope reaches and a weight used beside the layer."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(40, 16)
        self.stack = nn.ModuleList([nn.Linear(16, 16)])
        self.inside = nn.Parameter(torch.ones(16))
        self.table = nn.Parameter(torch.ones(16))
        self.top = nn.Linear(16, 16)

    def forward(self, tokens: Tensor, role: Tensor) -> Tensor:
        hidden = self.words(tokens) + self.table.detach()
        for _ in range(2):
            hidden = self.stack[0](hidden * self.inside).tanh()
        return self.top(hidden)


def test_a_shared_layer_has_no_top_layers() -> None:
    encoder = Encoder(Twice(), "stack", 16, precision="float32")
    for written in ("last(1)", "lora(2, 1)"):
        with pytest.raises(QuickstudyError, match="same layer several times"):
            replace(encoder, scope=scope(written)).init(torch.Generator())
    assert len(replace(encoder, scope=scope("lora(2)")).init(torch.Generator())) == 2


def test_weights_belong_where_they_are_used_not_where_they_are_listed() -> None:
    encoder = Encoder(Twice(), "stack", 16, precision="float32", scope=scope("all"))
    assert "backbone.table" not in encoder.init(torch.Generator())
    assert encoder.depth(["backbone.inside"]) == 0


class Outside(nn.Module):
    """Layers that return what their caller adds to the stream: no layer alone hands on all that was made."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(40, 16)
        self.stack = nn.ModuleList(nn.Linear(16, 16) for _ in range(3))

    def forward(self, tokens: Tensor, role: Tensor) -> Tensor:
        hidden = self.words(tokens)
        for layer in self.stack:
            hidden = hidden + layer(hidden)
        return hidden


def test_a_stack_that_does_not_run_in_two_parts_is_never_cut() -> None:
    encoder = Encoder(Outside(), "stack", 16, scope=scope("last(1)"), precision="float32")
    assert encoder.depth([]) == 0
    assert encoder.depth(encoder.init(torch.Generator())) == 0
