"""Readers: every format gives the same records; any input gives records or one clear sentence."""

import csv
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quickstudy.core.types import QuickstudyError
from quickstudy.episodes import files
from quickstudy.episodes.cleaning import clean, clean_label
from quickstudy.episodes.files import records
from quickstudy.episodes.hub import hub_name
from quickstudy.episodes.records import Problems

ROWS = [
    ("where is my card", "card arrival"),
    ("it still has not come, and I wait", "card arrival"),
    ("I forgot my pin", "pin"),
    ('he said "no"\nand left', "refusal"),
]
PROPERTY = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
CELL = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufeff\u2028\u2029\x85"), max_size=30)


def pairs(path: Path, **options: object) -> list[tuple[str, str]]:
    return [(fields["text"], fields["label"]) for _, fields in records(path, **options)]


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def write_table(path: Path, rows: list, delimiter: str = ",", encoding: str = "utf-8") -> Path:
    with path.open("w", newline="", encoding=encoding) as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("header", [[("text", "label")], [("Utterance", "Intent")], [("文本", "标签")], []])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_tables(tmp_path, delimiter, header, encoding):
    found = write_table(tmp_path / "cards.csv", [*header, *ROWS], delimiter, encoding)
    assert pairs(found) == ROWS


def test_line_numbers_of_a_table(tmp_path):
    text = 'text,label\r\n\r\n"one\r\ntwo",a\r\nthree,b\r\n\r\nfour,a'
    found = list(records(write(tmp_path / "cards.csv", text)))
    assert [where for where, _ in found] == ["cards.csv, line 3", "cards.csv, line 5", "cards.csv, line 7"]
    assert found[0].fields["text"] == "one\ntwo"


def test_every_other_format_gives_the_same(tmp_path):
    lines = [json.dumps({"text": text, "label": label}) for text, label in ROWS]
    folder = {label: [text for text, other in ROWS if other == label] for _, label in ROWS}
    assert pairs(write(tmp_path / "a.jsonl", "\n\n".join(lines))) == ROWS
    assert pairs(write(tmp_path / "b.json", "[" + ",\n".join(lines) + "]")) == ROWS
    assert pairs(write(tmp_path / "c.json", "\n".join(lines))) == ROWS
    assert pairs(write(tmp_path / "d.json", json.dumps(folder))) == ROWS
    columns = {"text": [text for text, _ in ROWS], "label": [label for _, label in ROWS]}
    assert pairs(write(tmp_path / "e.json", json.dumps(columns))) == ROWS
    for label, texts in folder.items():
        (tmp_path / "tree" / label).mkdir(parents=True)
        for number, text in enumerate(texts):
            write(tmp_path / "tree" / label / f"{number}.txt", text)
    assert sorted(pairs(tmp_path / "tree")) == sorted(ROWS)


def test_parquet_and_saved_datasets(tmp_path):
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "yes"])})
    found = datasets.Dataset.from_dict({"text": ["a b", "c d", "e"], "label": [1, 0, -1]}, features=features)
    found.save_to_disk(str(tmp_path / "saved"))
    datasets.DatasetDict({"test": found}).save_to_disk(str(tmp_path / "parts"))
    found.to_parquet(str(tmp_path / "rows.parquet"))
    for place in ("saved", "parts", "rows.parquet"):
        fields = [record.fields for record in records(tmp_path / place)]
        assert fields == [{"text": "a b", "label": "yes"}, {"text": "c d", "label": "no"}, {"text": "e"}]
    (tmp_path / "rows.parquet").write_bytes((tmp_path / "rows.parquet").read_bytes()[:-40])
    with pytest.raises(QuickstudyError, match=r"rows\.parquet: damaged"):
        list(records(tmp_path / "rows.parquet"))


def test_a_text_file_a_class(tmp_path):
    write(tmp_path / "pin.txt", "I forgot it\n\nnew pin\n")
    write(tmp_path / "lost.txt", "gone\n")
    found = [(where, fields["text"], fields["label"]) for where, fields in records(tmp_path)]
    assert found == [
        ("lost.txt, line 1", "gone", "lost"),
        ("pin.txt, line 1", "I forgot it", "pin"),
        ("pin.txt, line 3", "new pin", "pin"),
    ]


def test_plain_text_and_one_column_are_texts(tmp_path):
    assert [row.fields for row in records(write(tmp_path / "a.txt", "one, two\n\nthree\n"))] == [
        {"text": "one, two"},
        {"text": "three"},
    ]
    for text in ("text\nhello, you\n", "hello, you\nno\nyes\n"):
        found = [row.fields for row in records(write(tmp_path / "a.csv", text))]
        assert found[0] == {"text": "hello, you"}


def test_quotation_marks_that_mean_nothing_in_tsv(tmp_path):
    text = 'text\tlabel\n"Hello, he said\tgreeting\nit is 5" wide\tsize\n'
    assert pairs(write(tmp_path / "a.tsv", text)) == [
        ('"Hello, he said', "greeting"),
        ('it is 5" wide', "size"),
    ]


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8"])
def test_chinese(tmp_path, encoding):
    problems = Problems()
    path = write(tmp_path / "a.csv", "内容,类别\n物流很快，早上下单,好评\n音质太差了,差评\n", encoding)
    assert list(pairs(path, problems=problems)) == [("物流很快，早上下单", "好评"), ("音质太差了", "差评")]
    assert bool(problems.all("a")) == (encoding == "gb18030")


def test_western_and_broken_bytes(tmp_path):
    problems = Problems()
    path = write(tmp_path / "a.csv", "text,label\nun café énorme,été\nça va,hiver\n", "cp1252")
    assert pairs(path, problems=problems) == [("un café énorme", "été"), ("ça va", "hiver")]
    assert "cp1252" in str(problems.all("a")[0])
    good = "text,label\n" + "un café énorme,été\n" * 5
    (tmp_path / "b.csv").write_bytes(good.encode() + b"caf\xe9 noir,hiver\n")
    assert pairs(tmp_path / "b.csv")[-1] == ("caf\ufffd noir", "hiver")


def test_control_characters_and_unicode_forms(tmp_path):
    text = "text,label\nn\x00u\x01l\tl\u0065\u0301 \u202bשלום 🎉,a\x00\n"
    assert pairs(write(tmp_path / "a.csv", text)) == [("nul\tl\u00e9 \u202bשלום 🎉", "a")]
    lone = '{"text": "half \\ud83d of it", "label": "a"}'
    assert pairs(write(tmp_path / "b.jsonl", lone)) == [("half  of it", "a")]


def test_a_text_of_ten_megabytes(tmp_path):
    large = "wörd, " * 1_700_000
    path = write_table(tmp_path / "a.csv", [("text", "label"), (large, "long"), ("x", "short")])
    assert pairs(path) == [(large, "long"), ("x", "short")]


def test_values(tmp_path):
    rows = [
        {"text": 5, "label": 3.0, "sentence2": "x", "extra": {"k": [1]}, "domain": None},
        {"text": "b", "label": True, "description": "what it is"},
        {"text": "c", "label": ["x", "y"]},
        {"text": "d", "label": float("nan")},
    ]
    found = list(records(write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows)))))
    assert [row.fields for row in found] == [
        {"text": "5", "label": "3", "pair": "x", "extra": {"k": [1]}},
        {"text": "b", "label": "true", "description": "what it is"},
        {"text": "c", "labels": ["x", "y"]},
        {"text": "d"},
    ]


@pytest.mark.parametrize("cell", ["['red', 'blue']", '["red", "blue"]', "red|blue", " red ; blue", "red, blue"])
def test_several_labels_in_a_cell(tmp_path, cell):
    path = write_table(tmp_path / "a.csv", [("text", "labels"), ("t", cell), ("u", "")])
    assert [row.fields["labels"] for row in records(path)] == [["red", "blue"], []]


def test_columns_by_name_and_by_content(tmp_path):
    rows = [("id", "q1", "kind_of"), ("1", "where is my card please", "a"), ("2", "and what is the pin", "b")]
    path = write_table(tmp_path / "a.csv", rows + [(str(n), f"some words number {n}", "ab"[n % 2]) for n in range(9)])
    found = next(records(path)).fields
    assert found == {"id": "1", "text": "where is my card please", "label": "a"}
    found = next(records(path, columns={"text": "kind_of", "label": "id"})).fields
    assert found == {"label": "1", "q1": "where is my card please", "text": "a"}
    with pytest.raises(QuickstudyError, match="no column 'words' for text; the columns are 'id', 'q1', 'kind_of'"):
        list(records(path, columns={"text": "words"}))
    with pytest.raises(QuickstudyError, match="'txet' is no field"):
        list(records(path, columns={"txet": "q1"}))


def test_a_label_in_words_goes_before_one_in_numbers(tmp_path):
    rows = [{"text": f"t {n}", "label": n % 2, "label_text": ["no", "yes"][n % 2]} for n in range(4)]
    path = write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows)))
    assert [row.fields["label"] for row in records(path)] == ["no", "yes", "no", "yes"]


def test_fields_of_other_kinds_keep_their_names(tmp_path):
    row = {"question": "who?", "context": "he", "answers": [{"text": "he", "start": 0}]}
    assert next(records(write(tmp_path / "a.jsonl", json.dumps(row)))).fields == row


HOSTILE = {
    "empty.csv": (b"", "empty"),
    "blank.csv": (b"\n\n \n", "no rows"),
    "header.csv": (b"text,label\n", "no rows"),
    "numbers.csv": (b"a,b\n1,2\n3,4\n5,6\n", "no column can be taken for the text; the columns are 'a', 'b'"),
    "quote.csv": (
        b'text,label\na,b\n"open,c\nd,e\n',
        "line 3: a quotation mark is opened here and never closed",
    ),
    "excel.csv": (b"PK\x03\x04" + bytes(100), "not a text file"),
    "task.csv": (
        b"\x90\x06" + bytes(6) + b'{"__metadata__": {"format": "quickstudy.task"}}' + b"\xcd\x8b",
        "not a text file",
    ),
    "program.txt": (b"\x7fELF\xff" + b"\xe8\x01\0\0\x89" * 100 + b"words " * 100, "not a text file"),
    "book.xlsx": (b"PK\x03\x04", r"files \.xlsx are not known"),
    "noending": (b"a,b", "without an ending"),
    "bad.json": (b'{"a": [', r"no valid JSON \(.*line 1"),
    "odd.json": (b"3", "a list of objects"),
    "deep.json": (b"[" * 200_000, "nested too deeply"),
    "deep.jsonl": (b"[" * 200_000, "line 1: this is no JSON object"),
    "list.jsonl": (b"[1]\n", "line 1: an object in braces was expected, not a list"),
    "null.jsonl": (b'{"text": "a", "label": "b"}\nnull\n', "line 2: an object in braces"),
    "wide.csv": (b"text,label\na,b\nc,d,e\nf,g\n", "line 3: 3 cells where 2 were expected"),
    "text.jsonl": (b'{"text": ["a"], "label": "b"}', "line 1: text is a list"),
    "label.jsonl": (b'{"text": "a", "label": {"b": 1}}', "line 1: label is an object"),
    "not.parquet": (b"PAR1 nothing", "damaged, or no Parquet file"),
    "nested.jsonl": (
        b'{"text": "a", "more": ' + b"[" * 700 + b"]" * 700 + b"}",
        "line 1: .*nested too deeply",
    ),
    "digits.jsonl": (b'{"text": "a", "label": ' + b"9" * 5000 + b"}", "line 1"),
}


HEADERS = {
    "a data row that holds a name": ("hello,topic\nsport news,topic\nfoo bar,other\n", 3),
    "one example without a header": ("where is my card,card arrival\n", 1),
    "unknown names over numbers": (
        "No,Ticket Subject,Team\n1,cannot log in,IT\n2,no pay,HR\n3,mail,IT\n4,pc,IT\n",
        4,
    ),
    "numbers as labels, no header": ("1,foo bar baz\n0,baz qux\n1,yes it is\n0,nope no\n", 4),
    "a name twice": ("text,text,label\na,b,c\n", 1),
    "semicolons in quotation marks": ('"a;b",x\n"c;d",y\n"e;f",x\n', 3),
    "commas in a table with semicolons": ("text;label\nhello, you;a\nbye, now;b\n", 2),
}


@pytest.mark.parametrize("name", HEADERS)
def test_headers_and_delimiters(tmp_path, name):
    text, rows = HEADERS[name]
    found = [row.fields for row in records(write(tmp_path / "a.csv", text))]
    assert len(found) == rows and all({"text", "label"} <= set(fields) for fields in found)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files(tmp_path, name):
    content, message = HOSTILE[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(QuickstudyError, match=message) as error:
        list(records(tmp_path / name))
    assert name in str(error.value) and "\n" not in str(error.value)


def test_places_that_hold_nothing(tmp_path):
    with pytest.raises(QuickstudyError, match="no file or folder of this name"):
        list(records(tmp_path / "missing.csv"))
    with pytest.raises(QuickstudyError, match="no file or folder"):
        list(records("a\x00b.csv"))
    with pytest.raises(QuickstudyError, match="no file or folder"):
        list(records("x" * 5000 + "/"))
    with pytest.raises(QuickstudyError, match="needs a sub-folder or a"):
        list(records(tmp_path))
    write(tmp_path / "state.json", "{}")
    with pytest.raises(QuickstudyError, match="saved data set cannot be opened"):
        list(records(tmp_path))


def test_hub_names():
    assert hub_name("ag_news") == ("ag_news", None, None)
    assert hub_name("hf:owner/name:test") == ("owner/name", None, "test")
    assert hub_name("hf:glue:mrpc:validation") == ("glue", "mrpc", "validation")
    assert hub_name("/etc/passwd") is None
    assert hub_name("../up") is None


@PROPERTY
@given(rows=st.lists(st.tuples(CELL, CELL), min_size=1, max_size=8))
def test_a_written_table_comes_back(tmp_path, rows):
    wanted = [(clean(text), clean_label(label)) for text, label in rows if text.strip() or label.strip()]
    path = write_table(tmp_path / "a.csv", [("text", "label"), *rows])
    problems = Problems()
    if not wanted:
        with pytest.raises(QuickstudyError):
            list(records(path))
        return
    found = [(row.fields["text"], row.fields.get("label", "")) for row in records(path, problems=problems)]
    assert found == wanted


@PROPERTY
@given(rows=st.lists(st.tuples(CELL, CELL), min_size=1, max_size=8))
def test_written_lines_come_back(tmp_path, rows):
    lines = [json.dumps({"text": text, "label": label}, ensure_ascii=len(text) % 2 == 0) for text, label in rows]
    path = write(tmp_path / "a.jsonl", "\n".join(lines))
    found = [(row.fields["text"], row.fields.get("label", "")) for row in records(path)]
    assert found == [(clean(text), clean_label(label)) for text, label in rows]


@PROPERTY
@given(
    content=st.binary(max_size=300),
    suffix=st.sampled_from([".csv", ".tsv", ".jsonl", ".json", ".txt", ".parquet"]),
)
def test_any_bytes_give_records_or_one_sentence(tmp_path, content, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    try:
        found = list(records(path, problems=Problems()))
    except QuickstudyError as error:
        assert "\n" not in str(error)
        return
    for where, fields in found:
        assert where.startswith("a.")
        json.dumps(fields, ensure_ascii=False).encode("utf-8")


@PROPERTY
@given(text=st.text('ab,;\t"\n\r\x00é文', max_size=60), encoding=st.sampled_from(["utf-8", "utf-16", "gb18030"]))
def test_any_table_gives_records_or_one_sentence(tmp_path, text, encoding):
    path = write(tmp_path / "a.csv", text, encoding)
    try:
        list(records(path, problems=Problems()))
    except QuickstudyError as error:
        assert "\n" not in str(error)


def test_the_line_that_tells_excel_its_separator_is_no_row(tmp_path):
    path = tmp_path / "excel.csv"
    path.write_text("sep=;\r\nSubject;Category\r\nwhere is it;delivery\r\nI forgot;login\r\n", encoding="utf-8-sig")
    first, _ = records(path)
    assert first.where == "excel.csv, line 3" and first.fields == {"text": "where is it", "label": "delivery"}


def test_a_list_among_objects_is_left_out_for_what_it_is(tmp_path):
    path = tmp_path / "mixed.jsonl"
    path.write_text('{"text": "a", "label": "x"}\n["b", "y"]\n{"text": "c", "label": "y"}\n')
    problems = Problems()
    assert [row.fields["text"] for row in records(path, None, problems)] == ["a", "c"]
    [problem] = problems.all("mixed.jsonl")
    assert "it has 'column 1', 'column 2', and rows are read by 'text', 'label'" in str(problem)
    with pytest.raises(QuickstudyError, match="line 2: it has 'column 1'"):
        list(records(path))


def test_a_bare_name_that_is_nothing_is_no_file_first(monkeypatch):
    def nowhere(name):
        raise QuickstudyError(f"hf:{name.repository}: the hub is away")
        yield

    monkeypatch.setattr(files, "hub_rows", nowhere)
    with pytest.raises(QuickstudyError, match=r"^nope: there is no such file or folder, and no data set is found: hf:"):
        list(records("nope"))
    with pytest.raises(QuickstudyError, match=r"^hf:nope: the hub is away"):
        list(records("hf:nope"))
