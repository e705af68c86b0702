"""Models that write, beside what transformers makes of the same weights."""

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing

from quickstudy.backbones.bytelevel import train
from quickstudy.backbones.encoder import Encoder
from quickstudy.backbones.loading import load
from quickstudy.backbones.speaking import Speaking, speaking
from quickstudy.core.types import GIVEN, IGNORE, WRITTEN, Limits, QuickstudyError, Text
from quickstudy.text.frames import framed, rows
from quickstudy.text.reader import Reader

PAIRS = [("a man runs", "un homme court"), ("two dogs", "deux chiens jouent dehors"), ("the red car", "la voiture")]
SMALL = {"vocab_size": 300, "bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0}


def model(name: str):
    from transformers import (
        BartConfig,
        BartForConditionalGeneration,
        GPT2Config,
        GPT2LMHeadModel,
        LlamaConfig,
        LlamaForCausalLM,
        MarianConfig,
        MarianMTModel,
        T5Config,
        T5ForConditionalGeneration,
    )

    torch.manual_seed(1)
    both = {"d_model": 16, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 2}
    both |= {"decoder_attention_heads": 2, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32, "max_position_embeddings": 64}
    t5 = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2, "decoder_start_token_id": 0}
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    made = {
        "gpt2": lambda: GPT2LMHeadModel(GPT2Config(n_embd=16, n_layer=2, n_head=2, n_positions=64, **SMALL)),
        "llama": lambda: LlamaForCausalLM(
            LlamaConfig(**sizes, max_position_embeddings=64, num_key_value_heads=1, **SMALL)
        ),
        "t5": lambda: T5ForConditionalGeneration(T5Config(**t5, **SMALL)),
        "t5 untied": lambda: T5ForConditionalGeneration(
            T5Config(**t5, tie_word_embeddings=False, feed_forward_proj="gated-gelu", **SMALL)
        ),
        "bart": lambda: BartForConditionalGeneration(BartConfig(**both, decoder_start_token_id=3, **SMALL)),
        "marian": lambda: MarianMTModel(MarianConfig(**both, decoder_start_token_id=0, **SMALL)),
    }[name]()
    with torch.no_grad():
        for key, weight in made.named_parameters():
            if weight.ndim == 2 and "embed" not in key and "shared" not in key:
                weight.mul_(8)  # so that what is written depends on what is read
        if hasattr(made, "final_logits_bias"):
            made.final_logits_bias.copy_(torch.randn(1, 300))
    for forced in ("forced_eos_token_id", "forced_bos_token_id", "max_length"):
        setattr(made.generation_config, forced, None)
    return made.eval()


def folder(path: Path, name: str, made) -> Path:
    from transformers import PreTrainedTokenizerFast

    tokenizer = train([text for pair in PAIRS for text in pair], 300)
    _surround(tokenizer, name)
    whole = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", bos_token="<s>", model_max_length=64
    )
    made.save_pretrained(path)
    whole.save_pretrained(path)
    return path


def _surround(tokenizer: Tokenizer, name: str) -> None:
    """What each family's tokenizer puts around a text."""
    single = {"gpt2": "$A", "llama": "<s> $A", "t5": "$A </s>", "t5 untied": "$A </s>", "marian": "$A </s>"}
    tokenizer.post_processor = TemplateProcessing(
        single=single.get(name, "<s> $A </s>"), special_tokens=[("<s>", 2), ("</s>", 3)]
    )


DECODERS, TRANSLATORS = ("gpt2", "llama"), ("t5", "t5 untied", "bart", "marian")


@pytest.fixture(scope="module", params=[*DECODERS, *TRANSLATORS])
def opened(request, tmp_path_factory):
    """(name, transformers' model, ours, its reader)"""
    made = model(request.param)
    path = folder(tmp_path_factory.mktemp("model"), request.param, made)
    loaded = load(str(path), scope="lora(2)", precision="float32")
    reader = Reader(loaded.tokenizer, loaded.limit, loaded.prompt, loaded.filler)
    return request.param, made, speaking(loaded.backbone), reader


def theirs(name: str, made, given: list[int], written: list[int]) -> torch.Tensor:
    """log p of each written token."""
    ids = torch.tensor([given])
    with torch.no_grad():
        if name in TRANSLATORS:
            asked = torch.tensor([[made.config.decoder_start_token_id, *written[:-1]]])
            logits = made(input_ids=ids, decoder_input_ids=asked).logits[0]
        else:
            logits = made(input_ids=torch.tensor([[*given, *written]])).logits[0, len(given) - 1 : -1]
    return logits.log_softmax(-1).gather(1, torch.tensor(written)[:, None])[:, 0]


def test_units_are_the_log_probabilities_of_the_model_itself(opened) -> None:
    name, made, ours, reader = opened
    text, gold, cut = rows(framed(reader), reader, [a for a, _ in PAIRS], [b for _, b in PAIRS], 32)
    assert not cut.any()
    found = ours.units({}, text)
    assert found.shape == (*gold.shape, 300)
    assert (found[gold == IGNORE] == 0).all()
    for row in range(len(PAIRS)):
        given, written = (text.tokens[row][text.role[row] == role].tolist() for role in (1, 2))
        assert gold[row][gold[row] != IGNORE].tolist() == written
        said = found[row, : len(written)].gather(1, torch.tensor(written)[:, None])[:, 0]
        torch.testing.assert_close(said, theirs(name, made, given, written), rtol=1e-4, atol=1e-4)


def test_what_is_written_is_what_the_model_itself_generates(opened) -> None:
    """Greedily and by beams; each text alone and beside others."""
    name, made, ours, reader = opened
    text = rows(framed(reader), reader, [a for a, _ in PAIRS], [None] * 3, 32).text
    end = framed(reader).end
    for beams in (1, 3):
        limits = Limits(8, end, beams=beams, penalty=1.0)
        found = ours.write({}, text, limits)
        for row in range(len(PAIRS)):
            given = text.tokens[row][text.role[row] == GIVEN]
            alone = ours.write({}, Text(given[None], torch.ones_like(given)[None].byte(), text.spans[:1]), limits)
            assert _said(alone.tokens[0]) == _said(found.tokens[row])
            torch.testing.assert_close(alone.likelihood[0], found.likelihood[row], rtol=1e-4, atol=1e-4)
            told = theirs(name, made, given.tolist(), _said(found.tokens[row])).sum()
            torch.testing.assert_close(found.likelihood[row], told, rtol=1e-4, atol=1e-3)
            if beams == 1:
                wanted = made.generate(given[None], max_new_tokens=8, do_sample=False, num_beams=1, pad_token_id=0)[0]
                new = wanted[1:] if name in TRANSLATORS else wanted[len(given) :]
                assert _said(found.tokens[row]) == _until(new.tolist(), end)


def test_enough_beams_find_the_likeliest_of_all_texts(opened) -> None:
    """Of two tokens, of which each of the 300 may be the first."""
    _, _, ours, reader = opened
    given = rows(framed(reader), reader, ["two dogs"], [None], 32).text
    every = torch.arange(300)
    length = int((given.role == GIVEN).sum())
    tokens = torch.cat([given.tokens[:, :length].expand(300, -1), every[:, None], every[:, None]], 1)
    role = torch.tensor([GIVEN] * length + [WRITTEN] * 2, dtype=torch.uint8).expand(300, -1)
    spans = torch.tensor([[[length - 1, length]], [[length, length + 1]]]).expand(300, -1, -1, -1)
    each = ours.units({}, Text(tokens, role, spans))
    likeliest = (each[:, 0].gather(1, every[:, None]) + each[:, 1]).max()
    found = ours.write({}, given, Limits(2, -2, beams=300))
    torch.testing.assert_close(found.likelihood[0], likeliest, rtol=1e-4, atol=1e-4)
    assert ours.write({}, given, Limits(2, -2, beams=2)).likelihood[0] <= likeliest + 1e-4


def test_low_rank_additions_move_what_is_written(opened) -> None:
    _, _, ours, reader = opened
    theta = ours.init(torch.Generator().manual_seed(0))
    assert theta and all(key.startswith("lora.") for key in theta)
    moved = {key: value + 0.3 if key.endswith(".b") else value for key, value in theta.items()}
    text = rows(framed(reader), reader, [a for a, _ in PAIRS], [b for _, b in PAIRS], 32).text
    torch.testing.assert_close(ours.units(theta, text), ours.units({}, text), rtol=1e-4, atol=1e-4)
    assert (ours.units(moved, text) - ours.units({}, text)).abs().max() > 1e-2


def test_sampling_follows_its_seed_and_not_the_company(opened) -> None:
    _, _, ours, reader = opened
    text = rows(framed(reader), reader, [a for a, _ in PAIRS], [None] * 3, 32).text
    limits = Limits(8, -2, temperature=1.0, seed=3)
    first, again = ours.write({}, text, limits), ours.write({}, text, limits)
    other = ours.write({}, text, limits._replace(seed=4))
    narrow = ours.write({}, text, limits._replace(top=1e-9))
    assert torch.equal(first.tokens, again.tokens)
    assert not torch.equal(first.tokens, other.tokens)
    assert torch.equal(narrow.tokens, ours.write({}, text, Limits(8, -2)).tokens)


def test_no_row_is_longer_than_the_model_reads(opened) -> None:
    name, _, ours, reader = opened
    text = rows(framed(reader), reader, ["a man runs " * 40], [None], 8).text
    assert int((text.role == GIVEN).sum()) == reader.limit - 8
    found = ours.write({}, text, Limits(200, -2))
    assert found.tokens.shape[1] == (reader.limit if name in TRANSLATORS else 8)


def test_a_model_that_only_reads_is_refused(tmp_path: Path) -> None:
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    BertModel(BertConfig(vocab_size=300, **sizes)).save_pretrained(tmp_path)
    PreTrainedTokenizerFast(tokenizer_object=train(["a"], 300), pad_token="<pad>").save_pretrained(tmp_path)
    with pytest.raises(QuickstudyError, match="needs a model that writes"):
        speaking(load(str(tmp_path)).backbone)


def test_an_encoder_decoder_still_reads_by_its_encoder(opened) -> None:
    name, _, ours, reader = opened
    text, _ = reader.read([("a man runs",)])
    if name in TRANSLATORS:
        with pytest.raises(QuickstudyError, match="encoder-decoder"):
            ours.units({}, text)
    else:
        assert isinstance(ours, Speaking)
        assert ours.units({}, text).shape == (1, 1, 16)


def test_what_rows_begin_with_in_common_is_read_once(opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of unlike lengths behind the same examples are gone on with as each alone."""
    name, _, ours, reader = opened
    frame = framed(reader)
    shown = rows(frame, reader, [PAIRS[0][0] * 5], [None], 32).text.tokens[0, :-1].tolist()
    each = [shown + rows(frame, reader, [a], [None], 8).text.tokens[0].tolist()[1:] for a, _ in PAIRS]
    each = [[token for token in row if token] for row in each]
    tokens = torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in each], batch_first=True)
    role = (tokens != 0).byte() * GIVEN
    read: list[int] = []
    real = Encoder.runs

    def counted(self, params):
        run = real(self, params)
        return lambda tokens, *more: (read.append(tokens.numel()), run(tokens, *more))[1]

    monkeypatch.setattr(Encoder, "runs", counted)
    text = Text(tokens, role, torch.zeros(len(tokens), 1, 1, 2).long())
    for beams in (1, 3):
        limits = Limits(8, frame.end, beams=beams)
        read.clear()
        found = ours.write({}, text, limits)
        assert (read[0] < tokens.numel()) == (name in DECODERS)
        for row, given in enumerate(map(torch.tensor, each)):
            spans = torch.zeros(1, 1, 1, 2).long()
            alone = ours.write({}, Text(given[None], torch.full_like(given, GIVEN)[None].byte(), spans), limits)
            assert _said(alone.tokens[0]) == _said(found.tokens[row])
            torch.testing.assert_close(alone.likelihood[0], found.likelihood[row], rtol=1e-4, atol=1e-4)


def _said(tokens: torch.Tensor) -> list[int]:
    return [token for token in tokens.tolist() if token >= 0]


def _until(tokens: list[int], end: int) -> list[int]:
    return tokens[: tokens.index(end) + 1] if end in tokens else tokens
