"""Subset masking: which tasks it draws, and that the faults of earlier implementations are not here."""

import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import small_corpus
import torch
from few import encoder, start

from quickstudy.backbones.kept import KeptFeatures
from quickstudy.backbones.passages import Passages
from quickstudy.backbones.small import Small
from quickstudy.backbones.writing import Writing
from quickstudy.config import LEARNERS, build, reading
from quickstudy.core.types import GIVEN, Marks, QuickstudyError
from quickstudy.corpus.store import TEST, TRAIN, VALIDATION
from quickstudy.learners.maml import Maml
from quickstudy.pretext import words
from quickstudy.pretext.drawn import Drawn
from quickstudy.pretext.frame import Frame, framed
from quickstudy.pretext.subset_masking import SubsetMasking

TASK = SubsetMasking(ways=3, shots=2, queries=2)
PARTS = [TRAIN, VALIDATION, TEST]


@pytest.fixture(scope="module", params=[False, True], ids=["English", "Chinese"])
def frame(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Frame:
    folder = tmp_path_factory.mktemp("corpus") / "small"
    return framed(small_corpus.corpus(folder, request.param), small_corpus.reader(request.param))


@pytest.fixture(scope="module")
def english(tmp_path_factory: pytest.TempPathFactory) -> Frame:
    return framed(small_corpus.corpus(tmp_path_factory.mktemp("corpus") / "small"), small_corpus.reader())


def rows(drawn: Drawn) -> list[tuple[list[int], int, int]]:
    """(tokens without padding, gold, document) of support and query."""
    found = []
    for batch, documents in zip(drawn.episode[:2], drawn.documents, strict=True):
        for tokens, role, gold, document in zip(
            batch.text.tokens, batch.text.role, batch.gold.flatten().tolist(), documents.tolist(), strict=True
        ):
            found.append((tokens[role == GIVEN].tolist(), gold, document))
    return found


def masked(frame: Frame, tokens: list[int]) -> str:
    return frame.decoded(tokens).replace(" ____ ", "____").replace(" ____", "____").replace("____ ", "____")


def same_text(one: str, other: str) -> bool:
    return one.lower().replace(" ", "") == other.lower().replace(" ", "")


@pytest.mark.parametrize("part", PARTS)
def test_every_row_is_a_sentence_of_its_document_with_the_word_of_its_class_masked(frame: Frame, part: int) -> None:
    """No label stands for a word outside the task: filled in, each row is a sentence that the corpus holds."""
    for seed in range(20):
        drawn = TASK.drawn(frame, part, seed)
        for tokens, gold, document in rows(drawn):
            assert 0 <= gold < TASK.ways
            filled = masked(frame, tokens).replace("____", drawn.classes[gold])
            bounds = frame.corpus.documents[document : document + 2].tolist()
            assert any(same_text(filled, frame.said(sentence)) for sentence in range(*bounds))


@pytest.mark.parametrize("part", PARTS)
def test_labels_are_balanced_and_no_document_or_sentence_is_on_both_sides(frame: Frame, part: int) -> None:
    for seed in range(20):
        drawn = TASK.drawn(frame, part, seed)
        for batch, count in zip(drawn.episode[:2], (TASK.shots, TASK.queries), strict=True):
            assert Counter(batch.gold.flatten().tolist()) == dict.fromkeys(range(TASK.ways), count)
        support, query = drawn.documents
        assert not set(support.tolist()) & set(query.tolist())
        assert len({tuple(tokens) for tokens, _, _ in rows(drawn)}) == TASK.ways * (TASK.shots + TASK.queries)


def test_parts_share_neither_words_nor_documents(frame: Frame) -> None:
    found = {}
    for part in PARTS:
        drawn = [TASK.drawn(frame, part, seed) for seed in range(30)]
        found[part] = (
            {word for one in drawn for word in one.classes},
            {document for one in drawn for side in one.documents for document in side.tolist()},
        )
        assert (frame.corpus.split[sorted(found[part][1])] == part).all()
        assert all(word in dict(enumerate(_words_of(frame, part))).values() for word in found[part][0])
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert not found[one][0] & found[other][0]
        assert not found[one][1] & found[other][1]


def _words_of(frame: Frame, part: int) -> list[str]:
    return [word.word for word in frame.corpus.words if word.split == part]


def test_a_task_is_a_set_of_words_and_not_a_place_in_a_batch(frame: Frame) -> None:
    """Other seeds ask for other words, and one word has another label in another task."""
    drawn = [TASK.drawn(frame, TRAIN, seed) for seed in range(60)]
    assert len({frozenset(one.classes) for one in drawn}) > 10
    labels = {word: {one.classes.index(word) for one in drawn if word in one.classes} for word in drawn[0].classes}
    assert all(places == set(range(TASK.ways)) for places in labels.values())


def test_the_word_of_no_class_stands_anywhere_in_a_row(frame: Frame) -> None:
    for seed in range(20):
        drawn = TASK.drawn(frame, TRAIN, seed)
        for tokens, _, _ in rows(drawn):
            assert not any(word in frame.decoded(tokens).lower() for word in drawn.classes)


def test_a_word_is_one_mask_however_many_tokens_it_has(frame: Frame) -> None:
    lengths = {len(form) for word in frame.corpus.words_of(TRAIN).tolist() for form in words.forms(frame, word)}
    assert len(lengths) > 1
    for seed in range(10):
        assert all(tokens.count(frame.mask) == 1 for tokens, _, _ in rows(TASK.drawn(frame, TRAIN, seed)))


def test_a_word_that_stands_twice_is_masked_twice_and_a_sentence_with_two_of_the_words_is_left_out(
    tmp_path: Path,
) -> None:
    docs = small_corpus.documents()
    for number, one in enumerate(docs):
        if one["split"] == TRAIN:
            one["lines"] = [
                (0, f"the old river and the Kettle met a kettle near {number}"),
                (0, f"nobody saw the stone in tale {number}"),
                (0, f"somebody saw the river in tale {number}"),
                (0, f"we all saw the kettle in tale {number}"),
            ]
    corpus = small_corpus.corpus(tmp_path / "small", docs=docs)
    frame = framed(corpus, small_corpus.reader())
    numbers = {word.word: number for number, word in enumerate(corpus.words)}
    task = SubsetMasking(ways=2, shots=3, queries=3)
    for seed in range(30):
        drawn = task.drawn(frame, TRAIN, seed)
        for tokens, _, _ in rows(drawn):
            told = frame.decoded(tokens).lower()
            if "met a" in told:
                assert set(drawn.classes) != {"river", "kettle"}
                assert not any(word in told for word in drawn.classes)
    both = next(one for one in map(frame.said, range(len(corpus.flags))) if "met a" in one)
    rows_ = frame.sentences(np.array([0]))
    assert frame.said(0) == both
    assert (
        words.places(frame, rows_, [numbers["kettle"]]).sum()
        == words.places(frame, rows_, [numbers["kettle"], numbers["stone"]]).sum()
    )
    pieces = words.places(frame, rows_, [numbers["kettle"]])[0]
    runs = (np.diff(np.append(0, pieces.astype(int))) == 1).sum()
    assert runs == 2


def test_the_same_seed_gives_the_same_episode_whoever_asks_first(english: Frame) -> None:
    fresh = framed(english.corpus, english.reader)
    for seed, hardness in ((3, 0.0), (4, 0.7)):
        one = TASK.drawn(english, TRAIN, seed, hardness)
        TASK.drawn(fresh, TRAIN, seed + 1, 1.0)
        other = TASK.drawn(fresh, TRAIN, seed, hardness)
        assert one.classes == other.classes
        for mine, theirs in zip(one.episode[:2], other.episode[:2], strict=True):
            assert torch.equal(mine.text.tokens, theirs.text.tokens) and torch.equal(mine.gold, theirs.gold)


def test_hard_tasks_are_of_words_with_like_neighbours(tmp_path: Path) -> None:
    """Words of two sorts, each with sentences of its own: the hardest tasks stay within a sort."""
    docs = [
        {"split": 0, "group": 0, "lines": [(0, text.format(word) + f" {number}")]}
        for number in range(12)
        for place, word in enumerate(small_corpus.THINGS[0])
        for text in [("yesterday he quickly {} over there again", "put some very old {} on my plate")[place % 2]]
    ]
    frame = framed(small_corpus.corpus(tmp_path / "small", docs=docs), small_corpus.reader())
    sort = {word: place % 2 for place, word in enumerate(small_corpus.THINGS[0])}
    task = SubsetMasking(ways=2, shots=2, queries=2)
    pool = words.pool(frame, TRAIN, 2, 4)
    (band,) = pool.bands
    for anchor, number in enumerate(band.tolist()):
        close = words.near(frame, TRAIN, band, anchor, 3, "context")
        mine = sort[frame.corpus.words[number].word]
        assert {sort[frame.corpus.words[band[one]].word] for one in close.tolist()} == {mine}
    vectors = np.random.default_rng(0).normal(size=(600, 4))
    near = dataclasses.replace(task, near="embedding")
    assert near.drawn(dataclasses.replace(frame, vectors=vectors, memo={}), TRAIN, 0, 1.0).classes
    with pytest.raises(QuickstudyError, match="word embeddings"):
        near.drawn(frame, TRAIN, 0, 1.0)


def test_too_few_words_are_refused_with_the_number_that_would_do(english: Frame) -> None:
    with pytest.raises(QuickstudyError, match="ask for 4 ways"):
        dataclasses.replace(TASK, ways=5).episode(english, TEST, 0)
    dataclasses.replace(TASK, ways=4).episode(english, TEST, 0)


def test_the_masked_place_may_be_the_unit(frame: Frame) -> None:
    episode = dataclasses.replace(TASK, unit="mask").episode(frame, TRAIN, 1)
    text = episode.query.text
    first, last = text.spans[:, 0, 0].unbind(-1)
    assert ((last - first) == 1).all()
    assert (text.tokens.gather(1, first[:, None]) == frame.mask).all()


@pytest.mark.parametrize("name", LEARNERS)
def test_every_learner_learns_from_it(frame: Frame, name: str) -> None:
    digits = Marks(512, digits=tuple((4 + digit,) for digit in range(10)))  # stand for classes that have no names
    body = dataclasses.replace(encoder("last(1)", 600), writes=Writing(digits, Small.output))
    made = build(LEARNERS, {"name": name}, "here", {"backbone": Passages(body)})
    theta, episode = start(made), TASK.episode(frame, TRAIN, 0)
    slopes, loss = made.meta_gradient(theta, episode, torch.Generator().manual_seed(0))
    assert slopes.keys() == theta.keys() and loss.isfinite()
    assert all(value.isfinite().all() for value in slopes.values())
    scores = made.predict(theta, made.adapt(theta, episode.support, episode.loss), episode.query)
    assert scores.shape == (TASK.ways * TASK.queries, 1, TASK.ways)


def test_layers_below_what_moves_run_once_and_not_at_every_inner_step(english: Frame) -> None:
    made = encoder("last(1)", 600)
    calls: Counter[int] = Counter()
    for number, layer in enumerate(made.body.layers):
        layer.register_forward_hook(lambda *_, number=number: calls.update([number]))
    episodes = [TASK.episode(english, TRAIN, seed) for seed in (0, 0, 1)]
    runs = {}
    for steps in (1, 6):
        learner = Maml(Passages(made), steps=steps)
        theta = start(learner)
        moving = tuple(name for name in theta if name.startswith("backbone."))
        made.depth(moving)  # finding out where the model can be cut runs it
        for backbone in (Passages(made), Passages(KeptFeatures(made, moving))):
            for number, episode in enumerate(episodes):
                calls.clear()
                reading(learner, backbone).adapt(theta, episode.support, episode.loss)
                runs[steps, type(backbone.backbone).__name__, number] = calls[0], calls[1]
    for (steps, *rest), (below, above) in runs.items():
        first_below, first_above = runs[1, *rest]
        assert below == first_below and above == first_above + steps - 1
    assert runs[6, "Encoder", 1][0] > 0
    assert runs[6, "KeptFeatures", 1][0] == 0  # the same texts again: kept from the first time
