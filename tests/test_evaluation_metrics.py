"""Measures of answers: against hand-computed cases and scikit-learn on the same labels."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, f1_score, precision_score

from quickstudy.core.types import QuickstudyError
from quickstudy.evaluation import metrics

CLASSES = ("a", "b", "c")
labels = st.sampled_from(CLASSES)


def one(text):
    return [(label,) for label in text]


def test_one_label_by_hand():
    found = metrics.overall(one("aabc"), one("abbb"), CLASSES)
    assert found["accuracy"] == pytest.approx(2 / 4)
    assert found["micro_f1"] == pytest.approx(2 / 4)
    # a: 1/1, 1/2, 2/3; b: 1/3, 1/1, 1/2; c: 0/0, 0/1, 0
    assert found["macro_precision"] == pytest.approx((1 + 1 / 3 + 0) / 3)
    assert found["macro_recall"] == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert found["macro_f1"] == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
    assert found["weighted_f1"] == pytest.approx((2 * 2 / 3 + 1 / 2 + 0) / 4)


def test_several_labels_by_hand():
    gold, predicted = [("a", "b"), ("c",), ()], [("a",), ("c", "b"), ()]
    found = metrics.overall(gold, predicted, CLASSES)
    assert found["accuracy"] == pytest.approx(1 / 3)
    assert found["micro_precision"] == pytest.approx(2 / 3)
    assert found["micro_recall"] == pytest.approx(2 / 3)
    assert found["macro_f1"] == pytest.approx((1 + 0 + 1) / 3)


@given(st.lists(st.tuples(labels, labels), min_size=1, max_size=30))
@settings(max_examples=50, deadline=None)
def test_one_label_agrees_with_scikit_learn(pairs):
    gold, predicted = ([pair[side] for pair in pairs] for side in (0, 1))
    found = metrics.overall(one(gold), one(predicted), CLASSES)
    assert found["macro_f1"] == pytest.approx(f1_score(gold, predicted, average="macro", zero_division=0.0))
    assert found["weighted_precision"] == pytest.approx(
        precision_score(gold, predicted, average="weighted", zero_division=0.0)
    )
    counts = metrics.confusions(one(gold), one(predicted))
    matrix = confusion_matrix(gold, predicted, labels=CLASSES)
    assert [[counts[row, column] for column in CLASSES] for row in CLASSES] == matrix.tolist()


def test_classes_that_nobody_named_do_not_pull_the_macro_mean_down():
    assert metrics.overall(one("ab"), one("ab"), (*CLASSES, "d"))["macro_f1"] == 1.0


def test_a_single_class_is_no_binary_task():
    assert metrics.overall(one("aa"), one("aa"), ("a",))["macro_f1"] == 1.0
    assert metrics.per_class(one("aa"), [("a",), ()], ("a",)) == (
        metrics.ClassScore("a", 1.0, 0.5, pytest.approx(2 / 3), 2),
    )


def test_per_class_keeps_the_order_and_counts_gold():
    found = metrics.per_class(one("aab"), one("abb"), ("b", "a", "never"))
    assert [score.label for score in found] == ["b", "a", "never"]
    assert [score.texts for score in found] == [1, 2, 0]
    assert found[2][1:4] == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("gold", "predicted", "reason"),
    [([], [], "no answers"), (one("a"), [], "1 texts"), (one("z"), one("a"), "'z' is not among")],
)
def test_what_cannot_be_measured_is_refused(gold, predicted, reason):
    with pytest.raises(QuickstudyError, match=reason):
        metrics.overall(gold, predicted, CLASSES)


def test_calibration_error_by_hand():
    # Five bins: (0, .2] holds .2, wrong; (.4, .6] holds .5, right, and .6, wrong; (.8, 1] two that are right.
    confidence, correct = [0.2, 0.5, 0.6, 0.9, 1.0], [False, True, False, True, True]
    points = metrics.reliability(confidence, correct, bins=5)
    assert [(round(p.low, 1), p.answers) for p in points] == [(0.0, 1), (0.4, 2), (0.8, 2)]
    assert [p.confidence for p in points] == pytest.approx([0.2, 0.55, 0.95])
    assert [p.accuracy for p in points] == [0.0, 0.5, 1.0]
    expected = 1 / 5 * 0.2 + 2 / 5 * 0.05 + 2 / 5 * 0.05
    assert metrics.calibration_error(confidence, correct, bins=5) == pytest.approx(expected)


def test_a_bin_is_open_on_the_left_and_the_first_holds_zero():
    points = metrics.reliability([0.0, 1 / 15, 1 / 15 + 1e-9], [True, True, True])
    assert [p.answers for p in points] == [2, 1]
    assert len(metrics.reliability([k / 15 for k in range(1, 16)], [True] * 15)) == 15


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
@settings(max_examples=50, deadline=None)
def test_calibration_error_lies_between_the_overall_gap_and_one(answers):
    confidence, correct = [list(side) for side in zip(*answers, strict=True)]
    gap = abs(sum(confidence) - sum(correct)) / len(answers)
    assert gap - 1e-9 <= metrics.calibration_error(confidence, correct) <= 1 + 1e-9


@pytest.mark.parametrize("value", [1.5, -0.1, math.nan])
def test_a_confidence_that_is_no_probability_is_refused(value):
    with pytest.raises(QuickstudyError, match="between 0 and 1"):
        metrics.calibration_error([value], [True])


def test_no_answers_have_no_calibration():
    assert metrics.reliability([], []) == ()
    assert math.isnan(metrics.calibration_error([], []))


def test_brier_and_likelihood_by_hand():
    tables = [{"a": 0.7, "b": 0.2, "c": 0.1}, {"a": 0.5, "b": 0.5, "c": 0.0}]
    expected = ((0.3**2 + 0.2**2 + 0.1**2) + (0.5**2 + 0.5**2 + 1.0)) / 2
    assert metrics.brier(one("ac"), tables) == pytest.approx(expected)
    likelihood = -(math.log(0.7) + math.log(1e-12)) / 2
    assert metrics.negative_log_likelihood(one("ac"), tables) == pytest.approx(likelihood)


def test_brier_of_several_labels_and_of_a_missing_one():
    assert metrics.brier([("a", "b")], [{"a": 0.6, "c": 0.3}]) == pytest.approx(0.4**2 + 0.3**2 + 1)
