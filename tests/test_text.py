"""Reading texts: tokens, roles, spans, what was cut; and class names as words."""

import pytest
from few import reader
from hypothesis import given, settings
from hypothesis import strategies as st

from quickstudy.core.types import APART, GIVEN, PADDING
from quickstudy.text.names import denied, has_meaning, named, readable

READER = reader()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(max_size=200), min_size=1, max_size=5))
def test_any_text_becomes_a_row_with_one_whole_span(texts: list[str]) -> None:
    text, cut = READER.read([(part,) for part in texts])
    lengths = (text.role == GIVEN).sum(1)
    assert text.tokens.shape == text.role.shape
    assert text.tokens.shape[1] <= READER.limit
    assert (text.spans[:, 0, 0, 1] <= lengths).all()
    assert (cut >= 0).all()
    assert ((text.role == PADDING) | (text.role == GIVEN)).all()


def test_what_was_cut_is_counted() -> None:
    whole = READER.read([("pin " * 5,)])
    assert whole.cut.tolist() == [0]
    long = READER.read([("pin " * 500,)])
    assert long.text.tokens.shape[1] == READER.limit
    assert long.cut[0] > 400


def test_ten_megabytes_are_no_more_work_than_a_long_text() -> None:
    read = READER.read([("a b " * 2_500_000,)])
    assert read.cut[0] > 1_000_000


def test_the_second_text_of_a_pair_stands_behind_the_first_apart_from_it() -> None:
    text, _ = READER.read([("where is my card", "it came"), ("pin", "")])
    (first, second), (one, other) = text.spans[:, 0].tolist()
    assert first[0] == 0
    assert first[1] == second[0] < second[1]
    assert one[1] == other[0] < other[1]  # an empty text is its special tokens
    assert text.role[0].tolist()[: second[1]] == [GIVEN] * first[1] + [APART] * (second[1] - second[0])
    alone, _ = READER.read([("it came",)])
    assert text.tokens[0, second[0] : second[1]].tolist() == alone.tokens[0, : alone.spans[0, 0, 0, 1]].tolist()


def test_rows_of_one_and_of_two_texts_are_not_mixed() -> None:
    with pytest.raises(ValueError, match="every row"):
        READER.read([("one",), ("one", "two")])


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("card_arrival", "card arrival"),
        ("cardArrival", "card arrival"),
        ("comp.sys.mac.hardware", "comp sys mac hardware"),
        ("  Lost   card ", "lost card"),
        ("news-car", "news car"),
        ("HUM", "hum"),
        ("体育/足球", "体育 足球"),
    ],
)
def test_labels_are_read_as_words(label: str, words: str) -> None:
    assert readable(label) == words


@pytest.mark.parametrize("label", ["3", "A", "c12", "LABEL_0", "class 7", "类别3", "-1", "??", "", "1.0", "topic_4"])
def test_codes_say_nothing(label: str) -> None:
    assert not has_meaning(label)
    assert named(label, "") == ""
    assert named(label, "money matters") == "money matters"


@pytest.mark.parametrize("label", ["sports", "体育", "spam", "no", "😀", "EMI", "positive", "B2B"])
def test_names_say_something(label: str) -> None:
    assert has_meaning(label)


def test_a_name_and_its_description_are_read_together() -> None:
    assert named("card_arrival", " it has  not come ") == "card arrival: it has not come"


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["refund", "not refund"], ["", "other"]),
        (["Not Relevant", "Relevant"], ["other", ""]),
        (["ADE-related", "not ADE-related"], ["", "other"]),
        (["refund", "not refund", "complaint"], ["", "", ""]),
        (["café", "not café"], ["", "other"]),
        (["退款", "not 退款"], ["", "other"]),
        (["toxic", "non-toxic"], ["", "other"]),
        (["sense", "nonsense"], ["", ""]),
        (["常", "非常"], ["", ""]),
        (["spam", "NOT_SPAM"], ["", "other"]),
        (["risk", "no risk"], ["", "other"]),
        (["广告", "非广告"], ["", "其他"]),
        (["广告", "不是广告"], ["", "其他"]),
        (["able", "notable"], ["", ""]),
        (["refund", "not a complaint"], ["", ""]),
        (["not refund", "not complaint"], ["", ""]),
        (["", "not "], ["", ""]),
        (["7", "not 7"], ["", "other"]),
        ([], []),
    ],
)
def test_a_name_that_only_denies_another_is_what_is_other(names: list[str], found: list[str]) -> None:
    assert denied(dict.fromkeys(names, "")) == found


def test_a_described_class_is_what_its_description_says() -> None:
    assert denied({"spam": "advertising", "not spam": "letters of friends"}) == ["", ""]
    assert denied({"spam": "advertising", "not spam": ""}) == ["", "other"]
