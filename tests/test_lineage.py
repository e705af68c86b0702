"""What a student has met before, by the names that its recipes tell."""

from typing import Any

import pytest

from quickstudy.lineage import met

ABOUT = {
    "recipe": {
        "train": [{"data": "meta-train/snips/train"}, {"packaged": "bbc_news"}, {"path": "../own/tickets.csv"}],
        "validation": [{"data": "development/tfns/test", "name": "tweets"}, {"packaged": "bbc_news"}],
        "test": [{"packaged": "debates"}],
    },
    "start": {"file": "shipped", "about": {"recipe": {"train": [{"packaged": "vader_nyt"}]}}},
}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("bbc_news", "trained on"),  # also a validation source, which is the lesser
        ("/data/meta-train/snips/train.parquet", "trained on"),
        ("meta-train/snips/train", "trained on"),
        ("/elsewhere/own/tickets.csv", "trained on"),
        ("tweets", "chosen by"),
        ("development/tfns/test.csv", "chosen by"),
        ("vader_nyt", "trained on"),  # by the student that it began with
        ("debates", None),
        ("snips/train.csv", None),
        ("train.csv", None),
        ("tickets", "trained on"),  # as a recipe calls it
        ("", None),
        ("/", None),
    ],
)
def test_names_are_known_again(name: str, said: str | None) -> None:
    assert met(ABOUT, [name]) == ({name: said} if said else {})


@pytest.mark.parametrize("about", [{}, {"recipe": 3}, {"recipe": {"train": {"a": 1}}}, {"start": []},
                                   {"recipe": {"train": [None, {"data": 3}, {"packaged": ""}]}}])  # fmt: skip
def test_what_a_file_tells_may_be_anything(about: dict[str, Any]) -> None:
    assert met(about, ["bbc_news", ""]) == {}
