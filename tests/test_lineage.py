"""What a student has met before, by the names that its recipes tell."""

from typing import Any

import pytest

from quickstudy.lineage import met

ABOUT = {
    "recipe": {
        "train": [
            {"data": "meta-train/snips/train"}, {"packaged": "bbc_news"}, {"path": "../own/tickets.csv"},
            {"path": "train.csv"},
        ],
        "validation": [{"data": "development/tfns/test", "name": "tweets"}, {"packaged": "bbc_news"}],
        "test": [{"packaged": "debates"}],
    },
    "target": [{"path": "own/mine.csv"}],
    "start": {"file": "shipped", "about": {"recipe": {"train": [{"packaged": "vader_nyt"}]}}},
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("bbc_news", "trained on"),  # also a validation source, which is the lesser
        ("meta-train/snips/train", "trained on"),
        ("tweets", "chosen by"),
        ("vader_nyt", "trained on"),  # by the student that it began with
        ("../own/tickets.csv", "trained on"),
        ("train.csv", "trained on"),  # as a recipe writes it
        ("train", None),
        ("test", None),
        ("tickets", None),
        ("debates", None),
        ("", None),
    ],
)
def test_titles_of_recipes_are_known_again(name: str, said: str | None) -> None:
    assert met(ABOUT, [name]) == ({name: said} if said else {})


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("/data/meta-train/snips/train.parquet", "trained on"),
        ("meta-train/snips/train", "trained on"),
        ("/elsewhere/own/tickets.csv", "trained on"),
        ("development/tfns/test.csv", "chosen by"),
        ("/home/me/own/mine.csv", "aimed at"),
        ("bbc_news.csv", None),
        ("tweets", None),
        ("snips/train.csv", None),
        ("p2/train.csv", None),  # anybody's
        ("/", None),
    ],
)
def test_files_are_known_again_by_two_names_of_their_path(name: str, said: str | None) -> None:
    assert met(ABOUT, files=[name]) == ({name: said} if said else {})


@pytest.mark.parametrize("about", [{}, {"recipe": 3}, {"recipe": {"train": {"a": 1}}}, {"start": []},
                                   {"recipe": {"train": [None, {"data": 3}, {"packaged": ""}]}}])  # fmt: skip
def test_what_a_file_tells_may_be_anything(about: dict[str, Any]) -> None:
    assert met(about, ["bbc_news", ""], ["a.csv", ""]) == {}
