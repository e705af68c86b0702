"""How a build ends: killed while it cleans up, on a full disk, on a text that changes, after some rounds."""

import hashlib
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from texts import lines, texts
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from quickstudy.core.types import QuickstudyError
from quickstudy.corpus import building, duplicates, encoding, proof, sifting
from quickstudy.corpus.building import build
from quickstudy.corpus.settings import Settings

ANY = Settings(tokenizer="own:300", ways=0)


@pytest.fixture
def named(tmp_path: Path) -> Path:
    return lines(tmp_path / "raw.jsonl", [{"text": text} for text in texts(60)])


def killed(named: Path, goal: Path, at: str) -> None:
    """A build in a process of its own, killed where its last removal begins, or when its first part is gone."""
    code = f"""
import os, shutil, signal
from quickstudy.corpus import building, resuming
from quickstudy.corpus.settings import Settings
end = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
remove, rmtree = resuming._remove, shutil.rmtree
if {at!r} == "before":
    resuming._remove = end
else:
    def removing(work):
        shutil.rmtree = lambda *given, **more: (rmtree(*given, **more), end())
        remove(work)
    resuming._remove = removing
building.build([{str(named)!r}], {str(goal)!r}, {ANY!r})
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9


@pytest.mark.parametrize("at", ["before", "during"])
def test_one_killed_while_it_cleaned_up_is_done_when_it_is_run_again(named: Path, tmp_path: Path, at: str) -> None:
    goal, rest = tmp_path / "made", tmp_path / "made.building"
    killed(named, goal, at)
    assert goal.is_dir() and rest.is_dir()
    before = (goal / "manifest.json").stat().st_mtime_ns
    assert len(build([named], goal, ANY).split) == 60
    assert (goal / "manifest.json").stat().st_mtime_ns == before
    assert not rest.exists()
    with pytest.raises(QuickstudyError, match="exists already"):
        build([named], goal, ANY)


def test_what_such_a_kill_left_is_not_in_the_way_of_another_build(named: Path, tmp_path: Path) -> None:
    goal, rest = tmp_path / "made", tmp_path / "made.building"
    killed(named, goal, "during")
    goal.rename(tmp_path / "elsewhere")
    assert len(build([named], goal, ANY).split) == 60
    killed(named, tmp_path / "again", "before")
    with pytest.raises(QuickstudyError, match="exists already"):
        build([named], tmp_path / "again", Settings(**{**vars(ANY), "seed": 1}))
    assert not rest.exists() and not (tmp_path / "again.building").exists()


def test_what_cannot_be_removed_harms_nobody(named: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where an open file cannot go, or one without a lock writes there still."""
    unlink = Path.unlink

    def held(path: Path, missing_ok: bool = False) -> None:
        if path.name in ("lock", "kept.npz"):
            raise PermissionError(13, "in use")
        unlink(path, missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", held)
        assert len(build([named], tmp_path / "made", ANY).split) == 60
    assert (tmp_path / "made.building").exists()
    (tmp_path / "made").rename(tmp_path / "elsewhere")
    assert len(build([named], tmp_path / "made", Settings(**{**vars(ANY), "seed": 1})).split) == 60
    assert not (tmp_path / "made.building").exists()


def test_a_disk_that_is_full_in_the_middle_of_an_array_is_told_in_a_sentence(
    named: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError("29715 requested and 19440 written")  # what numpy says, with no number

    with monkeypatch.context() as patch, pytest.raises(QuickstudyError, match=r"free some space .* goes on"):
        patch.setattr(np, "save", full)
        build([named], tmp_path / "made", ANY)
    monkeypatch.setattr(sifting.Sift, "_write", None)
    monkeypatch.setattr(encoding.Encode, "_encoded", None)
    assert len(build([named], tmp_path / "made", ANY).split) == 60


def test_of_a_text_that_changes_while_it_is_read_no_hash_is_given(named: Path, tmp_path: Path) -> None:
    still = tmp_path / "still.txt"
    still.write_text("\n".join(texts(20, seed=1)))

    def grows(what: str, done: int, whole: int | None) -> None:
        if what == "cleaning":
            with named.open("a") as file:
                file.write('{"text": "One more."}\n')

    made = build([named, still], tmp_path / "made", ANY, watch=grows)
    assert [source["sha256"] for source in made.manifest["sources"]] == [
        "", hashlib.sha256(still.read_bytes()).hexdigest()
    ]  # fmt: skip
    assert made.manifest["problems"] == ["raw.jsonl: it changed while it was read, so that no hash of it is given"]


def test_parts_that_share_something_time_and_again_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = texts(200)
    rows = [{"text": text} for text in (*plain, *(f"{text} indeed" for text in plain[:40]))]
    raw = lines(tmp_path / "raw.jsonl", rows)
    monkeypatch.setattr(duplicates, "near", lambda *_: (0, 0, []))
    monkeypatch.setattr(building, "ROUNDS", 1)
    with pytest.raises(QuickstudyError, match=r"drawn 1 times, and still \d+ documents .* set near below 0.8"):
        build([raw], tmp_path / "made", ANY)
    assert list(tmp_path.iterdir()) == [raw]


def test_texts_that_the_tokenizer_reads_alike_go_at_once_and_are_counted_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters = [chr(0x1200 + number) for number in range(70)]
    strange = ["".join(random.Random(number).choices(letters, k=30)) for number in range(200)]
    raw = tmp_path / "raw.txt"
    raw.write_text("\n".join([*texts(60), *(f"{each[:15]} {each[15:]}" for each in strange)]))
    known = sorted({*" ".join(texts(60)).split()})
    tokenizer = Tokenizer(WordLevel({word: number for number, word in enumerate(["[UNK]", *known])}, "[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    rounds: list[int] = []
    forget = building.forget
    monkeypatch.setattr(building, "forget", lambda *given: (rounds.append(1), forget(*given)))
    settings = Settings(tokenizer=str(tmp_path / "tokenizer.json"), ways=0, documents="line")
    made = build([raw], tmp_path / "made", settings)
    assert len(rounds) == 1, "(by a fifth a round it would take many)"
    assert made.manifest["cleaning"]["dropped"]["the same tokens as another"] == 199
    assert made.manifest["cleaning"]["dropped"]["nearly the same as another"] == 0
    assert len(made.split) == 61


def test_of_the_same_tokens_in_two_parts_the_first_stays() -> None:
    hashes, parts = np.array([5, 9, 5, 5, 7, 7], np.uint64), np.array([0, 0, 0, 1, 2, 2], np.uint8)
    assert proof._same(hashes, parts).tolist() == [2, 3]
    assert proof._same(hashes[:0], parts[:0]).tolist() == []


def test_each_look_has_its_own_count(named: Path, tmp_path: Path) -> None:
    made = build([named], tmp_path / "made", ANY)
    for strayed, name in (
        (proof.Strayed([1, 2], [], 0), "2 near-duplicates in two parts"),
        (proof.Strayed([], [3], 0), "1 documents with the same tokens in two parts"),
    ):
        with pytest.raises(QuickstudyError, match=name):
            proof.proof(made, strayed)
