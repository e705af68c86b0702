"""Every committed recipe reads, and trains for two steps on stand-ins for its sources."""

import copy
import json
import tomllib
from pathlib import Path

import pytest
from test_pretraining import compiled
from tiny import backbone

from quickstudy import load, pretrain
from quickstudy import recipe as recipes
from quickstudy.meta import meta_train

FOLDER = Path(__file__).parent.parent / "recipes"
PRETRAINING = sorted(FOLDER.glob("pretrain-*.toml"))
RECIPES = sorted(set(FOLDER.glob("*.toml")) - set(PRETRAINING))
TOPICS = {"weather": "rain sun wind snow", "food": "bread soup apple rice", "sport": "goal match team race"}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_runs_for_two_steps(path: Path, tmp_path: Path) -> None:
    recipes.read(path)
    tables = copy.deepcopy(tomllib.loads(path.read_text()))
    for part in ("train", "validation", "test"):
        for number, source in enumerate(tables.get(part, ())):
            for key in ("data", "packaged", "path", "columns", "within", "without", "ways", "rows"):
                source.pop(key, None)
            stand_in = STAND_INS.get(tables.get("kind", {}).get("name"), _labelled)
            source["path"] = str(stand_in(tmp_path / f"{part}{number}", f"{part}{number}"))
    tables["training"] = {**tables["training"], "steps": 2, "tasks": 1, "warmup": 0}
    tables["validating"] = {"episodes": 1, "shots": [1], "queries": 1}
    tables["episodes"] = {**tables["episodes"], "ways": 2, "shots": 1, "queries": 1}
    if tables.get("kind", {}).get("name") == "writing":
        tables["student"]["backbone"] = backbone(tmp_path / "small")
        tables["kind"] = {**tables["kind"], "longest": 32, "instruction": ""}
    assert "Meta-training" in meta_train(tables).about["summary"]


@pytest.mark.parametrize("path", PRETRAINING, ids=lambda path: path.stem)
def test_a_recipe_for_pretraining_runs_for_two_steps(path: Path, tmp_path: Path) -> None:
    """On a corpus of a tiny backbone's tokens, and on that backbone where the recipe begins with one."""
    tables = copy.deepcopy(tomllib.loads(path.read_text()))
    name = backbone(tmp_path / "small")
    corpus = compiled(tmp_path, str(tmp_path / "small" / "tokenizer.json"))
    if tables["student"]["backbone"] != "random":
        tables["student"]["backbone"] = name
    for task in tables["task"]:
        task |= {"queries": 4} if task["name"] == "masked_lm" else {"ways": 2, "shots": 1, "queries": 1, "fewest": 2}
    tables["training"]["rates"].pop("fill.", None)  # the tiny backbone says hidden words without a map
    tables["training"] = {**tables["training"], "steps": 2, "tasks": 1, "warmup": 0, "validate_every": 2}
    tables["validating"] = {**tables["validating"], "episodes": 1}
    assert "Meta-training" in pretrain(tables, tmp_path / "run", corpus=corpus.folder).about["summary"]
    assert load(tmp_path / "run" / "student.qs").learn([("rain", "weather"), ("soup", "food")]).predict(["snow"])


def _labelled(path: Path, name: str) -> Path:
    rows = [
        f"{name} {first} {second},{topic}"
        for topic, words in TOPICS.items()
        for first in words.split()
        for second in words.split()
    ]
    path = path.with_suffix(".csv")
    path.write_text("\n".join(["text,label", *rows]))
    return path


def _written(path: Path, name: str) -> Path:
    rows = [f"{name} {word}\t{word} {name}" for words in TOPICS.values() for word in words.split()]
    path = path.with_suffix(".tsv")
    path.write_text("\n".join(["source\ttarget", *rows]))
    return path


def _answered(path: Path, name: str) -> Path:
    rows = [
        {"question": f"which {topic}?", "context": f"{name} has {first} here", "answers": [first]}
        for topic, words in TOPICS.items()
        for first in words.split()
    ]
    path = path.with_suffix(".jsonl")
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def _related(path: Path, name: str) -> Path:
    rows = [
        {"text": f"<e1>{name}</e1> {topic} {first} <e2>{second}</e2>", "label": topic}
        for topic, words in TOPICS.items()
        for first in words.split()
        for second in words.split()
    ]
    path = path.with_suffix(".jsonl")
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def _tagged(path: Path, name: str) -> Path:
    rows = [
        {"tokens": [name, "has", first, second], "tags": ["O", "O", f"B-{topic}", f"I-{topic}"]}
        for topic, words in TOPICS.items()
        for first in words.split()
        for second in words.split()
    ]
    path = path.with_suffix(".jsonl")
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def _matched(path: Path, name: str) -> Path:
    words = [word for group in TOPICS.values() for word in group.split()]
    path = path.with_suffix(".csv")
    path.write_text("\n".join(["query,answer", *(f"{name} {one} {word},{word}" for word in words for one in words)]))
    return path


STAND_INS = {
    "writing": _written,
    "answering": _answered,
    "relation": _related,
    "matching": _matched,
    "tagging": _tagged,
}
"""kind -> what writes its examples; labelled texts do for the others"""
