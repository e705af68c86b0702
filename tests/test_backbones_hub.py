"""Hugging Face models of many families, tiny and random, saved and loaded as a user's would be."""

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers as tf
from safetensors.torch import load_file, save_file

from quickstudy.backbones.bytelevel import train
from quickstudy.backbones.loading import Loaded, load
from quickstudy.backbones.scope import scope
from quickstudy.core.params import leaves, slopes_of
from quickstudy.core.types import QuickstudyError, Text
from quickstudy.text.reader import Reader

TEXTS = ["the card is lost", "card", "我的卡不见了, the card the card"]
TOKENIZER = train(TEXTS, 300)
PLAIN = {
    "vocab_size": 300,
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
}
KEYS = {**PLAIN, "num_key_value_heads": 1, "bos_token_id": 2, "eos_token_id": 3}
SEQUENCE = {
    "vocab_size": 300,
    "d_model": 16,
    "encoder_layers": 3,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 24,
    "decoder_ffn_dim": 24,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 2,
    "eos_token_id": 3,
    "decoder_start_token_id": 2,
    "forced_eos_token_id": 3,
}
OLD = {"vocab_size": 300, "n_embd": 16, "n_layer": 3, "n_head": 2, "n_positions": 64}
RELATIVE = {"relative_attention": True, "position_buckets": 8, "pos_att_type": ["p2c", "c2p"]}
T5 = {"vocab_size": 300, "d_model": 16, "d_kv": 8, "d_ff": 24, "num_layers": 3, "num_heads": 2}

FAMILIES: dict[str, Callable[[], Any]] = {
    "bert": lambda: tf.BertConfig(**PLAIN),
    "roberta": lambda: tf.RobertaConfig(**PLAIN),
    "xlm-roberta": lambda: tf.XLMRobertaConfig(**PLAIN),
    "electra": lambda: tf.ElectraConfig(**PLAIN, embedding_size=8),
    "mpnet": lambda: tf.MPNetConfig(**PLAIN),
    "distilbert": lambda: tf.DistilBertConfig(
        vocab_size=300, dim=16, n_layers=3, n_heads=2, hidden_dim=24, max_position_embeddings=64
    ),
    "albert": lambda: tf.AlbertConfig(**PLAIN, embedding_size=8),
    "deberta-v2": lambda: tf.DebertaV2Config(**PLAIN, **RELATIVE, share_att_key=True),
    "modernbert": lambda: tf.ModernBertConfig(
        **PLAIN,
        **{f"{name}_token_id": 2 + (name in ("eos", "sep")) for name in ("bos", "cls", "eos", "sep")},
        local_attention=8,
        global_attn_every_n_layers=2,
    ),
    "gpt2": lambda: tf.GPT2Config(**OLD, bos_token_id=2, eos_token_id=3),
    "gpt-neox": lambda: tf.GPTNeoXConfig(**PLAIN, bos_token_id=2, eos_token_id=3),
    "llama": lambda: tf.LlamaConfig(**KEYS),
    "qwen3": lambda: tf.Qwen3Config(**KEYS, head_dim=8),
    "mistral": lambda: tf.MistralConfig(**KEYS, sliding_window=8),
    "gemma3": lambda: tf.Gemma3TextConfig(**KEYS, head_dim=8, sliding_window=8),
    "t5": lambda: tf.T5Config(**T5, pad_token_id=0, eos_token_id=3, decoder_start_token_id=0),
    "umt5": lambda: tf.UMT5Config(**T5, pad_token_id=0, eos_token_id=3, decoder_start_token_id=0),
    "bart": lambda: tf.BartConfig(**SEQUENCE),
    "marian": lambda: tf.MarianConfig(**SEQUENCE, decoder_vocab_size=300),
}
DECODERS = {"gpt2", "gpt-neox", "llama", "qwen3", "mistral", "gemma3"}


def saved(folder: Path, family: str = "bert") -> Path:
    torch.manual_seed(0)
    model = tf.AutoModel.from_config(FAMILIES[family]())
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(3 if weight.ndim > 1 else 1)  # the usual small start hides what attention does
    model.save_pretrained(folder)
    special = dict(zip(("pad", "unk", "bos", "eos"), ("<pad>", "<unk>", "<s>", "</s>"), strict=True))
    named = {f"{name}_token": token for name, token in special.items()}
    tf.PreTrainedTokenizerFast(tokenizer_object=TOKENIZER, **named).save_pretrained(folder)
    return folder


def text(loaded: Loaded, texts: list[str] = TEXTS) -> Text:
    reader = Reader(loaded.tokenizer, loaded.limit, loaded.prompt, loaded.filler)
    return reader.read([(each,) for each in texts]).text


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_read_and_cut_at_every_depth(family: str, tmp_path: Path) -> None:
    loaded = load(str(saved(tmp_path, family)), precision="float32")
    backbone, read = loaded.backbone, text(loaded)
    assert backbone.pooling == ("last" if family in DECODERS else "mean") and backbone.normalise
    assert (backbone.width, loaded.filler, loaded.prompt) == (16, 0, "")
    units = backbone.units({}, read)
    assert units.shape == (3, 1, 16) and units.isfinite().all()
    assert backbone.depth([]) == (1 if family == "albert" else 3)
    for depth in range(1, backbone.depth([]) + 1):
        assert torch.allclose(backbone.units({}, read, backbone.lower({}, read, depth)), units, atol=1e-6)
    alone = torch.cat([backbone.units({}, text(loaded, [each])) for each in TEXTS])
    assert torch.allclose(alone, units, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_slopes_reach_what_moves_in_every_family(family: str, tmp_path: Path) -> None:
    loaded = load(str(saved(tmp_path, family)), precision="float32")
    for written in ("last(1)", "lora(2, 1)", "lora(2)", "all"):
        backbone = replace(loaded.backbone, scope=scope(written))
        if family == "albert" and "1)" in written:
            with pytest.raises(QuickstudyError, match="same layer several times"):
                backbone.init(torch.Generator())
            continue
        rng = torch.Generator().manual_seed(0)
        start = backbone.init(rng)
        params = leaves({k: v + 0.1 * torch.randn(v.shape, generator=rng) for k, v in start.items()})
        depth = backbone.depth(params)
        assert depth == (2 if "1)" in written else 0)
        read = text(loaded)
        with torch.no_grad():
            kept = backbone.lower(params, read, depth)
        units = backbone.units(params, read, kept)
        assert torch.allclose(units, backbone.units(params, read), atol=1e-6)
        slopes = slopes_of((units * torch.randn(16, generator=rng)).sum(), params)
        assert [name for name, slope in slopes.items() if not slope.abs().sum() > 0] == []


def test_limits_are_those_of_the_positions(tmp_path: Path) -> None:
    wanted = {"bert": 64, "roberta": 63, "gpt2": 64, "t5": 512}
    found = {family: load(str(saved(tmp_path / family, family))).limit for family in wanted}
    assert found == wanted


def test_a_text_of_the_full_length_is_read(tmp_path: Path) -> None:
    for family in ("bert", "roberta", "mpnet", "gpt2"):
        loaded = load(str(saved(tmp_path / family, family)))
        read = text(loaded, ["card " * 200])
        assert read.tokens.shape[1] == loaded.limit
        assert loaded.backbone.units({}, read).isfinite().all()


def modules(folder: Path, *kinds: str, pooling: dict[str, object], general: dict[str, object] | None = None) -> str:
    saved(folder)
    listed = [
        {
            "idx": i,
            "name": str(i),
            "path": f"{i}_{kind}" if i else "",
            "type": f"sentence_transformers.models.{kind}",
        }
        for i, kind in enumerate(kinds)
    ]
    (folder / "modules.json").write_text(json.dumps(listed))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 17}')
    (folder / "config_sentence_transformers.json").write_text(json.dumps(general or {}))
    return str(folder)


def test_pooling_length_and_prompt_of_a_sentence_model_are_honoured(tmp_path: Path) -> None:
    told = {"prompts": {"query": "find: "}, "default_prompt_name": "query"}
    folder = modules(tmp_path, "Transformer", "Pooling", pooling={"pooling_mode_cls_token": True}, general=told)
    loaded = load(folder, precision="float32")
    assert (loaded.backbone.pooling, loaded.backbone.normalise) == ("first", False)
    assert (loaded.limit, loaded.prompt) == (17, "find: ")
    read = text(loaded)
    model = tf.AutoModel.from_pretrained(folder)
    with torch.no_grad():
        first = model(input_ids=read.tokens, attention_mask=read.role.long()).last_hidden_state[:, 0]
    assert torch.allclose(loaded.backbone.units({}, read)[:, 0], first, atol=1e-5)


def test_normalize_and_the_newer_way_to_name_a_pooling(tmp_path: Path) -> None:
    folder = modules(tmp_path, "Transformer", "Pooling", "Normalize", pooling={"pooling_mode": "lasttoken"})
    loaded = load(folder)
    assert (loaded.backbone.pooling, loaded.backbone.normalise) == ("last", True)


@pytest.mark.parametrize(
    ("kinds", "pooling"),
    [
        (("Transformer", "Pooling"), {"pooling_mode_max_tokens": True}),
        (("Transformer", "Pooling"), {"pooling_mode_max_tokens": True, "pooling_mode_mean_tokens": True}),
        (("Transformer", "Pooling"), {"pooling_mode": "mean", "include_prompt": False}),
        (("Transformer", "Pooling"), {}),
        (("Transformer", "Pooling", "Dense"), {"pooling_mode_mean_tokens": True}),
        (("WordEmbeddings", "Pooling"), {"pooling_mode_mean_tokens": True}),
    ],
)
def test_other_ways_to_pool_are_refused(tmp_path: Path, kinds: tuple[str, ...], pooling: dict[str, object]) -> None:
    with pytest.raises(QuickstudyError, match="supported: choose"):
        load(modules(tmp_path, *kinds, pooling=pooling))


def test_weights_in_other_formats_are_not_opened(tmp_path: Path) -> None:
    saved(tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(QuickstudyError, match="no weights in the safetensors format"):
        load(str(tmp_path))


@pytest.mark.parametrize("name", ["./nothing", "/nowhere/at/all", "two words", "a/b/c", "~/nothing-here"])
def test_a_missing_folder_is_named(name: str) -> None:
    with pytest.raises(QuickstudyError, match="no such folder"):
        load(name)


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(QuickstudyError, match=r"no config\.json"):
        load(str(tmp_path))


def test_lacking_weights_are_not_drawn_at_random(tmp_path: Path) -> None:
    saved(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    del weights["encoder.layer.1.output.dense.weight"]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(QuickstudyError, match=r"lacks 1 weights .*layer\.1\.output\.dense\.weight"):
        load(str(tmp_path))


def test_a_cut_file_and_strange_settings_get_one_sentence(tmp_path: Path) -> None:
    whole = (saved(tmp_path) / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(QuickstudyError, match="cannot be opened"):
        load(str(tmp_path))
    (tmp_path / "config.json").write_text('{"model_type": "no-such-family"}')
    with pytest.raises(QuickstudyError, match="cannot be opened") as caught:
        load(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_code_in_a_folder_is_never_run(tmp_path: Path) -> None:
    saved(tmp_path)
    mark = tmp_path / "ran"
    (tmp_path / "evil.py").write_text(f"open({str(mark)!r}, 'w')\nclass Model: pass\nclass Config: pass\n")
    config = json.loads((tmp_path / "config.json").read_text())
    config["auto_map"] = {"AutoModel": "evil.Model", "AutoConfig": "evil.Config"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert load(str(tmp_path)).backbone.width == 16  # a family that is known is read by its own class
    config["model_type"] = "evil"
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(QuickstudyError, match="cannot be opened"):
        load(str(tmp_path))
    assert not mark.exists()


def test_a_model_that_mixes_padding_in_is_refused(tmp_path: Path) -> None:
    model = tf.AutoModel.from_config(tf.FNetConfig(**{k: v for k, v in PLAIN.items() if "heads" not in k}))
    saved(tmp_path)
    model.save_pretrained(tmp_path)
    with pytest.raises(QuickstudyError, match="depends on the padding"):
        load(str(tmp_path))


def test_a_name_that_is_not_in_the_cache_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(QuickstudyError, match=r"cannot be reached.*did you mean 'minilm'"):
        load("minilmm")


def test_languages_of_a_card_are_kept_when_they_are_plain(tmp_path: Path) -> None:
    folder = saved(tmp_path)
    for told, wanted in (
        ("language: en", ("en",)),
        ("language: [de, fr]", ("de", "fr")),
        ("language: [multilingual, de]", ()),
        ("language: {a: [", ()),
        ("licence: x", ()),
    ):
        (folder / "README.md").write_text(f"---\n{told}\n---\n# a model\n")
        assert load(str(folder)).languages == wanted


def test_nothing_is_left_changed_or_written_about(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = str(saved(tmp_path))
    capfd.readouterr()
    loggers = [logging.getLogger(name) for name in ("transformers", "huggingface_hub")]
    before = [logger.level for logger in loggers], tf.utils.logging.is_progress_bar_enabled()
    load(folder)
    assert before == ([logger.level for logger in loggers], tf.utils.logging.is_progress_bar_enabled())
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [({"precision": "int8"}, "no precision"), ({"device": "tpu9"}, "device"), ({"scope": "top"}, "no scope")],
)
def test_wrong_words_are_named(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(QuickstudyError, match=told):
        load("minilm", **wrong)
