"""Pretraining: raw text to a student, through the loop of meta-training; its recipe, its start, its command."""

import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import refused, run

import quickstudy as qs
from quickstudy import pretrain_recipe
from quickstudy.backbones.filling import FILL
from quickstudy.core.params import same
from quickstudy.core.types import QuickstudyError
from quickstudy.corpus.building import build
from quickstudy.corpus.settings import Settings
from quickstudy.corpus.store import Corpus
from quickstudy.pretext_test import held_out, pretext_test, within
from quickstudy.store.artifact import open_artifact
from quickstudy.training.loop import TrainingInterruptedError

WHO = ["baker", "farmer", "teacher", "doctor", "painter", "sailor"]
WHAT = ["bread", "apples", "letters", "medicine", "pictures", "boats"]
WHERE = ["village", "harbour", "market", "garden", "station", "forest", "library", "kitchen", "castle", "river"]
WORDS = {"name": "subset_masking", "ways": 2, "shots": 1, "queries": 1, "fewest": 2}
MASKED = {"name": "masked_lm", "shots": 0, "queries": 16, "window": 16, "by": "any"}
PLAN = {"steps": 6, "tasks": 2, "warmup": 0, "validate_every": 6, "rate": 0.03, "checkpoint_minutes": 0.0}
"""far enough for hidden tokens to be said better than by the start, which is else what is returned"""


def compiled(folder: Path, tokenizer: str = "own:400") -> Corpus:
    """Two domains, one of them held out; every document is two sentences."""
    for domain in ("north", "south"):
        lines = [
            f"The {who} of the {domain} brought {what} to the {where} in the morning. Nobody at the {where} wanted it."
            for who, what, where in product(WHO, WHAT, WHERE)
        ]
        (folder / f"{domain}.txt").write_text("\n".join(lines))
    settings = Settings(
        tokenizer=tokenizer, documents="line", near=1.0, most_frequent=1.0, least_uses=2, ways=2,
        held_out=("south.txt",), word_shares=(0.4, 0.3, 0.3),
    )  # fmt: skip
    return build([folder / "north.txt", folder / "south.txt"], folder / "corpus", settings)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Corpus:
    return compiled(tmp_path_factory.mktemp("raw"))


def tables(**changed: Any) -> dict[str, Any]:
    return {
        "student": {"backbone": "random", "precision": "float32"},
        "random": {"width": 16, "layers": 2, "heads": 2, "positions": 48},
        "learner": "hybrid",
        "task": [WORDS, MASKED],
        "validating": {"episodes": 3, "measure": "loss"},
        "training": PLAN,
        **changed,
    }


def theta(path: Path) -> dict[str, torch.Tensor]:
    return open_artifact(path, "student")[0]


def test_random_weights_become_a_student_that_learns(corpus: Corpus, tmp_path: Path) -> None:
    made = qs.pretrain(tables(), tmp_path / "run", corpus=corpus.folder)
    assert "on 6 validation tasks" in made.about["summary"]
    assert {Path(source["path"]).name for source in made.about["corpus"]["sources"]} == {"north.txt", "south.txt"}
    assert set(made.about["tasks"]) == {"subset_masking", "masked_lm"}
    # what was learned is the backbone's own now, and the learner is what hybrid was around
    assert set(theta(tmp_path / "run" / "student.qs")) == {name for name in made.theta if name.startswith("prior.")}
    task = qs.load(tmp_path / "run" / "student.qs").learn([("bread and apples", "food"), ("a boat", "sea")])
    assert task.predict(["more bread"])[0].label in {"food", "sea"}
    task.save(tmp_path / "task.qs")
    assert qs.open(tmp_path / "task.qs").predict(["a boat"]) == task.predict(["a boat"])


def test_a_student_may_be_moved_with_its_backbone(corpus: Corpus, tmp_path: Path) -> None:
    student = qs.pretrain(tables(), tmp_path / "run", corpus=corpus.folder)
    (tmp_path / "run").rename(tmp_path / "moved")
    moved = qs.load(tmp_path / "moved" / "student.qs")
    assert moved.loaded.fingerprint == student.loaded.fingerprint
    assert Path(moved.loaded.name) == tmp_path / "moved" / "backbone"


def test_the_same_seed_gives_the_same_student_and_another_another(corpus: Corpus, tmp_path: Path) -> None:
    places = [tmp_path / name for name in "abc"]
    for place, seed in zip(places, (0, 0, 1), strict=True):
        qs.pretrain(tables(task=[MASKED], training={**PLAN, "seed": seed}), place, corpus=corpus.folder)
    weights = [(place / "backbone" / "model.safetensors").read_bytes() for place in places]
    assert weights[0] == weights[1] != weights[2]


def test_a_run_that_was_stopped_goes_on_to_the_same_weights(corpus: Corpus, tmp_path: Path) -> None:
    def stop(record: dict[str, Any]) -> None:
        if record["event"] == "step" and record["step"] == 2:
            raise KeyboardInterrupt

    whole, broken = tmp_path / "whole", tmp_path / "broken"
    made = tables(task=[WORDS, {**MASKED, "weight": 4.0}])
    qs.pretrain(made, whole, corpus=corpus.folder)
    with pytest.raises(TrainingInterruptedError):
        qs.pretrain(made, broken, stop, corpus=corpus.folder)
    qs.pretrain(made, broken, corpus=corpus.folder)
    lines = (broken / "journal.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines if '"step"' in line and '"event": "step"' in line].count(2) == 1
    files = [(place / "backbone" / "model.safetensors").read_bytes() for place in (whole, broken)]
    assert files[0] == files[1]
    assert same(*(theta(place / "student.qs") for place in (whole, broken)))


def test_ordinary_pretraining_is_the_same_loop_and_lowers_the_loss(corpus: Corpus, tmp_path: Path) -> None:
    records: list[dict[str, Any]] = []
    plan = {**PLAN, "steps": 25, "tasks": 1, "validate_every": 25, "checkpoint_minutes": 9.0}
    qs.pretrain(tables(task=[MASKED], training=plan), tmp_path / "run", records.append, corpus.folder)
    losses = [record["loss"] for record in records if record["event"] == "validation"]
    assert losses[-1] < losses[0] - 0.5
    assert theta(tmp_path / "run" / "student.qs")["prior.log_scale"] == torch.tensor(10.0).log()


def test_a_learner_that_moves_the_backbone_keeps_it_beside(corpus: Corpus, tmp_path: Path) -> None:
    learner = {"name": "hybrid", "inner": {"name": "maml", "order": 1, "steps": 1}}
    task = {"name": "language_model", "shots": 2, "queries": 2, "window": 16, "by": "any"}
    made = qs.pretrain(tables(learner=learner, task=[task]), tmp_path / "run", corpus=corpus.folder)
    assert any(name.startswith("backbone.") for name in made.theta)
    again = qs.load(tmp_path / "run" / "student.qs")
    assert same(again.theta, made.theta)
    words = made.loaded.backbone.body.words.weight
    torch.testing.assert_close(words, made.theta["backbone.words.weight"], rtol=1e-3, atol=1e-4)


@pytest.fixture(scope="module")
def low_rank(corpus: Corpus, tmp_path_factory) -> tuple[str, Path]:
    """A backbone of the corpus' tokens, and a student of low-rank additions to it."""
    place = tmp_path_factory.mktemp("low")
    qs.pretrain(tables(training={**PLAN, "steps": 1}), place / "base", corpus=corpus.folder)
    name = str(place / "base" / "backbone")
    qs.pretrain(added(name), place / "first", corpus=corpus.folder)
    return name, place / "first" / "student.qs"


def added(backbone: str, **changed: Any) -> dict[str, Any]:
    student = {"backbone": backbone, "scope": "lora(2)", "precision": "float32"}
    made = tables(**{"student": student, **changed})
    del made["random"]
    return made


def test_a_student_is_gone_on_from_as_it_is(low_rank: tuple[str, Path], corpus: Corpus, tmp_path: Path) -> None:
    """Its low-rank additions are the start, not part of the weights, and come out in the same form."""
    backbone, first = low_rank
    still = added(backbone, training={**PLAN, "rate": 1e-30, "rates": {}})
    qs.pretrain(still, tmp_path / "still", corpus=corpus.folder, start=first)
    assert same(theta(tmp_path / "still" / "student.qs"), theta(first))
    qs.pretrain(added(backbone, task=[MASKED]), tmp_path / "on", corpus=corpus.folder, start=first)
    now = theta(tmp_path / "on" / "student.qs")
    assert now.keys() == theta(first).keys() and not same(now, theta(first))
    assert not any(name.startswith((FILL, "backbone.")) for name in now)
    assert qs.load(tmp_path / "on" / "student.qs").learn([("a", "x"), ("b", "y")]).predict(["a"])


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"tasks": []}, "no table 'tasks'; near: task"),
        ({"task": []}, "no pretext task"),
        ({"task": [WORDS, WORDS]}, "two tasks are called 'subset_masking'"),
        ({"task": [{"name": "subset_maskin"}]}, "near: subset_masking"),
        ({"task": [{**WORDS, "way": 3}]}, "no field 'way'; near: ways"),
        ({"task": [{**WORDS, "weight": -1.0}]}, "a weight from 0 up"),
        ({"task": [{**MASKED, "shots": -1}]}, "shots is -1"),
        ({"student": {"backbone": "random", "scope": "lora(2)"}}, "leave `scope` out"),
        ({"student": {"backbone": "minilm"}}, r"\[random\] is read only where"),
        ({"random": {"width": 10, "heads": 3}}, "does not divide"),
        ({"learner": {"name": "hybrid", "inner": "neighbours"}}, "learns nothing across tasks"),
        ({"learner": "prior_head", "task": [MASKED]}, "hybrid around this one"),
        ({"task": [{**WORDS, "ways": 500}]}, "500"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused_in_a_sentence(
    changed: dict[str, Any], told: str, corpus: Corpus, tmp_path: Path
) -> None:
    with pytest.raises(QuickstudyError, match=told):
        qs.pretrain(tables(**changed), tmp_path / "run", corpus=corpus.folder)


def test_what_a_start_and_a_recipe_disagree_on_is_said(low_rank: tuple[str, Path], corpus: Corpus, tmp_path) -> None:
    backbone, first = low_rank
    for made, start, told in (
        (added(backbone, student={"backbone": backbone, "scope": "lora(4)"}), first, r"lora\(2\)"),
        (added(backbone, learner="anil"), first, "learns by prior_head"),
        (added(backbone), "shipped", "no start ships"),
        (tables(), first, "begins with random weights"),
        (added("vectors:16", student={"backbone": "vectors:16"}), "", "reads no text"),
    ):
        with pytest.raises(QuickstudyError, match=told):
            qs.pretrain(made, tmp_path / "run", corpus=corpus.folder, start=start)
    with pytest.raises(QuickstudyError, match="names no corpus"):
        qs.pretrain(tables(), tmp_path / "run")
    with pytest.raises(QuickstudyError, match="needs a folder"):
        qs.pretrain(tables(), corpus=corpus.folder)


def test_the_command_writes_a_student_and_its_meta_test(corpus: Corpus, tmp_path: Path) -> None:
    recipe = tmp_path / "small.toml"
    recipe.write_text(
        '[student]\nbackbone = "random"\n[random]\nwidth = 16\nlayers = 1\nheads = 2\npositions = 48\n'
        '[[task]]\nname = "subset_masking"\nways = 2\nshots = 1\nqueries = 1\nfewest = 2\n'
        '[[task]]\nname = "masked_lm"\nshots = 0\nqueries = 4\nwindow = 16\nby = "any"\n'
        "[validating]\nepisodes = 1\n[training]\nsteps = 1\ntasks = 1\nwarmup = 0\n"
    )
    made = run("pretrain", recipe, "--corpus", corpus.folder, "--folder", tmp_path / "run")
    assert made.exit_code == 0, made.output
    student = tmp_path / "run" / "student.qs"
    found = run("evaluate", "--pretext", corpus.folder, "--model", student, "--episodes", 3, "--json")
    assert found.exit_code == 0, found.output
    rows = json.loads(found.stdout)
    assert {(row["task"], row["group"]) for row in rows} == {
        (task, group) for task in ("subset_masking", "masked_lm") for group in ("test part", "south.txt")
    }
    assert all(0 <= row["accuracy"]["mean"] <= 1 for row in rows), rows
    shown = run("evaluate", "--pretext", corpus.folder, "--model", student, "--episodes", 2)
    assert "subset_masking" in shown.stdout and "vocabulary" in shown.stdout
    assert "no corpus is here" in refused("pretrain", recipe, "--corpus", tmp_path, "--folder", tmp_path / "x")
    assert "--pretext" in refused("evaluate", "some.csv", "--pretext", corpus.folder)


def test_a_group_that_was_held_out_is_judged_by_its_own_documents(corpus: Corpus) -> None:
    ((number, name),) = held_out(corpus).items()
    assert name == "south.txt"
    part = within(corpus, number)
    documents = set(part.document_of(part.use_sentence).tolist())
    assert documents and all(part.group[one] == number for one in documents)
    before = sum((corpus.group[corpus.document_of(corpus.use_sentence)] == number).tolist())
    assert len(part.use_sentence) == before == int(part.uses[-1])


def test_a_task_that_cannot_be_had_is_told_and_the_others_go_on(corpus: Corpus, tmp_path: Path) -> None:
    from quickstudy.config import PRETEXTS, build

    student = qs.pretrain(tables(), tmp_path / "run", corpus=corpus.folder)
    tasks = {
        name: build(PRETEXTS, table, "here", {})
        for name, table in {"few": WORDS, "many": {**WORDS, "ways": 400}}.items()
    }
    rows = pretext_test(student, corpus.folder, tasks, 2)
    assert {row.task: row.accuracy is None for row in rows} == {"few": False, "many": True}
    assert "400" in next(row.trouble for row in rows if row.task == "many")


@pytest.fixture(scope="module")
def reading(corpus: Corpus, tmp_path_factory) -> str:
    """A model of Hugging Face that reads the corpus' tokens and says none."""
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("bert")
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = BertConfig(vocab_size=corpus.tokenizer.get_vocab_size(), max_position_embeddings=48, **sizes)
    BertModel(config).save_pretrained(folder)
    made = PreTrainedTokenizerFast(tokenizer_object=corpus.tokenizer, pad_token="<pad>", unk_token="<unk>")
    made.save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize(
    ("tasks", "judged"), [([MASKED], {"sentence_order", "contrast"}), ([WORDS, MASKED], {"subset_masking"})]
)
def test_a_student_that_says_no_words_is_judged_on_what_it_can_do(
    tasks: list[dict[str, Any]], judged: set[str], reading: str, corpus: Corpus, tmp_path: Path
) -> None:
    plan = {**PLAN, "steps": 1, "validate_every": 1}
    qs.pretrain(added(reading, task=tasks, training=plan), tmp_path / "run", corpus=corpus.folder)
    student = tmp_path / "run" / "student.qs"
    found = run("evaluate", "--pretext", corpus.folder, "--model", student, "--episodes", 2, "--json")
    assert found.exit_code == 0, found.output
    rows = json.loads(found.stdout)
    assert judged <= {row["task"] for row in rows if row["accuracy"]}
    silent = [row for row in rows if "says none" in row["trouble"]]
    assert [(row["task"], row["accuracy"]) for row in silent] == [("masked_lm", None)]
    assert not {"language_model", "translation", "denoising"} & {row["task"] for row in rows}


def test_where_nothing_can_be_judged_the_first_reason_is_the_error(corpus: Corpus, tmp_path: Path) -> None:
    qs.pretrain(tables(task=[WORDS], training={**PLAN, "steps": 1}), tmp_path / "run", corpus=corpus.folder)
    raw = tmp_path / "few.txt"
    raw.write_text("\n".join(f"The {who} brought {what} to the village." for who, what in product(WHO, WHAT)))
    settings = Settings(tokenizer=str(corpus.folder / "tokenizer.json"), documents="line", near=1.0, ways=0)
    few = build([raw], tmp_path / "few", settings)
    told = refused("evaluate", "--pretext", few.folder, "--model", tmp_path / "run" / "student.qs")
    assert "subset_masking, test part: " in told and "no other task" in told
    assert "reads no text" in refused("evaluate", "--pretext", corpus.folder, "--model", "vectors:16")


def test_titles_tell_two_settings_of_one_task_apart() -> None:
    read = pretrain_recipe.read(tables(task=[WORDS, {**WORDS, "title": "hard", "hardness": 1.0, "ways": 3}]))
    assert [(task.title, task.hardness, task.pretext["ways"]) for task in read.tasks] == [
        ("subset_masking", 0.0, 2), ("hard", 1.0, 3)
    ]  # fmt: skip
