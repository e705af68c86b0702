"""What is fitted on examples that were left out of learning: a temperature, and what a familiar text looks like."""

import dataclasses
import math
from pathlib import Path

import pytest
import torch
from few import CLASSES, episode, examples, kinds, start, vector_task
from tiny import ROWS, backbone, refused, run, table

import quickstudy as qs
from quickstudy.core import calibrating
from quickstudy.core.calibrating import left_out
from quickstudy.core.types import Batch, DivergedError, Prediction, batch_rows
from quickstudy.evaluation.metatest import Contestant, meta_test
from quickstudy.evaluation.metrics import calibration_error
from quickstudy.kinds import familiarity
from quickstudy.kinds.classification import Classification
from quickstudy.learners.maml import Maml
from quickstudy.learners.prior_head import PriorHead

ONE = kinds()["one label"]
MANY = [(f"{text} {word}", label) for text, label in ROWS for word in ("now", "please", "again")]


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> qs.Student:
    return qs.load(backbone(tmp_path_factory.mktemp("models") / "tiny"))


def gaussian(n: int) -> tuple[PriorHead, dict, Batch, Batch]:
    vectors, support, query = vector_task(n=n)
    learner = PriorHead(vectors)
    return learner, start(learner), support, query


def test_each_example_is_scored_by_a_head_that_has_not_seen_it() -> None:
    learner, theta, support, _ = gaussian(30)
    scores, unseen = left_out(learner, theta, ONE, support)  # type: ignore[misc]
    assert sorted(unseen.text.tokens.flatten().tolist()) == list(range(30))
    first = unseen.text.tokens.flatten().tolist()[:3]  # one part: 30 examples dealt into 8
    part = [place for place in range(30) if place in unseen.text.tokens.flatten().tolist()[:4]]
    rest = torch.tensor([place for place in range(30) if place not in part])
    adapted = learner.adapt(theta, batch_rows(support, rest), ONE.loss)
    again = learner.predict(theta, adapted, batch_rows(support, torch.tensor(first)))
    torch.testing.assert_close(scores[:3], again)
    assert (unseen.gold == support.gold[unseen.text.tokens[:, 0]]).all()


def test_of_many_examples_some_are_left_out_and_no_class_wholly() -> None:
    gold = [place % 4 for place in range(2000)]
    parts = list(calibrating._parts(gold))
    assert sorted(place for part in parts for place in part) == list(range(2000))
    assert all(2 * calibrating.ENOUGH <= len(part) < 3 * calibrating.ENOUGH for part in parts)
    assert all({gold[place] for place in part} == {0, 1, 2, 3} for part in parts)
    for sizes in ([2, 3, 1, 9], [1, 1], [2], [400, 2]):
        gold = [own for own, size in enumerate(sizes) for _ in range(size)]
        for part in calibrating._parts(gold):
            assert all(1 < sizes[gold[place]] > [gold[each] for each in part].count(gold[place]) for place in part)


def test_one_example_a_class_fits_nothing() -> None:
    learner, theta, support, _ = gaussian(3)
    assert left_out(learner, theta, ONE, support) is None
    ones = examples(ONE, slice(0, 1))
    task = calibrating.fitted(learner, theta, learner.adapt(theta, support, ONE.loss), ONE, support, ones, CLASSES)
    assert task == {}


def test_a_learner_that_moves_the_backbone_does_not_do_so_again() -> None:
    from few import backbone as small

    learner = Maml(small("all"), steps=1)
    theta, task = start(learner), episode(ONE, 2)
    adapted = learner.adapt(theta, task.support, ONE.loss)
    assert calibrating.fitted(learner, theta, adapted, ONE, task.support, examples(ONE, slice(0, 2)), CLASSES) == {}


def test_where_a_part_diverges_nothing_is_fitted() -> None:
    class Diverging(PriorHead):
        def adapt(self, theta, support, loss):  # type: ignore[no-untyped-def]
            raise DivergedError("no")

    learner, theta, support, _ = gaussian(12)
    assert left_out(Diverging(learner.backbone), theta, ONE, support) is None


def test_the_temperature_mends_confidence_and_leaves_the_labels() -> None:
    learner, theta, support, query = gaussian(300)
    theta = {**theta, "prior.log_temperature": torch.tensor(3.0).double()}  # far too unsure
    adapted = learner.adapt(theta, support, ONE.loss)
    scores, unseen = left_out(learner, theta, ONE, support)  # type: ignore[misc]
    fitted = ONE.calibrate(scores, unseen)  # type: ignore[attr-defined]
    assert float(fitted["kind.log_temperature"]) < -0.5
    plain = learner.predict(theta, adapted, query)[:, 0]
    mended = plain / fitted["kind.log_temperature"].exp()
    assert (mended.argmax(-1) == plain.argmax(-1)).all()

    def error(scores: torch.Tensor) -> float:
        sure, said = scores.softmax(-1).max(-1)
        return calibration_error(sure.tolist(), (said == query.gold[:, 0]).tolist())

    assert error(mended) < 0.06 < 0.15 < error(plain)


def test_few_examples_move_the_temperature_little() -> None:
    scores = torch.tensor([[[8.0, 0.0]], [[0.0, 8.0]]])
    unseen = Batch(None, torch.tensor([[0], [1]]), None)  # type: ignore[arg-type]
    moved = {n: ONE.calibrate(scores.repeat(n, 1, 1), unseen._replace(gold=unseen.gold.repeat(n, 1))) for n in (1, 50)}  # type: ignore[attr-defined]
    assert -0.3 < float(moved[1]["kind.log_temperature"]) <= 0
    assert "kind.usual" not in moved[1]
    assert len(moved[50]["kind.usual"]) == 100


def test_a_share_is_the_rank_among_unseen_examples_and_rises_throughout() -> None:
    usual = familiarity.usual(torch.tensor([[3.0, 0.0], [1.0, -1.0], [0.0, 2.0], [4.0, 5.0]]))
    assert usual.tolist() == [1.0, 2.0, 3.0, 5.0]
    scores = torch.tensor([-50.0, 0.5, 1.0, 1.5, 2.0, 4.0, 5.0, 6.0, 50.0])
    found = familiarity.shares(torch.stack([scores, scores - 1], 1), usual)
    torch.testing.assert_close(found[2:7], torch.tensor([0.2, 0.3, 0.4, 0.7, 0.8]))
    assert (found.diff() > 0).all()
    assert found[0] >= 0
    assert found[-1] <= 1
    same = familiarity.shares(torch.tensor([[1.0], [2.0], [3.0]]), torch.full((8,), 2.0))
    assert same.tolist() == pytest.approx([0.0, 8 / 9, 1.0])


def test_of_texts_like_the_examples_the_stated_share_is_refused() -> None:
    """And nearly all of those that are far from every class."""
    learner, theta, support, query = gaussian(300)
    fitted = ONE.calibrate(*left_out(learner, theta, ONE, support))  # type: ignore[attr-defined,misc]
    adapted = learner.adapt(theta, support, ONE.loss)
    found = familiarity.shares(learner.predict(theta, adapted, query)[:, 0], fitted["kind.usual"])
    assert 0.01 < float((found <= 0.05).float().mean()) < 0.1
    assert 0.2 < float((found <= 0.3).float().mean()) < 0.4


def test_a_prediction_is_known_above_one_in_twenty() -> None:
    one = Prediction("a", 1.0, {"a": 1.0}, ("a",))
    assert one.known
    assert not dataclasses.replace(one, familiar=0.05).known
    assert dataclasses.replace(one, familiar=0.06).known


def test_a_task_keeps_what_is_familiar(student: qs.Student, tmp_path: Path) -> None:
    texts = ["the pin now", "where is my card please", "x " * 30]
    task = student.learn(MANY)
    before = task.predict(texts)
    assert all(0 <= each.familiar <= 1 for each in before)  # type: ignore[operator]
    task.save(tmp_path / "a.qs", examples=False)
    assert qs.open(tmp_path / "a.qs").predict(texts) == before
    task.add([("a new one", "other"), ("another new one", "other"), ("the third one", "other")])
    assert len(task.fitted["kind.usual"]) == len(MANY) + 3
    assert [each.familiar for each in task.predict(texts)] != [each.familiar for each in before]
    assert student.learn(labels=["a pin", "a card"]).predict(texts)[0].familiar is None
    assert student.learn(ROWS).predict(texts)[0].familiar is None  # six examples say too little
    several = student.learn([(text, [label]) for text, label in MANY], kind="multilabel")
    assert several.predict(texts)[0].familiar is None


def test_the_meta_test_judges_what_a_task_says(student: qs.Student) -> None:
    """The same temperature: an outcome's confidence is the probability a user would be told."""
    from quickstudy.core.types import Draw
    from quickstudy.kinds.labelled import Labelled

    task = student.learn(MANY)
    kind = Classification(student.reader)
    query = (Labelled("the pin", ("pin",)), Labelled("my card is lost", ("lost card",)))
    draw = Draw("a", "b", 3, tuple(task.examples), query, task.classes)
    outcome = meta_test({"x": Contestant(student.learner, student.theta)}, [draw], kind)[0]
    said = task.predict([each.text for each in query])
    assert outcome.confidence == pytest.approx([each.probability for each in said], abs=2e-3)
    assert float(task.fitted["kind.log_temperature"]) != 0.0
    assert not math.isnan(outcome.measures["brier"])


def test_predict_refuses_what_is_unfamiliar(student: qs.Student, tmp_path: Path) -> None:
    student.learn(MANY).save(tmp_path / "a.qs")
    lines = "\n".join(text for text, _ in MANY)
    plain = [row.split("\t") for row in run("predict", tmp_path / "a.qs", input=lines).stdout.splitlines()]
    result = run("predict", tmp_path / "a.qs", "--reject", "0.5", input=lines)
    rows = [row.split("\t") for row in result.stdout.splitlines()]
    assert all(row[0] == ("" if float(row[2]) <= 0.5 else before[0]) for row, before in zip(rows, plain, strict=True))
    left = sum(row[0] == "" for row in rows)
    assert 0 < left < len(rows)
    assert f"refused {left} text" in result.stderr
    found = run("predict", tmp_path / "a.qs", "--reject", "0.5", "--json", input=lines).stdout
    assert found.count('"label": null') == left
    assert found.count('"familiar": ') == len(rows)


def test_a_task_that_cannot_refuse_says_so(student: qs.Student, tmp_path: Path) -> None:
    model = student.origin
    run("learn", table(tmp_path / "in.csv"), "-o", tmp_path / "a.qs", "--model", model, "--no-check")
    said = refused("predict", tmp_path / "a.qs", "--reject", "0.1", input="the pin")
    assert "8 examples" in said
    assert "leave --reject out" in said
