"""The likelihood of written tokens: transformers' own, whatever is shared, and with the weights that move."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers as tf
from few import backbone, encoder
from hypothesis import given, settings
from hypothesis import strategies as st

from quickstudy.backbones import likelihood
from quickstudy.backbones.bytelevel import train
from quickstudy.backbones.encoder import Encoder
from quickstudy.backbones.kept import KeptFeatures
from quickstudy.backbones.loading import load
from quickstudy.backbones.small import Small
from quickstudy.core.params import leaves, slopes_of
from quickstudy.core.types import GIVEN, WRITTEN, Params, QuickstudyError, Text

TOKENIZER = train(["the card is lost", "where is my card"], 300)
OLD = {"vocab_size": 300, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 64, "bos_token_id": 2}
NEW = {
    "vocab_size": 300,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "intermediate_size": 24,
    "max_position_embeddings": 64,
    "bos_token_id": 2,
}
MODELS: dict[str, Callable[[], Any]] = {
    "gpt2": lambda: tf.GPT2LMHeadModel(tf.GPT2Config(**OLD)),
    "gpt2, untied": lambda: tf.GPT2LMHeadModel(tf.GPT2Config(**OLD, tie_word_embeddings=False)),
    "llama": lambda: tf.LlamaForCausalLM(tf.LlamaConfig(**NEW, tie_word_embeddings=True)),
    "llama, untied": lambda: tf.LlamaForCausalLM(tf.LlamaConfig(**NEW)),
    "mistral, a window of 4": lambda: tf.MistralForCausalLM(tf.MistralConfig(**NEW, sliding_window=4)),
}
READ_WHOLE = {"mistral, a window of 4"}


def saved(folder: Path, name: str) -> tuple[Any, str]:
    torch.manual_seed(0)
    model = MODELS[name]().eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(std=0.3)
    model.save_pretrained(folder)
    tf.PreTrainedTokenizerFast(tokenizer_object=TOKENIZER, pad_token="<pad>").save_pretrained(folder)
    return model, str(folder)


def text(*rows_: tuple[list[int], list[int]]) -> Text:
    """Rows of (given, written) tokens."""
    width = max(len(before) + len(said) for before, said in rows_)
    tokens = torch.zeros(len(rows_), width, dtype=torch.long)
    role = torch.zeros(len(rows_), width, dtype=torch.uint8)
    for row, (before, said) in enumerate(rows_):
        tokens[row, : len(before) + len(said)] = torch.tensor(before + said)
        role[row, : len(before)] = GIVEN
        role[row, len(before) : len(before) + len(said)] = WRITTEN
    return Text(tokens, role, torch.zeros(len(rows_), 1, 1, 2, dtype=torch.long))


PROMPT = [11, 12, 13, 14, 15, 16, 17]
ROWS = text(
    ([*PROMPT, 20, 21], [30, 31]),
    ([*PROMPT, 20, 21], [32]),
    ([*PROMPT, 22], [30, 31]),
    ([*PROMPT, 22], [32, 33, 34]),
    (PROMPT, [30, 31]),
)


@pytest.mark.parametrize("name", MODELS)
def test_it_is_what_transformers_says(tmp_path: Path, name: str) -> None:
    model, folder = saved(tmp_path, name)
    found = load(folder, precision="float32").backbone
    assert found.writes is not None and (found.writes.past is None) == (name in READ_WHOLE)
    for row in range(len(ROWS.tokens)):
        length = int((ROWS.role[row] > 0).sum())
        tokens = ROWS.tokens[row : row + 1, :length]
        with torch.no_grad():
            logits = model(tokens).logits[0].log_softmax(-1)
        wanted = torch.zeros(ROWS.tokens.shape[1])
        for place in (ROWS.role[row] == WRITTEN).nonzero()[:, 0].tolist():
            wanted[place] = logits[place - 1, tokens[0, place]]
        torch.testing.assert_close(found.said({}, ROWS)[row], wanted, rtol=1e-4, atol=1e-4)


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    _, folder = saved(tmp_path_factory.mktemp("llama"), "llama")
    return load(folder, scope="all", precision="float32").backbone


def whole(decoder: Encoder, params: Params, rows: Text) -> torch.Tensor:
    """Every row read from its beginning."""
    assert decoder.writes is not None
    output = decoder.writes.weight(params, decoder.body)
    return likelihood.whole(
        lambda *given: decoder._run(decoder.body, params, *given), output, rows, decoder._chunks(rows)
    )


PIECE = st.lists(st.sampled_from([5, 6]), max_size=4)


@given(st.lists(st.tuples(PIECE, PIECE), min_size=1, max_size=8), st.sampled_from([1, 6, 512]))
@settings(max_examples=40, deadline=None)
def test_rows_that_share_what_they_can_are_rows_read_whole(llama: Encoder, drawn: list[Any], budget: int) -> None:
    rows = text(*[(before, said or [7]) for before, said in drawn])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(likelihood, "TOKENS_A_PACK", {"cpu": budget})
        torch.testing.assert_close(llama.said({}, rows), whole(llama, {}, rows), rtol=1e-4, atol=1e-4)


def test_slopes_run_through_what_is_shared(llama: Encoder) -> None:
    at = leaves(llama.init(torch.Generator()))
    moved = {name.removeprefix("backbone."): value for name, value in at.items()}
    found, wanted = slopes_of(llama.said(at, ROWS).sum(), at), slopes_of(whole(llama, moved, ROWS).sum(), at)
    for name, slope in wanted.items():
        torch.testing.assert_close(found[name], slope, rtol=1e-3, atol=1e-4)


def test_what_rows_begin_with_is_read_once(llama: Encoder) -> None:
    counted: list[int] = []
    layer = llama.body.get_submodule(llama.layers)[0]
    hook = layer.register_forward_hook(lambda _, given, __: counted.append(given[0].shape[:2].numel()))
    llama.said({}, ROWS)
    hook.remove()
    assert counted == [len(PROMPT) - 1, 3 * 1 + 2 + 1 + sum([2, 1, 2, 3, 2])]


def test_weights_that_moved_reach_the_output_weights_too() -> None:
    """The embedding that is the output, too: as if the model had been made with the moved weights."""
    one = encoder("all")
    moved = {name: value + 0.1 for name, value in one.init(torch.Generator()).items()}
    small = Small(one.body.sizes).double()  # type: ignore[arg-type]
    small.load_state_dict({name.removeprefix("backbone."): value for name, value in moved.items()})
    other = Encoder(small, "layers", 8, writes=one.writes)
    assert torch.allclose(one.said(moved, ROWS), other.said({}, ROWS))
    assert not torch.allclose(one.said({}, ROWS), other.said({}, ROWS))


def test_a_first_token_follows_nothing_and_no_rows_are_no_rows() -> None:
    found = encoder().said({}, text(([], [5, 6])))
    assert found[0, 0] == 0 and found[0, 1] < 0
    assert encoder().said({}, Text(*(part[:0] for part in ROWS))).shape == (0, ROWS.tokens.shape[1])


def test_what_stands_around_a_backbone_hands_it_on(llama: Encoder) -> None:
    plain = encoder()
    for around in (backbone(), KeptFeatures(plain)):
        assert torch.equal(around.said({}, ROWS), plain.said({}, ROWS))
        assert around.marks() == plain.marks()
    assert llama.said({}, Text(*(part[:0] for part in ROWS))).shape == (0, ROWS.tokens.shape[1])


def test_a_model_that_only_reads_is_refused(tmp_path: Path) -> None:
    config = tf.BertConfig(
        vocab_size=300, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24
    )
    tf.BertModel(config).save_pretrained(tmp_path)
    tf.PreTrainedTokenizerFast(tokenizer_object=TOKENIZER, pad_token="<pad>").save_pretrained(tmp_path)
    with pytest.raises(QuickstudyError, match="needs a model that writes"):
        load(str(tmp_path)).backbone.said({}, ROWS)
