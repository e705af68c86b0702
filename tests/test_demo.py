"""The demo, whole, on a tiny backbone and made-up data sets; and what it does with files that the user edited."""

import csv
import io
from pathlib import Path

import pytest
import tiny
from rich.console import Console

from quickstudy import demo, reopening
from quickstudy.core.types import QuickstudyError
from quickstudy.demo import CARDS, QUESTIONS, Demo
from quickstudy.episodes.packaged import PACKAGED
from quickstudy.episodes.sources import Source
from quickstudy.training.plan import Plan

WORDS = {"pay": "cash coin bank card", "trip": "train bus plane boat", "meal": "soup rice bread fish"}


def stand_in(name, kind, most=None):
    """A data set with classes of its own; one text of it stands in every other one too."""
    rows = [
        {"text": f"{name} {verb} the {word}", "label": f"{label} {name}"}
        for label, words in WORDS.items()
        for word in words.split()
        for verb in ("find", "lose")
    ]
    rows += [{"text": "a text that stands in every data set", "label": rows[0]["label"]}]
    return Source(name, tuple(kind.read(row) for row in rows))


def small(model):
    return Demo(
        train={"one": 9, "two": 9},
        validation={"three": 9},
        test={"four": 9, "five": 9},
        plan=Plan(steps=2, tasks=1, rate=0.01, warmup=0, validate_every=1),
        shots=(0, 1),
        episodes=2,
        validating=1,
        queries=2,
        learners=("frozen_linear", "names_alone", "fine_tune:last(1)"),
        model=model,
    )


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """The demo's folder and everything it printed."""
    folder = tmp_path_factory.mktemp("demo")
    stream = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "packaged_source", stand_in)
        console = Console(file=stream, width=160)
        demo.run(folder / "out", small(tiny.backbone(folder / "model")), console)
    return folder / "out", stream.getvalue()


def test_it_leaves_the_files_it_names(shown):
    folder, said = shown
    for name in ("cards.csv", "questions.txt", "cards.qs", "report.html", "report.md", "report.json"):
        assert (folder / name).stat().st_size > 0
    assert f"The report: {folder / 'report.html'}" in said
    assert f"learn {folder / 'cards.csv'} -o" in said
    assert said.rstrip().endswith("learn yours.csv -o yours.qs")


def test_rows_that_stand_in_an_evaluation_task_are_dropped_and_counted(shown):
    assert "Leak check: 2 of 50 training rows stand in an evaluation task and were dropped" in shown[1]


def test_every_contestant_is_in_the_report(shown):
    page = (shown[0] / "report.html").read_text()
    for name in ("quickstudy", "before meta-training", "frozen_linear", "names_alone", "fine_tune:last(1)"):
        assert name in page
        assert name in shown[1]
    assert "failed on" not in shown[1]


def test_the_saved_task_answers_every_question(shown):
    asked = QUESTIONS.read_text().splitlines()
    answers = reopening.reopen(shown[0] / "cards.qs").predict(asked)
    assert all(text in shown[1] for text in asked)
    with CARDS.open() as file:
        assert {answer.label for answer in answers} <= {row["label"] for row in csv.DictReader(file)}


def test_files_that_the_user_edited_are_kept_and_used(shown, tmp_path):
    rows = [("the cat purrs", "cat"), ("cats meow", "cat"), ("dogs bark", "dog"), ("a barking dog", "dog")]
    tiny.table(tmp_path / "cards.csv", rows)
    (tmp_path / "questions.txt").write_text("who barks\n\n")
    before = (tmp_path / "cards.csv").read_bytes()
    stream = io.StringIO()
    student = reopening.reopen(shown[0] / "cards.qs").student
    demo.learned(student, tmp_path, Console(file=stream, width=160))
    assert (tmp_path / "cards.csv").read_bytes() == before
    assert "Using your own" in stream.getvalue() and "who barks" in stream.getvalue()
    assert set(reopening.reopen(tmp_path / "cards.qs").classes) == {"cat", "dog"}


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(QuickstudyError, match="--out"):
        demo.run(tmp_path / "file" / "out", small("nowhere"))


@pytest.mark.parametrize("one", [demo.FULL, demo.SHORT])
def test_the_demo_tests_on_data_sets_it_does_not_train_on(one):
    assert not set(one.test) & {*one.train, *one.validation}
    assert not set(one.train) & set(one.validation)
    assert {*one.train, *one.validation, *one.test} <= set(PACKAGED)


@pytest.mark.parametrize(("variable", "expected"), [("true", demo.SHORT), ("1", demo.SHORT), ("", demo.FULL)])
def test_under_ci_it_is_the_short_one(monkeypatch, variable, expected, tmp_path):
    asked = []
    monkeypatch.setenv("CI", variable)
    monkeypatch.setattr(demo, "gathered", lambda one, kind, console: asked.append(one) or 1 / 0)
    model = tiny.backbone(tmp_path / "model")
    monkeypatch.setattr(demo, "load", lambda name, learner: demo_student(model))
    with pytest.raises(ZeroDivisionError):
        demo.run(tmp_path, console=Console(file=io.StringIO()))
    assert asked == [expected]


def demo_student(model: str):
    from quickstudy.student import load

    return load(model, learner="prior_head")


def test_the_cards_that_ship_are_a_sound_table():
    with Path(CARDS).open() as file:
        rows = list(csv.DictReader(file))
    labels = {row["label"] for row in rows}
    assert len(rows) >= 20 and len({row["text"] for row in rows}) == len(rows)
    assert all(sum(row["label"] == label for row in rows) >= 4 for label in labels)
