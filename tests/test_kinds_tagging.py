"""Tagging: from texts with spans to words and batches, from scores to the best legal spans and what they are worth."""

import itertools
import math
import random
import warnings

import few
import numpy as np
import pytest
import torch

from quickstudy.backbones import bytelevel
from quickstudy.config import LEARNERS, build
from quickstudy.core.scoring import scorer
from quickstudy.core.tags import Span, spans_of, tags_of
from quickstudy.core.types import IGNORE, QuickstudyError
from quickstudy.kinds import decoding, span_measures
from quickstudy.kinds.tagged import Sentence
from quickstudy.kinds.tagging import Tagging
from quickstudy.text.reader import Reader
from quickstudy.text.words import joined, words

TEXTS = (
    "Ada Lovelace came to London",
    "Turin and Rome lie in Italy",
    "the engine of Charles Babbage",
    "Alan Turing left Paris",
)
SPANS = (
    [(0, 12, "person"), (21, 27, "place")],
    [(0, 5, "place"), (10, 14, "place"), (22, 27, "place")],
    [(14, 29, "person")],
    [(0, 11, "person"), (17, 22, "place")],
)
TYPES = {"person": "", "place": "a town or a country"}
READER = Reader(bytelevel.train(TEXTS, 300), limit=32)
KIND = Tagging(READER)
EXAMPLES = [KIND.read({"text": text, "spans": spans}) for text, spans in zip(TEXTS, SPANS, strict=True)]


# words and tags


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Don't go to X-ray 3.5!", ["Don", "'", "t", "go", "to", "X", "-", "ray", "3", ".", "5", "!"]),
        ("我在iPhone手机店", ["我", "在", "iPhone", "手", "机", "店"]),
        ("東京タワー seoul서울", ["東", "京", "タ", "ワ", "ー", "seoul서울"]),
        ("café naïve ไทย हिन्दी", ["café", "naïve", "ไทย", "हिन्दी"]),
        ("a_b\u200b😀", ["a", "_", "b", "\u200b", "😀"]),
        (" \n\t", []),
    ],
)
def test_words(text: str, wanted: list[str]) -> None:
    assert [text[start:end] for start, end in words(text)] == wanted


def test_tokens_are_joined_without_spaces_between_chinese_ones() -> None:
    text, places = joined(["去", "London", "，", "看", "a", "b"])
    assert text == "去 London ，看 a b"
    assert [text[start:end] for start, end in places] == ["去", "London", "，", "看", "a", "b"]


@pytest.mark.parametrize(
    ("tags", "spans", "repaired"),
    [
        ("B-a I-a O B-b", [(0, 2, "a"), (3, 4, "b")], None),
        ("B-a B-a I-a", [(0, 1, "a"), (1, 3, "a")], None),
        ("I-a I-a O", [(0, 2, "a")], 0),  # IOB1
        ("I-a B-a O", [(0, 1, "a"), (1, 2, "a")], 0),
        ("B-a I-b I-b", [(0, 1, "a"), (1, 3, "b")], 1),
        ("S-a B-a I-a E-a S-a", [(0, 1, "a"), (1, 4, "a"), (4, 5, "a")], None),  # IOBES
        ("U-a B-b L-b I-b", [(0, 1, "a"), (1, 3, "b"), (3, 4, "b")], 3),  # BILOU
        ("B-a M-a E-a", [(0, 3, "a")], None),  # BMES
        ("E-a", [(0, 1, "a")], 0),
        ("B-creative-work I-creative-work", [(0, 2, "creative-work")], None),
        ("", [], None),
    ],
)
def test_tags_of_every_scheme(tags: str, spans: list, repaired: int | None) -> None:
    assert spans_of(tags.split()) == (tuple(Span(*span) for span in spans), repaired)


def test_bio_tags_come_back() -> None:
    tags = ["O", "B-a", "I-a", "B-a", "O", "B-b"]
    assert tags_of(spans_of(tags).spans, 6) == tags


# examples


def test_what_is_written_is_read_back() -> None:
    odd = KIND.read({"tokens": ["a b", "", "New", "York"], "tags": ["O", "O", "B-place", "I-place"]})
    for example in (*EXAMPLES, odd, KIND.ask("nobody knows"), KIND.read({"text": "nothing here", "spans": []})):
        assert KIND.read(KIND.write(example)) == example


def test_spans_are_of_whole_words_and_in_order() -> None:
    example = KIND.read({"text": "in  New York", "spans": [{"start": 3, "end": 12, "label": "place"}, (0, 2, "other")]})
    assert example.spans == (Span(0, 2, "other"), Span(4, 12, "place"))  # the space beside a word is left out
    assert example.places() == [Span(0, 1, "other"), Span(1, 3, "place")]
    assert KIND.labels(example) == {"other", "place"}


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"text": "", "spans": []}, "empty"),
        ({"text": "a", "spans": [(0, 2, "x")]}, "leaves the text"),
        ({"text": "a", "spans": [(-1, 1, "x")]}, "leaves the text"),
        ({"text": "a", "spans": [(True, 1, "x")]}, "whole number"),
        ({"text": "a b", "spans": [(1, 2, "x")]}, "nothing but spaces"),
        ({"text": "London", "spans": [(0, 3, "x")]}, "inside a word"),
        ({"text": "a b c", "spans": [(0, 3, "x"), (2, 5, "y")]}, "overlap"),
        ({"text": "a b c", "spans": [(0, 5, "x"), (2, 3, "y")]}, "overlap.*spans inside others are not supported"),
        ({"text": "a", "spans": "B-x"}, "no list"),
        ({"text": "a", "spans": ["B-x"]}, "no object"),
        ({"text": "a", "words": [[1, 0]]}, "order of the text"),
        ({"tokens": ["a", "b"], "tags": ["O"]}, "2 tokens and 1 tags"),
        ({"tokens": ["a"], "tags": ["PER"]}, "neither O nor"),
        ({"tokens": ["a"], "tags": [3]}, "neither O nor"),
        ({"tokens": [" "], "tags": ["O"]}, "no word"),
        ({"tokens": "a b"}, "no list of words"),
        (7, "no example"),
    ],
)
def test_a_bad_record_is_refused_in_one_sentence(record, said: str) -> None:
    with pytest.raises(QuickstudyError, match=said):
        KIND.read(record)


def test_what_is_asked_has_no_spans() -> None:
    assert KIND.ask("New York").words == KIND.ask(["New", "York"]).words == ((0, 3), (4, 8))
    assert KIND.ask(EXAMPLES[0]).spans is None
    with pytest.raises(QuickstudyError, match="no words"):
        KIND.ask(" ")


def test_a_spacy_doc_is_read_without_spacy() -> None:
    class Token:
        def __init__(self, text: str, idx: int) -> None:
            self.text, self.idx = text, idx

    class Entity:
        start_char, end_char, label_ = 0, 8, "place"

    class Doc:
        text, ents = "New York!", (Entity(),)

        def __iter__(self):
            return iter([Token("New", 0), Token("York", 4), Token("!", 8)])

    assert KIND.read(Doc()) == Sentence("New York!", ((0, 3), (4, 8), (8, 9)), (Span(0, 8, "place"),))


def test_places_survive_control_characters() -> None:
    example = KIND.read({"text": "\ufeffin\x00Rome\ud800", "spans": [(4, 8, "place")]})
    assert example.text[4:8] == "Rome"
    KIND.encode([example], TYPES)


# batches


def test_a_batch_holds_a_class_for_each_word() -> None:
    batch = KIND.encode([EXAMPLES[0], KIND.ask("nobody marked it")], TYPES)
    assert batch.gold[0, :5].tolist() == [0, 0, 2, 2, 1]
    assert (batch.gold[0, 5:] == IGNORE).all() and (batch.gold[1] == IGNORE).all()
    said = batch.names.spans[:, 0, 0, 1] > batch.names.spans[:, 0, 0, 0]
    assert said.tolist() == [True, True, True]
    nameless = Tagging(READER, none="").encode([], {"place": ""}).names
    assert (nameless.spans[:, 0, 0, 1] > 0).tolist() == [True, False]


def test_a_words_tokens_are_its_characters() -> None:
    batch = KIND.encode(EXAMPLES[:1], TYPES)
    start, end = batch.text.spans[0, 1, 0].tolist()  # Lovelace
    assert READER.tokenizer.decode(batch.text.tokens[0, start:end].tolist()).strip() == "Lovelace"


def test_a_type_outside_the_task_is_refused() -> None:
    with pytest.raises(QuickstudyError, match="'place' is not among the 1 types"):
        KIND.encode(EXAMPLES[:1], {"person": ""})
    with pytest.raises(QuickstudyError, match="no type of span"):
        KIND.encode([KIND.ask("nobody marked it")], {})


@pytest.mark.parametrize("count", [40, 300])
def test_a_long_text_is_read_in_windows_and_nothing_is_lost(count: int) -> None:
    text = "  ".join(["Rome", "x"] * count)
    example = KIND.read({"text": text, "spans": [(0, 4, "place")]})
    batch = KIND.encode([example], TYPES)
    assert len(batch.text.tokens) > 1
    assert int((batch.gold != IGNORE).sum()) == 2 * count
    seen = []

    def score(asked):
        for row, spans in zip(asked.text.tokens, asked.text.spans[:, :, 0], strict=True):
            seen.extend(READER.tokenizer.decode(row[a:b].tolist()).strip() for a, b in spans.tolist() if b > a)
        return torch.zeros(*asked.gold.shape, 3)

    (answer,) = KIND.answer(score, KIND.fit(score, [], TYPES), [example], TYPES)
    assert seen == ["Rome", "x"] * count
    assert answer.cut == 0


def test_a_word_longer_than_the_limit_is_counted_as_cut() -> None:
    example = KIND.ask("b" * 500 + " Rome")
    (answer,) = KIND.answer(
        lambda asked: torch.zeros(*asked.gold.shape, 3), KIND.fit(None, [], TYPES), [example], TYPES
    )
    assert answer.cut == KIND.record(answer)["cut"] == 1


def test_the_loss_is_the_weighted_mean_over_judged_words() -> None:
    batch = KIND.encode(EXAMPLES[:2], TYPES)
    rng = torch.Generator().manual_seed(0)
    scores = torch.randn(*batch.gold.shape, 3, generator=rng, dtype=torch.float64)
    judged = batch.gold >= 0
    weight = torch.where(batch.gold[judged] == 2, KIND.rest, 1.0)
    each = -torch.log_softmax(scores[judged], -1).gather(1, batch.gold[judged][:, None])[:, 0]
    torch.testing.assert_close(KIND.loss(scores, batch), (weight * each).sum() / weight.sum())


# decoding


def brute(found: np.ndarray, steps: decoding.Steps) -> dict[tuple, float]:
    """Every way to tag, as spans, with its weight."""
    types = found.shape[1] - 1
    ways: dict[tuple, float] = {}
    for path in itertools.product(range(types + 1), repeat=len(found)):
        for begins in itertools.product((False, True), repeat=len(found)):
            weight, spans, legal = 0.0, [], True
            for at, own in enumerate(path):
                goes_on = own < types and not begins[at]
                if (goes_on and (at == 0 or path[at - 1] != own)) or (own == types and begins[at]):
                    legal = False
                    break
                weight += found[at, own]
                if goes_on:
                    weight += steps.on
                    spans[-1] = (spans[-1][0], at + 1, own)
                else:
                    weight += steps.start[own] if at == 0 else steps.between[path[at - 1], own]
                    if own < types:
                        spans.append((at, at + 1, own))
            if legal:
                ways[tuple(spans)] = weight
    return ways


@pytest.mark.parametrize("seed", range(6))
def test_the_best_spans_and_their_probabilities_are_exact(seed: int) -> None:
    rng = np.random.default_rng(seed)
    types, length = 1 + seed % 3, 4
    found = np.log(rng.dirichlet(np.ones(types + 1), size=length))
    count = decoding.USUAL + rng.integers(0, 30, size=(3, 4)) * (decoding.USUAL > 0)
    steps = decoding.steps(count, types, 0.7)
    ways = brute(found, steps)
    total = math.log(sum(map(math.exp, ways.values())))
    best = max(ways, key=ways.__getitem__)
    said = decoding.decoded(found, steps)
    assert tuple(one[:3] for one in said) == best
    for one in said:
        inside = sum(math.exp(weight - total) for spans, weight in ways.items() if one[:3] in spans)
        assert one.probability == pytest.approx(inside, abs=1e-9)


def test_transitions_are_counted() -> None:
    sentences = [(6, spans_of(["O", "B-a", "I-a", "B-a", "B-b", "O"]).spans), (0, [])]
    extra = decoding.counted(sentences) - decoding.USUAL
    assert extra.tolist() == [[1, 0, 0, 0], [0, 1, 0, 0], [1, 1, 1, 1]]


def test_a_word_that_wavers_takes_the_type_of_its_span() -> None:
    steps = decoding.steps(decoding.USUAL, 5, 1.0)
    found = np.log(np.full((3, 6), 0.02))
    found[0, 1] = found[2, 1] = math.log(0.9)
    found[1, 2], found[1, 1] = math.log(0.45), math.log(0.43)
    assert [one[:3] for one in decoding.decoded(found, steps)] == [(0, 3, 1)]
    assert decoding.decoded(found[:0], steps) == []


# measures


def random_spans(rng: random.Random, length: int = 12) -> list[Span]:
    spans, at = [], rng.randrange(3)
    while at < length - 1:
        end = min(length, at + rng.randint(1, 3))
        spans.append(Span(at, end, rng.choice("ab")))
        at = end + rng.randrange(3)
    return spans


def test_measures_are_those_of_seqeval_and_nervaluate() -> None:
    from nervaluate.evaluator import Evaluator
    from seqeval.metrics import f1_score, precision_score, recall_score

    rng = random.Random(0)
    for _ in range(30):
        said, gold = ([random_spans(rng) for _ in range(3)] for _ in range(2))
        own, true = ([tags_of(spans, 12) for spans in each] for each in (said, gold))
        found = span_measures.measures(said, gold)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = Evaluator(true, own, tags=["a", "b"], loader="list").evaluate()["overall"]
            assert found["f1"] == pytest.approx(f1_score(true, own))
            assert found["precision"] == pytest.approx(precision_score(true, own))
            assert found["recall"] == pytest.approx(recall_score(true, own))
        assert found["partial_f1"] == pytest.approx(theirs["partial"].f1)
        assert found["type_f1"] == pytest.approx(theirs["ent_type"].f1)


def test_the_measure_that_counts_stands_first() -> None:
    assert next(iter(span_measures.measures([[]], [[Span(0, 1, "a")]]))) == "f1"
    assert span_measures.measures([[]], [[]])["f1"] == 1.0


# with learners


@pytest.mark.parametrize("shots", [0, 3])
@pytest.mark.parametrize(
    "name", ["prior_head", "frozen_linear", "prototypes", "neighbours", "named_prototypes", "ridge"]
)
def test_learners_tag_as_they_are(name: str, shots: int) -> None:
    learner = build(LEARNERS, {"name": name}, "here", {"backbone": few.backbone()})
    theta = learner.init(torch.Generator().manual_seed(0))
    support = EXAMPLES[:shots]
    adapted = learner.adapt(theta, KIND.encode(support, TYPES), KIND.loss)
    score = scorer(learner, theta, adapted)
    answers = KIND.answer(score, KIND.fit(score, support, TYPES), EXAMPLES, TYPES)
    assert [answer.text for answer in answers] == list(TEXTS)
    for answer in answers:
        record = KIND.record(answer)
        for span in record["spans"]:
            assert record["text"][span["start"] : span["end"]] == span["text"]
            assert 0 < span["probability"] <= 1 and span["type"] in TYPES
    assert all(0 <= value <= 1 for value in KIND.measure(answers, EXAMPLES).values())


def test_a_head_finds_what_it_was_shown() -> None:
    learner = build(LEARNERS, {"name": "prior_head", "strength": 1e-3}, "here", {"backbone": few.backbone()})
    theta = learner.init(torch.Generator().manual_seed(0))
    adapted = learner.adapt(theta, KIND.encode(EXAMPLES, TYPES), KIND.loss)
    score = scorer(learner, theta, adapted)
    answers = KIND.answer(score, KIND.fit(score, EXAMPLES, TYPES), EXAMPLES, TYPES)
    assert KIND.measure(answers, EXAMPLES)["f1"] > 0.6
