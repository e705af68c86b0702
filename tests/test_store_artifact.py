"""The `.qs` file: round trips, and what hostile or damaged files get."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from quickstudy.core.params import same
from quickstudy.core.tensors import save_tensors
from quickstudy.core.types import QuickstudyError
from quickstudy.store.artifact import open_artifact, save_artifact

WEIGHTS = {
    "head.weight": torch.randn(77, 384),
    "kind.threshold": torch.tensor(0.5, dtype=torch.float64),
    "half": torch.tensor([1.5], dtype=torch.bfloat16),
    "mask": torch.tensor([True]),
}
DOCUMENT = {
    "learner": "prior_head.v1",
    "classes": {"card arrival": "قادم 🃏"},
    "examples": [["a\nb", None, 1.5]],
}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


def refused(path: Path) -> str:
    """The one sentence that opening this file ends in."""
    with pytest.raises(QuickstudyError) as error:
        open_artifact(path, "task")
    text = str(error.value)
    assert str(path) in text and text.isprintable() and len(text) < 400 + len(str(path))
    return text


def test_a_task_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "cards.qs"
    save_artifact(path, "task", WEIGHTS, DOCUMENT)
    tensors, document = open_artifact(path, "task")
    assert same(tensors, WEIGHTS) and document == DOCUMENT
    assert path.stat().st_size < 77 * 384 * 4 + 2000
    first = path.read_bytes()
    save_artifact(path, "task", tensors, document)
    assert path.read_bytes() == first


@settings(max_examples=50, deadline=None)
@given(document=st.dictionaries(st.text(st.characters()), JSON, max_size=4))
def test_any_document_comes_back(document: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("document") / "a.qs"
    save_artifact(path, "task", {}, document)
    assert open_artifact(path, "task") == ({}, document)


def test_half_a_character_in_an_example_can_be_kept(tmp_path: Path) -> None:
    save_artifact(tmp_path / "a.qs", "task", {}, {"text": "\ud83d"})
    assert open_artifact(tmp_path / "a.qs", "task")[1] == {"text": "\ud83d"}


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_damage_never_gives_a_task(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("damage") / "a.qs"
    save_artifact(path, "task", {"w": torch.arange(20.0)}, DOCUMENT)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = content[: data.draw(st.integers(0, len(content)))]
    if cut != path.read_bytes():
        path.write_bytes(cut)
        refused(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_must_be_numbers(tmp_path: Path, value: float) -> None:
    weights = {"fine": torch.ones(2), "broken\n": torch.tensor([0.0, value])}
    with pytest.raises(QuickstudyError, match="not finite"):
        save_artifact(tmp_path / "a.qs", "task", weights, {})
    assert list(tmp_path.iterdir()) == []
    save_tensors(tmp_path / "b.qs", weights, {"format": "quickstudy.task", "version": "1", "document": "{}"})
    assert "not finite" in refused(tmp_path / "b.qs")


def deep(levels: int) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for _ in range(levels):
        document = {"": document}
    return document


@pytest.mark.parametrize("document", [{"a": float("nan")}, {"a": {1, 2}}, {"a": b"x"}, deep(100_000)])
def test_documents_that_are_no_json_are_refused(tmp_path: Path, document: dict[str, Any]) -> None:
    with pytest.raises(QuickstudyError, match="not plain JSON"):
        save_artifact(tmp_path / "a.qs", "task", {}, document)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("metadata", "hint"),
    [
        ({}, "something else"),
        ({"format": "quickstudy.training", "version": "1"}, "holds no task but 'quickstudy.training'"),
        ({"format": "\x1b[31m\n" * 1000}, "holds no task"),
        ({"format": "quickstudy.task"}, "no readable format version"),
        ({"format": "quickstudy.task", "version": "-1"}, "no readable format version"),
        ({"format": "quickstudy.task", "version": "²"}, "no readable format version"),
        ({"format": "quickstudy.task", "version": "9" * 100_000}, "no readable format version"),
        ({"format": "quickstudy.task", "version": "2"}, "newer quickstudy"),
        ({"format": "quickstudy.task", "version": "1"}, "no readable description"),
        ({"format": "quickstudy.task", "version": "1", "document": "[]"}, "no readable description"),
        ({"format": "quickstudy.task", "version": "1", "document": '{"a": NaN}'}, "no readable description"),
        ({"format": "quickstudy.task", "version": "1", "document": "[" * 200_000}, "no readable description"),
        (
            {"format": "quickstudy.task", "version": "1", "document": json.dumps({"a": 1}) + "9"},
            "no readable description",
        ),
        (
            {"format": "quickstudy.task", "version": "1", "document": '{"a": ' + "9" * 10_000 + "}"},
            "no readable description",
        ),
    ],
)
def test_other_and_hostile_files(tmp_path: Path, metadata: dict[str, str], hint: str) -> None:
    save_tensors(tmp_path / "a.qs", {}, metadata)
    assert hint in refused(tmp_path / "a.qs")


def test_files_that_are_no_tensors(tmp_path: Path) -> None:
    for name, content in {
        "empty.qs": b"",
        "text.qs": "text,label\nhello,greeting\n".encode("utf-16"),
        "zip.qs": b"PK\x03\x04" + bytes(1000),
        "latin.qs": (12).to_bytes(8, "little") + b'{"\xe9": "  "}' + bytes(20),
    }.items():
        (tmp_path / name).write_bytes(content)
        assert "no file of quickstudy's" in refused(tmp_path / name)
    assert "no such file" in refused(tmp_path / "missing.qs")


def test_sizes_that_cannot_be(tmp_path: Path) -> None:
    """A header whose sha256 is right, and whose shapes promise more than there is."""

    for shape, offsets in [([2**40], [0, 2**42]), ([2**62, 4], [0, 16]), ([-1], [0, 4]), ([1], [4, 0])]:
        entry = {"dtype": "F32", "shape": shape, "data_offsets": offsets}
        head = {"__metadata__": {"sha256": "0" * 64, "format": "quickstudy.task"}, "w": entry}
        text = json.dumps(head, separators=(",", ":")).encode()
        content = len(text).to_bytes(8, "little") + text + bytes(16)
        signed = content.replace(b"0" * 64, hashlib.sha256(content).hexdigest().encode(), 1)
        (tmp_path / "a.qs").write_bytes(signed)
        assert "cannot be read" in refused(tmp_path / "a.qs")
