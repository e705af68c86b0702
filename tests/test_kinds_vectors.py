"""Given vectors: the same learners, no model; files, what is refused, saving."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import tiny
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

import quickstudy
from quickstudy.core.types import QuickstudyError
from quickstudy.kinds.vectors import Vectors

LENGTH = {"name": "vectors", "length": "given"}


def iris() -> tuple[np.ndarray, list[str]]:
    found = load_iris()
    return found.data, [str(found.target_names[place]) for place in found.target]


def rows() -> list[tuple[list[float], str]]:
    numbers, labels = iris()
    return [(own.tolist(), label) for own, label in zip(numbers, labels, strict=True)]


def test_frozen_linear_is_scikit_learns_logistic_regression() -> None:
    numbers, labels = iris()
    numbers = numbers - numbers.mean(0)  # else what little holds the bias (frozen_linear.BIAS_STRENGTH) shows
    student = quickstudy.load("vectors:4", learner="frozen_linear")
    task = student.learn(list(zip(numbers.tolist(), labels, strict=True))[::2], kind=LENGTH)
    theirs = LogisticRegression(C=1.0, tol=1e-10, max_iter=10_000).fit(numbers[::2], labels[::2])
    ours = task.score(task.kind.encode([task.kind.ask(own) for own in numbers[1::2]], task.classes))[:, 0].softmax(-1)
    order = [list(task.classes).index(name) for name in theirs.classes_]
    assert np.abs(ours[:, order].numpy() - theirs.predict_proba(numbers[1::2])).max() < 1e-4
    said = [one.label for one in task.predict(numbers[1::2])]
    assert said == theirs.predict(numbers[1::2]).tolist()


@pytest.mark.parametrize("learner", ["prior_head", "prototypes", "ridge", "neighbours", "named_prototypes", "maml"])
def test_learners_take_vectors(learner: str) -> None:
    student = quickstudy.load("vectors:4", learner=learner)
    centred = [((np.array(own) - 3.5).tolist(), label) for own, label in rows()]
    task = student.learn(centred[::5], kind="vectors")
    said = [one.label for one in task.predict([own for own, _ in centred[1::2]])]
    right = np.mean([one == label for one, (_, label) in zip(said, centred[1::2], strict=True)])
    assert right > 0.85


def test_a_task_is_saved_grows_and_judges_alike(tmp_path: Path) -> None:
    task = quickstudy.load("vectors:4").learn(rows()[:90:3], kind="vectors")
    task.add(rows()[100:110])
    path = tmp_path / "iris.qs"
    task.save(path)
    again = quickstudy.open(path)
    asked = [own for own, _ in rows()[1::7]]
    assert again.predict(asked) == task.predict(asked)
    assert set(again.classes) == {"setosa", "versicolor", "virginica"}
    assert json.dumps(again.kind.record(again.predict(asked[:1])[0]))


def test_several_labels_a_vector() -> None:
    found = [(own, ["long"] * (own[2] > 3) + ["wide"] * (own[1] > 3)) for own, _ in rows()]
    given = [{"features": own, "labels": labels} for own, labels in found]
    task = quickstudy.load("vectors:4").learn(given[::2], kind={"name": "vectors", "task": "multilabel"})
    said = task.predict([own for own, _ in found[1::2]])
    assert (
        np.mean([("long" in one.labels) == (own[2] > 3) for one, (own, _) in zip(said, found[1::2], strict=True)]) > 0.9
    )


def test_files(tmp_path: Path) -> None:
    numbers, labels = iris()
    lines = [json.dumps({"features": own, "label": label}) for own, label in rows()[::3]]
    (tmp_path / "iris.jsonl").write_text("\n".join(lines))
    np.savez(tmp_path / "iris.npz", X=numbers[::3].astype("float32"), y=np.array(labels[::3]))
    student = quickstudy.load("vectors:4")
    tasks = [student.learn(tmp_path / name, kind="vectors") for name in ("iris.jsonl", "iris.npz")]
    asked = [own for own, _ in rows()[1::9]]
    said = [[one.label for one in task.predict(asked)] for task in tasks]
    assert said[0] == said[1] and len(set(said[0])) == 3


def test_the_command_line(tmp_path: Path) -> None:
    numbers, labels = iris()
    np.savez(tmp_path / "iris.npz", features=numbers, labels=np.array(labels))
    np.save(tmp_path / "asked.npy", numbers[::30])
    task = tmp_path / "iris.qs"
    tiny.run("learn", tmp_path / "iris.npz", "--kind", "vectors", "--model", "vectors:4", "-o", task)
    written = tiny.run("predict", task, tmp_path / "asked.npy", "--json").stdout
    assert [json.loads(line)["label"] for line in written.splitlines()][:2] == ["setosa", "setosa"]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"features": [1, 2, 3], "label": "a"}, "there are 3 features, and this student judges vectors of 4"),
        ({"features": [1, 2, 3, float("nan")], "label": "a"}, "feature 4 is nan"),
        ({"features": [1, 2, 3, 1e39], "label": "a"}, "feature 4 is 1e+39"),
        ({"features": [1, 2, 3, "4"], "label": "a"}, "feature 4 is '4', which is no number"),
        ({"features": [1, 2, 3, True], "label": "a"}, "feature 4 is True"),
        ({"features": "1 2 3 4", "label": "a"}, "are no list of numbers"),
        ({"text": "a word", "label": "a"}, "no list of numbers"),
    ],
)
def test_a_bad_row_is_named(row: dict, why: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    good = [{"features": [float(k), 1, 0, 2], "label": "ab"[k % 2]} for k in range(4)]
    path.write_text("\n".join(json.dumps(one) for one in [*good, row]))
    with pytest.warns(quickstudy.QuickstudyWarning) as told:
        task = quickstudy.load("vectors:4").learn(path, kind="vectors")
    assert any("line 5" in str(one.message) for one in told)
    assert len(task.examples) == 4
    with pytest.raises(QuickstudyError, match=r"feature|no list"):
        Vectors(task.kind.reader).read(row)


@pytest.mark.parametrize(
    ("arrays", "why"),
    [
        ({"features": np.zeros((3, 4)), "labels": np.array(["a", "b"])}, "give one a row"),
        ({"features": np.zeros(4), "labels": np.array(["a"])}, "of shape"),
        ({"features": np.array([[{}]]), "labels": np.array(["a"])}, "cannot be read"),
        ({"other": np.zeros((3, 4))}, "no array 'features'"),
    ],
)
def test_bad_arrays_are_refused(arrays: dict, why: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(QuickstudyError, match=why):
        quickstudy.load("vectors:4").learn(tmp_path / "bad.npz", kind="vectors")


def test_texts_and_vectors_are_not_mixed_up(tmp_path: Path) -> None:
    student = quickstudy.load("vectors:4")
    with pytest.raises(QuickstudyError, match="reads no text"), warnings.catch_warnings():
        warnings.simplefilter("ignore", quickstudy.QuickstudyWarning)  # that texts are too long for it
        student.learn([("a text", "a"), ("another", "b")])
    reads = quickstudy.load(tiny.backbone(tmp_path / "small"))
    with pytest.raises(QuickstudyError, match="reads texts"):
        reads.learn([([0.0] * 64, "a"), ([1.0] * 64, "b")], kind="vectors")
    with pytest.raises(QuickstudyError, match="without weights"):
        quickstudy.load("vectors:4", scope="lora(8)")
    for name in ("vectors", "vectors:", "vectors:0", "vectors:a"):
        with pytest.raises(QuickstudyError, match="say how many numbers"):
            quickstudy.load(name)
    with pytest.raises(QuickstudyError, match="give some of each class"):
        student.learn(labels=["a", "b"], kind="vectors")
    with pytest.raises(QuickstudyError, match="only one class"):
        student.learn([([1, 2, 3, 4], "a")], kind="vectors")
    with pytest.raises(QuickstudyError, match="leave the budget out"):
        student.learn(rows()[::9], kind="vectors", budget="10s")


def test_the_command_line_needs_no_kind_for_vectors(tmp_path: Path) -> None:
    """Rows of features, whose student judges nothing else, are learned and evaluated beside the baselines."""
    given = tmp_path / "iris.jsonl"
    lines = [json.dumps({"features": features, "label": label}) for features, label in rows()]
    given.write_text("\n".join(lines), encoding="utf-8")
    learned = tiny.run("learn", given, "--model", "vectors:4", "-o", tmp_path / "iris.qs")
    assert learned.exit_code == 0, learned.output
    assert isinstance(quickstudy.open(tmp_path / "iris.qs").kind, Vectors)
    shape = ("--shots", "5", "--episodes", "2", "--queries", "5")
    done = tiny.run("evaluate", given, "--model", "vectors:4", *shape, "-o", tmp_path / "report", "--json")
    assert done.exit_code == 0, done.output
    assert "frozen_linear" in done.stdout and "fine_tune" not in done.stdout
