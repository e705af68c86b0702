"""`learn`, `add` and `inspect` through the real command line, with a random backbone."""

import json
from pathlib import Path

import pytest
from tiny import ROWS, backbone, refused, run, table

import quickstudy as qs
from quickstudy import budgets
from quickstudy.cli import checks
from quickstudy.cli.learning import MOVED, STAYED
from quickstudy.core.types import OF_BACKBONE
from quickstudy.learners import tuned


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
    done = run("add", tmp_path / "a.qs", more, "-o", tmp_path / "b.qs")
    assert done.exit_code == 0
    assert "2 examples more, 1 with another label than before, 1 new class" in done.stderr
    shots = {name: examples_of(tmp_path / name) for name in ("a.qs", "b.qs")}
    assert shots["a.qs"] == {"card arrival": 2, "pin": 2, "lost card": 2}
    assert shots["b.qs"] == {"card arrival": 1, "pin": 4, "lost card": 2, "refund": 1}
    assert run("add", tmp_path / "a.qs", more, "--json").exit_code == 0
    assert run("inspect", tmp_path / "a.qs").stdout == run("inspect", tmp_path / "b.qs").stdout.replace("b (", "a (")


@pytest.mark.parametrize("fewest", [budgets.FEWEST, 2])
def test_whether_the_backbone_moved_is_said(
    tmp_path: Path, model: str, monkeypatch: pytest.MonkeyPatch, fewest: int
) -> None:
    monkeypatch.setattr(budgets, "FEWEST", fewest)
    monkeypatch.setattr(tuned, "SURE", -1e9)
    assert str(fewest) in STAYED or fewest == 2
    more = [(f"{text} {number}", label) for text, label in ROWS for number in (1, 2)]
    rows = table(tmp_path / "in.csv", [*ROWS, *more])
    for budget in ("1s", "10s"):
        done = run("learn", rows, "-o", tmp_path / "a.qs", "--model", model, "--no-check", "--budget", budget)
        assert done.exit_code == 0, done.output
        moved = any(name.startswith(OF_BACKBONE) for name in qs.open(tmp_path / "a.qs").adapted)
        assert moved == (fewest == 2 and budget == "10s")
        told = [] if budget == "1s" else [MOVED if moved else STAYED]
        assert [line for line in done.stderr.splitlines() if line in (MOVED, STAYED)] == told


def test_learn_says_what_it_took_for_classes(tmp_path: Path, model: str) -> None:
    rows = [(f"text {number}", f"class {chr(97 + number % 10)}x") for number in range(21)]
    said = run("learn", table(tmp_path / "in.csv", [*rows, ("no answer", "N/A")]), "-o", tmp_path / "a.qs", "--model",
               model, "--no-check").stderr  # fmt: skip
    assert "examples a class: class ax 3, class bx 2" in said and "and 3 classes more" in said
    assert "--labels is empty" in refused("learn", "--labels", " ", "-o", tmp_path / "b.qs", "--model", model)


def test_inspect_says_what_is_left_out_and_what_moved(tmp_path: Path, model: str) -> None:
    run("learn", table(tmp_path / "in.csv"), "-o", tmp_path / "a.qs", "--model", model, "--no-check", "--no-examples")
    shown = run("inspect", tmp_path / "a.qs").stdout
    assert "budget     1s; the backbone stays as it is" in shown
    assert "left out of the file" in shown and "    –  pin" in shown
    about = json.loads(run("inspect", tmp_path / "a.qs", "--json").stdout)
    assert (about["budget"], about["moved"], about["unlabelled"]) == ("1s", False, 0)
    run("learn", tmp_path / "in.csv", "-o", tmp_path / "b.qs", "--model", model, "--no-check", "--learner", "fine_tune",
        "--scope", "last(1)")  # fmt: skip
    assert "weights of the backbone moved" in run("inspect", tmp_path / "b.qs").stdout


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


@pytest.mark.parametrize("option", ["examples", "--labels", "--unlabelled"])
def test_what_is_read_is_not_written_over(tmp_path: Path, model: str, option: str) -> None:
    rows = table(tmp_path / "in.csv")
    other = tmp_path / "other.csv"
    other.write_text("text\nwhere is it\n", encoding="utf-8")
    target = rows if option == "examples" else other
    before = target.read_bytes()
    given = [] if option == "examples" else [option, other]
    said = refused("learn", rows, *given, "-o", tmp_path / "." / target.name, "--model", model)
    assert "would be lost" in said
    assert target.read_bytes() == before


def test_many_names_on_the_command_line_are_no_file(tmp_path: Path, model: str) -> None:
    names = ", ".join(f"the kind of question number {each}" for each in "abcdefghijklmnop")
    (tmp_path / "news.qs").write_bytes(b"the one before")
    assert run("learn", "--labels", names, "-o", tmp_path / "news.qs", "--model", model).exit_code == 0


@pytest.mark.parametrize("comma", [",", "，", "、", ", "])
def test_names_between_commas_of_any_width(tmp_path: Path, model: str, comma: str) -> None:
    learned = run("learn", "--labels", comma.join(["体育", "政治", "科学"]), "-o", tmp_path / "a.qs", "--model", model)
    assert learned.exit_code == 0, learned.output
    classes = json.loads(run("inspect", tmp_path / "a.qs", "--json").stdout)["classes"]
    assert [each["name"] for each in classes] == ["体育", "政治", "科学"]


def test_a_column_that_was_guessed_is_named(tmp_path: Path, model: str) -> None:
    agents = ["Anna", "Berta"]
    lines = [f"{number},{text},{label},{agents[number % 2]}" for number, (text, label) in enumerate(ROWS)]
    (tmp_path / "in.csv").write_text("\n".join(["nr,anfrage,kategorie,agent", *lines]), encoding="utf-8")
    given = ("learn", tmp_path / "in.csv", "-o", tmp_path / "a.qs", "--model", model, "--no-check")
    said = run(*given).stderr
    assert "'anfrage' was taken for the text and 'agent' was taken for the label" in said
    assert "--columns text=NAME --columns label=NAME" in said
    said = run(*given, "--columns", "label=kategorie").stderr
    assert "'anfrage' was taken for the text, out of" in said and "agent' was taken" not in said
    assert "taken" not in run(*given, "--columns", "label=kategorie,text=anfrage").stderr


def test_one_class_alone_says_which_rows_were_left_out(tmp_path: Path, model: str) -> None:
    rows = table(tmp_path / "in.csv", [("I forgot my pin", "pin"), ("the pin is blocked", "pin"), ("my wallet", "")])
    said = refused("learn", rows, "-o", tmp_path / "a.qs", "--model", model)
    assert "every row has the label 'pin' (but for rows that were left out, first in.csv, line 4), and" in said


def test_next_is_what_the_kind_can_read(tmp_path: Path, model: str) -> None:
    rows = tmp_path / "pairs.csv"
    rows.write_text("text,pair,label\na man sings,music,yes\na man sings,silence,no\n", encoding="utf-8")
    said = run("learn", rows, "-o", tmp_path / "a.qs", "--model", model, "--no-check").stderr
    assert f"next: quickstudy predict {tmp_path / 'a.qs'} rows.jsonl" in said
    said = run("learn", "--kind", "answering", "-o", tmp_path / "b.qs", "--model", model).stderr
    assert f"next: quickstudy predict {tmp_path / 'b.qs'} rows.jsonl" in said


def test_a_check_that_would_take_long_is_left_out_unless_it_is_asked_for(
    tmp_path: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "FIRST", 0)
    monkeypatch.setattr(checks, "PATIENCE", 0)
    asked = ["learn", table(tmp_path / "in.csv"), "-o", str(tmp_path / "t.qs"), "--model", model]
    assert "the check on its own examples was left out: it would take 0 minutes; --check runs it" in run(*asked).stderr
    assert "accuracy on its own examples" in run(*asked, "--check").stderr
