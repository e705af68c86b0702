"""Every kind that reads goes the same way, from Python and the command line: learned, stored, opened again, judged;
and one student is meta-trained on several."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tiny import backbone, run

import quickstudy as qs
from quickstudy import config
from quickstudy.core.types import QuickstudyError
from quickstudy.meta import meta_train

EXAMPLES: Mapping[str, list[dict[str, Any]]] = {
    "tagging": [
        {"tokens": ["my", "card", "for", "Leeds"], "tags": ["O", "B-thing", "O", "B-place"]},
        {"tokens": ["a", "wallet", "in", "York"], "tags": ["O", "B-thing", "O", "B-place"]},
    ],
    "relation": [
        {"text": "<e1>my card</e1> is in <e2>Leeds</e2>", "label": "stands in"},
        {"text": "<e1>the pin</e1> of <e2>my card</e2>", "label": "belongs to"},
    ],
    "answering": [
        {"question": "where is it?", "context": "my card is in Leeds", "answers": [{"text": "Leeds", "start": 14}]},
        {"question": "what came?", "context": "the pin has come", "answers": [{"text": "the pin", "start": 0}]},
    ],
    "matching": [
        {"query": "where is my card?", "right": "it is on its way"},
        {"query": "I forgot my pin", "right": "we send a new one"},
    ],
}
LABELS = {"tagging": ["thing", "place"], "relation": ["stands in", "belongs to"]}
ASKED: Mapping[str, Any] = {
    "tagging": "a pin in York",
    "relation": "<e1>the wallet</e1> is in <e2>York</e2>",
    "answering": ("who came?", "my wallet has not come"),
    "matching": "my card is lost",
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return backbone(tmp_path_factory.mktemp("models") / "tiny")


def lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_task_is_the_same_after_it_was_stored(kind: str, model: str, tmp_path: Path) -> None:
    task = qs.load(model).learn(EXAMPLES[kind], kind=kind)
    told = [task.kind.record(answer) for answer in task.predict([ASKED[kind]])]
    task.save(tmp_path / "task.qs")
    opened = qs.open(tmp_path / "task.qs")
    assert config.name_of(config.KINDS, opened.kind) == kind
    assert opened.examples == task.examples
    assert [opened.kind.record(answer) for answer in opened.predict([ASKED[kind]])] == told
    json.dumps(told)


def rounded(value: Any) -> Any:
    """The solver comes as near to its minimum as it says, from wherever it begins."""
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    if isinstance(value, list):
        return [rounded(part) for part in value]
    return pytest.approx(value, abs=2e-3) if isinstance(value, float) else value


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_task_grows(kind: str, model: str) -> None:
    task = qs.load(model).learn(EXAMPLES[kind][:1], LABELS.get(kind, ()), kind=kind)
    task.add(EXAMPLES[kind][1:])
    whole = qs.load(model).learn(EXAMPLES[kind], LABELS.get(kind, ()), kind=kind)
    assert task.examples == whole.examples
    grown, anew = (rounded(one.kind.record(one.predict([ASKED[kind]])[0])) for one in (task, whole))
    assert grown == anew


@pytest.mark.parametrize("kind", EXAMPLES)
def test_the_command_line(kind: str, model: str, tmp_path: Path) -> None:
    given = lines(tmp_path / "in.jsonl", EXAMPLES[kind])
    learned = run("learn", given, "--kind", kind, "-o", tmp_path / "a.qs", "--model", model)
    assert learned.exit_code == 0, learned.output
    asked = [{key: value for key, value in row.items() if key not in ("tags", "label", "right", "answers")}
             for row in EXAMPLES[kind]]  # fmt: skip
    done = run("predict", tmp_path / "a.qs", lines(tmp_path / "asked.jsonl", [*asked, {"nothing": 1}]))
    assert done.exit_code == 0, done.output
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == 3
    assert answers[2] == {"nothing": 1, "error": answers[2]["error"]}
    assert not any("error" in answer for answer in answers[:2])
    assert "1 row could not be judged" in done.stderr


def test_what_is_for_labels_alone_says_so(model: str) -> None:
    task = qs.load(model).learn(EXAMPLES["tagging"], kind="tagging")
    for call in (task.check, lambda: task.suggest(["a pin"])):
        with pytest.raises(QuickstudyError, match="tagging gives none"):
            call()
    with pytest.raises(QuickstudyError, match="budget"):
        qs.load(model).learn(EXAMPLES["tagging"], kind="tagging", budget="10s")
    with pytest.raises(QuickstudyError, match="labels are for kinds"):
        qs.load(model).learn(EXAMPLES["answering"], ["a", "b"], kind="answering")
    with pytest.raises(QuickstudyError, match="unlabelled"):
        qs.load(model).learn(EXAMPLES["tagging"], kind="tagging", unlabelled=["a pin"])


def test_a_student_learns_of_several_kinds_at_once(model: str, tmp_path: Path) -> None:
    words = ["card", "pin", "wallet", "code"]
    tagged = [
        {"tokens": ["my", word, "in", place], "tags": ["O", "B-thing", "O", "B-place"]}
        for word in words
        for place in ("York", "Leeds", "Hull")
    ]
    other = [{**row, "tokens": ["a", *row["tokens"][1:]]} for row in tagged]
    matched = [{"query": f"where is my {word}?", "right": f"the {word} is on its way"} for word in words * 3]
    labelled = [
        {"text": f"{say} my {word}", "label": word} for word in words for say in ("where is", "I lost", "gone is")
    ]
    table = {
        "student": {"backbone": model, "scope": "last(1)"},
        "learner": {"name": "prior_head"},
        "episodes": {"ways": [2, 2], "shots": 1, "queries": 1},
        "train": [
            {"path": str(lines(tmp_path / "tagged.jsonl", tagged)), "kind": "tagging"},
            {"path": str(lines(tmp_path / "matched.jsonl", matched)), "kind": "matching", "shots": [0, 0]},
            {"path": str(lines(tmp_path / "labelled.jsonl", labelled))},
        ],
        "validation": [
            {"path": str(lines(tmp_path / "other.jsonl", other)), "kind": {"name": "tagging", "rest": 1.0}},
        ],
        "validating": {"shots": [1], "ways": 2, "queries": 1, "episodes": 1},
        "training": {"steps": 6, "tasks": 2, "validate_every": 3},
    }  # fmt: skip
    seen = []
    student = meta_train(table, watch=seen.append)
    assert {name for name, row in student.about["sources"].items() if row["episodes"]} == {
        "tagged",
        "matched",
        "labelled",
    }
    assert sum(record["event"] == "step" for record in seen) == 6


def test_two_kinds_of_one_source_are_refused(model: str, tmp_path: Path) -> None:
    path = str(lines(tmp_path / "a.jsonl", EXAMPLES["tagging"]))
    table = {
        "student": {"backbone": model},
        "train": [{"path": path, "kind": "tagging"}],
        "validation": [{"path": path, "kind": "matching"}],
    }
    with pytest.raises(QuickstudyError, match="named with two kinds"):
        meta_train(table)
