"""Hostile and clumsy input through the real command line: the right result or one clear sentence, nothing
half-written."""

import json
import os
import resource
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tiny import ROWS, backbone, interrupt_at, refused, run, table

from quickstudy.episodes.loading import MOST_CLASSES
from quickstudy.kinds.classification import Classification


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return backbone(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory, model: str) -> Path:
    folder = tmp_path_factory.mktemp("tasks")
    result = run("learn", table(folder / "cards.csv"), "-o", folder / "cards.qs", "--model", model, "--no-check")
    assert result.exit_code == 0, result.output
    return folder / "cards.qs"


@pytest.fixture
def learn(tmp_path: Path, model: str) -> Any:
    """Learns from the bytes or rows of a file; what came of it, and the task as `inspect` sees it."""

    def learned(content: Any, *options: Any, name: str = "in.csv") -> tuple[Any, dict[str, Any]]:
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            table(path, content)
        result = run("learn", path, "-o", tmp_path / "out.qs", "--model", model, "--json", *options)
        assert result.exit_code == 0, result.output
        about = json.loads(run("inspect", tmp_path / "out.qs", "--json").stdout)
        about["shots"] = {each["name"]: each["examples"] for each in about["classes"]}
        return result, about

    return learned


def refusal(folder: Path, model: str, content: bytes, name: str = "in.csv") -> str:
    """What `learn` says to a file; nothing may be left of the output."""
    (folder / name).write_bytes(content)
    before = sorted(path.name for path in folder.iterdir())
    said = refused("learn", folder / name, "-o", folder / "out.qs", "--model", model)
    assert sorted(path.name for path in folder.iterdir()) == before
    return said


def test_an_empty_file(tmp_path: Path, model: str) -> None:
    assert "empty" in refusal(tmp_path, model, b"")


def test_a_header_alone(tmp_path: Path, model: str) -> None:
    assert "no rows" in refusal(tmp_path, model, b"text,label\n")


def test_one_class(tmp_path: Path, model: str) -> None:
    said = refusal(tmp_path, model, b"text,label\na b,x\nc d,x\n")
    assert "two classes" in said
    assert "label=NAME" in said


def test_missing_columns(tmp_path: Path, model: str) -> None:
    assert "no row has a label" in refusal(tmp_path, model, b"text,colour\na b,1\nc d,2\ne f,3\n")


def test_a_column_that_is_not_there(tmp_path: Path, model: str) -> None:
    table(tmp_path / "in.csv")
    said = refused("learn", tmp_path / "in.csv", "-o", tmp_path / "o.qs", "--model", model, "--columns", "text=body")
    assert "'body'" in said
    assert "'label'" in said


def test_only_spaces(tmp_path: Path, model: str) -> None:
    assert "no row of it can be used" in refusal(tmp_path, model, b'text,label\n"  ",x\n"\t",y\n')


def test_a_zip_under_another_name(tmp_path: Path, model: str) -> None:
    assert "not a text file" in refusal(tmp_path, model, b"PK\x03\x04" + bytes(200))


def test_no_file(tmp_path: Path, model: str) -> None:
    for name in (tmp_path / "none.csv", "-"):
        assert "no file" in refused("learn", name, "-o", tmp_path / "o.qs", "--model", model)


def test_a_class_with_one_example_is_counted_and_said(learn: Any) -> None:
    result, about = learn([*ROWS, ("may I have a refund", "refund")])
    assert about["shots"]["refund"] == 1
    assert json.loads(result.stdout)["check"]["alone"] == 1


def test_rows_twice_and_rows_at_odds(learn: Any) -> None:
    result, about = learn([*ROWS, ROWS[0], ("I forgot my pin", "lost card")])
    assert about["examples"] == len(ROWS) + 1
    assert "repeats" in result.stderr
    assert "both were kept" in result.stderr


def test_labels_in_several_spellings_are_one_class(learn: Any) -> None:
    result, about = learn([*ROWS, ("pin gone", "PIN"), ("no pin", " Pin "), ("pin new", "pin")])
    assert about["shots"] == {"card arrival": 2, "pin": 5, "lost card": 2}
    assert "'PIN' (1) was read as 'pin'" in result.stderr


def test_labels_are_spelt_as_those_that_were_named(learn: Any, tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("Pin\nCard Arrival\nother\n")
    _, about = learn(ROWS, "--labels", tmp_path / "labels.txt")
    assert about["shots"] == {"Pin": 2, "Card Arrival": 2, "other": 0, "lost card": 2}


def test_numbers_as_labels(learn: Any, tmp_path: Path) -> None:
    _, about = learn([(text, str(place // 2)) for place, (text, _) in enumerate(ROWS)])
    assert set(about["shots"]) == {"0", "1", "2"}
    answer = json.loads(run("predict", tmp_path / "out.qs", "--json", input=ROWS[0][0]).stdout)
    assert answer["label"] in about["shots"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_marks_and_encodings(learn: Any, encoding: str) -> None:
    content = "text,label\ncafé fermé ici,déjà\ncrème brûlée à point,goût\n".encode(encoding)
    _, about = learn(content)
    assert set(about["shots"]) == {"déjà", "goût"}


def test_nul_and_control_characters(learn: Any, tmp_path: Path) -> None:
    _, about = learn(b"text,label\nwhere\x00 is\x07 it,ar\x00rival\nI lost\x1b[31m it,lo\x08st\n")
    assert set(about["shots"]) == {"arrival", "lost"}
    assert run("predict", tmp_path / "out.qs", input=b"a\x00b\x07\n").exit_code == 0


def test_right_to_left_and_emoji(learn: Any, tmp_path: Path) -> None:
    rows = [("أين بطاقتي", "وصول"), ("נעלם הכרטיס", "אבד"), ("💳❓👩‍👩‍👧", "😀"), ("🔥🔥", "😡")]
    _, about = learn(rows)
    assert list(about["shots"]) == [label for _, label in rows]
    lines = run("predict", tmp_path / "out.qs", input="".join(text + "\n" for text, _ in rows)).stdout
    assert [line.split("\t")[2] for line in lines.splitlines()] == [text for text, _ in rows]


def test_a_text_of_10_mb(learn: Any, tmp_path: Path) -> None:
    long = "where is it " * 900_000
    result, about = learn([*ROWS, (long, "pin")])
    assert about["shots"]["pin"] == 3
    assert json.loads(result.stdout)["cut"] == 1
    answered = run("predict", tmp_path / "out.qs", "--json", input=long + "\nshort\n")
    first, second = map(json.loads, answered.stdout.splitlines())
    assert first["cut"] > 1_000_000
    assert "cut" not in second
    assert "1 text is longer than" in answered.stderr


def test_rows_of_spaces_keep_their_place(cards: Path) -> None:
    result = run("predict", cards, input="where is my card\n   \n\nthe pin\n")
    assert [bool(line.split("\t")[0]) for line in result.stdout.splitlines()] == [True, False, False, True]
    assert "2 rows have no words" in result.stderr


def test_10_000_classes(tmp_path: Path, model: str) -> None:
    names = [f"topic {number:05} of the day" for number in range(MOST_CLASSES)]
    (tmp_path / "labels.txt").write_text("\n".join(names))
    done = run("learn", "--labels", tmp_path / "labels.txt", "-o", tmp_path / "many.qs", "--model", model)
    assert done.exit_code == 0, done.output
    answer = json.loads(run("predict", tmp_path / "many.qs", "--json", input="topic 00077 of the day").stdout)
    assert answer["label"] in names
    (tmp_path / "labels.txt").write_text("\n".join([*names, "one more"]))
    assert "at most 10000" in refused(
        "learn", "--labels", tmp_path / "labels.txt", "-o", tmp_path / "x.qs", "--model", model
    )


def test_predicting_nothing(cards: Path, tmp_path: Path) -> None:
    assert "no texts" in refused("predict", cards, "-o", tmp_path / "out.csv", input="")
    (tmp_path / "in.csv").write_bytes(b"")
    assert "empty" in refused("predict", cards, tmp_path / "in.csv", "-o", tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_bytes_that_are_no_utf8_on_standard_input(cards: Path) -> None:
    result = run("predict", cards, input=b"\xef\xbb\xbfcaf\xe9\nthe pin\n")
    assert [line.split("\t")[2] for line in result.stdout.splitlines()] == ["caf\ufffd", "the pin"]
    assert "UTF-16" in refused("predict", cards, input="the pin\n".encode("utf-16"))


def test_half_a_character_in_json(cards: Path, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "pin \\ud83d here"}\n{"text": ["a"]}\n')
    assert "line 2" in refused("predict", cards, tmp_path / "in.jsonl", "-o", tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()
    (tmp_path / "in.jsonl").write_text('{"text": "pin \\ud83d here"}\n')
    assert run("predict", cards, tmp_path / "in.jsonl", "-o", tmp_path / "out.jsonl").exit_code == 0
    assert json.loads((tmp_path / "out.jsonl").read_text())["text"] == "pin \ud83d here"


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 0.99])
def test_a_truncated_task(cards: Path, tmp_path: Path, share: float) -> None:
    data = cards.read_bytes()
    (tmp_path / "cut.qs").write_bytes(data[: int(len(data) * share)])
    assert "cut.qs" in refused("predict", tmp_path / "cut.qs", input="a")
    assert "cut.qs" in refused("inspect", tmp_path / "cut.qs")


def test_a_tampered_task(cards: Path, tmp_path: Path) -> None:
    data = bytearray(cards.read_bytes())
    for place in range(9, len(data), len(data) // 12):
        changed = bytearray(data)
        changed[place] ^= 1
        (tmp_path / "bad.qs").write_bytes(changed)
        refused("predict", tmp_path / "bad.qs", input="a")


def test_a_task_that_is_something_else(tmp_path: Path) -> None:
    (tmp_path / "x.qs").write_text("hello")
    refused("predict", tmp_path / "x.qs", input="a")
    refused("predict", tmp_path, input="a")
    refused("predict", tmp_path / "none.qs", input="a")


def test_a_backbone_that_is_missing_or_has_other_weights(tmp_path: Path) -> None:
    place = tmp_path / "model"
    backbone(place)
    run("learn", table(tmp_path / "in.csv"), "-o", tmp_path / "a.qs", "--model", place, "--no-check")
    place.rename(tmp_path / "elsewhere")
    from quickstudy.student import backbone as kept

    kept.cache_clear()
    assert "model" in refused("predict", tmp_path / "a.qs", input="the pin")
    backbone(place, seed=1)
    kept.cache_clear()
    assert "other weights" in refused("predict", tmp_path / "a.qs", input="the pin")


def test_a_model_nobody_knows(tmp_path: Path) -> None:
    table(tmp_path / "in.csv")
    said = refused("learn", tmp_path / "in.csv", "-o", tmp_path / "o.qs", "--model", "./no/such/folder")
    assert "no/such/folder" in said
    said = refused("learn", tmp_path / "in.csv", "-o", tmp_path / "o.qs", "--learner", "prior_hed", "--model", "minilm")
    assert "prior_head" in said or "minilm" in said


def test_a_task_without_its_examples_does_not_grow(tmp_path: Path, model: str) -> None:
    rows = table(tmp_path / "in.csv")
    run("learn", rows, "-o", tmp_path / "a.qs", "--model", model, "--no-examples", "--no-check")
    before = (tmp_path / "a.qs").read_bytes()
    assert b"wallet" not in before
    assert "cannot grow" in refused("add", tmp_path / "a.qs", rows)
    assert (tmp_path / "a.qs").read_bytes() == before


@pytest.fixture
def full_disk() -> Iterator[None]:
    """No file of this process may grow beyond a kilobyte, as on a disk that is all but full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk(tmp_path: Path, cards: Path, full_disk: None) -> None:
    more = tmp_path / "more.csv"
    more.write_text("text,label\nanother pin,pin\n")
    before = cards.read_bytes()
    assert "cannot write" in refused("add", cards, more, "--no-check")
    assert cards.read_bytes() == before
    many = "the pin is blocked\n" * 200
    assert "cannot write" in refused("predict", cards, "-o", tmp_path / "out.tsv", input=many)
    assert [path.name for path in tmp_path.iterdir()] == ["more.csv"]
    assert sorted(path.name for path in cards.parent.iterdir()) == ["cards.csv", "cards.qs"]


def test_a_folder_that_cannot_be_written(tmp_path: Path, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = table(tmp_path / "in.csv")
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(stat.S_IRUSR | stat.S_IXUSR)
    if os.geteuid() == 0:  # whom permissions do not stop
        monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != locked)
    said = refused("learn", rows, "-o", locked / "a.qs", "--model", model)
    assert "may not write" in said
    assert not list(locked.iterdir())
    assert "no folder" in refused("learn", rows, "-o", tmp_path / "nowhere" / "a.qs", "--model", model)
    assert "is a folder" in refused("learn", rows, "-o", tmp_path, "--model", model)


def test_ctrl_c_leaves_nothing(cards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the midst of the third group of lines; a timer's signal could fall into a callback that swallows it."""
    interrupt_at(monkeypatch, Classification, "answer", call=3)
    result = run("predict", cards, "-o", tmp_path / "out.tsv", input="the pin is blocked\n" * 20_000)
    assert result.exit_code == 130
    assert result.stderr.strip().splitlines()[-1].startswith("interrupted")
    assert list(tmp_path.iterdir()) == []
