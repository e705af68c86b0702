"""Files of texts and what is written for them."""

import json
from pathlib import Path

import pytest

from quickstudy.core.types import QuickstudyError
from quickstudy.episodes.records import Problems
from quickstudy.episodes.writing_files import MOST_TURNS, prose, records
from quickstudy.kinds import written
from quickstudy.kinds.written import Sample


def read(path: str | Path, columns=None, problems: Problems | None = None) -> list[Sample]:
    return [written.read(row.fields) for row in records(path, columns, problems)]


def saved(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def lines(path: Path, *values) -> Path:
    return saved(path, "\n".join(json.dumps(value, ensure_ascii=False) for value in values) + "\n")


ONE = Sample("a man", ("un homme",))
TWO = Sample("a dog", ("un chien",))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.tsv", "source\ttarget\na man\tun homme\na dog\tun chien\n"),
        ("a.tsv", "a man\tun homme\na dog\tun chien\n"),
        ("a.csv", "src,tgt\na man,un homme\na dog,un chien\n"),
        ("a.csv", "en_text,fr_text\na man,un homme\na dog,un chien\n"),
        ("a.jsonl", '{"src": "a man", "tgt": "un homme"}\n{"source": "a dog", "target": "un chien"}\n'),
        ("a.jsonl", '{"prompt": "a man", "completion": "un homme"}\n{"input": "a dog", "output": "un chien"}\n'),
        ("a.json", '[{"document": "a man", "summary": "un homme"}, {"document": "a dog", "summary": "un chien"}]'),
        ("a.tsv", "\ufeffSource\tTarget\r\na man\tun homme\r\na dog\tun\x00 chien\r\n"),
    ],
)
def test_tables_and_json(tmp_path: Path, name: str, text: str) -> None:
    found = read(saved(tmp_path / name, text))
    assert [one for one in found if one.source != "en_text"] == [ONE, TWO]


def test_columns_are_named_where_the_file_says_too_little(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.csv", "id,en,fr\n1,a man,un homme\n2,a dog,un chien\n")
    assert read(path, {"source": "en", "target": "fr"}) == [ONE, TWO]
    with pytest.raises(QuickstudyError, match="no column 'de' for target; the columns are"):
        read(path, {"target": "de"})


def test_references_and_controls(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "a.jsonl",
        {"document": "long", "summary": "short", "refs": ["brief", "short"]},
        {"source": "hello", "target": "good day", "control": "polite"},
        {"source": "hello", "target": "hi", "control": {"words": 1}},
    )
    assert read(path) == [
        Sample("long", ("short", "brief")),
        Sample("hello", ("good day",), "polite"),
        Sample("hello", ("hi",), "words: 1"),
    ]


def test_two_files_line_by_line(tmp_path: Path) -> None:
    first = saved(tmp_path / "train.en", "a man\na dog\n")
    second = saved(tmp_path / "train.fr", "un homme\nun chien\n")
    for path in (f"{first},{second}", tmp_path / "train.en-fr"):
        assert read(path) == [ONE, TWO]
    assert [row.where for row in records(tmp_path / "train.en-fr")][1] == "train.en and train.fr, line 2"
    (tmp_path / "dev.en-fr.en").write_text("a man\n", encoding="utf-8")
    (tmp_path / "dev.en-fr.fr").write_text("un homme\n", encoding="utf-8")
    assert read(tmp_path / "dev.en-fr") == [ONE]


def test_two_files_of_different_length_are_refused_with_both_counts(tmp_path: Path) -> None:
    first = saved(tmp_path / "a.en", "a man\na dog\na cat\n")
    second = saved(tmp_path / "a.fr", "un homme\nun chien\n")
    with pytest.raises(QuickstudyError, match=r"a.en has 3 lines and .*a.fr has 2"):
        read(f"{first},{second}")
    with pytest.raises(QuickstudyError, match=r"b.fr: no file of this name"):
        read(f"{first},{tmp_path / 'b.fr'}")


def test_half_empty_lines_are_reported_with_their_number(tmp_path: Path) -> None:
    saved(tmp_path / "a.en", "a man\n\na dog\n")
    saved(tmp_path / "a.fr", "un homme\nun chat\nun chien\n")
    problems = Problems()
    assert read(tmp_path / "a.en-fr", problems=problems) == [ONE, TWO]
    assert "line 2: the first of the two files has nothing" in str(problems.all("a")[0])
    with pytest.raises(QuickstudyError, match="line 2"):
        read(tmp_path / "a.en-fr")


def test_each_reply_of_a_conversation_becomes_a_row(tmp_path: Path) -> None:
    said = [
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": "hi"},
        {"role": "user", "content": "and now"},
        {"role": "assistant", "content": "bye"},
    ]
    found = read(lines(tmp_path / "a.jsonl", {"messages": said}))
    assert found == [
        Sample("system: be kind\nuser: hello", ("hi",)),
        Sample("system: be kind\nuser: hello\nassistant: hi\nuser: and now", ("bye",)),
    ]
    found = read(saved(tmp_path / "b.json", json.dumps([{"turns": ["hello", "hi", "how are you", "fine"]}])))
    assert found == [Sample("hello", ("hi",)), Sample("hello\nhi\nhow are you", ("fine",))]
    assert read(lines(tmp_path / "c.jsonl", ["hello", "hi", "so", "well"]))[1].targets == ("well",)
    long = read(lines(tmp_path / "d.jsonl", {"turns": [str(number) for number in range(60)]}))
    assert len(long[-1].source.split("\n")) == MOST_TURNS


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ({"turns": ["a", {"role": "user"}]}, "text"),
        ({"source": None, "target": "b"}, "no text to write for"),
        ({"source": {"a": 1}, "target": "b"}, "neither a text nor a list of turns"),
    ],
)
def test_bad_rows_say_what_is_wrong(tmp_path: Path, row, wanted: str) -> None:
    path = lines(tmp_path / "a.jsonl", row)
    with pytest.raises(QuickstudyError, match=wanted):
        [written.read({**each.fields, "target": each.fields.get("target")}) for each in records(path)] or _none(wanted)


def _none(wanted: str) -> None:
    raise QuickstudyError(f"no row; a {wanted} was expected")


def test_deep_json_is_reported_not_raised(tmp_path: Path) -> None:
    problems = Problems()
    path = saved(
        tmp_path / "a.jsonl", '{"source": ' + "[" * 100_000 + "]" * 100_000 + '}\n{"src": "a man", "tgt": "un homme"}\n'
    )
    assert read(path, problems=problems) == [ONE]
    assert problems.first() is not None


def test_prose_is_paragraphs_or_lines(tmp_path: Path) -> None:
    found = list(prose(saved(tmp_path / "a.txt", "one\ntwo\n\n\nthree\n \nfour")))
    assert [row.fields["text"] for row in found] == ["one two", "three", "four"]
    assert [row.where for row in found] == ["a.txt, line 1", "a.txt, line 5", "a.txt, line 7"]
    assert [row.fields["text"] for row in prose(saved(tmp_path / "b.txt", "one\ntwo\n"))] == ["one", "two"]
    assert [row.fields["text"] for row in prose(lines(tmp_path / "c.jsonl", {"text": "one"}))] == ["one"]
