"""Meta-training by a recipe, end to end on a small backbone: it learns, resumes to the same bits, and refuses."""

import dataclasses
from pathlib import Path

import pytest
import torch
from few import SENTENCES, reader
from tokenizers import Tokenizer

import quickstudy as qs
from quickstudy import recipe as recipes
from quickstudy.backbones import bytelevel
from quickstudy.backbones.folder import save_small
from quickstudy.backbones.small import Sizes, Small
from quickstudy.core.params import same
from quickstudy.core.types import QuickstudyError
from quickstudy.episodes.mixing import Mixture
from quickstudy.episodes.sources import class_names
from quickstudy.kinds.classification import Classification
from quickstudy.meta import meta_train
from quickstudy.meta_sources import sources
from quickstudy.meta_tasks import stream
from quickstudy.planning import NOTHING_TO_CHOOSE
from quickstudy.reading_ahead import read_ahead
from quickstudy.store.artifact import save_artifact
from quickstudy.student import backbone, fresh
from quickstudy.training.loop import TrainingInterruptedError
from quickstudy.training.ranks import ALONE

WORDS = {
    "food": "bread soup apple cheese dinner lunch salad rice",
    "sport": "goal match team race player coach league tennis",
    "money": "bank loan price credit invoice bill account tax",
    "travel": "train flight hotel ticket airport bus luggage visa",
    "music": "song band guitar concert album piano drum opera",
    "health": "doctor pill fever nurse pain clinic flu cough",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small backbone and two sources on disk."""
    lines = [
        (f"{first} {second} {number}", topic)
        for topic, words in WORDS.items()
        for number, first in enumerate(words.split())
        for second in words.split()
    ]
    texts = [text for text, _ in lines] + [text for group in SENTENCES.values() for text in group]
    tokenizer = bytelevel.train(texts, 400)
    sizes = Sizes(tokenizer.get_vocab_size(), width=16, layers=2, heads=2, positions=32)
    save_small(tmp_path / "small", Small(sizes), tokenizer)
    for name, topics in {"train": list(WORDS)[:4], "unseen": list(WORDS)[4:]}.items():
        kept = [f"{text},{topic}" for text, topic in lines if topic in topics]
        (tmp_path / f"{name}.csv").write_text("\n".join(["text,label", *kept]))
    return tmp_path


def recipe(folder: Path, scope: str = "all", **learner: object) -> dict:
    return {
        "student": {"backbone": str(folder / "small"), "scope": scope},
        "learner": {"name": "prototypes", **learner},
        "episodes": {"ways": [2, 4], "shots": [1, 3], "queries": 3},
        "train": [{"path": str(folder / "train.csv")}],
        "validation": [{"path": str(folder / "unseen.csv")}],
        "validating": {"episodes": 6, "shots": [1], "queries": 8},
        "training": {"steps": 12, "tasks": 2, "rate": 3e-3, "warmup": 2, "validate_every": 4, "checkpoint_minutes": 0},
    }


def test_a_student_is_meta_trained_saved_and_learns(folder: Path) -> None:
    student = meta_train(recipe(folder), folder / "run")
    assert "validation tasks" in student.about["summary"]
    assert student.loaded.learned is not None
    assert any(name.startswith("backbone.") for name in student.loaded.learned.weights)
    again = qs.load(folder / "run" / "student.qs")
    assert same(again.theta, student.theta) and again.loaded.fingerprint == student.loaded.fingerprint
    task = again.learn([("bread soup", "food"), ("goal match", "sport")])
    task.save(folder / "task.qs")
    texts = ["cheese dinner", "league tennis"]
    assert qs.open(folder / "task.qs").predict(texts) == task.predict(texts)


@pytest.mark.parametrize("scope", ["all", "last(1)", "head"])
def test_a_run_that_was_interrupted_ends_with_the_same_bits(folder: Path, scope: str) -> None:
    """The kept features too: what was read before the interruption is read again in other company."""
    whole = meta_train(recipe(folder, scope), folder / "whole")

    def interrupt(record: dict) -> None:
        if record["event"] == "step" and record["step"] == 5:
            raise KeyboardInterrupt

    with pytest.raises(TrainingInterruptedError, match="goes on"):
        meta_train(recipe(folder, scope), folder / "parts", interrupt)
    resumed = meta_train(recipe(folder, scope), folder / "parts")
    assert same(resumed.theta, whole.theta)
    assert resumed.about["summary"] == whole.about["summary"]


def test_the_default_learner_never_ends_worse_than_it_began(folder: Path) -> None:
    told: list[dict] = []
    meta_train({**recipe(folder, "head"), "learner": {"name": "prior_head"}}, watch=told.append)
    scores = [record["score"] for record in told if record["event"] == "validation"]
    best = [record["best"] for record in told if record["event"] == "validation"]
    assert best[-1] >= scores[0]


def test_rows_of_the_validation_tasks_are_dropped_and_counted(folder: Path) -> None:
    train = folder / "train.csv"
    train.write_text(train.read_text() + "\nsong band 0,food")  # stands in unseen.csv as music
    told: list[dict] = []
    meta_train({**recipe(folder, "head"), "learner": {"name": "prior_head"}}, watch=told.append)
    assert told[0]["text"].startswith("1 of ")


def test_rows_of_a_test_source_are_dropped_and_counted(folder: Path) -> None:
    (folder / "later.csv").write_text("text,label\nbread soup 0,x\nGoal match 0!,y\nsomething else,x\n")
    told: list[dict] = []
    tables = {
        **recipe(folder, "head"),
        "learner": {"name": "prior_head"},
        "test": [{"path": str(folder / "later.csv")}],
    }
    meta_train(tables, watch=told.append)
    assert told[0]["text"].startswith("2 of ")


def test_held_out_classes_are_two_at_least(folder: Path) -> None:
    tables = recipe(folder, "head")
    del tables["validation"]
    read = recipes.read(tables)
    kind = Classification(reader())
    train, validation, _ = sources(read, kind)
    assert [len(class_names(source, kind)) for source in (*train, *validation)] == [2, 2]
    tables["train"] = [{"path": str(folder / "unseen.csv")}]
    with pytest.raises(QuickstudyError, match=r"name a \[\[validation\]\] source"):
        sources(recipes.read(tables), kind)


def test_validation_tasks_that_say_nothing_are_refused(folder: Path) -> None:
    (folder / "one.csv").write_text("text,label\na b,x\nc d,x\n")
    with pytest.raises(QuickstudyError, match="one has 1 class"):
        meta_train({**recipe(folder, "head"), "validation": [{"path": str(folder / "one.csv")}]})
    with pytest.raises(QuickstudyError, match="lower `shots`"):
        meta_train({**recipe(folder, "head"), "validating": {"shots": [1000]}})


def test_without_validation_sources_classes_are_held_out(folder: Path) -> None:
    tables = recipe(folder, "head")
    del tables["validation"]
    tables["validating"] = {"episodes": 3, "shots": [1], "fraction": 0.5}
    tables["episodes"]["ways"] = 2
    assert "validation tasks" in meta_train(tables).about["summary"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"learner": {"name": "mamml"}}, "near: maml"),
        ({"learner": {"name": "maml", "stepss": 3}}, "near: steps"),
        ({"learner": {"name": "maml", "steps": "three"}}, "cannot be 'three'"),
        ({"student": {"backbon": "minilm"}}, "near: backbone"),
        ({"trainings": {}}, "near: training"),
        ({"train": []}, "no \\[\\[train\\]\\] source"),
        ({"train": [{"weight": 1.0}]}, "exactly one of path, data and packaged"),
        ({"training": {"steps": 0}}, "steps"),
        ({"train": [{"data": "meta-train/none"}]}, "QUICKSTUDY_DATA"),
    ],
)
def test_a_wrong_recipe_is_refused_in_one_sentence(
    folder: Path, change: dict, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("QUICKSTUDY_DATA", raising=False)
    with pytest.raises(QuickstudyError, match=said) as refused:
        meta_train({**recipe(folder), **change})
    assert "\n" not in str(refused.value)


def test_a_recipe_that_is_no_toml_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text("[student\n")
    with pytest.raises(QuickstudyError, match="cannot be read as TOML"):
        recipes.read(path)
    with pytest.raises(QuickstudyError, match="there is no recipe"):
        recipes.read(tmp_path / "other.toml")


def test_steps_are_a_function_of_their_number(folder: Path) -> None:
    first, second = (meta_train(recipe(folder, "last(1)")) for _ in range(2))
    assert same(first.theta, second.theta)
    assert all(torch.isfinite(value).all() for value in first.theta.values())


def test_a_task_finds_its_student_from_any_folder_and_says_when_it_is_gone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    meta_train({**recipe(folder), "student": {"backbone": "small", "scope": "all"}}, "run")
    task = qs.load("run/student.qs").learn([("bread soup", "food"), ("goal match", "sport")])
    task.save("task.qs")
    (folder / "other").mkdir()
    monkeypatch.chdir(folder / "other")
    backbone.cache_clear()
    assert qs.open("../task.qs").predict(["cheese"]) == task.predict(["cheese"])
    (folder / "run" / "student.qs").rename(folder / "gone.qs")
    with pytest.raises(QuickstudyError, match=r"was learned by the student .* put it back"):
        qs.open("../task.qs")


def test_a_student_says_its_own_learner(folder: Path) -> None:
    meta_train(recipe(folder), folder / "run")
    with pytest.raises(QuickstudyError, match="says its own learner"):
        qs.load(folder / "run" / "student.qs", learner="neighbours")


def test_opening_a_task_never_downloads_a_model(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = qs.load(str(folder / "small")).learn([("bread soup", "food"), ("goal match", "sport")])
    tensors_and_document: list = []
    monkeypatch.setattr("quickstudy.task.save_artifact", lambda *given: tensors_and_document.extend(given[2:]))
    task.save(folder / "task.qs")
    tensors, document = tensors_and_document
    save_artifact(
        folder / "task.qs", "task", tensors, {**document, "backbone": {"name": "who/ever", "fingerprint": "0"}}
    )
    with pytest.raises(QuickstudyError, match="if you trust the file, fetch the model first"):
        qs.open(folder / "task.qs")


def test_other_weights_below_those_that_moved_are_refused(folder: Path) -> None:
    task = qs.load(str(folder / "small"), learner="maml", scope="last(1)").learn([("soup", "food"), ("goal", "sport")])
    task.save(folder / "task.qs")
    tokenizer = Tokenizer.from_file(str(folder / "small" / "tokenizer.json"))
    sizes = Sizes(tokenizer.get_vocab_size(), width=16, layers=2, heads=2, positions=32)
    other = Small(sizes)
    other.load_state_dict(task.student.loaded.backbone.body.state_dict())
    with torch.no_grad():
        other.words.weight.mul_(1.5)
    save_small(folder / "small", other, tokenizer)
    backbone.cache_clear()
    with pytest.raises(QuickstudyError, match="other weights"):
        qs.open(folder / "task.qs")


def test_a_share_is_kept_rounded_and_judged_again(folder: Path) -> None:
    asked = recipe(folder)
    asked["validating"] |= {"measure": "likelihood"}  # rises, where few tasks' accuracy may not
    whole = meta_train(asked, folder / "whole")
    asked["student"] |= {"share": 0.5, "stored": "float16"}
    student = meta_train(asked, folder / "run")
    assert student.loaded.learned is not None and whole.loaded.learned is not None
    assert "0.5 is kept, in float16: 0." in student.about["summary"]
    assert "is kept" not in whole.about["summary"]
    small, large = ((folder / name / "student.qs").stat().st_size for name in ("run", "whole"))
    assert small < 0.7 * large
    own = backbone(str(folder / "small"), "all", "auto", "auto").backbone.init(torch.Generator())
    for name, weight in student.loaded.learned.weights.items():
        half = (own[name] + whole.loaded.learned.weights[name]) / 2
        assert torch.allclose(weight, half, atol=2e-3, rtol=2e-3)


def test_a_recipe_says_what_else_its_classes_are_called(folder: Path) -> None:
    written = f"""
[student]
backbone = "{folder / "small"}"
[learner]
name = "prior_head"
[episodes]
ways = [2, 4]
shots = [0, 2]
queries = 3
[wording]
other = 0.5
against = 0.2
[[train]]
path = "train.csv"
ways = [3, 4]
[train.called]
food = ["what people eat"]
sport = ["games"]
money = ["finance"]
travel = ["journeys"]
[[validation]]
path = "unseen.csv"
[validating]
episodes = 1
shots = [1]
[training]
steps = 2
tasks = 2
"""
    (folder / "recipe.toml").write_text(written)
    read = recipes.read(folder / "recipe.toml")
    assert read.wording.other == 0.5 and list(read.train[0].called["food"]) == ["what people eat"]
    assert "Meta-training" in meta_train(folder / "recipe.toml").about["summary"]
    (folder / "recipe.toml").write_text(written.replace("ways = [3, 4]", "ways = [4, 3]"))
    with pytest.raises(QuickstudyError, match=r"ways \[4, 3\]"):
        recipes.read(folder / "recipe.toml")


def test_a_recipe_says_how_meta_gradients_are_found(folder: Path) -> None:
    """By hand, or by the planner under a limit; the steps are the same but for rounding."""
    maml = recipe(folder, "last(1)", name="maml", steps=3)
    maml["validating"] = {"episodes": 1, "shots": [1], "queries": 2}
    maml["training"] = {**maml["training"], "steps": 2, "validate_every": 2}
    plain = meta_train(maml)
    for engine in ({"way": "mixed"}, {"max_memory": "1 GiB"}, {"way": "checkpoint", "chunks": 2}):
        told: list[dict] = []
        found = meta_train({**maml, "engine": engine}, watch=told.append)
        (line,) = [record["text"] for record in told if record.get("text", "").startswith("engine: ")]
        assert engine.get("way", "unroll") in line
        for name, value in plain.theta.items():
            torch.testing.assert_close(found.theta[name], value, rtol=1e-3, atol=1e-5)
    with pytest.raises(QuickstudyError, match="max_memory is 0 MiB"):
        meta_train(maml, max_memory="1 kB")
    with pytest.raises(QuickstudyError, match="there is no key 'memory'"):
        meta_train({**maml, "engine": {"memory": "1 GB"}})


@pytest.mark.parametrize("scope", ["head", "last(1)"])
def test_texts_are_read_ahead_and_then_found(folder: Path, scope: str) -> None:
    """Every text that the episodes of the next steps hold, none beyond the next validation."""
    read = recipes.read(recipe(folder, scope))
    student = fresh(backbone(str(folder / "small"), scope, "float32", "cpu"), {"name": "prototypes"}, "small")
    kind = Classification(student.reader)
    drawn = stream(Mixture(sources(read, kind)[0]), kind, read.episodes, read.training)
    ahead = read_ahead(drawn, student.read_ahead, read.training, ALONE)
    kept = student.steady().backbone.backbone
    losses = [student.learner.meta_gradient(student.theta, each, None)[1] for each in drawn(2, ())]
    steps = {step: list(ahead(step, ())) for step in range(1, 5)}
    known = len(kept._kept)
    found = [student.steady().meta_gradient(student.theta, each, None)[1] for step in steps for each in steps[step]]
    assert known and len(kept._kept) == known
    assert torch.allclose(torch.stack(found[2:4]), torch.stack(losses), atol=1e-5)
    ahead(5, ())
    assert len(kept._kept) > known


def test_a_run_goes_on_by_another_engine_but_not_in_another_order(folder: Path) -> None:
    """Memory was short, and less is given; the numbers are the same as long as nothing is lost by it."""
    maml = {**recipe(folder, "last(1)"), "learner": {"name": "policy_gradient", "inner": {"name": "maml", "steps": 2}}}
    maml["training"] |= {"steps": 2}

    def interrupt(record: dict) -> None:
        if record["event"] == "step":
            raise KeyboardInterrupt

    with pytest.raises(TrainingInterruptedError, match="goes on"):
        meta_train(maml, folder / "parts", interrupt)
    with pytest.raises(QuickstudyError, match="belongs to another meta-training"):
        meta_train(maml, folder / "parts", max_memory="30 MB")  # first order
    told: list[dict] = []
    student = meta_train({**maml, "engine": {"way": "mixed"}}, folder / "parts", told.append)
    assert [record["step"] for record in told if record["event"] == "step"] == [2]
    assert "lost" not in student.about


def test_without_examples_there_is_no_engine_to_choose(folder: Path) -> None:
    tables = {**recipe(folder, "head"), "learner": {"name": "maml", "steps": 1}, "engine": {"max_memory": "1 GB"}}
    tables["episodes"] |= {"shots": 0}
    tables["training"] |= {"steps": 1}
    meta_train(tables)


@pytest.mark.parametrize(("limit", "said"), [("1 GB", 1), ("", 0)])
def test_a_limit_that_nothing_looks_at_is_said(folder: Path, limit: str, said: int) -> None:
    """Prototypes take no steps."""
    tables = {**recipe(folder, "head"), "learner": {"name": "prototypes"}, "engine": {"precision": "auto"}}
    tables["training"] |= {"steps": 1}
    told: list[dict] = []
    meta_train(tables, watch=told.append, max_memory=limit)
    assert [record.get("text") for record in told].count(NOTHING_TO_CHOOSE) == said


def test_another_seed_draws_other_episodes_even_of_one_source(folder: Path) -> None:
    read = recipes.read(recipe(folder))
    kind = Classification(fresh(backbone(str(folder / "small"), "all", "float32", "cpu"), read.learner, "").reader)
    first, again, other = (
        [
            episode.support.text.tokens.tolist()
            for episode in stream(
                Mixture(sources(read, kind)[0]), kind, read.episodes, dataclasses.replace(read.training, seed=seed)
            )(1, ())
        ]
        for seed in (0, 0, 1)
    )
    assert first == again != other


def test_a_student_is_gone_on_from_as_it_is(folder: Path) -> None:
    """Low-rank additions stand beside the weights again, and so do those of a file that holds them as float16."""
    low = recipe(folder, "lora(2)")
    low["training"] = {**low["training"], "rate": 0.03}
    low["validating"] = {**low["validating"], "measure": "likelihood"}
    first = meta_train({**low, "student": {**low["student"], "stored": "float16"}}, folder / "first")
    known = first.loaded.learned.weights
    assert known and any(value.any() for name, value in known.items() if name.endswith(".b"))
    still = {**low, "training": {**low["training"], "rate": 1e-30}}
    told: list[dict] = []
    same_again = meta_train(still, folder / "still", told.append, start=folder / "first" / "student.qs")
    assert same(same_again.loaded.learned.weights, known)
    assert same_again.about["start"]["file"] == str(folder / "first" / "student.qs")
    scores = {record["score"] for record in told if record["event"] == "validation"}
    assert len(scores) == 1 and f"{scores.pop():.4f}" in first.about["summary"].rpartition("is kept")[2]
    moved: list[dict] = []
    meta_train(low, watch=moved.append, start=folder / "first" / "student.qs")
    assert len({record["score"] for record in moved if record["event"] == "validation"}) > 1
    with pytest.raises(QuickstudyError, match=r"keeps 0\.5 of the low-rank additions.*share = 1"):
        meta_train({**low, "student": {**low["student"], "share": 0.5}}, start=folder / "first" / "student.qs")


def test_what_a_start_and_a_recipe_disagree_on_is_said(folder: Path) -> None:
    meta_train(recipe(folder, "lora(2)"), folder / "first")
    first = folder / "first" / "student.qs"
    for made, start, told in (
        (recipe(folder, "lora(4)"), first, r"in the scope lora\(2\)"),
        (recipe(folder, "lora(2)", name="proto_maml"), first, r"learns by prototypes\.v1.*proto_maml\.v1"),
        (recipe(folder, "lora(2)"), "shipped", "no start ships"),
        (recipe(folder, "lora(2)"), folder / "none.qs", "none.qs"),
    ):
        with pytest.raises(QuickstudyError, match=told):
            meta_train(made, start=start)
