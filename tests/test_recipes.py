"""Every committed recipe reads, and trains for two steps on stand-ins for its sources."""

import copy
import tomllib
from pathlib import Path

import pytest

from quickstudy import recipe as recipes
from quickstudy.meta import meta_train

RECIPES = sorted((Path(__file__).parent.parent / "recipes").glob("*.toml"))
TOPICS = {"weather": "rain sun wind snow", "food": "bread soup apple rice", "sport": "goal match team race"}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_runs_for_two_steps(path: Path, tmp_path: Path) -> None:
    recipes.read(path)
    tables = copy.deepcopy(tomllib.loads(path.read_text()))
    for part in ("train", "validation", "test"):
        for number, source in enumerate(tables.get(part, ())):
            for key in ("data", "packaged", "path", "columns", "within", "ways", "rows"):
                source.pop(key, None)
            source["path"] = str(_stand_in(tmp_path / f"{part}{number}.csv", f"{part}{number}"))
    tables["training"] = {**tables["training"], "steps": 2, "tasks": 1, "warmup": 0}
    tables["validating"] = {"episodes": 1, "shots": [1], "queries": 1}
    tables["episodes"] = {**tables["episodes"], "ways": 2, "shots": 1, "queries": 1}
    assert "Meta-training" in meta_train(tables).about["summary"]


def _stand_in(path: Path, name: str) -> Path:
    rows = [
        f"{name} {first} {second},{topic}"
        for topic, words in TOPICS.items()
        for first in words.split()
        for second in words.split()
    ]
    path.write_text("\n".join(["text,label", *rows]))
    return path
