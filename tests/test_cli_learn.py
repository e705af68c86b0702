"""`learn`, `add` and `inspect` through the real command line, with a random backbone."""

import json
from pathlib import Path

import pytest
from tiny import ROWS, backbone, refused, run, table


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return backbone(tmp_path_factory.mktemp("models") / "tiny")


def test_learn_says_what_it_did_and_what_is_next(tmp_path: Path, model: str) -> None:
    result = run("learn", table(tmp_path / "in.csv"), "-o", tmp_path / "cards.qs", "--model", model)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert "learned 3 classes from 6 examples" in result.stderr
    assert "leave-one-out" in result.stderr
    assert f"next: quickstudy predict {tmp_path / 'cards.qs'}" in result.stderr


def test_json_is_all_that_stands_on_standard_output(tmp_path: Path, model: str) -> None:
    rows = [*ROWS, ("the pin is blocked", "lost card")]
    result = run("learn", table(tmp_path / "in.csv", rows), "-o", tmp_path / "a.qs", "--model", model, "--json")
    found = json.loads(result.stdout)
    assert found["classes"] == 3
    assert found["examples"] == found["check"]["examples"] == 7
    assert found["check"]["how"] == "leave-one-out"
    assert found["check"]["low"] <= found["check"]["accuracy"] <= found["check"]["high"]
    assert "both were kept" in result.stderr


def test_from_names_alone(tmp_path: Path, model: str) -> None:
    result = run("learn", "--labels", "sports, politics", "-o", tmp_path / "news.qs", "--model", model)
    assert result.exit_code == 0, result.output
    about = json.loads(run("inspect", tmp_path / "news.qs", "--json").stdout)
    assert [each["name"] for each in about["classes"]] == ["sports", "politics"]
    assert about["examples"] == 0


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("l.csv", "name,description\npin,the secret number\nlost card,gone\ncard arrival,\n"),
        ("l.csv", "pin,the secret number\nlost card,gone\ncard arrival,\n"),
        ("l.json", '{"pin": "the secret number", "lost card": "gone", "card arrival": ""}'),
    ],
)
def test_descriptions_out_of_a_file(tmp_path: Path, model: str, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    run("learn", table(tmp_path / "in.csv"), "-o", tmp_path / "a.qs", "--model", model, "--labels", tmp_path / name,
        "--no-check")  # fmt: skip
    classes = json.loads(run("inspect", tmp_path / "a.qs", "--json").stdout)["classes"]
    assert {each["name"]: each["description"] for each in classes} == {
        "pin": "the secret number", "lost card": "gone", "card arrival": "",
    }  # fmt: skip
    assert all(each["examples"] == 2 for each in classes)


def test_columns_that_are_named(tmp_path: Path, model: str) -> None:
    path = tmp_path / "in.csv"
    path.write_text("a,b,c\n" + "".join(f"{n},{text},{label}\n" for n, (text, label) in enumerate(ROWS)))
    done = run("learn", path, "-o", tmp_path / "a.qs", "--model", model, "--columns", "text=b,label=c", "--json")
    assert json.loads(done.stdout)["classes"] == 3
    assert "FIELD=COLUMN" in refused("learn", path, "-o", tmp_path / "a.qs", "--columns", "colour=b")


def test_several_labels(tmp_path: Path, model: str) -> None:
    path = tmp_path / "in.jsonl"
    rows = [(["a"], "x one"), (["a", "b"], "x two"), (["b"], "y three"), ([], "z four")]
    path.write_text("".join(json.dumps({"text": text, "labels": labels}) + "\n" for labels, text in rows))
    done = run("learn", path, "-o", tmp_path / "a.qs", "--model", model, "--json")
    assert json.loads(done.stdout)["examples"] == 4
    answer = json.loads(run("predict", tmp_path / "a.qs", "--json", input="x one").stdout)
    assert set(answer["labels"]) <= {"a", "b"}
    assert "exactly one" in refused(
        "learn", path, "-o", tmp_path / "b.qs", "--model", model, "--kind", "classification"
    )


def examples_of(path: Path) -> dict[str, int]:
    about = json.loads(run("inspect", path, "--json").stdout)
    return {each["name"]: each["examples"] for each in about["classes"]}


def test_add_grows_the_task_and_corrects_it(tmp_path: Path, model: str) -> None:
    run("learn", table(tmp_path / "in.csv"), "-o", tmp_path / "a.qs", "--model", model, "--no-check")
    more = table(tmp_path / "more.csv", [("a new thing", "refund"), ("I FORGOT MY PIN", "PIN"), (ROWS[0][0], "pin")])
    assert run("add", tmp_path / "a.qs", more, "-o", tmp_path / "b.qs").exit_code == 0
    shots = {name: examples_of(tmp_path / name) for name in ("a.qs", "b.qs")}
    assert shots["a.qs"] == {"card arrival": 2, "pin": 2, "lost card": 2}
    assert shots["b.qs"] == {"card arrival": 1, "pin": 4, "lost card": 2, "refund": 1}
    assert run("add", tmp_path / "a.qs", more, "--json").exit_code == 0
    assert run("inspect", tmp_path / "a.qs").stdout == run("inspect", tmp_path / "b.qs").stdout.replace("b (", "a (")


def test_inspect_shows_text_for_people(tmp_path: Path, model: str) -> None:
    run("learn", table(tmp_path / "in.csv"), "-o", tmp_path / "a.qs", "--model", model, "--no-check")
    shown = run("inspect", tmp_path / "a.qs").stdout
    assert "prior_head.v1" in shown
    assert "2  lost card" in shown


def test_what_was_not_understood_is_code_2(tmp_path: Path) -> None:
    for arguments in (["lern"], ["learn", "x.csv"], ["predict", "a.qs", "--top", "many"], ["add", "a.qs"]):
        result = run(*arguments)
        assert result.exit_code == 2, arguments
        assert result.stdout == ""
