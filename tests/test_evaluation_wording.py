"""Numbers and names as a reader sees them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quickstudy.evaluation import wording
from quickstudy.evaluation.statistics import Interval


def interval(mean, low, high):
    return Interval(mean, low, high, 2, 10)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (interval(0.7434, 0.7101, 0.7762), "74.3 (71.0 to 77.6)"),
        (interval(0.7434, 0.61, 0.85), "74 (61 to 85)"),  # 24 points wide: a decimal would say nothing
        (interval(0.98, 0.93, 1.03), "98.0 (93.0 to 100.0)"),
        (interval(0.7434, None, None), "74"),
    ],
)
def test_no_more_digits_than_the_interval_justifies(found, said):
    assert wording.estimate(found) == said


def test_differences_carry_their_sign():
    assert wording.difference(interval(-0.032, -0.06, -0.004)) == "\N{MINUS SIGN}3.2"
    assert wording.difference_bounds(interval(0.01, -0.0304, 0.061)) == "\N{MINUS SIGN}3.0 to +6.1"
    assert wording.difference(interval(-0.00001, -0.01, 0.01)) == "0.0"
    assert wording.difference_bounds(interval(0.01, None, None)) == "–"


@pytest.mark.parametrize(
    ("p", "said"), [(None, "–"), (0.0004, "< 0.001"), (0.0123, "0.012"), (0.217, "0.22"), (1.0, "1.00")]
)
def test_p_values(p, said):
    assert wording.p_value(p) == said


def test_small_words():
    assert [wording.seconds(value) for value in (0.00123, 0.414, 12.34, 345.6)] == [
        "0.0012",
        "0.41",
        "12",
        "346",
    ]
    assert [wording.count(number, "task") for number in (0, 1, 1200)] == ["0 tasks", "1 task", "1,200 tasks"]
    assert [wording.listed(tuple(names)) for names in ("", "a", "ab", "abc")] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]


def test_a_chinese_character_is_two_wide():
    assert wording.width("卡片 ok") == 7
    assert wording.shortened("卡片卡片卡片", 7) == "卡片卡…"
    assert wording.shortened("exact", 5) == "exact"


@given(st.text(st.characters(codec=None), max_size=40), st.integers(2, 20))
@settings(max_examples=50, deadline=None)
def test_what_is_shown_can_be_written_on_one_line_of_any_page(text, most):
    shown = wording.shown(text)
    assert len(shown) == len(text)
    assert len(shown.encode("utf-8").decode("utf-8").splitlines()) <= 1
    assert not any(ord(character) < 32 for character in shown)
    assert wording.width(wording.shortened(text, most)) <= most


def test_a_difference_is_no_larger_than_all():
    assert wording.difference_bounds(interval(0.06, -1.21, 1.33)) == "\N{MINUS SIGN}100 to +100"
