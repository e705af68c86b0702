"""Our own small Transformer: roles decide what is seen, slopes exist twice, a folder brings it back."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.attention import SDPBackend, sdpa_kernel

from quickstudy.backbones.bytelevel import SMALLEST, SPECIAL, train
from quickstudy.backbones.folder import save_small
from quickstudy.backbones.loading import load
from quickstudy.backbones.small import Sizes, Small, visible
from quickstudy.core.types import GIVEN, PADDING, WRITTEN, QuickstudyError
from quickstudy.text.reader import Reader

TEXTS = ["the card has not arrived", "我的卡不见了", "where is my card, it was lost"]
SIZES = Sizes(vocabulary=300, width=16, layers=2, heads=2, positions=24)


def roles(*parts: tuple[int, int]) -> torch.Tensor:
    return torch.tensor([[role for role, count in parts for _ in range(count)]], dtype=torch.uint8)


def seen(role: torch.Tensor) -> torch.Tensor:
    """(S, S) bool: row i's hidden state changes when token j does."""
    model = Small(SIZES).double()
    tokens = torch.arange(10, 10 + role.shape[1])[None]
    before = model(tokens, role)[0]
    found = []
    for place in range(role.shape[1]):
        other = tokens.clone()
        other[0, place] = 200
        found.append((model(other, role)[0] - before).abs().amax(1) > 1e-12)
    return torch.stack(found, dim=1)


def test_given_text_is_seen_from_everywhere() -> None:
    assert seen(roles((GIVEN, 5))).all()


def test_written_text_is_never_seen_from_before() -> None:
    assert torch.equal(seen(roles((WRITTEN, 5))), torch.ones(5, 5).tril().bool())


def test_a_prefix_is_seen_whole_and_does_not_see_what_is_written() -> None:
    found = seen(roles((GIVEN, 2), (WRITTEN, 3)))
    wanted = torch.ones(5, 5).tril().bool()
    wanted[0, 1] = True
    assert torch.equal(found, wanted)


def test_padding_is_never_seen() -> None:
    found = seen(roles((GIVEN, 3), (PADDING, 2)))
    assert found[:3, :3].all() and not found[:3, 3:].any()


@given(st.lists(st.sampled_from([PADDING, GIVEN, WRITTEN]), min_size=1, max_size=8))
@settings(max_examples=50, deadline=None)
def test_visibility_is_the_rule_as_written_and_no_row_is_empty(drawn: list[int]) -> None:
    found = visible(torch.tensor(drawn, dtype=torch.uint8))
    for i, viewer in enumerate(drawn):
        for j, other in enumerate(drawn):
            allowed = other == GIVEN or (viewer == WRITTEN and other == WRITTEN and j <= i)
            assert bool(found[i, j]) == (allowed or i == j)


def test_a_row_of_nothing_but_padding_makes_numbers() -> None:
    assert Small(SIZES)(torch.zeros(1, 4, dtype=torch.long), roles((PADDING, 4))).isfinite().all()


def test_the_same_seed_draws_the_same_weights() -> None:
    one, again, other = Small(SIZES), Small(SIZES), Small(Sizes(**{**SIZES.__dict__, "seed": 1}))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), again.parameters(), strict=True))
    assert not torch.equal(one.words.weight, other.words.weight)


def test_second_derivatives_are_right() -> None:
    model = Small(Sizes(vocabulary=8, width=2, layers=1, heads=1, positions=4)).double()
    tokens, role = torch.tensor([[1, 2, 3]]), roles((GIVEN, 1), (WRITTEN, 2))

    def read(weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        own = {"layers.0.attend_in.weight": weight, "layers.0.attend_in.bias": bias}
        return torch.func.functional_call(model, own, (tokens, role)).square().sum(-1)[:, 1:]

    layer = model.layers[0]
    leaves = [layer.attend_in.weight, layer.attend_in.bias]
    with sdpa_kernel(SDPBackend.MATH):
        assert torch.autograd.gradgradcheck(read, [leaf.detach().clone().requires_grad_() for leaf in leaves])


def test_it_runs_under_vmap() -> None:
    model = Small(SIZES)
    tokens = torch.randint(4, 300, (3, 2, 5))
    role = roles((GIVEN, 3), (WRITTEN, 2)).expand(3, 2, 5)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
        found = torch.func.vmap(lambda t, r: model(t, r))(tokens, role)
        assert torch.allclose(found[1], model(tokens[1], role[1]), atol=1e-6)


@pytest.mark.parametrize("wrong", [{"width": 0}, {"heads": 3}, {"layers": -1}])
def test_impossible_sizes_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"positive|divide"):
        Sizes(**{**SIZES.__dict__, **wrong})


@given(st.text(max_size=40))
@settings(max_examples=50, deadline=None)
def test_every_text_is_read_without_an_unknown_token(text: str) -> None:
    assert SPECIAL.index("<unk>") not in TOKENIZER.encode(text).ids


def test_the_tokenizer_learns_chinese_and_marks_both_ends() -> None:
    found = TOKENIZER.encode("我的卡不见了")
    assert (found.ids[0], found.ids[-1]) == (SPECIAL.index("<s>"), SPECIAL.index("</s>"))
    assert TOKENIZER.decode(found.ids) == "我的卡不见了"
    assert len(found.ids) < len("我的卡不见了".encode()) + 2
    with pytest.raises(ValueError, match="256 bytes"):
        train(TEXTS, SMALLEST - 1)


TOKENIZER = train(TEXTS * 3, 300)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_small(tmp_path / "own", Small(SIZES), TOKENIZER, ["en", "zh"])
    return tmp_path / "own"


def test_a_saved_folder_loads_to_the_same_backbone(folder: Path) -> None:
    loaded = load(str(folder), scope="lora(2)", precision="float32")
    assert (loaded.limit, loaded.prompt, loaded.filler, loaded.languages) == (24, "", 0, ("en", "zh"))
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    ]
    text = Reader(loaded.tokenizer, loaded.limit).read([(text,) for text in TEXTS]).text
    units = loaded.backbone.units({}, text)
    with torch.no_grad():
        one = Small(SIZES)(text.tokens, text.role)[1, : int(text.spans[1, 0, 0, 1])].mean(0)
    assert torch.allclose(units[1, 0], one / one.norm(), atol=1e-6)
    again = load(str(folder))
    assert again.fingerprint == loaded.fingerprint


def test_other_weights_have_another_fingerprint(folder: Path, tmp_path: Path) -> None:
    model = Small(SIZES)
    with torch.no_grad():
        model.norm.bias[0] += 1e-3
    save_small(tmp_path / "other", model, TOKENIZER)
    assert load(str(folder)).fingerprint != load(str(tmp_path / "other")).fingerprint


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_a_cut_file_gets_one_sentence(folder: Path, name: str) -> None:
    (folder / name).write_bytes((folder / name).read_bytes()[:100])
    with pytest.raises(QuickstudyError, match="save it again"):
        load(str(folder))


@pytest.mark.parametrize("change", [{"width": 10**9, "heads": 1}, {"layers": 10**9}, {"positions": "many"}])
def test_sizes_that_are_not_those_of_the_weights_are_refused(folder: Path, change: dict[str, object]) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **change}))
    with pytest.raises(QuickstudyError, match="cannot be opened as a small backbone"):
        load(str(folder))


def test_saving_again_replaces_what_was_there(folder: Path) -> None:
    smaller = Sizes(vocabulary=300, width=8, layers=1, heads=1, positions=12)
    save_small(folder, Small(smaller), TOKENIZER)
    assert load(str(folder)).limit == 12
    shutil.rmtree(folder)
