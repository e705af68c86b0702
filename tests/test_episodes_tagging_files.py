"""Files with marked spans: columns, tokens and tags, exports of annotation tools, and what is wrong with them."""

import json
from pathlib import Path

import pytest

from quickstudy.core.types import QuickstudyError
from quickstudy.episodes.records import Problems
from quickstudy.episodes.tagging_files import records
from quickstudy.kinds import tagged

CONLL = """-DOCSTART- -X- -X- O

EU NNP B-NP B-ORG
rejects VBZ B-VP O
German JJ B-NP B-MISC

# id 7
Peter NNP B-NP B-PER
Blackburn NNP I-NP I-PER
"""


def made(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def read(path: Path, columns: dict | None = None) -> tuple[list, list[str]]:
    """Texts with their spans as (text of it, type), and the problems."""
    problems = Problems()
    found = []
    for row in records(path, columns, problems):
        example = tagged.read(row.fields)
        spans = example.spans and [(example.text[start:end], type_) for start, end, type_ in example.spans]
        found.append((example.text, spans))
    return found, [str(problem) for problem in problems.all(path.name)]


@pytest.mark.parametrize("name", ["a.conll", "a.txt", "a.iob2"])
def test_columns(tmp_path: Path, name: str) -> None:
    found, problems = read(made(tmp_path, name, CONLL))
    assert found == [
        ("EU rejects German", [("EU", "ORG"), ("German", "MISC")]),
        ("Peter Blackburn", [("Peter Blackburn", "PER")]),
    ]
    assert problems == []
    assert [row.where for row in records(tmp_path / name)] == [f"{name}, line 3", f"{name}, line 8"]


def test_other_columns_may_be_named(tmp_path: Path) -> None:
    path = made(tmp_path, "a.conll", CONLL)
    found, _ = read(path, {"tokens": "column 1", "tags": "column 3"})
    assert found[0][1] == [("EU", "NP"), ("rejects", "VP"), ("German", "NP")]
    with pytest.raises(QuickstudyError, match="no 'column 9'; the file has column 1 to column 4"):
        read(path, {"tags": "column 9"})
    with pytest.raises(QuickstudyError, match="'label' is no field of tagging"):
        read(path, {"label": "column 4"})


def test_tabs_may_hold_spaces_and_words_alone_have_no_spans(tmp_path: Path) -> None:
    found, _ = read(made(tmp_path, "a.tsv", "New\tB-place\nYork City\tI-place\n"))
    assert found == [("New YorkCity", [("New YorkCity", "place")])]
    found, _ = read(made(tmp_path, "b.conll", "New\nYork\n\nhere\n"))
    assert found == [("New York", None), ("here", None)]


def test_broken_tags_are_repaired_and_reported(tmp_path: Path) -> None:
    found, problems = read(made(tmp_path, "a.conll", "in O\nNew I-place\nYork I-place\n\nRome B-place\nAda I-person\n"))
    assert [spans for _, spans in found] == [[("New York", "place")], [("Rome", "place"), ("Ada", "person")]]
    assert problems == [
        "a.conll, line 1: 'I-place' at word 2, 'New', was read as the beginning of a span",
        "a.conll, line 5: 'I-person' at word 2, 'Ada', was read as the beginning of a span",
    ]
    rows = made(tmp_path, "a.jsonl", json.dumps({"tokens": ["Rome"], "tags": ["I-place"]}))
    assert read(rows)[1] == ["a.jsonl, line 1: 'I-place' at word 1, 'Rome', was read as the beginning of a span"]


def test_a_sentence_whose_columns_differ_is_left_out_and_reported(tmp_path: Path) -> None:
    path = made(tmp_path, "a.conll", "New B-place\nYork\n\nRome B-place\n")
    found, problems = read(path)
    assert found == [("Rome", [("Rome", "place")])]
    assert problems == ["a.conll, line 2: this line has 1 column where others have 2; it was left out"]
    with pytest.raises(QuickstudyError, match=r"line 2.*correct it or remove it"):
        list(records(path))


@pytest.mark.parametrize(
    "row",
    [
        {"tokens": ["in", "Rome"], "tags": ["O", "B-place"]},
        {"words": ["in", "Rome"], "ner_tags": ["O", "B-place"], "id": 3},
        {"text": "in Rome", "spans": [{"start": 3, "end": 7, "label": "place"}], "answer": "accept"},
        {
            "text": "in Rome",
            "tokens": [{"text": "in", "start": 0, "end": 2, "id": 0}, {"text": "Rome", "start": 3, "end": 7, "id": 1}],
            "spans": [{"start": 3, "end": 7, "token_start": 1, "token_end": 1, "label": "place"}],
        },
        {"text": "in Rome", "label": [[3, 7, "place"]]},
        {"text": "in Rome", "entities": [{"id": 1, "start_offset": 3, "end_offset": 7, "label": "place"}]},
        {"text": "in Rome", "label": [{"start": 3, "end": 7, "text": "Rome", "labels": ["place"]}]},
        {
            "data": {"text": "in Rome"},
            "annotations": [
                {"was_cancelled": True, "result": []},
                {
                    "result": [
                        {"type": "choices", "value": {"choices": ["good"]}},
                        {"type": "labels", "value": {"start": 3, "end": 7, "text": "Rome", "labels": ["place"]}},
                    ]
                },
            ],
        },
    ],
    ids=[
        "tokens",
        "other names",
        "Prodigy",
        "Prodigy's words",
        "doccano",
        "doccano's entities",
        "studio",
        "studio whole",
    ],
)
@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_rows_of_annotation_tools(tmp_path: Path, row: dict, name: str) -> None:
    text = json.dumps(row) if name == "a.jsonl" else json.dumps([row])
    assert read(made(tmp_path, name, text)) == ([("in Rome", [("Rome", "place")])], [])


def test_places_counted_as_a_browser_does_are_put_right(tmp_path: Path) -> None:
    value = {"start": 3, "end": 7, "text": "Rome", "labels": ["place"]}
    rows = [{"text": "😀 Rome", "label": [value]}, {"text": "😀😀 Roma", "label": [value]}]
    found, problems = read(made(tmp_path, "a.json", json.dumps(rows)))
    assert found == [("😀 Rome", [("Rome", "place")])]
    assert len(problems) == 1 and "item 2: the span from 3 to 7" in problems[0] and "not 'Rome'" in problems[0]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"text": "x", "answer": "reject", "spans": []}, "its answer is 'reject'"),
        ({"text": "x", "spans": ["B-x"]}, "no object with start"),
        ({"text": "x", "label": [{"start": 0, "end": 1, "labels": ["a", "b"]}]}, "2 types"),
        ({"id": 3}, "neither tokens nor a text"),
        ({"data": {"image": 3}, "annotations": []}, "no text in its data"),
    ],
)
def test_a_row_that_cannot_be_used_is_reported_with_its_line(tmp_path: Path, row: dict, said: str) -> None:
    good = {"text": "fine", "spans": []}
    found, problems = read(made(tmp_path, "a.jsonl", "\n".join(map(json.dumps, (good, row)))))
    assert found == [("fine", ())]
    assert len(problems) == 1 and problems[0].startswith("a.jsonl, line 2: ") and said in problems[0]


def test_other_files_are_texts_without_spans(tmp_path: Path) -> None:
    assert read(made(tmp_path, "a.txt", "the first text\nthe second O\n"))[0] == [
        ("the first text", None),
        ("the second O", None),
    ]
    assert read(made(tmp_path, "a.csv", "text,id\nin Rome,3\nin Paris,4\n"))[0] == [
        ("in Rome", None),
        ("in Paris", None),
    ]


@pytest.mark.parametrize("name", ["a.conll", "a.jsonl", "a.docx"])
def test_an_empty_or_unknown_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(QuickstudyError, match=r"empty|not known"):
        list(records(made(tmp_path, name, "")))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(QuickstudyError, match="no file or folder"):
        list(records(tmp_path / "a.conll"))
