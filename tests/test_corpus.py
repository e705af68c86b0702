"""A corpus compiled: what its folder holds, that the parts share nothing, that it is the same however it is made."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from texts import lines, texts
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from quickstudy.core.files import TEMPORARY
from quickstudy.core.types import QuickstudyError
from quickstudy.corpus import building, duplicates, encoding, resuming, sifting
from quickstudy.corpus.building import build
from quickstudy.corpus.places import places
from quickstudy.corpus.settings import Settings
from quickstudy.corpus.store import PARTS, TEST, Corpus

SMALL = Settings(tokenizer="own:400", least_uses=3, ways=2, most_frequent=0.05)


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lines(tmp_path_factory.mktemp("raw") / "raw.jsonl", [{"text": text} for text in texts(400)])


@pytest.fixture(scope="module")
def corpus(named: Path, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return build([named], tmp_path_factory.mktemp("made") / "corpus", SMALL)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_sentences_are_what_the_tokenizer_reads_whole(corpus: Corpus) -> None:
    said = [corpus.text(number) for number in range(len(corpus.flags))]
    assert sorted(
        " ".join(said[a:b]) for a, b in zip(corpus.documents[:-1], corpus.documents[1:], strict=True)
    ) == sorted(texts(400))
    for number in range(0, len(said), 50):
        ids = corpus.tokenizer.encode(said[number], add_special_tokens=False).ids
        assert corpus.rows([number], 1000)[0].tolist() == ids
        assert corpus.rows([number], 3)[0].tolist() == ids[:3]


def test_no_word_nor_document_is_in_two_parts(corpus: Corpus) -> None:
    assert len({word.word for word in corpus.words}) == len(corpus.words) > 20
    for number, word in enumerate(corpus.words):
        at = slice(corpus.uses[number], corpus.uses[number + 1])
        owners = corpus.split[corpus.document_of(corpus.use_sentence[at])]
        assert 3 <= len(owners) <= word.count
        assert set(owners.tolist()) == {word.split}
        for sentence, (start, end) in zip(corpus.use_sentence[at], corpus.use_span[at], strict=True):
            row = corpus.rows([sentence], 1000)[0]
            assert corpus.tokenizer.decode(row[start:end].tolist()).strip().lower() == word.word
            assert corpus.text(sentence).lower().rstrip(".?!").split().count(word.word) == 1, (
                "it would stand there still"
            )
    proof = corpus.manifest["proof"]
    assert proof["words in two parts"] == proof["near-duplicates in two parts"] == 0
    assert proof["words a part"] == [len(corpus.words_of(part)) for part in PARTS]


def test_parts_are_as_large_as_asked_for(corpus: Corpus) -> None:
    assert [len(corpus.documents_of(part)) for part in PARTS] == [320, 40, 40]


def test_two_workers_make_the_same_bytes(named: Path, corpus: Corpus, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(sifting, "SIZE", 20_000)  # several shards
    alone = build([named], tmp_path / "alone", SMALL)
    two = build([named], tmp_path / "two", SMALL, workers=2)
    assert files(alone.folder) == files(two.folder)
    assert not (tmp_path / "two.building").exists()


def test_another_seed_makes_another_split(named: Path, corpus: Corpus, tmp_path: Path) -> None:
    other = build([named], tmp_path / "other", Settings(**{**vars(SMALL), "seed": 1}))
    assert not np.array_equal(other.split, corpus.split)
    assert {word.word: word.split for word in other.words} != {word.word: word.split for word in corpus.words}


def test_it_goes_on_where_it_was_killed(named: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = f"""
import os, signal
from quickstudy.corpus import building, sifting
from quickstudy.corpus.settings import Settings
sifting.SIZE = 20_000
def watch(what, done, whole):
    if what == "tokenising" and done == 2:
        os.kill(os.getpid(), signal.SIGKILL)
building.build([{str(named)!r}], {str(tmp_path / "made")!r}, {SMALL!r}, watch=watch)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert not (tmp_path / "made").exists()
    monkeypatch.setattr(sifting, "SIZE", 20_000)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "made.building").rglob("0*.npz")}
    assert len(before) > 3
    done: list[int] = []
    work = encoding.Encode._encoded
    monkeypatch.setattr(encoding.Encode, "_encoded", lambda self, *job: (done.append(job[0]), work(self, *job))[1])
    monkeypatch.setattr(sifting.Sift, "_write", None)
    build([named], tmp_path / "made", SMALL)
    assert done and 0 not in done
    monkeypatch.undo()
    monkeypatch.setattr(sifting, "SIZE", 20_000)
    assert files(tmp_path / "made") == files(build([named], tmp_path / "whole", SMALL).folder)


def test_one_killed_while_it_took_documents_out_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = texts(300)
    rows = [{"text": text} for text in (*plain, *(f"{text} indeed" for text in plain[:40]))]
    raw = lines(tmp_path / "raw.jsonl", rows)
    monkeypatch.setattr(duplicates, "near", lambda *_: (0, 0, []))
    forget = building.forget

    def killed(*given: object) -> None:
        forget(*given)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(building, "forget", killed)
        build([raw], tmp_path / "made", SMALL)
    assert files(build([raw], tmp_path / "made", SMALL).folder) == files(build([raw], tmp_path / "whole", SMALL).folder)


def test_a_disk_that_is_full_leaves_what_can_be_gone_on_from(
    named: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        try:
            raise OSError(28, "No space left on device")
        except OSError:
            raise QuickstudyError("cannot write it: the disk is full; free some space and try again") from None

    with monkeypatch.context() as patch, pytest.raises(QuickstudyError, match="the disk is full"):
        patch.setattr(encoding.Encode, "_encoded", full)
        build([named], tmp_path / "made", SMALL)
    assert list((tmp_path / "made.building" / "texts").glob("*.npz"))
    monkeypatch.setattr(sifting.Sift, "_write", None)
    assert len(build([named], tmp_path / "made", SMALL).split) == 400
    assert not (tmp_path / "made.building").exists()


def test_workers_end_with_a_build_that_was_killed() -> None:
    code = """
import math, os, signal
from quickstudy.corpus.workers import spread
for _ in spread(math.sqrt, [1.0] * 50, 2):
    os.kill(os.getpid(), signal.SIGKILL)
"""
    pytest.importorskip("fcntl")
    ran = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, timeout=100, check=False)
    assert ran.returncode == -9, "(it is only back once no worker has its output open)"


def test_what_a_kill_left_before_it_began_is_not_in_the_way(named: Path, tmp_path: Path) -> None:
    (tmp_path / "made.building").mkdir()
    (tmp_path / "made.building" / "lock").touch()
    (tmp_path / "made.building" / TEMPORARY.format("0123")).touch()
    assert len(build([named], tmp_path / "made", SMALL).split) == 400
    (tmp_path / "other.building").mkdir()
    (tmp_path / "other.building" / "thesis.txt").touch()
    with pytest.raises(QuickstudyError, match="in the way"):
        build([named], tmp_path / "other", SMALL)


def test_a_build_does_not_go_on_with_other_texts_to_be_judged_on(named: Path, tmp_path: Path) -> None:
    judged = lines(tmp_path / "judged.jsonl", [{"text": "one"}])
    settings = Settings(without=(str(judged),))
    before = resuming.key(places([named]), settings)
    assert resuming.key(places([named]), settings) == before
    lines(judged, [{"text": "another"}])
    assert resuming.key(places([named]), settings) != before


def test_a_further_build_of_one_name_reads_its_own_texts(tmp_path: Path) -> None:
    near = []
    for plain in (texts(200), texts(260, seed=1)):
        rows = [{"text": text} for text in (*plain, *(f"{text} indeed" for text in plain[-30:]))]
        shutil.rmtree(tmp_path / "made", ignore_errors=True)
        made = build([lines(tmp_path / "raw.jsonl", rows)], tmp_path / "made", Settings(**{**vars(SMALL), "ways": 0}))
        near.append(made.manifest["cleaning"]["dropped"]["nearly the same as another"])
    assert near == [30, 30]


def test_texts_that_the_tokenizer_cannot_tell_apart_are_of_one_part(tmp_path: Path) -> None:
    raw = tmp_path / "raw.txt"
    strange = [" ".join(chr(0x1200 + 7 * number + place) * 4 for place in range(5)) for number in range(20)]
    raw.write_text("\n".join([*texts(60), *strange]))
    words = {word: number for number, word in enumerate(["[UNK]", *sorted({*" ".join(texts(60)).split()})])}
    tokenizer = Tokenizer(WordLevel(words, "[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    settings = Settings(tokenizer=str(tmp_path / "tokenizer.json"), ways=0, documents="line")
    made = build([raw], tmp_path / "made", settings)
    assert made.manifest["proof"]["documents with the same tokens in two parts"] == 0
    unread = [
        part
        for part, first, last in zip(made.split, made.documents[:-1], made.documents[1:], strict=True)
        if not made.tokens[made.sentences[first] : made.sentences[last]].any()
    ]
    assert len(unread) >= 1
    assert len(set(unread)) == 1


def test_copies_and_all_but_copies_go(tmp_path: Path) -> None:
    plain = texts(300)
    near = [f"{text} indeed".upper() for text in plain[:30]]
    made = build(
        [lines(tmp_path / "raw.jsonl", [{"text": text} for text in (*plain, *plain[:50], *near)])],
        tmp_path / "made",
        SMALL,
    )
    dropped = made.manifest["cleaning"]["dropped"]
    same, almost = dropped["the same as another"], dropped["nearly the same as another"]
    assert same >= 50
    assert (same, same + almost) == (50, 80)
    assert len(made.split) == 300


def test_a_near_copy_that_the_first_index_missed_is_found_at_the_end(named: Path, tmp_path: Path, monkeypatch) -> None:
    plain = texts(300)
    raw = lines(
        tmp_path / "raw.jsonl", [{"text": text} for text in (*plain, *(f"{text} indeed" for text in plain[:40]))]
    )
    monkeypatch.setattr(duplicates, "near", lambda *_: (0, 0, []))
    made = build([raw], tmp_path / "made", SMALL)
    assert 5 < made.manifest["cleaning"]["dropped"]["nearly the same as another"] < 40
    assert made.manifest["proof"]["near-duplicates in two parts"] == 0


def test_groups_stay_whole_and_one_may_be_held_out(tmp_path: Path) -> None:
    rows = [{"text": text, "author": f"author {number % 12}"} for number, text in enumerate(texts(360))]
    raw = lines(tmp_path / "raw.jsonl", rows)
    settings = {**vars(SMALL), "group": "author", "held_out": ("author 3",), "ways": 0}
    by_document = build([raw], tmp_path / "documents", Settings(**settings))
    names = [group["name"] for group in by_document.manifest["groups"]]
    held = by_document.group == names.index("author 3")
    assert held.sum() == 30
    assert set(by_document.split[held].tolist()) == {TEST}
    by_group = build([raw], tmp_path / "groups", Settings(**{**settings, "split_by": "groups"}))
    parts = [set(by_group.split[by_group.group == number].tolist()) for number in range(12)]
    assert all(len(part) == 1 for part in parts)
    assert set().union(*parts) == set(PARTS)


def test_what_models_are_judged_on_stays_out(tmp_path: Path) -> None:
    plain = texts(300)
    judged = [plain[0], plain[1] + " Indeed", plain[2].split(". ")[0] + "."]
    without = lines(tmp_path / "judged.jsonl", [{"text": text, "label": "x"} for text in judged])
    raw = lines(tmp_path / "raw.jsonl", [{"text": text} for text in plain])
    made = build([raw], tmp_path / "made", Settings(**{**vars(SMALL), "without": (str(without),)}))
    dropped = made.manifest["cleaning"]["dropped"]
    assert {name: count for name, count in dropped.items() if "judged" in name} == {
        "judged (holds)": 1, "judged (near)": 1, "judged (same)": 1,
    }  # fmt: skip
    assert len(made.split) == 297


def test_what_models_are_judged_on_is_known_when_mended_and_scrubbed(tmp_path: Path) -> None:
    plain = texts(100)
    judged = ["Ask jo@a.de &amp; ann.other@mail.example.com."]
    without = lines(tmp_path / "judged.jsonl", [{"text": text} for text in judged])
    raw = lines(tmp_path / "raw.jsonl", [{"text": text} for text in (*plain, *judged)])
    settings = Settings(**{**vars(SMALL), "ways": 0, "shortest": 5, "without": (str(without),), "scrub": ("email",)})
    assert build([raw], tmp_path / "made", settings).manifest["cleaning"]["dropped"]["judged (same)"] == 1


def test_a_sentence_that_stands_often_is_one_use(tmp_path: Path) -> None:
    often = "By the window she kept an old zither in winter."
    rows = [{"text": f"{text} {often}"} for text in texts(300)]
    made = build([lines(tmp_path / "raw.jsonl", rows)], tmp_path / "made", Settings(**{**vars(SMALL), "ways": 0}))
    assert "zither" not in [word.word for word in made.words]
    for number in range(len(made.words)):
        said = [made.text(sentence) for sentence in made.use_sentence[made.uses[number] : made.uses[number + 1]]]
        assert len(set(said)) == len(said)


def test_compiling_needs_no_torch() -> None:
    code = "import sys, quickstudy.corpus.building; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0, "workers would wait for it"


def test_two_builds_of_one_folder_do_not_meet(named: Path, tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    refusals: list[str] = []

    def watch(what: str, done: int, whole: int | None) -> None:
        if what == "cleaning":
            with pytest.raises(QuickstudyError, match="another process builds this corpus") as error:
                build([named], tmp_path / "made", SMALL)
            refusals.append(str(error.value))

    assert len(build([named], tmp_path / "made", SMALL, watch=watch).split) == 400
    assert refusals


def test_an_earlier_corpus_is_not_overwritten(named: Path, corpus: Corpus) -> None:
    with pytest.raises(QuickstudyError, match="exists already"):
        build([named], corpus.folder, SMALL)


@pytest.mark.parametrize("name", ["tokens.npy", "documents.npy", "words.json", "manifest.json", "uses.npy"])
def test_a_damaged_folder_is_refused(corpus: Corpus, tmp_path: Path, name: str) -> None:
    for path, data in files(corpus.folder).items():
        (tmp_path / path).write_bytes(data if path != name else data[: len(data) // 2])
    with pytest.raises(QuickstudyError, match=name):
        Corpus.open(tmp_path)
