"""What a recipe says of a source: whose classes are told apart, of how many, from how many rows."""

import csv
from pathlib import Path

import pytest
from few import reader

from quickstudy import recipe
from quickstudy.core.types import QuickstudyError
from quickstudy.episodes.shapes import Shape
from quickstudy.kinds.classification import Classification
from quickstudy.meta_sources import sources
from quickstudy.meta_tasks import narrowed

DOMAINS = {"pin": "bank", "card": "bank", "fee": "bank", "rain": "weather", "wind": "weather", "odd": ""}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, more in (("train", ""), ("validation", " please, and in quite other words")):
        with (tmp_path / f"{name}.csv").open("w", newline="") as file:
            rows = [(f"{label} number {n}{more}", label, said) for n in range(6) for label, said in DOMAINS.items()]
            csv.writer(file).writerows([("text", "label", "domain"), *rows])
    return tmp_path


def read(folder: Path, **how: object) -> tuple[recipe.Recipe, Classification]:
    """A recipe whose one training source is asked for like this."""
    train = {"path": str(folder / "train.csv"), "name": "all", **how}
    return recipe.read({"train": [train], "validation": [{"path": str(folder / "validation.csv")}]}), Classification(
        reader()
    )


def test_classes_of_one_domain_are_a_source_of_their_own(folder: Path) -> None:
    found, _, _ = sources(*read(folder, within="domain", weight=3.0, ways=[2, 3]))
    assert {one.name: sorted(one.classes) for one in found} == {
        "all: bank": ["card", "fee", "pin"],
        "all: weather": ["rain", "wind"],
    }  # a class without a domain is left out
    assert [len(one.examples) for one in found] == [18, 12]
    assert sum(one.weight for one in found) == pytest.approx(3)


def test_rows_are_picked_once_and_for_all(folder: Path) -> None:
    first, second = (sources(*read(folder, rows=7))[0][0].examples for _ in range(2))
    assert len(first) == 7
    assert first == second
    assert len({one.labels for one in first}) > 1


def test_classes_are_left_out(folder: Path) -> None:
    found, validation, _ = sources(*read(folder, without=["pin", "odd"]))
    assert sorted(found[0].classes) == ["card", "fee", "rain", "wind"]
    assert {label for one in found[0].examples for label in one.labels} == set(found[0].classes)
    assert "pin" in validation[0].classes
    with pytest.raises(QuickstudyError, match="no class 'pins' to leave out"):
        sources(*read(folder, without=["pins"]))


@pytest.mark.parametrize(("asked", "wanted"), [(None, (3, 4)), (2, (3, 4)), ((2, 12), (3, 4))])
def test_a_source_asks_for_ways_of_its_own(folder: Path, asked: object, wanted: tuple[int, int]) -> None:
    made, kind = read(folder, ways=[3, 4])
    source = sources(made, kind)[0][0]
    assert narrowed(Shape(asked, 1, 2), source, kind).ways == wanted  # type: ignore[arg-type]


def test_ways_are_those_of_the_episodes_where_a_source_asks_for_none(folder: Path) -> None:
    made, kind = read(folder)
    source = sources(made, kind)[0][0]
    assert narrowed(Shape((2, 12), 1, 2), source, kind).ways == (2, 6)
    assert narrowed(Shape(None, 1, 2), source, kind).ways is None
