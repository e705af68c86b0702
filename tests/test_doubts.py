"""The check of a task on its own examples."""

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from tiny import ROWS, backbone

from quickstudy import doubts
from quickstudy.cli import checks
from quickstudy.core.types import QuickstudyError
from quickstudy.doubts import check, wilson
from quickstudy.student import Student, load


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Student:
    return load(backbone(tmp_path_factory.mktemp("models") / "tiny"), precision="float32")


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 500).flatmap(lambda count: st.tuples(st.integers(0, count), st.just(count))))
def test_wilson_is_scipys(pair: tuple[int, int]) -> None:
    right, count = pair
    interval = binomtest(right, count).proportion_ci(method="wilson")
    assert wilson(right, count) == pytest.approx((interval.low, interval.high), abs=1e-12)


def test_leaving_one_out_is_learning_without_it(student: Student) -> None:
    task = student.learn(ROWS)
    found = check(task)
    right = 0
    for place, (text, label) in enumerate(ROWS):
        rest = student.learn(ROWS[:place] + ROWS[place + 1 :], labels=list(task.classes))
        right += rest.predict([text])[0].label == label
    assert (found.right, found.examples, found.parts, found.how) == (right, 6, 6, "leave-one-out")
    assert found.accuracy == right / 6
    assert found.low <= found.accuracy <= found.high


def test_a_wrong_label_is_the_most_doubtful(student: Student) -> None:
    rows = [
        (f"{'pin blocked' if number % 2 else 'where is my parcel'} {number}", "ab"[number % 2]) for number in range(24)
    ]
    rows[7] = (rows[7][0], "a")
    found = check(student.learn(rows))
    assert found.doubts[0].place == 7
    assert (found.doubts[0].given, found.doubts[0].said) == (("a",), ("b",))
    assert found.doubts[0].text == rows[7][0]
    strength = [doubt.probability for doubt in found.doubts]
    assert strength == sorted(strength, reverse=True)


def test_what_only_a_name_is_left_of_is_counted(student: Student) -> None:
    assert check(student.learn([*ROWS, ("a refund please", "refund")])).alone == 1
    assert check(student.learn([("one thing", "a"), ("another", "b")])).alone == 2


def test_many_examples_are_left_out_in_twenty_parts(student: Student) -> None:
    rows = [(f"{label} number {number}", label) for number in range(35) for label in ("pin", "card", "fee")]
    told: list[tuple[int, int]] = []
    found = check(student.learn(rows), lambda done, total: told.append((done, total)))
    assert (found.examples, found.parts, found.how) == (105, doubts.FOLDS, "20-fold")
    assert len(told) == doubts.FOLDS
    assert told[-1] == (105, 105)


def test_every_example_is_left_out_once_and_classes_are_spread(student: Student) -> None:
    examples = student.learn([(f"{label} {number}", label) for number in range(60) for label in "ab"]).examples
    parts = list(doubts._parts(examples))
    assert sorted(place for part in parts for place in part) == list(range(120))
    for part in parts:
        assert sum(examples[place].labels == ("a",) for place in part) == 3


def test_several_labels(student: Student) -> None:
    rows = [(f"{'pin blocked' if n % 2 else 'my parcel'} {n}", ["a"] if n % 2 else ["b", "c"]) for n in range(20)]
    rows[4] = (rows[4][0], ["a"])
    found = check(student.learn(rows))
    assert found.examples == 20
    assert found.doubts[0].place == 4
    assert found.right >= 15


def test_without_examples_there_is_nothing_to_check(student: Student, tmp_path: Path) -> None:
    with pytest.raises(QuickstudyError, match="class names alone"):
        student.learn(labels=["sports", "politics"]).check()
    from quickstudy.reopening import reopen

    student.learn(ROWS).save(tmp_path / "a.qs", examples=False)
    with pytest.raises(QuickstudyError, match="saved without"):
        reopen(tmp_path / "a.qs").check()


def test_what_is_alone_in_a_class_of_no_name_is_not_doubted(student: Student) -> None:
    """Left out, nothing is left of such a class."""
    lone = [("what a lovely day", "0.53"), ("the train is late", "0.91"), ("bring some bread", "0.27")]
    with pytest.warns(UserWarning, match="the labels are numbers"):
        assert check(student.learn(lone)).doubts == ()


def test_of_several_labels_the_disputed_one_is_said(student: Student, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [(f"{'pin blocked' if n % 2 else 'my parcel'} {n}", ["a"] if n % 2 else ["b", "c"]) for n in range(20)]
    rows[4] = (rows[4][0], ["a"])
    found = check(student.learn(rows))
    worst = found.doubts[0]
    assert worst.place == 4 and worst.of in "abc"
    checks.report(found)
    said = next(line for line in capsys.readouterr().err.splitlines() if "parcel 4" in line)
    assert f"({worst.of} {100 * worst.probability:.0f} %)" in said
    assert checks.check_record(found)["doubtful"][0]["of"] == worst.of


def test_where_weights_moved_the_time_of_learning_tells_at_once(
    student: Student, capsys: pytest.CaptureFixture[str]
) -> None:
    task = student.learn(ROWS)
    assert checks.checked(task, None, 1000.0) is not None  # a head alone takes no time
    task.adapted = {**task.adapted, "lora.0.a": torch.zeros(1)}
    capsys.readouterr()
    assert checks.checked(task, None, 30.0) is None
    assert "it would take 3 minutes; --check runs it" in capsys.readouterr().err
