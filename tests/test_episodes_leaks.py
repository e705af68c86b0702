"""Leaks: nothing that stands in an evaluation task stays, nothing else goes, and all of it is counted."""

from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quickstudy.core.types import QuickstudyError
from quickstudy.episodes.cleaning import normalised
from quickstudy.episodes.leaks import SHINGLE, SHORT, shared_classes, without_leaks
from quickstudy.episodes.sources import Source
from quickstudy.kinds import labelled
from quickstudy.kinds.labelled import Labelled

KIND = SimpleNamespace(
    read=labelled.read,
    write=labelled.write,
    texts=labelled.texts,
    labels=lambda example: frozenset(example.labels),
)
PROPERTY = settings(max_examples=40, deadline=None)


def source(*texts, name="train"):
    return Source(name, tuple(Labelled(text, ("a",)) for text in texts))


def left(sources):
    return [example.text for one in sources for example in one.examples]


def similarity(first, second):
    one, other = (
        {key[n : n + SHINGLE] for n in range(len(key) - SHINGLE + 1)} for key in (normalised(first), normalised(second))
    )
    return len(one & other) / max(len(one | other), 1)


def test_what_is_dropped_and_what_stays():
    first = source("WHERE is my-card?", "where is my car", "a friendly hello", "！ＨＥＬＬＯ　there", name="first")
    second = source(
        "could you tell me please where my new card has got to",
        "could you tell me please what my new balance amounts to",
        name="second",
    )
    judged = ["where is my card", "hello there", "Could you tell me please where my new card has got to now?"]
    kept, report = without_leaks([first, second], judged, KIND)
    assert left(kept) == [
        "where is my car",
        "a friendly hello",
        "could you tell me please what my new balance amounts to",
    ]
    assert report.counts == {"first": (4, 2, 0), "second": (2, 0, 1)} and report.dropped == 3
    assert [(leak.source, leak.reason, leak.evaluation) for leak in report.examples] == [
        ("first", "same", "where is my card"),
        ("first", "same", "hello there"),
        ("second", "near", judged[2]),
    ]
    assert str(report).startswith("3 of 6 training rows")


def test_nothing_to_drop_leaves_the_sources_themselves():
    one = source("...", "🎉", "")
    kept, report = without_leaks([one, source("!", name="other")], ["?!", "🎈", " "], KIND)
    assert kept[0] is one and report.dropped == 0
    kept, _ = without_leaks([one, source("party 🎉", name="gone")], ["party🎉"], KIND)
    assert [found.name for found in kept] == ["train"]


def test_pairs_are_compared_whole_and_by_their_long_texts():
    rows = (
        Labelled("the screen is bright", ("a",), "screen"),
        Labelled("a battery", ("a",), "screen"),
        Labelled("something else", ("a",), "the keyboard of this laptop is a joy"),
    )
    judged = [("a battery!", "Screen"), ("screen",), "the keyboard of this laptop is a joy"]
    kept, report = without_leaks([Source("pairs", rows)], judged, KIND)
    assert [one.examples for one in kept] == [rows[:1]]
    assert report.examples[0].text == "a battery | screen"


WORDS = st.lists(
    st.sampled_from(
        [
            "where",
            "when",
            "is",
            "has",
            "my",
            "your",
            "card",
            "pin",
            "come",
            "gone",
            "lost",
            "new",
            "please",
            "thanks",
        ]
    )
)


@PROPERTY
@given(
    rows=st.lists(WORDS.map(" ".join), min_size=1, max_size=12),
    judged=st.lists(WORDS.map(" ".join), max_size=12),
    threshold=st.sampled_from([0.5, 0.8, 1.0]),
)
def test_every_drop_is_a_leak_and_no_equal_text_stays(rows, judged, threshold):
    kept, report = without_leaks([source(*rows)], judged, KIND, threshold)
    stayed = {normalised(text) for text in left(kept)}
    assert not (stayed & {normalised(text) for text in judged}) - {""}
    assert len(left(kept)) + report.dropped == len(rows)
    for leak in report.examples:
        if leak.reason == "near":
            assert similarity(leak.text, leak.evaluation) >= threshold
            assert len(normalised(leak.text)) >= SHORT
        else:
            assert normalised(leak.text) == normalised(leak.evaluation)


def test_near_texts_are_found():
    """A hundred sentences of which one word was changed; the search is allowed to miss one in a thousand."""
    letters = [f"{n:03d} {' '.join(f'word{n * 37 + k * 11}' for k in range(12))}" for n in range(100)]
    changed = [text.replace(" word", " sword", 1) for text in letters]
    near = sum(similarity(*both) >= 0.8 for both in zip(letters, changed, strict=True))
    _, report = without_leaks([source(*changed)], letters, KIND)
    assert near == 100 and report.counts["train"].near >= 99


@pytest.mark.parametrize("threshold", [0, -1, 1.1, float("nan")])
def test_thresholds_that_cannot_be(threshold):
    with pytest.raises(QuickstudyError, match="threshold"):
        without_leaks([], [], KIND, threshold)


def test_shared_classes():
    one = Source("one", (Labelled("t", ("Card Arrival",)),), {"pin": ""})
    other = Source("other", (Labelled("t", ("card  arrival",)), Labelled("u", ("refund",))))
    none = source("x", name="none")
    assert shared_classes([one, none], [other], KIND) == {"one": ("Card Arrival",)}
