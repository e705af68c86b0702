"""What meta-training learned of a backbone becomes part of its weights where a student is opened."""

import dataclasses
from pathlib import Path

import pytest
import torch
from tiny import ROWS, backbone

import quickstudy as qs
from quickstudy import config, reopening
from quickstudy import task as tasks
from quickstudy.backbones import lora
from quickstudy.backbones.folding import partly
from quickstudy.core.types import OF_BACKBONE, QuickstudyError
from quickstudy.student import backbone as shared
from quickstudy.student import fresh

ASKED = [text for text, _ in ROWS]
WRAPPING = ("in_context", "policy_gradient", "hybrid")
"""learners of which it is said elsewhere, or which do as the one within does"""


def learned(folder: Path, scope: str = "lora(2)", learner: str = "prior_head", seed: int = 0) -> qs.Student:
    """A student whose weights of the backbone are not those it came with."""
    made = fresh(shared(backbone(folder / "small"), scope, "float32", "cpu"), {"name": learner}, "small")
    rng = torch.Generator().manual_seed(seed)
    for value in made.theta.values():
        value += 0.1 * torch.randn(value.shape, generator=rng)
    return made


@pytest.mark.parametrize("scope", ["lora(2)", "last(1)", "all"])
def test_folded_weights_predict_as_those_beside(tmp_path, scope):
    beside = learned(tmp_path, scope)
    beside.save(tmp_path / "student.qs")
    folded = qs.load(tmp_path / "student.qs", precision="float32")
    assert not any(name.startswith(OF_BACKBONE) for name in folded.theta)
    assert folded.loaded.fingerprint != beside.loaded.fingerprint
    first, second = (student.learn(ROWS).predict(ASKED) for student in (beside, folded))
    for one, two in zip(first, second, strict=True):
        assert two.probabilities == pytest.approx(one.probabilities, abs=1e-5)
    plain = qs.load(str(tmp_path / "small"), precision="float32").learn(ROWS).predict(ASKED)
    assert any(
        one.probabilities != pytest.approx(two.probabilities, abs=1e-4) for one, two in zip(first, plain, strict=True)
    )


def test_a_folded_student_is_saved_whole(tmp_path):
    learned(tmp_path).save(tmp_path / "student.qs")
    opened = qs.load(tmp_path / "student.qs")
    opened.save(tmp_path / "again.qs")
    assert (tmp_path / "again.qs").read_bytes() == (tmp_path / "student.qs").read_bytes()


def test_its_tasks_are_opened_with_it(tmp_path):
    learned(tmp_path).save(tmp_path / "student.qs")
    task = qs.load(tmp_path / "student.qs", precision="float32").learn(ROWS)
    task.save(tmp_path / "task.qs")
    assert (tmp_path / "task.qs").stat().st_size < 20_000
    again = qs.open(tmp_path / "task.qs")
    assert again.predict(ASKED) == task.predict(ASKED)
    again.add([("what a day", "small talk")])
    learned(tmp_path, seed=1).save(tmp_path / "student.qs")
    with pytest.raises(QuickstudyError, match="other weights"):
        qs.open(tmp_path / "task.qs")
    (tmp_path / "student.qs").unlink()
    with pytest.raises(QuickstudyError, match="not there"):
        qs.open(tmp_path / "task.qs")


def test_what_was_changed_of_the_rest_goes_with_the_task(tmp_path):
    learned(tmp_path).save(tmp_path / "student.qs")
    opened = qs.load(tmp_path / "student.qs", precision="float32")
    lighter = {**opened.theta, "prior.log_name_weight": opened.theta["prior.log_name_weight"] - 3}
    task = dataclasses.replace(opened, theta=lighter).learn(ROWS)
    task.save(tmp_path / "task.qs")
    again = qs.open(tmp_path / "task.qs")
    for one in (task, again):
        one.add([("what a day", "small talk")])
    assert again.predict(ASKED) == task.predict(ASKED)


@pytest.mark.parametrize(
    "how", [{"scope": "last(1)", "learner": "maml"}, {"learner": {"name": "prior_head", "scale": 3}}]
)
def test_a_start_that_ships_under_the_name_of_a_backbone_is_not_taken_for_another(tmp_path, monkeypatch, how):
    name = backbone(tmp_path / "small")
    monkeypatch.setattr(reopening, "shipped", lambda: (name,))
    monkeypatch.setattr(tasks, "CARRIED", 0)
    task = qs.load(name, precision="float32", **how).learn(ROWS)
    task.save(tmp_path / "task.qs")
    assert qs.open(tmp_path / "task.qs").predict(ASKED) == task.predict(ASKED)


def test_a_folder_called_as_a_packaged_backbone_is_not_taken_for_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "minilm").mkdir()  # where `quickstudy meta-train minilm.toml` writes
    (tmp_path / "other").mkdir()
    assert tasks.settled("minilm") == "minilm"
    assert tasks.settled("other") == str(tmp_path / "other")


def test_learners_that_move_the_backbone_keep_it_beside(tmp_path):
    learned(tmp_path, learner="maml").save(tmp_path / "student.qs")
    assert any(name.startswith(OF_BACKBONE) for name in qs.load(tmp_path / "student.qs").theta)


@pytest.mark.parametrize("name", [name for name in config.LEARNERS if name not in WRAPPING])
def test_the_catalogue_says_which_leave_the_backbone_alone(tmp_path, name):
    student = learned(tmp_path, "last(1)", name)
    task = student.learn(ROWS)
    moved = any(part.startswith(OF_BACKBONE) for part in task.adapted)
    assert moved == (name not in (*config.STILL, "tuned"))  # tuned moves only where that pays


@pytest.mark.parametrize("scope", ["lora(2)", "all"])
def test_a_share_of_what_was_learned(tmp_path, scope):
    made = learned(tmp_path, scope)
    body = made.loaded.backbone.body
    start = made.loaded.backbone.init(torch.Generator().manual_seed(0))
    half = lora.merge(partly(start, made.theta, 0.5), body)
    for name, whole in lora.merge(made.theta, body).items():
        own = body.get_parameter(name)
        assert torch.allclose(half[name], (own + whole) / 2, atol=1e-6)
    assert partly(start, made.theta, 0.5)["prior.log_scale"] == made.theta["prior.log_scale"]
