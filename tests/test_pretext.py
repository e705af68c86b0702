"""Every pretext task: what it draws, and that what it makes is what the rest of the library reads."""

import dataclasses
import itertools
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_corpus
import tiny
import torch
from few import encoder, start

from quickstudy.backbones.passages import Passages
from quickstudy.backbones.speaking import speaking
from quickstudy.config import LEARNERS, PRETEXTS, build
from quickstudy.core.types import APART, GIVEN, IGNORE, MASKED, WRITTEN, QuickstudyError, Text
from quickstudy.corpus.store import TEST, TRAIN, VALIDATION
from quickstudy.kinds import labelled
from quickstudy.kinds.language_model import LanguageModel as LanguageModelKind
from quickstudy.kinds.language_model import Prose
from quickstudy.kinds.writing import Writing
from quickstudy.kinds.written import Sample
from quickstudy.learners.maml import Maml
from quickstudy.pretext import cluster, translation
from quickstudy.pretext.drawn import Drawn, readable
from quickstudy.pretext.frame import Frame, framed
from quickstudy.pretext.luck import Luck
from quickstudy.pretext.masked_lm import hidden
from quickstudy.pretext.ragged import cut, looks, ragged
from quickstudy.pretext.shelves import shared_out
from quickstudy.text.reader import Reader

OF_ONE_DOCUMENT = ("contrast", "title_of_section", "synopsis")
"""whose classes are texts: support and query are of the same"""
SAYING = ("masked_lm", "language_model", "denoising", "translation")
"""whose classes are the vocabulary"""
PAIRED = ("next_sentence", "sentence_order", "same_document", "discourse_marker")
CHOOSING = sorted(PRETEXTS.keys() - set(SAYING))


def filled(folder: Path, chinese: bool = False) -> Frame:
    """With clusters and aligned texts kept beside."""
    corpus = small_corpus.corpus(folder, chinese)
    sentences = np.flatnonzero(np.asarray(corpus.flags) == 0)
    vectors = np.random.default_rng(0).normal(size=(len(sentences), 3))
    cluster.keep(corpus, sentences, vectors, 4)
    translation.keep(corpus, [(f"the river {number}", f"der Fluss {number}") for number in range(120)])
    return framed(corpus, small_corpus.reader(chinese))


@pytest.fixture(scope="module")
def frame(tmp_path_factory: pytest.TempPathFactory) -> Frame:
    return filled(tmp_path_factory.mktemp("corpus") / "small")


@pytest.fixture(scope="module")
def chinese(tmp_path_factory: pytest.TempPathFactory) -> Frame:
    return filled(tmp_path_factory.mktemp("corpus") / "small", True)


def task(name: str, **fields: Any) -> Any:
    known = {field.name for field in dataclasses.fields(PRETEXTS[name])}
    usual = {"ways": 2, "shots": 2, "queries": 2, "window": 16} | fields
    return PRETEXTS[name](**{key: value for key, value in usual.items() if key in known})


def drawn(frame: Frame, name: str, seed: int = 0, part: int = TRAIN, hardness: float = 0.0, **fields: Any) -> Drawn:
    return task(name, **fields).drawn(frame, part, seed, hardness)


@pytest.mark.parametrize("name", PRETEXTS)
def test_a_seed_gives_the_same_episode_and_another_one_another(frame: Frame, name: str) -> None:
    fresh = framed(frame.corpus, frame.reader)
    one, other, third = drawn(frame, name, 1, hardness=0.5), drawn(fresh, name, 1, hardness=0.5), drawn(frame, name, 2)
    assert torch.equal(one.episode.query.text.tokens, other.episode.query.text.tokens)
    assert torch.equal(one.episode.support.gold, other.episode.support.gold)
    assert readable(frame, one) == readable(frame, other) != readable(frame, third)


@pytest.mark.parametrize("part", [TRAIN, VALIDATION, TEST])
@pytest.mark.parametrize("name", sorted(PRETEXTS.keys() - {"translation"}))
def test_documents_are_of_the_part_and_none_is_on_both_sides(frame: Frame, name: str, part: int) -> None:
    for seed in range(5):
        try:
            found = drawn(frame, name, seed, part)
        except QuickstudyError:
            assert name == "span_to_entity"  # whose few targets all belong to one part
            continue
        support, query = found.documents
        assert (np.asarray(frame.corpus.split)[np.append(support, query)] == part).all()
        assert name in OF_ONE_DOCUMENT or not set(support.tolist()) & set(query.tolist())


@pytest.mark.parametrize("name", CHOOSING)
def test_labels_are_balanced_and_every_class_has_a_name_or_none_has(frame: Frame, name: str) -> None:
    for hardness in (0.0, 1.0):
        found = drawn(frame, name, 3, hardness=hardness)
        for batch in found.episode[:2]:
            assert Counter(batch.gold.flatten().tolist()) == {0: 2, 1: 2}
        names = found.episode.query.names
        said = (names.spans[..., 1] > names.spans[..., 0]).flatten().tolist()
        assert len(names.tokens) == len(found.classes) == 2 and (all(said) or not any(said))
        assert any(said) == (name in PAIRED or name in ("title_of_section", "synopsis"))


@pytest.mark.parametrize("name", CHOOSING)
def test_a_learner_learns_from_it(frame: Frame, name: str) -> None:
    episode = drawn(frame, name).episode
    for wanted in ("prior_head", "maml"):
        made = build(LEARNERS, {"name": wanted}, "here", {"backbone": Passages(encoder("last(1)", 600))})
        theta = start(made)
        slopes, loss = made.meta_gradient(theta, episode, torch.Generator())
        assert loss.isfinite() and all(value.isfinite().all() for value in slopes.values())
        assert any(value.abs().max() > 0 for value in slopes.values())


@pytest.mark.parametrize("name", ["language_model", "denoising", "translation"])
def test_a_model_that_writes_learns_from_it(frame: Frame, name: str) -> None:
    made = Maml(speaking(encoder("last(1)", 600)), steps=2)
    theta, episode = start(made), drawn(frame, name).episode
    slopes, loss = made.meta_gradient(theta, episode, torch.Generator())
    assert loss.isfinite() and all(value.isfinite().all() for value in slopes.values())


@pytest.mark.parametrize("name", ["masked_lm", "language_model", "denoising"])
def test_without_shots_it_is_ordinary_pretraining(frame: Frame, name: str) -> None:
    episode = drawn(frame, name, shots=0, queries=3, by="any").episode
    assert len(episode.support.gold) == 0 and episode.support.names is None
    assert episode.query.gold.shape[0] == 3


@pytest.mark.parametrize("name", sorted({"masked_lm", "language_model", "denoising"}))
def test_support_and_query_are_of_one_group(frame: Frame, name: str) -> None:
    seen = set()
    for seed in range(8):
        groups = np.asarray(frame.corpus.group)[np.concatenate(drawn(frame, name, seed).documents)]
        assert len(set(groups.tolist())) == 1
        seen |= set(groups.tolist())
    assert seen == {0, 1}


def given(text: Text, row: int, role: int = GIVEN) -> list[int]:
    return text.tokens[row][text.role[row] == role].tolist()


def test_rows_are_what_the_reader_makes_of_the_same_texts(frame: Frame) -> None:
    which = np.array([2, 3, 9])
    said = [frame.corpus.text(int(number)) for number in which]
    rows = frame.sentences(which)
    for mine, theirs in (
        (frame.texts(rows), frame.reader.read([(text,) for text in said]).text),
        (frame.pairs(rows, rows), frame.reader.read([(text, text) for text in said]).text),
        (frame.names(["a river", "stone"], 2), labelled.encode_names(frame.reader, 2, {"a river": "", "stone": ""})),
        (frame.silent(2), labelled.encode_names(frame.reader, 1, {"1": "", "2": ""})),
    ):
        for one, other in zip(mine, theirs, strict=True):
            assert torch.equal(one, other)


def test_written_rows_are_what_the_kinds_make_of_the_same_texts(frame: Frame) -> None:
    texts = ["the river is cold", "a stone"]
    rows = ragged([frame.ids(text) for text in texts])
    kind = LanguageModelKind(frame.reader, window=16, overlap=0)
    wanted = kind.encode([Prose(text) for text in texts], {})
    begin = np.array(frame.writing.opens or [frame.writing.end])
    text, gold = frame.written(ragged([begin.tolist()] * 2), rows)
    assert torch.equal(text.tokens, wanted.text.tokens) and torch.equal(text.spans, wanted.text.spans)
    assert torch.equal(text.role, wanted.text.role) and torch.equal(torch.from_numpy(gold), wanted.gold)
    found = drawn(frame, "translation", queries=1).episode.query
    pair = frame.decoded(given(found.text, 0)), frame.decoded(given(found.text, 0, WRITTEN))
    wanted = Writing(frame.reader, longest=16).encode([Sample(pair[0], (pair[1],))], {})
    assert torch.equal(found.text.tokens, wanted.text.tokens) and torch.equal(found.gold, wanted.gold)


def test_hidden_tokens_are_the_gold_and_most_are_behind_the_mask(frame: Frame) -> None:
    found = drawn(frame, "masked_lm", queries=24, by="any").episode.query
    asked = found.gold != IGNORE
    assert asked.sum() == (found.text.role == MASKED).sum()
    whole = int(((found.text.role == GIVEN) | (found.text.role == MASKED)).sum())
    assert 0.08 < int(asked.sum()) / whole < 0.2
    places = found.text.spans[:, :, 0, 0].clamp(min=0)
    shown = found.text.tokens.gather(1, places)[asked]
    assert (found.text.role.gather(1, places)[asked] == MASKED).all()
    assert 0.5 < (shown == frame.mask).float().mean() < 0.95
    corpus = frame.corpus
    for row, document in enumerate(drawn(frame, "masked_lm", queries=24, by="any").documents[1].tolist()):
        real = (found.text.role[row] == GIVEN) | (found.text.role[row] == MASKED)
        tokens = found.text.tokens[row].clone()
        tokens[places[row][asked[row]]] = found.gold[row][asked[row]]
        first, last = (int(corpus.sentences[each]) for each in corpus.documents[document : document + 2])
        whole = " ".join(map(str, frame.runs(np.array([first]), np.array([last])).flat.tolist()))
        assert " ".join(map(str, tokens[real].tolist()[1:-1])) in whole  # between what stands around every text
    rows = ragged([[7] * 10, [8] * 3])
    told, which = hidden(frame, rows, Luck(1), 0.3)
    assert np.bincount(rows.row[which]).tolist() == [3, 1]
    assert (told.flat[~which] == rows.flat[~which]).all()


def sides(frame: Frame, found: Drawn) -> list[tuple[int, str, str, int]]:
    """(gold, first text, second text, document of the first)"""
    query = found.episode.query
    return [
        (int(gold), frame.decoded(given(query.text, row)), frame.decoded(given(query.text, row, APART)), int(document))
        for row, (gold, document) in enumerate(zip(query.gold.flatten(), found.documents[1], strict=True))
    ]


def test_pairs_are_what_their_labels_say(frame: Frame) -> None:
    corpus = frame.corpus
    for name in ("next_sentence", "sentence_order", "same_document"):
        for seed in range(6):
            for gold, one, other, document in sides(frame, drawn(frame, name, seed, hardness=seed / 5, queries=3)):
                lines = [frame.said(line) for line in range(*corpus.documents[document : document + 2].tolist())]
                follows = (one, other) in itertools.pairwise(lines)
                truth = {
                    "next_sentence": follows,
                    "sentence_order": follows and (other, one) not in itertools.pairwise(lines),
                    "same_document": one in lines and other in lines and not follows,
                }[name]
                assert truth == (gold == 0)


def test_hard_pairs_that_do_not_follow_are_of_one_document(frame: Frame) -> None:
    def within(hardness: float) -> float:
        pairs = [
            pair for seed in range(6) for pair in sides(frame, drawn(frame, "next_sentence", seed, TRAIN, hardness))
        ]
        return np.mean([one.split()[-1] == other.split()[-1] for gold, one, other, _ in pairs if gold == 1])

    assert within(1.0) == 1.0 > 0.5 > within(0.0)


def test_either_side_of_pairs_has_documents_to_take_others_from() -> None:
    for seed in range(5):
        support, query = shared_out(np.arange(4), Luck(seed), 2, 20, 2)
        assert (len(support), len(query)) == (2, 20)
        assert (len(set(support)), len(set(query))) == (2, 2)
        assert not set(support) & set(query)


@pytest.mark.parametrize("language", ["frame", "chinese"])
def test_a_marker_is_taken_away_with_its_comma(language: str, request: pytest.FixtureRequest) -> None:
    frame = request.getfixturevalue(language)
    found = drawn(frame, "discourse_marker")
    assert set(found.classes) == ({"however", "therefore"} if language == "frame" else {"但是", "所以"})
    for gold, _, rest, document in sides(frame, found):
        marker = found.classes[gold]
        lines = [frame.said(line) for line in range(*frame.corpus.documents[document : document + 2].tolist())]
        assert marker not in rest.lower() and not rest.startswith(("，", ","))
        assert any(line.lower().startswith(marker) and line.endswith(rest) for line in lines)


def test_views_of_a_text_are_crops_with_tokens_left_out(frame: Frame) -> None:
    found = drawn(frame, "contrast", shots=4, queries=4)
    rows = [given(found.episode.query.text, row) for row in range(8)]
    assert len({tuple(row) for row in rows}) > 6
    for row, document in zip(rows, found.documents[1].tolist(), strict=True):
        first, last = (int(frame.corpus.sentences[each]) for each in frame.corpus.documents[document : document + 2])
        whole = frame.runs(np.array([first]), np.array([last])).flat.tolist()
        rest = iter(whole)
        assert all(token in rest for token in row[1:-1])  # in the order of the text
        assert len(row) <= 12


def test_a_noised_text_is_written_out_as_it_was(frame: Frame) -> None:
    query = drawn(frame, "denoising", queries=6).episode.query
    for row in range(6):
        noised, whole = given(query.text, row), given(query.text, row, WRITTEN)
        assert frame.mask in noised and frame.mask not in whole
        rest = iter(whole)
        assert all(token in rest for token in noised if token not in (*frame.specials.tolist(), *frame.writing.after))


def test_a_link_is_hidden_and_its_target_may_be_the_name(frame: Frame) -> None:
    found = drawn(frame, "span_to_entity", called="target", unit="mask")
    query = found.episode.query
    assert (query.names.spans[..., 1] > 0).all()
    for row in range(4):
        assert found.classes[int(query.gold[row])] not in frame.decoded(given(query.text, row)).lower()
        at = int(query.text.spans[row, 0, 0, 0])
        assert int(query.text.tokens[row, at]) == frame.mask


def test_sentences_stand_under_their_heading(frame: Frame) -> None:
    found = drawn(frame, "title_of_section", ways=3, shots=0)
    assert len(found.episode.support.gold) == 0
    for row, document in enumerate(found.documents[1].tolist()):
        heading = int(frame.corpus.documents[document])
        assert frame.said(heading) == found.classes[int(found.episode.query.gold[row])]
    found = drawn(frame, "synopsis", ways=3)
    for row, document in enumerate(found.documents[1].tolist()):
        line = int(frame.corpus.documents[document]) + 1
        assert frame.said(line) == "summary: " + found.classes[int(found.episode.query.gold[row])]
    with pytest.raises(QuickstudyError, match="a line such as abstract: …"):
        drawn(frame, "synopsis", keys=("abstract",))


def test_clusters_are_of_one_part_and_near_ones_are_hard(tmp_path: Path) -> None:
    corpus = small_corpus.corpus(tmp_path / "small")
    sentences = np.arange(len(corpus.flags))
    vectors = np.repeat(np.arange(6.0), -(-len(sentences) // 6))[: len(sentences), None] ** 3
    kept = cluster.keep(corpus, sentences, vectors, 6)
    for number in range(len(kept.part)):
        inside = kept.sentence[kept.bounds[number] : kept.bounds[number + 1]]
        assert set(corpus.split[corpus.document_of(inside)].tolist()) == {int(kept.part[number])}
    with pytest.raises(QuickstudyError, match="one for each"):
        cluster.keep(corpus, sentences, vectors[1:], 6)


def test_what_a_corpus_lacks_is_said(tmp_path: Path) -> None:
    docs = [
        {"split": part, "group": 0, "lines": [(0, f"tale {number} of a {word} that nobody wanted")]}
        for part, things in small_corpus.THINGS.items()
        for number in range(4)
        for word in things
    ]
    corpus = dataclasses.replace(small_corpus.corpus(tmp_path / "bare", docs=docs), links=np.zeros((0, 4), np.int64))
    frame = framed(corpus, small_corpus.reader())
    wanted = {
        "span_to_entity": r"\[\[target\]\] links",
        "title_of_section": "headings",
        "synopsis": "summary: …",
        "translation": "translation.keep",
        "cluster": "cluster.keep",
        "discourse_marker": "running text",
        "next_sentence": "3 sentences or more",
        "sentence_order": "2 sentences or more",
    }
    for name, said in wanted.items():
        with pytest.raises(QuickstudyError, match=said) as caught:
            drawn(frame, name)
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 400
    with pytest.raises(QuickstudyError, match="ask for fewer"):
        drawn(frame, "contrast", fewest=200)


def test_token_ids_of_another_tokenizer_are_refused(frame: Frame, chinese: Frame) -> None:
    with pytest.raises(QuickstudyError, match="another tokenizer"):
        framed(frame.corpus, chinese.reader)


def test_long_texts_are_cut_to_what_the_model_reads(frame: Frame) -> None:
    narrow = framed(frame.corpus, Reader(small_corpus.tokenizer(), limit=9))
    for name in ("subset_masking", "next_sentence", "title_of_section", "masked_lm"):
        text = drawn(narrow, name).episode.query.text
        assert ((text.role == GIVEN) | (text.role == MASKED)).sum(1).max() <= 9
        assert (text.role == APART).sum(1).max() <= 9
    tight = framed(frame.corpus, Reader(small_corpus.tokenizer(), limit=6))
    for one, name in ((narrow, "subset_masking"), (tight, "span_to_entity")):
        assert all(frame.mask in given(drawn(one, name).episode.query.text, row) for row in range(4))
    with pytest.raises(QuickstudyError, match="lower `window`"):
        drawn(narrow, "language_model")


def test_a_document_is_found_in_a_corpus_of_many(frame: Frame) -> None:
    bounds = np.unique(np.random.default_rng(0).integers(1, 50_000, 9000))
    many = dataclasses.replace(frame.corpus, documents=np.concatenate([[0], bounds, [50_000]]))
    wide, sentences = dataclasses.replace(frame, corpus=many), np.arange(50_000)
    assert np.array_equal(wide.document_of(sentences), many.document_of(sentences))


def test_rows_of_unlike_lengths() -> None:
    rows = ragged([[1, 2, 3, 4], [], [5]])
    assert cut(rows, 2).lists() == [[1, 2], [], [5]]
    assert cut(rows, 2, np.array([3, 0, 0])).lists() == [[3, 4], [], [5]]
    found = looks(ragged([[1, 2], [2, 1], [1, 2], [1, 2, 0], []])).tolist()
    assert found[0] == found[2] and len(set(found)) == 4


def test_luck_draws_different_numbers_and_is_never_the_same_twice() -> None:
    for most, count in ((5, 9), (40, 7), (10**9, 50)):
        drawn = Luck("a", 1).some(most, count).tolist()
        assert drawn == Luck("a", 1).some(most, count).tolist() != Luck("a", 2).some(most, count).tolist()
        assert len(set(drawn)) == len(drawn) == min(most, count) and max(drawn) < most


def test_an_episode_is_shown_to_a_person(frame: Frame) -> None:
    shown = tiny.run("corpus", "show", frame.corpus.folder, "--task", "sentence_order", "--seed", 3).output
    assert "1. the first text comes first" in shown and "support: 10 rows" in shown and " | " in shown
    assert tiny.run("corpus", "show", frame.corpus.folder, "--task", "sentence_order", "--seed", 3).output == shown
    assert "near: subset_masking" in tiny.refused("corpus", "show", frame.corpus.folder, "--task", "subset_maskin")
    assert "train" in tiny.refused("corpus", "show", frame.corpus.folder, "--task", "contrast", "--part", "dev")
