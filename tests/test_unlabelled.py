"""Texts without labels: they show where classes lie, travel with the task, and are refused where they are no use."""

from pathlib import Path

import numpy as np
import pytest
import torch
from few import CLASSES, Vectors, examples, kinds, rows
from few import backbone as tiny_backbone
from tiny import ROWS, backbone, refused, run, table

import quickstudy as qs
from quickstudy import unlabelled
from quickstudy.core import types
from quickstudy.core.params import same
from quickstudy.core.types import IGNORE, Batch, QuickstudyError
from quickstudy.learners.prior_head import PriorHead
from quickstudy.learners.semi_supervised import SemiSupervised

POOL = ["the pin", "somebody took my card", "when does it come", "my wallet is gone", "the code is blocked"]


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> qs.Student:
    return qs.load(backbone(tmp_path_factory.mktemp("models") / "tiny"))


def test_clusters_in_the_pool_put_right_what_few_examples_and_names_say() -> None:
    shots = 1
    dice = torch.Generator().manual_seed(0)
    which = torch.arange(200) % 2
    texts = 0.2 * torch.randn(200, 8, generator=dice) + torch.eye(8)[which]
    named = torch.nn.functional.normalize(torch.eye(8)[:2] + 0.9 * torch.randn(2, 8, generator=dice), dim=-1)
    learner = PriorHead(Vectors(torch.cat([texts, named])))
    support = Batch(rows(torch.arange(2 * shots)), which[: 2 * shots].view(-1, 1), rows(torch.tensor([200, 201])))
    theta = learner.init(dice)
    query = Batch(rows(torch.arange(100, 200)), torch.full((100, 1), IGNORE), None)
    kind = kinds()["one label"]

    def right(one: PriorHead | SemiSupervised) -> float:
        said = one.predict(theta, one.adapt(theta, support, kind.loss), query)[:, 0].argmax(-1)
        return float((said == which[100:]).float().mean())

    assert right(SemiSupervised(learner, rows(torch.arange(2, 100)))) > right(learner) + 0.02


def test_guesses_weigh_no_more_than_what_is_known_and_none_more_than_an_example() -> None:
    kind = kinds()["one label"]
    inner = PriorHead(tiny_backbone(), name_weight=2.0)
    theta = inner.init(torch.Generator())
    member = torch.eye(3)
    nothing = rows(torch.arange(0))
    assert float(SemiSupervised(inner, nothing)._weight(theta, member, 90)) == pytest.approx((3 + 2 * 3) / 90)
    assert float(SemiSupervised(inner, nothing)._weight(theta, member, 5)) == 1
    support = kind.encode(examples(kind, slice(0, 2)), CLASSES)
    plain = inner.adapt(theta, support, kind.loss)
    assert same(
        SemiSupervised(inner, types.rows(support.text, torch.arange(0))).adapt(theta, support, kind.loss), plain
    )
    own = SemiSupervised(inner, support.text, trust=1e-9)  # which have the support's centre
    for name, value in own.adapt(theta, support, kind.loss).items():
        torch.testing.assert_close(value, plain[name], rtol=1e-3, atol=1e-3)


def test_a_task_with_them_comes_back_the_same_and_grows_with_them(student: qs.Student, tmp_path: Path) -> None:
    task = student.learn(ROWS, unlabelled=[*POOL, POOL[0], " "])
    assert [one.text for one in task.unlabelled] == POOL
    assert task.predict(POOL) != student.learn(ROWS).predict(POOL)
    task.save(tmp_path / "a.qs")
    again = qs.open(tmp_path / "a.qs")
    assert again.predict(POOL) == task.predict(POOL)
    for one in (task, again):
        one.add([("my purse was taken", "lost card")])
    assert again.unlabelled == task.unlabelled
    for mine, other in zip(again.predict(POOL), task.predict(POOL), strict=True):
        assert mine.probabilities == pytest.approx(other.probabilities, abs=1e-3)
    assert task.check().examples == 7


def test_names_and_texts_alone_make_a_task_that_does_not_grow_without_them(student: qs.Student, tmp_path: Path) -> None:
    with pytest.warns(qs.QuickstudyWarning, match="only kept: they help from the first example on"):
        task = student.learn(labels=["pin", "lost card"], unlabelled=POOL)
    assert [one.text for one in task.unlabelled] == POOL
    task.save(tmp_path / "a.qs", examples=False)
    again = qs.open(tmp_path / "a.qs")
    assert again.predict(POOL) == task.predict(POOL)
    assert not again.unlabelled
    with pytest.raises(QuickstudyError, match="cannot grow"):
        again.add(ROWS)


def test_with_many_examples_they_are_left_out_and_that_is_said(student: qs.Student) -> None:
    rows = [(f"{text} {number}", label) for number in range(5) for text, label in ROWS]
    with pytest.warns(qs.QuickstudyWarning, match="help up to 8 examples a class, and here are 10: they were left out"):
        task = student.learn(rows, unlabelled=POOL)
    assert not task.unlabelled
    assert task.predict(POOL) == student.learn(rows).predict(POOL)


def test_a_text_that_has_become_an_example_counts_once(student: qs.Student) -> None:
    grown = student.learn(ROWS, unlabelled=[*POOL, ROWS[0][0].upper()])
    assert len(grown.unlabelled) == len(POOL) + 1
    only = student.learn(ROWS, unlabelled=POOL)
    for mine, other in zip(grown.predict(POOL), only.predict(POOL), strict=True):
        assert mine.probabilities == pytest.approx(other.probabilities, abs=1e-4)
    grown.add([(POOL[0], "pin")])
    rest = student.learn([*ROWS, (POOL[0], "pin")], unlabelled=POOL[1:])
    for mine, other in zip(grown.predict(POOL), rest.predict(POOL), strict=True):
        assert mine.probabilities == pytest.approx(other.probabilities, abs=1e-4)


def test_from_a_file_and_at_most_so_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unlabelled, "MOST", 3)
    (tmp_path / "a.txt").write_text("\n".join(["one", "two", "", "two", "three", "four", "five", "six"]))
    assert [one.text for one in unlabelled.texts(tmp_path / "a.txt", {"text": "words"})] == ["one", "three", "five"]
    (tmp_path / "a.csv").write_text("words,kind\nsome text here,pin\nother text there,card\n")
    found = unlabelled.texts(str(tmp_path / "a.csv"), {"text": "words", "label": "not there"})
    assert [(one.text, one.labels) for one in found] == [("some text here", ()), ("other text there", ())]
    assert unlabelled.texts([("a", "b")])[0].pair == "b"
    assert unlabelled.texts(["[1]"])[0].text == "[1]"
    for vectors in ([[1.0, 2.0]], np.ones((2, 3))):
        with pytest.raises(QuickstudyError, match="unlabelled takes texts, and a list of numbers is among them"):
            unlabelled.texts(vectors)


def test_a_task_of_vectors_has_no_use_for_them(tmp_path: Path) -> None:
    student = qs.load("vectors:2")
    rows = [([1.0, 0.0], "x"), ([0.0, 1.0], "y")]
    for pool in ([[1.0, 1.0]], ["words"], tmp_path / "none.npy"):
        with pytest.raises(QuickstudyError, match="this student judges vectors; leave unlabelled out"):
            student.learn(rows, unlabelled=pool)
    assert len(student.learn(rows, unlabelled=[]).examples) == 2


def test_where_they_are_no_use_they_are_refused_in_one_sentence(student: qs.Student) -> None:
    several = [("a pin and a card", ["pin", "lost card"]), ("a card", ["lost card"]), ("a pin", ["pin"])]
    with pytest.raises(QuickstudyError, match="exactly one class"):
        student.learn(several, unlabelled=POOL)
    with pytest.raises(QuickstudyError, match="the learner prior_head"):
        qs.load(student.origin, learner="prototypes").learn(ROWS, unlabelled=POOL)
    with pytest.raises(QuickstudyError, match='budget "1s"'):
        student.learn(ROWS, budget="10s", unlabelled=POOL)
    with pytest.raises(QuickstudyError, match="one text"):
        student.learn(ROWS, unlabelled=[("a", "b")])


def test_on_the_command_line(student: qs.Student, tmp_path: Path) -> None:
    (tmp_path / "pool.txt").write_text("\n".join(POOL))
    asked = ("learn", table(tmp_path / "in.csv"), "-o", tmp_path / "a.qs", "--model", student.origin, "--no-check")
    assert run(*asked, "--unlabelled", tmp_path / "pool.txt").exit_code == 0
    assert [one.text for one in qs.open(tmp_path / "a.qs").unlabelled] == POOL
    assert "no file or folder" in refused(*asked, "--unlabelled", tmp_path / "none.txt")


def test_an_uneven_support_is_made_up_for_here_too() -> None:
    """A pool that counts nothing, and whose centre is the support's, leaves prior_head's own head."""
    kind = kinds()["one label"]
    dice = torch.Generator().manual_seed(0)
    texts = torch.nn.functional.normalize(torch.randn(12, 8, generator=dice), dim=-1).double()
    inner = PriorHead(Vectors(texts))
    support = Batch(rows(torch.arange(10)), torch.tensor([[0]] * 8 + [[1]] * 2), rows(torch.tensor([10, 11])))
    theta = inner.init(dice)
    alone = inner.adapt(theta, support, kind.loss)
    beside = SemiSupervised(inner, rows(torch.arange(10)), trust=0.0).adapt(theta, support, kind.loss)
    for name, value in alone.items():
        assert torch.allclose(value, beside[name], atol=1e-6)


@pytest.mark.parametrize("count", [0, 60])
def test_without_examples_or_with_many_the_pool_changes_nothing(count: int) -> None:
    kind = kinds()["one label"]
    dice = torch.Generator().manual_seed(0)
    texts = torch.nn.functional.normalize(torch.randn(82, 8, generator=dice), dim=-1)
    inner = PriorHead(Vectors(texts))
    support = Batch(rows(torch.arange(count)), torch.arange(count).view(-1, 1) % 2, rows(torch.tensor([80, 81])))
    theta = inner.init(dice)
    pooled = SemiSupervised(inner, rows(torch.arange(60, 80)))
    assert same(pooled.adapt(theta, support, kind.loss), inner.adapt(theta, support, kind.loss))
