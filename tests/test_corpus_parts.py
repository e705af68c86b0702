"""That what belongs together lies in one part: the pieces of a long document, and documents that share pieces."""

import itertools
import random
from pathlib import Path

import numpy as np
import pytest
from texts import lines, sentence

from quickstudy.corpus import duplicates, fingerprints, proof, sifting, splitting
from quickstudy.corpus.building import build
from quickstudy.corpus.cleaning import Cleaned
from quickstudy.corpus.reading import Raw
from quickstudy.corpus.settings import Settings
from quickstudy.corpus.shards import Shards, unpacked
from quickstudy.corpus.store import TEST, Corpus

CUT = Settings(tokenizer="own:400", ways=0, longest=600)
SHARES = (0.8, 0.1, 0.1)


def long_ones(count: int, seed: int = 0) -> list[list[str]]:
    """Documents of 30 sentences, none of which stands twice."""
    rng = random.Random(seed)
    return [[f"{sentence(rng)[:-1]} {number} {at}." for at in range(30)] for number in range(count)]


def parts(corpus: Corpus) -> dict[str, set[int]]:
    """Sentence -> the parts in which it stands."""
    found: dict[str, set[int]] = {}
    for number, owner in enumerate(corpus.document_of(np.arange(len(corpus.flags))).tolist()):
        found.setdefault(corpus.text(number), set()).add(int(corpus.split[owner]))
    return found


def test_the_pieces_of_a_document_lie_in_one_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sifting, "SIZE", 20_000)  # several shards
    plain = long_ones(60)
    made = build([lines(tmp_path / "raw.jsonl", [{"text": " ".join(each)} for each in plain])], tmp_path / "made", CUT)
    assert len(made.split) > 3 * len(np.unique(made.origin)) == 180
    where = parts(made)
    assert {len(set().union(*(where[said] for said in each))) for each in plain} == {1}
    assert set(made.split.tolist()) == {0, 1, 2}
    assert made.manifest["proof"]["documents whose pieces lie in two parts"] == 0


def test_a_copy_with_another_beginning_goes_wholly(tmp_path: Path) -> None:
    plain = long_ones(60)
    other = [[*new[:3], *each] for new, each in zip(long_ones(60, 1), plain, strict=True)]
    rows = [{"text": " ".join(each)} for each in (*plain, *other)]
    made = build([lines(tmp_path / "raw.jsonl", rows)], tmp_path / "made", CUT)
    assert np.unique(made.origin).tolist() == list(range(60))
    assert made.manifest["cleaning"]["dropped"]["nearly the same as another"] > 60


def test_documents_of_which_a_half_is_the_same_lie_in_one_part(tmp_path: Path) -> None:
    halves = [" ".join(one + other) for one, other in itertools.pairwise(long_ones(121))]
    rows = [{"text": f"{halves[number]} {halves[number + 1]}"} for number in range(0, 118, 4)]
    rows += [{"text": f"{halves[number + 1]} {halves[number + 2]}"} for number in range(0, 118, 4)]
    made = build([lines(tmp_path / "raw.jsonl", rows)], tmp_path / "made", CUT)
    assert len(np.unique(made.origin)) == len(rows)
    assert {len(found) for found in parts(made).values()} == {1}


@pytest.mark.parametrize("first", ["longer", "shorter"])
def test_a_long_document_is_found_in_one_that_is_just_not_cut(tmp_path: Path, first: str) -> None:
    rng = random.Random(0)
    plain = [" ".join(sentence(rng) for _ in range(10)) for _ in range(60)]
    plain = [text[:590].rpartition(" ")[0] for text in plain if len(text) > 590]
    longer = [f"{text} {sentence(rng)}" for text in plain]
    rows = (*longer, *plain) if first == "longer" else (*plain, *longer)
    made = build([lines(tmp_path / "raw.jsonl", [{"text": text} for text in rows])], tmp_path / "made", CUT)
    assert made.manifest["cleaning"]["cut"] == len(plain) > 20
    assert len(np.unique(made.origin)) == len(plain)


def test_whole_documents_are_looked_for_again_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = long_ones(80)
    copies = [[*each, "And so it ended."] for each in plain[:40]]
    rows = [{"text": " ".join(each)} for each in (*plain, *copies)]
    monkeypatch.setattr(duplicates, "near", lambda *_: (0, 0, []))
    made = build([lines(tmp_path / "raw.jsonl", rows)], tmp_path / "made", CUT)
    where = parts(made)
    assert {len(set().union(*(where[said] for said in each))) for each in plain} == {1}


def test_what_is_judged_on_goes_with_all_its_pieces(tmp_path: Path) -> None:
    plain = [" ".join(each) for each in long_ones(20)]
    judged = lines(tmp_path / "judged.jsonl", [{"text": plain[3]}])
    raw = lines(tmp_path / "raw.jsonl", [{"text": text} for text in plain])
    made = build([raw], tmp_path / "made", Settings(**{**vars(CUT), "without": (str(judged),)}))
    assert len(np.unique(made.origin)) == 19
    assert not any(said in plain[3] for said in parts(made))


def test_documents_that_share_a_piece_belong_together() -> None:
    origin = np.array([0, 0, 1, 1, 2, 3, 3, 4])
    joins = np.array([[0, 2], [3, 5]])
    assert splitting.together(origin, joins).tolist() == [0, 0, 0, 0, 2, 0, 0, 4]
    assert splitting.together(origin, joins[:0]).tolist() == origin.tolist()


def test_one_document_of_a_group_that_is_held_out_takes_those_it_belongs_to_along() -> None:
    numbers = np.arange(40, dtype=np.uint64) * np.uint64(7919)
    together = np.array([0, 0, *range(2, 40)])
    group = np.array([1, 0, *[0] * 38], np.int32)
    found = splitting.split(numbers, together, group, ["a", "b"], Settings(held_out=("b",)))
    assert found[:2].tolist() == [TEST, TEST]


@pytest.mark.parametrize("sizes", [[1] * 100, [50] * 5, [90, *[1] * 10], [1, 1, 400], [7] * 40])
def test_every_part_has_something_and_what_is_too_large_is_trained_on(sizes: list[int]) -> None:
    many = np.array(sizes)
    hashes = np.random.default_rng(0).integers(0, 1 << 63, len(many)).astype(np.uint64)
    found = splitting._ranked(hashes, many, SHARES, "documents")
    shares = np.bincount(found, many, minlength=3) / many.sum()
    assert (shares > 0).all()
    assert shares[0] == max(shares)
    if max(sizes) * 10 <= sum(sizes):
        assert np.abs(shares - SHARES).max() < 0.06
    assert found[many > 60].tolist() == [0] * int((many > 60).sum())


def test_a_piece_a_copy_of_it_and_what_that_is_near_to_belong_together(tmp_path: Path) -> None:
    keys = [bytes(np.random.default_rng(number).integers(97, 123, 400).astype(np.uint8)) for number in range(2)]
    keys = [keys[0] + b"and more", keys[0], keys[0], keys[1]]  # of three documents: the last was cut
    rows = duplicates.Rows(np.array([0, 1, 2, 2]), np.zeros(4, np.uint16))
    index, kept = duplicates.Index(tmp_path), np.ones(4, bool)
    index.add(fingerprints.bands(keys, 0))
    texts = duplicates.Texts(Shards(tmp_path), [0, 4])
    texts.runs = lambda row: fingerprints.runs(keys[row])  # type: ignore[method-assign]
    _, joins = duplicates.exact(fingerprints.identities(keys), kept, rows)
    _, _, more = duplicates.near(index, texts, kept, rows, 0.8, joins)
    assert kept.tolist() == [True, False, False, True]
    assert splitting.together(rows.origin, np.array([*joins, *more])).tolist() == [0, 0, 0, 0]


def test_a_document_as_long_as_its_file_is_proved_in_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "_WHOLE", 25)
    monkeypatch.setattr(proof, "_AT_ONCE", 50)
    monkeypatch.setattr(proof, "_LEAST", 5)
    begins = np.arange(0, 101, 10)
    units = proof._units(np.array([0, *[1] * 7, 2, 2]), begins)
    assert units[10:].tolist() == [[1, 4], [4, 6], [6, 8], [8, 10]]
    jobs = proof._jobs(units, begins)
    assert np.concatenate(jobs).tolist() == units.tolist()
    assert max(int(np.diff(begins[each]).sum()) for each in jobs) < 50 + 30


def test_words_are_counted_in_documents_not_in_what_stands_for_their_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = Cleaned(["some words"], b"somewordsthatarelonger")
    cut = [*[said] * 7, Cleaned([], said.key * 7, 7)]
    made = iter([[said], cut, cut, cut, cut])
    monkeypatch.setattr(sifting, "cleaned", lambda *_: iter(next(made)))
    sifting.Sift(tmp_path, Settings(), "")(sifting.Batch(sifting.FULLY, [Raw(0, "")] * 5, 0))
    shard = Shards(tmp_path).arrays(sifting.FULLY)
    assert unpacked(shard["words"]) == {"some": 32, "words": 32}
    assert all(unpacked(shard["heads"]))
