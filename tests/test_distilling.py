"""Teachers of a meta-training: what they are asked, what they say, and that a student comes to agree with them."""

import dataclasses
import json
import math
from pathlib import Path

import pytest
import torch
from tiny import backbone

import quickstudy as qs
from quickstudy.core.params import leaves
from quickstudy.core.types import Batch, Episode, QuickstudyError
from quickstudy.distilling import Teachers, divergence, teachers
from quickstudy.episodes.distillation import Distillation, drawn
from quickstudy.episodes.sources import Source
from quickstudy.kinds.classification import Classification
from quickstudy.kinds.labelled import Labelled
from quickstudy.meta import meta_train
from quickstudy.recipe import read
from quickstudy.text.numbers import plain

NOUNS = ("card", "pin", "wallet", "phone", "bank", "loan", "bill", "fee")
VERBS = ("lost", "blocked", "found", "paid", "called", "closed")
TEXTS = [f"someone {verb} my {noun}" for verb in VERBS for noun in NOUNS]
EXAMPLES = tuple(Labelled(text, (text.split()[1],)) for text in TEXTS)
SOURCE = Source("cards", EXAMPLES, dict.fromkeys(VERBS, ""))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two backbones of one tokenizer and other random weights."""
    place = tmp_path_factory.mktemp("models")
    for seed, name in enumerate(("student", "teacher")):
        backbone(place / name, seed)
    return place


@pytest.fixture(scope="module")
def kind(models: Path) -> Classification:
    return Classification(qs.load(models / "student").reader)


def taught(models: Path, kind: Classification, table: Distillation, seed: int = 0, source: Source = SOURCE) -> Episode:
    found = opened(table).episode(source, kind, seed)
    assert found is not None
    return found


def opened(table: Distillation) -> Teachers:
    made = {"student": {"backbone": "nobody"}, "train": [{"path": "rows.csv"}]}
    found = teachers(dataclasses.replace(read(made), distillation=table))
    assert found is not None
    return found


def asked(models: Path, *teachers: str, **fields: float) -> Distillation:
    return Distillation(tuple(str(models / name) for name in teachers), **{"share": 1.0, "texts": 6, **fields})  # type: ignore[arg-type]


def test_the_texts_of_an_episode_are_the_same_again_and_none_stands_twice(kind: Classification) -> None:
    table = Distillation(("t",), share=1.0, texts=10)
    twice = Source("twice", EXAMPLES + EXAMPLES, SOURCE.classes)
    for source in (SOURCE, twice):
        first, second, other = (drawn(table, source, kind, seed) for seed in (1, 1, 2))
        assert first == second != other
        assert first is not None
        classes, queries = ({one.text for one in part} for part in first)
        assert len(classes) == len(queries) == 10 and not classes & queries
    assert drawn(Distillation(("t",), share=1.0, texts=25), SOURCE, kind, 1) is None, "48 texts are no 50"


def test_the_share_is_that_of_the_episodes(kind: Classification) -> None:
    for share in (0.2, 0.7):
        found = [drawn(Distillation(("t",), share, 2), SOURCE, kind, seed) for seed in range(600)]
        assert sum(one is not None for one in found) / 600 == pytest.approx(share, abs=0.06)


def test_what_a_teacher_says_is_what_it_would_say_of_classes_so_called(models: Path, kind: Classification) -> None:
    table = asked(models, "teacher")
    found = taught(models, kind, table)
    classes, queries = drawn(table, SOURCE, kind, 0) or ((), ())
    task = qs.load(models / "teacher").learn(labels=[one.text for one in classes])
    for said, one in zip(found.query.gold[:, 0], queries, strict=True):
        wanted = task.predict([one.text])[0].probabilities
        assert plain(said) == pytest.approx([wanted[other.text] for other in classes], abs=1e-4)


def test_two_teachers_are_asked_for_their_mean(models: Path, kind: Classification) -> None:
    one, other, both = (
        taught(models, kind, asked(models, *names)).query.gold
        for names in (("teacher",), ("student",), ("teacher", "student"))
    )
    assert not torch.allclose(one, other, atol=1e-3)
    torch.testing.assert_close(both, (one + other) / 2)


def test_who_agrees_has_no_loss(models: Path, kind: Classification) -> None:
    """The student as its own teacher; and the divergence of Kullback and Leibler, by hand."""
    own, other = (taught(models, kind, asked(models, name)) for name in ("student", "teacher"))
    student = qs.load(models / "student")
    for task, least, most in ((own, -1e-6, 1e-6), (other, 1e-4, 10.0)):
        adapted = student.learner.adapt(student.theta, task.support, task.loss)
        scores = student.learner.predict(student.theta, adapted, task.query)
        assert least <= float(task.loss(scores, task.query)) <= most
    said = torch.tensor([[[0.5, 0.5, 0.0]]])
    value = divergence(torch.tensor([[[math.log(3.0), 0.0, 0.0]]]), own.query._replace(gold=said))
    assert float(value) == pytest.approx(0.5 * math.log(0.5 / 0.6) + 0.5 * math.log(0.5 / 0.2))


def test_pairs_and_short_sources_have_ordinary_episodes_alone(models: Path, kind: Classification) -> None:
    teach = opened(asked(models, "teacher")).episode
    pairs = Classification(kind.reader, parts=2)
    assert teach(Source("pairs", tuple(Labelled(one, ("yes",), one) for one in TEXTS), {"yes": ""}), pairs, 0) is None
    assert teach(Source("short", EXAMPLES[:11], SOURCE.classes), kind, 0) is None


def test_it_is_told_where_teachers_cannot_teach(models: Path, kind: Classification) -> None:
    table = opened(asked(models, "teacher"))
    short = Source("short", EXAMPLES[:11] * 2, SOURCE.classes)
    assert table.reach((SOURCE,), kind) == ""
    told = table.reach((SOURCE, short), kind)
    assert "can teach in 1 of 2 sources: those of single texts, 12 different ones at least" in told
    with pytest.raises(QuickstudyError, match="can teach in no source: none is of single texts, 12 different"):
        table.reach((short,), kind)


def test_who_reads_no_class_names_teaches_nothing(models: Path, kind: Classification, tmp_path: Path) -> None:
    qs.load(models / "teacher", learner="frozen_linear").save(tmp_path / "teacher.qs")
    table = Distillation((str(tmp_path / "teacher.qs"),), share=1.0, texts=6)
    with pytest.raises(QuickstudyError, match=r"teacher.qs finds all texts alike; name one that judges by"):
        taught(models, kind, table)


def test_a_run_does_not_go_on_under_another_teacher_of_the_same_name(models: Path, tmp_path: Path) -> None:
    teacher = tmp_path / "teacher.qs"
    made = recipe(models, tmp_path, distillation={"teachers": [str(teacher)], "share": 1.0, "texts": 6})
    for backbone_of in ("teacher", "student"):
        qs.load(models / backbone_of, learner="prior_head").save(teacher)
        if backbone_of == "teacher":
            meta_train(made, tmp_path / "run")
    with pytest.raises(QuickstudyError, match="its teachers are other ones"):
        meta_train(made, tmp_path / "run")


def recipe(models: Path, folder: Path, **tables: object) -> dict:
    for name, part in {"train": EXAMPLES[::2], "unseen": EXAMPLES[1::2]}.items():
        (folder / f"{name}.csv").write_text("\n".join(["text,label", *(f"{one.text},{one.labels[0]}" for one in part)]))
    return {
        "student": {"backbone": str(models / "student"), "scope": "lora(4)"},
        "episodes": {"ways": [2, 4], "shots": [0, 2], "queries": 2},
        "train": [{"path": str(folder / "train.csv")}],
        "validation": [{"path": str(folder / "unseen.csv")}],
        "validating": {"episodes": 2, "shots": [0], "queries": 2, "measure": "likelihood"},
        "training": {"steps": 6, "tasks": 4, "rate": 3e-3, "warmup": 2, "validate_every": 3, "patience": 9},
        "distillation": {"teachers": [str(models / "teacher")], "share": 1.0, "texts": 6},
        **tables,
    }


def test_its_slopes_lead_to_divergence_on_texts_that_were_not_taught(models: Path, kind: Classification) -> None:
    student, rng = qs.load(models / "student", scope="lora(4)", learner="prior_head"), torch.Generator()
    seen, unseen = (Source(f"part {n}", EXAMPLES[n::2], SOURCE.classes) for n in (0, 1))
    tests = [taught(models, kind, asked(models, "teacher"), seed, unseen) for seed in range(8)]
    at = leaves(student.theta)

    def apart() -> float:
        return sum(float(student.learner.meta_gradient(at, task, rng)[1]) for task in tests) / len(tests)

    before, outer = apart(), torch.optim.Adam(at.values(), lr=3e-3)
    for seed in range(60):
        slopes, _ = student.learner.meta_gradient(at, taught(models, kind, asked(models, "teacher"), seed, seen), rng)
        for name, slope in slopes.items():
            at[name].grad = slope
        outer.step()
    assert apart() < 0.8 * before


def test_a_recipe_that_names_teachers_gives_the_same_student_again(models: Path, tmp_path: Path) -> None:
    made = recipe(models, tmp_path)
    first, _ = (meta_train(made, tmp_path / name) for name in ("a", "b"))
    assert (tmp_path / "a" / "student.qs").read_bytes() == (tmp_path / "b" / "student.qs").read_bytes()
    assert first.about["recipe"]["distillation"]["texts"] == 6
    told = [json.loads(line) for line in (tmp_path / "a" / "journal.jsonl").read_text().splitlines()]
    alone = meta_train({name: table for name, table in made.items() if name != "distillation"}, tmp_path / "c")
    assert "distillation" not in alone.about["recipe"]
    other = [json.loads(line) for line in (tmp_path / "c" / "journal.jsonl").read_text().splitlines()]
    assert [one["loss"] for one in told if one["event"] == "step"] != [
        one["loss"] for one in other if one["event"] == "step"
    ]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"teachers": ["nobody-knows-it"]}, "nobody-knows-it"),
        ({"teachers": ["vectors:4"]}, "reads no texts"),
        ({"teachers": []}, "there is no teacher"),
        ({"share": 0.4}, "there is no teacher; name one"),
        ({"teachers": ["t"], "share": 0.0}, "the share is 0.0"),
        ({"teachers": ["t"], "share": 1.5}, "the share is 1.5"),
        ({"teachers": ["t"], "texts": 1}, "texts is 1; give 2 or more"),
        ({"teachers": ["t"], "tokens": 3}, "tokens is 3; give 8 or more"),
        ({"teacher": ["e5-small"]}, "no key 'teacher'; near: teachers"),
    ],
)
def test_what_cannot_teach_is_refused_in_a_sentence(
    models: Path, tmp_path: Path, table: dict[str, object], said: str
) -> None:
    with pytest.raises(QuickstudyError, match=said):
        meta_train(recipe(models, tmp_path, distillation=table))


def test_what_follows_a_reward_has_none_of_teachers(models: Path, tmp_path: Path) -> None:
    with pytest.raises(QuickstudyError, match="policy_gradient follows a reward, and teachers give none"):
        meta_train(recipe(models, tmp_path, learner={"name": "policy_gradient"}))
    with pytest.raises(QuickstudyError, match="policy_gradient follows a reward, and teachers give none"):
        meta_train(recipe(models, tmp_path, learner={"name": "hybrid", "inner": {"name": "policy_gradient"}}))


def test_a_batch_of_soft_gold_is_of_the_waists_shape(models: Path, kind: Classification) -> None:
    task = taught(models, kind, asked(models, "teacher"))
    assert isinstance(task.query, Batch) and task.query.gold.shape == (6, 1, 6)
    torch.testing.assert_close(task.query.gold.sum(-1), torch.ones(6, 1))
    assert len(task.support.gold) == 0 and task.support.names is task.query.names
