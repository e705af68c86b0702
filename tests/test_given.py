"""What a user hands over, as examples, classes and a kind."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quickstudy.core.types import QuickstudyError
from quickstudy.episodes.cleaning import spelling_key
from quickstudy.episodes.records import Problems
from quickstudy.given import gathered, items
from quickstudy.given_kinds import classes_of
from quickstudy.kinds.labelled import Labelled


@pytest.mark.parametrize(
    "example",
    [
        ("a text", "pin"),
        ["a text", "pin"],
        {"text": "a text", "label": "pin"},
        {"sentence": "a text", "intent": "pin"},
        Labelled("a text", ("pin",)),
        (" a text".strip(), "  pin\n"),
    ],
)
def test_the_ways_to_write_an_example(example: Any) -> None:
    found = gathered([example, ("other", "card")])
    assert found.examples[0] == Labelled("a text", ("pin",))
    assert found.classes == {"pin": "", "card": ""}
    assert found.kind == {"name": "classification", "parts": 1}


def test_pairs_and_several_labels() -> None:
    found = gathered([(("a", "b"), "yes"), (("c", "d"), "no")])
    assert found.kind == {"name": "classification", "parts": 2}
    assert found.examples[0] == Labelled("a", ("yes",), "b")
    several = gathered([("a", ["x", "y"]), ("b", []), ("c", {"y"})])
    assert several.kind == {"name": "multilabel", "parts": 1}
    assert [example.labels for example in several.examples] == [("x", "y"), (), ("y",)]


@pytest.mark.parametrize("cell", ["卫生；服务", "卫生、服务", "卫生，服务", "卫生; 服务", '["卫生", "服务"]'])
def test_labels_of_one_cell_are_parted_at_chinese_marks_too(cell: str) -> None:
    assert gathered([{"text": "a", "labels": cell}]).examples[0].labels == ("卫生", "服务")


def test_numbers_as_labels() -> None:
    assert gathered([("a", 1), ("b", 2.0), ("c", True)]).classes == {"1": "", "2": "", "true": ""}


def test_classes_come_in_the_order_given_and_keep_their_descriptions() -> None:
    found = gathered([("a", "new"), ("b", "PIN")], {"card": "plastic", "pin": "secret"})
    assert found.classes == {"card": "plastic", "pin": "secret", "new": ""}
    assert found.examples[1].labels == ("pin",)
    assert any("'PIN' was read as 'pin'" in str(problem) for problem in found.problems)


def test_a_row_may_describe_a_class() -> None:
    rows = [("a", "x"), ("b", "y"), {"label": "X", "description": "the first"}]
    assert gathered(rows).classes["x"] == "the first"


@pytest.mark.parametrize(
    ("examples", "labels", "kind", "said"),
    [
        ([], (), None, "nothing in it"),
        ([], ["only"], None, "only the class 'only'"),
        ([("a", "x"), ("b", "x")], (), None, "every row has the label 'x'"),
        ([("a", "x"), (("b", "c"), "y")], (), None, "some a pair"),
        ([("a", ["x", "y"]), ("b", "y")], (), "classification", "exactly one"),
        ([("a", "x"), ("b", "y")], (), "clasification", "near: classification"),
        ([("a", "x"), ("b", "y")], "xy", None, "labels is the text"),
        ([("a", "x"), ("b", "y")], ["", "x"], None, "is empty"),
        (["a text"], (), None, r"'a text' is a text without a label; give \(text, label\)"),
        ([("a", "b", "c")], (), None, "neither"),
        ([(3, "x"), (None, "y")], (), None, "every row has the label 'x'"),
    ],
)
def test_what_is_refused(examples: Any, labels: Any, kind: str | None, said: str) -> None:
    with pytest.raises(QuickstudyError, match=said):
        gathered(examples, labels, kind)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(max_size=8), max_size=8))
def test_names_are_one_spelling_each(names: list[str]) -> None:
    try:
        found = classes_of(names)
    except QuickstudyError as error:
        assert "empty" in str(error)
        return
    keys = [spelling_key(name) for name in found]
    assert len(set(keys)) == len(keys)
    assert all(name == " ".join(name.split()) for name in found)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=6)), max_size=8))
def test_any_texts_give_examples_or_one_sentence(rows: list[tuple[str, str]]) -> None:
    try:
        found = gathered(rows)
    except QuickstudyError as error:
        assert len(str(error)) < 500
        return
    assert len(found.classes) >= 2
    assert all(example.text.strip() and set(example.labels) <= found.classes.keys() for example in found.examples)


def test_items_are_cleaned_like_examples() -> None:
    assert list(items(["a\x00b", ("c\r\n", "d\ud800")])) == [Labelled("ab"), Labelled("c\n", (), "d")]
    with pytest.raises(QuickstudyError, match="cannot judge"):
        list(items([3]))


def test_a_file(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("a,b\nsome longer text,x\nanother longer text,y\n")
    found = gathered(tmp_path / "in.csv", (), None, {"text": "a", "label": "b"})
    assert [example.labels for example in found.examples] == [("x",), ("y",)]
    with pytest.raises(QuickstudyError, match="two classes"):
        (tmp_path / "in.csv").write_text("text,label\na,x\nb,x\n")
        gathered(tmp_path / "in.csv")


def test_a_column_of_labels_in_odd_spellings_is_found_beside_one_that_is_always_the_same(tmp_path: Path) -> None:
    spelt = ["Delivery", "delivery", "Delivery ", "DELIVERY", "refund", "Refund", " refund", "REFUND"]
    rows = "".join(f"{number};Müller;Nachricht Nummer {number};{label}\n" for number, label in enumerate(spelt))
    (tmp_path / "mails.csv").write_text("Nr;Kunde;Nachricht;Kategorie\n" + rows, encoding="utf-8")
    found = gathered(tmp_path / "mails.csv")
    assert {name.lower() for name in found.classes} == {"delivery", "refund"}
    assert found.examples[0].text == "Nachricht Nummer 0"


class Frame:
    """As a table of pandas is: going through it gives the names of its columns."""

    columns = ("text", "label")

    def __iter__(self):
        return iter(self.columns)

    def to_dict(self, orient):
        return [{"text": "a", "label": "x"}, {"text": "b", "label": "y"}] if orient == "records" else {}


def test_a_table_is_told_how_to_be_given():
    with pytest.raises(QuickstudyError, match=r"a Frame is no list of examples; .*to_dict\('records'\)"):
        gathered(Frame())
    with pytest.raises(QuickstudyError, match="a Frame is no list of examples"):
        list(items(Frame()))
    assert len(gathered(Frame().to_dict("records")).examples) == 2
    with pytest.raises(QuickstudyError, match="a Frame is no list of class names"):
        classes_of(Frame())
    for other in (5, None, Path("a.csv")):
        with pytest.raises(QuickstudyError, match="is no list of examples; give a list"):
            list(items(other))
    for other in (5, {"text": ["a"], "label": ["x"]}):
        with pytest.raises(QuickstudyError, match="is no list of examples; give a list"):
            gathered(other)


class Places:
    """As a data set of torch is: it can only be asked for what stands at a place."""

    def __getitem__(self, place):
        return [("a", "x"), ("b", "y")][place]


def test_what_only_has_places_is_gone_through():
    assert len(gathered(Places()).examples) == 2


@pytest.mark.parametrize("said", [[1, 2], "[1, 2]", (1.0, 2.0)])
def test_numbers_do_not_describe_a_class_of_texts(said):
    with pytest.raises(QuickstudyError, match="'pin' is described by a list of numbers, and this model reads text"):
        gathered([("a", "pin"), ("b", "lost")], {"pin": said, "lost": "gone"})
    assert gathered([("a", "pin"), ("b", "lost")], {"pin": "[1] see there", "lost": ""}).classes["pin"]


def test_classes_that_are_known_keep_their_spelling_and_take_new_descriptions() -> None:
    known = {"pin": "", "Card": "an old word", "card 2": "kept"}
    problems = Problems()
    found = classes_of({"PIN": "the code", "Card": "a new word", "Card 2": "", "wallet": ""}, problems, known=known)
    assert found == {"pin": "the code", "Card": "a new word", "card 2": "kept", "wallet": ""}
    assert [each.what for each in problems.all("labels")] == [
        "'PIN' was read as 'pin'",
        "'Card 2' was read as 'card 2'",
    ]
    assert list(found) == ["pin", "Card", "card 2", "wallet"]
    both = {"Card": "", "card": ""}  # as candidates that differ in case alone
    assert classes_of({"Card": "new"}, known=both) == {"Card": "new", "card": ""}
