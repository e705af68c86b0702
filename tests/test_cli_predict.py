"""`predict`: what comes in comes out in the same form with label and probability added."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny import ROWS, backbone, refused, run, table

from quickstudy.cli import predicting
from quickstudy.cli.rows import Row
from quickstudy.reopening import reopen

TEXTS = [text for text, _ in ROWS]


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tasks")
    model = backbone(folder / "tiny")
    assert run("learn", table(folder / "in.csv"), "-o", folder / "a.qs", "--model", model, "--no-check").exit_code == 0
    return folder / "a.qs"


@pytest.fixture(scope="module")
def labels(cards: Path) -> list[str | None]:
    return [each.label for each in reopen(cards).predict(TEXTS)]


def read(path: Path, delimiter: str = ",") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")), delimiter=delimiter))


def test_lines(cards: Path, labels: list[str]) -> None:
    result = run("predict", cards, input="\r\n".join(TEXTS))
    rows = [line.split("\t") for line in result.stdout.split("\n")[:-1]]
    assert [row[0] for row in rows] == labels
    assert [row[2] for row in rows] == TEXTS
    assert all(0 < float(row[1]) <= 1 for row in rows)
    assert result.stderr == ""


def test_a_text_file_and_a_file_of_answers(cards: Path, tmp_path: Path, labels: list[str]) -> None:
    (tmp_path / "in.txt").write_text("\n".join(TEXTS))
    result = run("predict", cards, tmp_path / "in.txt", "-o", tmp_path / "out.csv")
    assert result.stdout == ""
    assert "judged 6 texts" in result.stderr
    rows = read(tmp_path / "out.csv")
    assert [row["label"] for row in rows] == labels
    assert [row["text"] for row in rows] == TEXTS


@pytest.mark.parametrize(("name", "delimiter"), [("in.csv", ","), ("in.csv", ";"), ("in.tsv", "\t")])
def test_tables(cards: Path, tmp_path: Path, labels: list[str], name: str, delimiter: str) -> None:
    with (tmp_path / name).open("w", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(["id", "text", "label"])
        writer.writerows([number, f'{text}, he said "{number}"', "?"] for number, text in enumerate(TEXTS))
    run("predict", cards, tmp_path / name, "-o", tmp_path / f"out{name}")
    before = read(tmp_path / name, delimiter)
    after = read(tmp_path / f"out{name}", delimiter)
    assert [{key: row[key] for key in before[0]} for row in after] == before
    assert list(after[0]) == ["id", "text", "label", "predicted label", "probability"]
    assert all(row["predicted label"] in labels for row in after)


def test_a_table_without_a_header_stays_one(cards: Path, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(
        "".join(f'{number},"{text}, please tell me"\n' for number, text in enumerate(TEXTS))
    )
    result = run("predict", cards, tmp_path / "in.csv")
    rows = list(csv.reader(io.StringIO(result.stdout)))
    assert len(rows) == len(TEXTS)
    assert {len(row) for row in rows} == {4}


def test_json_lines_keep_every_field(cards: Path, tmp_path: Path, labels: list[str]) -> None:
    records = [{"id": number, "body": text, "more": {"a": [1, None]}} for number, text in enumerate(TEXTS)]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    result = run("predict", cards, tmp_path / "in.jsonl", "--column", "body", "--top", "2")
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert [{key: row[key] for key in records[0]} for row in found] == records
    assert [row["label"] for row in found] == labels
    assert all(next(iter(row["top"])) == row["label"] and len(row["top"]) == 2 for row in found)


def test_top_adds_columns(cards: Path) -> None:
    line = run("predict", cards, "--top", "5", input=TEXTS[0]).stdout.rstrip("\n").split("\t")
    assert len(line) == 2 + 2 * 3 + 1  # no more than there are classes
    assert line[2] == line[0]
    assert sum(map(float, line[3:8:2])) == pytest.approx(1, abs=1e-3)


def test_rows_that_a_table_cannot_hold_are_refused(cards: Path, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "the pin"}\n{"text": "a pin", "odd": 1}\n')
    assert "'odd'" in refused("predict", cards, tmp_path / "in.jsonl", "-o", tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()
    (tmp_path / "in.csv").write_text("text,label\na,b\na,b,c,d\n")
    assert "line 3" in refused("predict", cards, tmp_path / "in.csv", "-o", tmp_path / "out.csv")


def test_a_form_that_cannot_be_written_is_refused(cards: Path, tmp_path: Path) -> None:
    table(tmp_path / "in.csv")
    for name in ("out.xlsx", "out.parquet"):
        assert ".jsonl or .txt" in refused("predict", cards, tmp_path / "in.csv", "-o", tmp_path / name)
        assert not (tmp_path / name).exists()


def test_columns_that_are_not_there(cards: Path, tmp_path: Path) -> None:
    table(tmp_path / "in.csv")
    assert "'body'" in refused("predict", cards, tmp_path / "in.csv", "--column", "body")
    assert "1 text(s)" in refused("predict", cards, tmp_path / "in.csv", "--column", "text", "--column", "label")


def test_pairs(tmp_path: Path) -> None:
    model = backbone(tmp_path / "tiny")
    path = tmp_path / "in.csv"
    path.write_text("premise,hypothesis,label\na man eats,someone eats,yes\na man eats,a dog runs,no\n")
    assert run("learn", path, "-o", tmp_path / "a.qs", "--model", model, "--no-check").exit_code == 0
    rows = list(csv.DictReader(io.StringIO(run("predict", tmp_path / "a.qs", path).stdout)))
    assert {row["predicted label"] for row in rows} <= {"yes", "no"}
    named = [run("predict", tmp_path / "a.qs", path, *each).stdout for each in (
        ("--columns", "pair=hypothesis,text=premise"), ("--column", "premise", "--column", "hypothesis"))]  # fmt: skip
    assert "yes" in named[0] and named[0] == named[1]
    assert "1 column(s)" in refused("predict", tmp_path / "a.qs", path, "--columns", "text=premise")
    assert "pairs" in refused("predict", tmp_path / "a.qs", input="one text")


def test_groups_do_not_change_the_answers(cards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = "\n".join(f"{text} {number}" for number in range(20) for text in TEXTS)
    whole = run("predict", cards, input=many).stdout
    monkeypatch.setattr(predicting, "AT_ONCE", 7)
    assert run("predict", cards, input=many).stdout == whole
    monkeypatch.setattr(predicting, "CHARACTERS", 50)
    assert run("predict", cards, input=many).stdout == whole


def test_rows_are_read_as_they_are_needed() -> None:
    """Constant memory: no more than one group of rows is ever taken ahead of the answers."""
    taken = 0

    def rows() -> Iterator[Row]:
        nonlocal taken
        while True:
            taken += 1
            yield Row("the pin", {"text": "the pin"})

    groups = predicting._groups(rows(), 100)
    assert len(next(groups)) == 100
    assert taken == 100


@pytest.mark.parametrize("command", ["predict", "suggest"])
def test_neither_the_texts_nor_the_task_are_written_over(tmp_path: Path, cards: Path, command: str) -> None:
    texts = table(tmp_path / "in.csv")
    task = tmp_path / "a.qs"
    task.write_bytes(cards.read_bytes())
    before = texts.read_bytes()
    assert "would be lost" in refused(command, task, texts, "-o", texts)
    assert "would be lost" in refused(command, task, texts, "-o", task)
    assert texts.read_bytes() == before and task.read_bytes() == cards.read_bytes()


def test_a_column_that_was_guessed_is_named(tmp_path: Path, cards: Path) -> None:
    rows = [("1", "Anna", text) for text in TEXTS]
    lines = ["nr,agent,body of it", *(",".join(row) for row in rows)]
    (tmp_path / "in.csv").write_text("\n".join(lines), encoding="utf-8")
    said = run("predict", cards, tmp_path / "in.csv").stderr
    assert "in.csv: 'body of it' was taken for the text, out of 'nr', 'agent', 'body of it'" in said
    assert "--columns text=NAME" in said
    assert "taken" not in run("predict", cards, tmp_path / "in.csv", "--columns", "text=body of it").stderr


def test_standard_input_of_another_encoding_is_named_once(cards: Path) -> None:
    result = run("predict", cards, input="my card\n我的卡呢\n我的卡呢\n".encode("gb18030"))
    assert result.exit_code == 0
    assert result.stderr.count("not UTF-8") == 1 and "standard input, line 2" in result.stderr
    assert "UTF-8" not in run("predict", cards, input="我的卡呢\n".encode()).stderr


def test_empty_cells_of_a_table_keep_their_row(cards: Path, tmp_path: Path) -> None:
    """A quoted nothing is a row, as pandas writes it; a blank line is none."""
    (tmp_path / "in.csv").write_text(f'text\n{TEXTS[0]}\n""\n\n"  "\n{TEXTS[1]}\n')
    made = run("predict", cards, tmp_path / "in.csv", "-o", tmp_path / "out.csv")
    rows = read(tmp_path / "out.csv")
    assert [row["text"] for row in rows] == [TEXTS[0], "", "  ", TEXTS[1]]
    assert [bool(row["label"]) for row in rows] == [True, False, False, True]
    assert "2 rows have no words" in made.stderr
    (tmp_path / "two.csv").write_text(f"id,text\n1,{TEXTS[0]}\n,\n3,{TEXTS[1]}\n")
    run("predict", cards, tmp_path / "two.csv", "-o", tmp_path / "out.csv")
    assert [row["id"] for row in read(tmp_path / "out.csv")] == ["1", "", "3"]


def test_every_row_of_json_has_the_same_names(cards: Path, tmp_path: Path) -> None:
    """Some rows bring a label of their own, the first of them none."""
    rows = [{"text": TEXTS[0]}] * 210 + [{"text": TEXTS[1], "label": "mine"}, {"text": TEXTS[1]}]
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, rows)))
    made = [json.loads(line) for line in run("predict", cards, tmp_path / "in.jsonl").stdout.splitlines()]
    assert all("predicted label" in row for row in made)
    assert [row.get("label") for row in made] == [row.get("label") for row in rows]


@pytest.mark.parametrize(("given", "wanted"), [(",", "tsv"), (";", "tsv"), ("\t", "csv"), (";", "csv"), ("\t", "tsv")])
def test_the_ending_of_a_table_says_how_it_is_parted(cards: Path, tmp_path: Path, given: str, wanted: str) -> None:
    source = tmp_path / f"in.{'tsv' if given == chr(9) else 'csv'}"
    with source.open("w", newline="") as file:
        csv.writer(file, delimiter=given).writerows([("id", "text"), *((n, f"{t}, {n}") for n, t in enumerate(TEXTS))])
    out = tmp_path / f"out.{wanted}"
    assert run("predict", cards, source, "-o", out).exit_code == 0
    parted = "\t" if wanted == "tsv" else "," if given == "\t" else given  # a .csv keeps its semicolons
    assert [row["text"] for row in read(out, parted)] == [f"{text}, {n}" for n, text in enumerate(TEXTS)]
    assert run("predict", cards, source, "-o", tmp_path / "bare").exit_code == 0  # no ending: as it came
    assert [row["text"] for row in read(tmp_path / "bare", given)] == [f"{text}, {n}" for n, text in enumerate(TEXTS)]
