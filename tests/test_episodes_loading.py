"""Loading: what is merged, dropped or kept, that it is reported, and what is refused."""

import json
from types import SimpleNamespace

import pytest

from quickstudy.core.types import QuickstudyError
from quickstudy.episodes import loading
from quickstudy.episodes.loading import load
from quickstudy.kinds import labelled
from quickstudy.kinds.labelled import Labelled

KIND = SimpleNamespace(
    read=labelled.read,
    write=labelled.write,
    texts=labelled.texts,
    labels=lambda example: frozenset(example.labels),
)


def lines(tmp_path, *rows):
    path = tmp_path / "cards.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


def test_examples_classes_and_descriptions(tmp_path):
    found = load(
        lines(
            tmp_path,
            {"text": "where is it", "label": "arrival", "description": "not come yet"},
            {"text": "my pin", "label": 7},
            {"label": "refund", "description": "wants money back"},
            {"text": "a", "sentence2": "b", "label": "arrival", "description": "something else"},
        ),
        KIND,
    )
    assert found.examples == (
        Labelled("where is it", ("arrival",)),
        Labelled("my pin", ("7",)),
        Labelled("a", ("arrival",), "b"),
    )
    assert list(found.classes.items()) == [
        ("arrival", "not come yet"),
        ("7", ""),
        ("refund", "wants money back"),
    ]
    assert [str(problem) for problem in found.problems] == [
        "cards.jsonl, line 4: a second description of 'arrival' was left out"
    ]


def test_spellings_are_merged_into_the_commonest(tmp_path):
    rows = [
        ("a", "Card  Arrival "),
        ("b", "card arrival"),
        ("c", "card arrival"),
        ("d", "CARDARRIVAL"),
        ("e", "pin"),
    ]
    found = load(lines(tmp_path, *({"text": text, "label": label} for text, label in rows)), KIND)
    assert list(found.classes) == ["card arrival", "pin"]
    assert [example.labels for example in found.examples[:4]] == [("card arrival",)] * 4
    assert [problem.where for problem in found.problems] == ["cards.jsonl, line 1", "cards.jsonl, line 4"]
    assert "'Card Arrival' (1) was read as 'card arrival'" in found.problems[0].what


def test_spellings_of_several_labels(tmp_path):
    rows = [
        {"text": "a", "labels": ["X", "x", "y"]},
        {"text": "b", "labels": ["x"]},
        {"text": "c", "labels": []},
    ]
    found = load(lines(tmp_path, *rows), KIND)
    assert [example.labels for example in found.examples] == [("x", "y"), ("x",), ()]


def test_repeated_and_contradictory_rows(tmp_path):
    rows = [("My card", "a"), ("My card", "a"), ("my card!", "b"), ("other", "b")]
    found = load(lines(tmp_path, *({"text": text, "label": label} for text, label in rows)), KIND)
    assert [example.text for example in found.examples] == ["My card", "my card!", "other"]
    assert [str(problem) for problem in found.problems] == [
        "cards.jsonl, line 2: repeats cards.jsonl, line 1; it was left out",
        "cards.jsonl, line 3: 'b', but the same text is 'a' at cards.jsonl, line 1; both were kept",
    ]


def test_bad_rows_are_left_out_and_named(tmp_path):
    path = tmp_path / "cards.jsonl"
    rows = [
        '{"text": "a", "label": "x"}',
        "{",
        '{"text": "  ", "label": "x"}',
        '{"text": [1], "label": "x"}',
        '{"text": "b"}',
    ]
    path.write_text("\n".join(rows))
    found = load(path, KIND)
    assert found.examples == (Labelled("a", ("x",)),)
    assert sorted(problem.where[-1] for problem in found.problems) == ["2", "3", "4", "5"]


def test_many_problems_are_counted(tmp_path):
    rows = [{"text": "a", "label": "x"}] + [{"text": " ", "label": "x"}] * 80
    found = load(lines(tmp_path, *rows), KIND)
    assert len(found.problems) == 51
    assert "30 more rows without a text" in str(found.problems[-1])


@pytest.mark.parametrize(
    "rows, message",
    [
        (
            [{"text": " ", "label": "x"}],
            "no row of it can be used; the first trouble is cards.jsonl, line 1: there is no",
        ),
        ([{"text": "a"}, {"text": "b", "number": 1}], "no row has a label; the fields are 'text', 'number'"),
        ([{"text": "a", "label": " "}], "no row has a label"),
        ([{"text": f"t {n}", "label": f"l {n}"} for n in range(10_001)], "10001 classes, and at most 10000"),
    ],
)
def test_sources_that_are_refused(tmp_path, rows, message):
    with pytest.raises(QuickstudyError, match=message):
        load(lines(tmp_path, *rows), KIND)


def test_too_many_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(loading, "MOST_ROWS", 3)
    rows = [{"text": f"t {n}", "label": "x"} for n in range(4)]
    assert len(load(lines(tmp_path, *rows[:3]), KIND).examples) == 3
    with pytest.raises(QuickstudyError, match="over 3 rows"):
        load(lines(tmp_path, *rows), KIND)


def test_ten_thousand_classes(tmp_path):
    found = load(lines(tmp_path, *({"text": f"t {n}", "label": n} for n in range(10_000))), KIND)
    assert len(found.classes) == 10_000


def test_a_row_of_too_many_cells_is_said_to_be_left_out(tmp_path):
    path = tmp_path / "wide.csv"
    path.write_text("text,label\na,x\nb, and c,y\nd,x\n")
    [problem] = load(path, KIND).problems
    assert str(problem).endswith("; it was left out") and problem.where == "wide.csv, line 3"


def test_classes_alone(tmp_path):
    path = tmp_path / "classes.csv"
    path.write_text("label,description\npin,forgot the pin\nlost,card is gone\n")
    found = load(path, KIND)
    assert found == ((), {"pin": "forgot the pin", "lost": "card is gone"}, ())


def test_a_folder_passes_over_what_is_no_text(tmp_path):
    for name in ("pin", "arrival"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text(f"a {name}")
    (tmp_path / "pin" / "task.qs").write_bytes(b"\x10\x01" + bytes(6) + b'{"__metadata__": {}}' + bytes(range(256)))
    found = load(tmp_path, KIND)
    assert sorted(example.text for example in found.examples) == ["a arrival", "a pin"]
    assert [str(each) for each in found.problems] == [
        "pin/task.qs: this is not a text file; save it as CSV or JSONL in UTF-8; it was left out"
    ]


@pytest.mark.parametrize("mark", ["，", "；", "|"])
def test_another_mark_between_named_columns_separates_them(tmp_path, mark):
    path = tmp_path / "a.csv"
    path.write_text(f"文本{mark}标签\n我的卡丢了吗{mark}丢失\n密码{mark}密码\n", encoding="utf-8")
    assert [(one.text, *one.labels) for one in load(path, KIND).examples] == [
        ("我的卡丢了吗", "丢失"),
        ("密码", "密码"),
    ]


def test_a_mark_that_may_separate_is_told_where_no_label_was_found(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("where is my card，arrival\nI forgot it，pin\n", encoding="utf-8")
    with pytest.raises(QuickstudyError, match=r"a full-width comma .* save it as CSV with commas"):
        load(path, KIND)
    path.write_text("well，yes\nI forgot it\n", encoding="utf-8")
    with pytest.raises(QuickstudyError, match="say which one holds it"):
        load(path, KIND)


def test_rows_without_a_label_name_the_kind_whose_fields_they_have(tmp_path):
    path = tmp_path / "faq.csv"
    path.write_text("question,answer\nWhere is it?,On its way.\n", encoding="utf-8")
    with pytest.raises(QuickstudyError, match=r"--columns label=NAME .* kind matching, .*--kind matching\.$"):
        load(path, KIND)
