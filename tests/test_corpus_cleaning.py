"""What is done to a document before it is kept, and how its words and pieces are found."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from texts import texts
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer

from quickstudy.backbones import bytelevel
from quickstudy.corpus import cleaning, fingerprints, languages, memory, pieces, private, repairing, structure, words
from quickstudy.corpus.settings import Settings
from quickstudy.corpus.vocabulary import plain
from quickstudy.episodes.cleaning import normalised

TEXT = "It was a long day in the town, and nobody knew what to say about the weather."
CHINESE = "今天天气很好，我们去公园散步吧。他说这个问题很难回答。"


def cleaned(text: str, **settings: object) -> tuple[list[list[str]], Counter[str]]:
    counts: Counter[str] = Counter()
    found = cleaning.cleaned(text, "", Settings(**settings), counts)  # type: ignore[arg-type]
    return [document.lines for document in found], +counts


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("doesnâ€™t", "doesn’t"),
        ("schÃ¶n und grÃ¼n", "schön und grün"),
        ("fish &amp; chips &lt;b&gt;", "fish & chips <b>"),
        ("café “so” – été…”", "café “so” – été…”"),
        ("one\r\ntwo\rthree\u2028four", "one\ntwo\nthree\nfour"),
        ("a\x00b\u200bc\ufeff-d", "abc-d"),
        ("e\u0301", "é"),
        (CHINESE, CHINESE),
    ],
)
def test_letters_are_mended(text: str, wanted: str) -> None:
    assert repairing.repaired(text)[0] == wanted


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Too short.", "too short"),
        ("12 34 56 78 90 12 34 56 78 90 12 34", "few letters"),
        ("x" * 200, "no words"),
        ("word and " * 100, "few different words"),
        ("\n\n".join(["Subscribe to our letter now."] * 8), "repeated lines"),
        ("\ufffd\ufffd\ufffd what is this that stands here", "unreadable characters"),
    ],
)
def test_what_is_no_text_is_dropped_and_counted(text: str, reason: str) -> None:
    found, counts = cleaned(text)
    assert not found
    assert counts == {f"dropped: {reason}": 1}


def test_a_chinese_letter_counts_for_three() -> None:
    assert cleaned("今天天气很好我们去公园")[0] == [["今天天气很好我们去公园"]]


def test_other_languages_go_where_one_is_asked_for() -> None:
    pytest.importorskip("py3langid")
    german = "Das ist ein langer Satz über das Wetter, den niemand so recht verstehen wollte."
    assert languages.language(TEXT) == "en"
    assert languages.language(german) == "de"
    assert languages.language(CHINESE) == "zh"
    assert cleaned(german, languages=("en",)) == ([], {"dropped: another language": 1})
    assert cleaned(german, languages=("en", "de"))[0]


@pytest.mark.parametrize(
    ("text", "kind", "left"),
    [
        ("Write to jo.b+x@mail.example.com today", "email", "Write to [email] today"),
        ("Call +49 170 1234567 or (030) 1234-5678.", "phone", "Call [phone] or [phone]."),
        ("Card 4111 1111 1111 1111 it is", "card", "Card [card] it is"),
        ("To DE89 3704 0044 0532 0130 00 please", "iban", "To [iban] please"),
        ("From 192.168.10.1 and 2001:db8:0:0:0:0:2:1", "ip", "From [ip] and [ip]"),
    ],
)
def test_personal_data_is_replaced(text: str, kind: str, left: str) -> None:
    counts: Counter[str] = Counter()
    assert private.scrubbed(text, [kind], counts) == left
    assert counts[kind] == left.count(f"[{kind}]")


def test_personal_data_in_a_title_is_replaced_once() -> None:
    counts: Counter[str] = Counter()
    settings = Settings(scrub=("email",), longest=200)
    found = list(cleaning.cleaned(" ".join([TEXT] * 5), "Mail from jo@example.com", settings, counts))
    assert len(found) > 2
    assert {document.lines[0] for document in found[:-1]} == {structure.HEAD + "Mail from [email]"}
    assert counts["scrubbed: email"] == 1


@pytest.mark.parametrize(
    "text",
    ["On 2024-01-05 10 and 05.01.2024", "4111 1111 1111 1112 is none", "version 1.2.3.4.5 and 3.14159265358", "a @ b",
     "DE88 3704 0044 0532 0130 00", "pages 100-120, 1990-1995", "the year 1234567890"],
)  # fmt: skip
def test_what_only_looks_like_personal_data_stays(text: str) -> None:
    assert private.scrubbed(text, ("email", "phone", "card", "iban", "ip"), Counter()) == text


def test_structure_is_seen() -> None:
    text = (
        "# The Title\nName: value of it\n\nA line that was\nbroken. Mr. Smith came! Did he?\n"
        "- first item\n- second item\n\n"
        "Under Line\n----------\nIt goes [on](http://x.y/z) here, as [[Berlin|the city]] and [[Rome]] do.\n\n"
        "Last One\n\nEnd."
    )
    assert [structure.flag(line)[0] for line in structure.sentences(text)] == [1, 2, 0, 0, 0, 0, 0, 1, 0, 1, 0]
    said = [structure.plain(structure.flag(line)[1]) for line in structure.sentences(text)]
    assert said[:5] == ["The Title", "Name: value of it", "A line that was broken.", "Mr. Smith came!", "Did he?"]
    linked = structure.flag(structure.sentences(text)[8])[1]
    bare, links = structure.links(linked)
    assert bare == said[8] == "It goes on here, as the city and Rome do."
    assert [(bare[start:end], target) for start, end, target in links] == [
        ("on", "http://x.y/z"), ("the city", "Berlin"), ("Rome", "Rome"),
    ]  # fmt: skip


def test_long_texts_are_cut_at_sentences() -> None:
    text = " ".join(texts(40))
    found, counts = cleaned(text, longest=600)
    assert counts["cut"] == len(found) - 2 > 5
    assert found[-1] == [], "(what stands for them all)"
    assert " ".join(line for lines in found for line in lines) == text


def test_a_copy_with_a_longer_beginning_is_soon_cut_at_the_same_places() -> None:
    text = " ".join(texts(60))
    one, other = ({" ".join(lines) for lines in cleaned(said, longest=600)[0]} for said in (text, TEXT * 3 + text))
    assert len(one & other) > 0.7 * len(one) > 10


@given(st.text(alphabet="abcXYZ 01.,!?’“”—é ßÄ中文。，！ ﬁΩ①½\u3000\u00a0\n\t日本ひ$+<=>^`|~_#%&ａＢ"))
def test_the_key_is_the_normalised_text(text: str) -> None:
    assert cleaning.key(text) == normalised(text).encode()


def test_near_texts_meet_and_others_do_not() -> None:
    keys = [cleaning.key(" ".join(texts(3, seed))) for seed in range(200)]
    near = [key[: len(key) // 2] + b"xyz" + key[len(key) // 2 :] for key in keys]
    alike = [
        fingerprints.similarity(fingerprints.runs(a), fingerprints.runs(b)) for a, b in zip(keys, near, strict=True)
    ]
    assert min(alike) > 0.8
    assert (fingerprints.bands(keys, 0) == fingerprints.bands(near, 0)).any(axis=1).mean() == 1.0
    assert (fingerprints.bands(keys[1:], 0) == fingerprints.bands(keys[:-1], 0)).any(axis=1).mean() < 0.2


def test_bands_do_not_hang_on_what_else_is_hashed() -> None:
    keys = [cleaning.key(" ".join(texts(40, seed))) for seed in range(40)] + [b"short", b"", b"short", b"12345678"]
    together = fingerprints.bands(keys, 3)
    assert np.array_equal(together, np.concatenate([fingerprints.bands([key], 3) for key in keys]))
    assert np.array_equal(together[-4], together[-2])
    assert not np.array_equal(together, fingerprints.bands(keys, 4))


def test_words_of_english_and_chinese() -> None:
    assert [word for word, _, _ in words.found("Don’t stop, Été 2nd!")] == ["don't", "stop", "été", "nd"]
    pytest.importorskip("rjieba")
    found = list(words.found(CHINESE))
    assert "公园" in [word for word, _, _ in found]
    assert all(CHINESE[start:end] == word for word, start, end in found)


def test_pieces_give_what_sentences_give() -> None:
    said = [part for text in texts(50) for part in structure.sentences(text)] + [CHINESE, "ﬁne  Ångström", ""]
    tokenizer = bytelevel.train(said, 400)
    assert pieces.exact(tokenizer, said)
    wanted = {"river": 0, "stone": 1}
    apart = pieces.Pieces(tokenizer, wanted, True)
    whole = pieces.Pieces(tokenizer, wanted, False)
    for part in (said[:30], said):  # again, from memory
        for one, other in zip(apart.encode(part), whole.encode(part), strict=True):
            assert np.array_equal(one, other)
    assert len(apart.encode(said).spoken)


def test_long_pieces_and_more_than_are_remembered_are_read_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    said = [*texts(60), "x" * 500, "Ünï cödé " + "ÿ" * 300 + " ok", ""]
    tokenizer = bytelevel.train(said, 400)
    monkeypatch.setattr(pieces, "MOST", 50)
    monkeypatch.setattr(memory, "_POWERS", [np.zeros(0, np.uint64)] * 2)
    assert pieces.Pieces(tokenizer, {}, True).encode([""]).lengths.tolist() == [0]
    monkeypatch.setattr(pieces, "_AT_ONCE", 300)
    read = pieces.Pieces(tokenizer, {}, True)
    for _ in range(2):
        found = read.encode(said)
        assert found.tokens.tolist() == [
            each for text in said for each in tokenizer.encode(text, add_special_tokens=False).ids
        ]
        assert len(found.lengths) == len(said)


def test_pieces_are_known_by_their_letters_wherever_they_stand() -> None:
    data = np.frombuffer(b"one two one twp eno", np.uint8)
    starts = np.array([0, 4, 8, 12, 16])
    found = memory.hashed(data, starts, starts + 3)
    assert found[0] == found[2]
    assert len(set(found.tolist())) == 4
    known = memory.Memory()
    crowd = (np.uint64(5) << np.uint64(44)) + np.arange(1, 400, dtype=np.uint64)  # of one slot
    known.add(crowd[:200], 10)
    known.add(crowd[200:300], 210)
    assert known.numbers(crowd).tolist() == [*range(10, 310), *[-1] * 99]


def test_a_mark_in_a_text_is_no_mark() -> None:
    tokenizer = plain(bytelevel.train(texts(20), 300))
    ids = pieces.Pieces(tokenizer, {}, True).encode(["He wrote <s> and </s> here"]).tokens.tolist()
    assert not {tokenizer.token_to_id("<s>"), tokenizer.token_to_id("</s>")} & set(ids)
    assert tokenizer.decode(ids) == "He wrote <s> and </s> here"


def test_a_tokenizer_that_joins_across_spaces_is_found_out() -> None:
    said = [part for text in texts(50) for part in structure.sentences(text)]
    joining = Tokenizer(BPE(unk_token="?"))
    joining.train_from_iterator(said, BpeTrainer(vocab_size=300, special_tokens=["?"], show_progress=False))
    assert not pieces.exact(joining, said)
    encoded = pieces.Pieces(joining, {}, False).encode(said)
    assert encoded.tokens.tolist() == [each for text in said for each in joining.encode(text).ids]


def test_what_lies_between_no_spaces_is_not_remembered_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "MOST_IDS", 500)
    tokenizer = bytelevel.train(texts(20), 300)
    read = pieces.Pieces(tokenizer, {}, True)
    for number in range(20):
        said = "".join(texts(3, seed=number)).replace(" ", "")
        assert read.encode([said]).tokens.tolist() == tokenizer.encode(said, add_special_tokens=False).ids
    assert len(read._ids) < 1500
