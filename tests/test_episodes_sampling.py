"""Sampling: what every draw holds to, that ids name draws for good, mixing, splits and exchange."""

import json
from collections import Counter
from types import SimpleNamespace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from quickstudy.core.types import QuickstudyError
from quickstudy.episodes.cleaning import normalised_key
from quickstudy.episodes.exchange import export, import_
from quickstudy.episodes.mixing import Mixture
from quickstudy.episodes.sampling import draw, redraw
from quickstudy.episodes.shapes import Shape, shape_of
from quickstudy.episodes.sources import Source
from quickstudy.episodes.splits import Fractions, Splits, by_class, by_document, by_source, check_disjoint
from quickstudy.kinds import labelled
from quickstudy.kinds.labelled import Labelled

KIND = SimpleNamespace(
    read=labelled.read,
    write=labelled.write,
    texts=labelled.texts,
    labels=lambda example: frozenset(example.labels),
)
PROPERTY = settings(max_examples=50, deadline=None)


def source(sizes, name="cards"):
    """A source with so many examples of each class."""
    rows = [Labelled(f"{label} text {n}", (label,)) for label, size in sizes.items() for n in range(size)]
    return Source(name, tuple(rows), {label: f"about {label}" for label in sizes})


def several(seed_rows):
    rows = [Labelled(f"text {n}", tuple(sorted(labels))) for n, labels in enumerate(seed_rows)]
    return Source("several", tuple(rows), dict.fromkeys("abcde", ""))


def keys(examples):
    return {normalised_key(KIND.texts(example)) for example in examples}


def count(examples):
    return Counter(label for example in examples for label in example.labels)


TEN = source({f"class {n}": 8 + n for n in range(10)})


@PROPERTY
@given(
    ways=st.integers(1, 10),
    shots=st.integers(0, 5),
    queries=st.integers(0, 3),
    seed=st.integers(0, 10**9),
    balanced=st.sampled_from(["balanced", "natural"]),
)
def test_every_draw(ways, shots, queries, seed, balanced):
    shape = Shape(ways, shots, queries, balanced)
    found = draw(TEN, KIND, shape, seed)
    assert len(found.classes) == ways and found.shots == shots and found.source == "cards"
    assert all(found.classes[name] == f"about {name}" for name in found.classes)
    assert set(count(found.support)) == (set(found.classes) if shots else set())
    assert len(found.support) == ways * shots
    if balanced == "balanced" and shots:
        assert set(count(found.support).values()) == {shots}
    assert count(found.query) == (dict.fromkeys(found.classes, queries) if queries else {})
    assert not keys(found.support) & keys(found.query)
    assert len(keys(found.support)) == len(found.support) and len(keys(found.query)) == len(found.query)
    assert found == draw(TEN, KIND, shape, seed) == redraw(found.id, [TEN], KIND)


@PROPERTY
@given(
    rows=st.lists(st.sets(st.sampled_from("abcde"), max_size=3), min_size=5, max_size=40),
    ways=st.none() | st.integers(1, 4),
    shots=st.integers(0, 3),
    balanced=st.sampled_from(["balanced", "natural"]),
    seed=st.integers(0, 1000),
)
def test_draws_of_several_labels(rows, ways, shots, balanced, seed):
    found = None
    try:
        found = draw(several(rows), KIND, Shape(ways, shots, 1, balanced), seed)
    except QuickstudyError:
        assert ways is not None
    assume(found is not None)
    assert set(count(found.support)) | set(count(found.query)) <= set(found.classes)
    assert not keys(found.support) & keys(found.query)
    if ways is not None:
        assert all(count(found.query)[name] >= 1 for name in found.classes)
        least = shots if balanced == "balanced" else min(shots, 1)
        assert all(count(found.support)[name] >= least for name in found.classes)


def test_ranges_are_drawn_from_and_clipped_to_the_source():
    shape = Shape((2, 30), (1, 50), 2)
    found = [draw(TEN, KIND, shape, seed) for seed in range(60)]
    assert {len(one.classes) for one in found} >= {2, 5} and max(len(one.classes) for one in found) <= 10
    assert {one.shots for one in found} >= {1, 8} and max(one.shots for one in found) <= 14
    assert all(set(count(one.support).values()) == {one.shots} for one in found)


def test_a_natural_support_follows_frequency():
    skewed = source({"often": 400, "seldom": 20})
    found = [count(draw(skewed, KIND, Shape(2, 10, 2, "natural"), seed).support) for seed in range(20)]
    assert all(one["seldom"] >= 1 and sum(one.values()) == 20 for one in found)
    assert sum(one["often"] for one in found) > 340


def test_the_same_text_is_never_on_both_sides():
    rows = [Labelled(f"{'!' * n} text {n % 4}", (label,)) for label in "ab" for n in range(40)]
    found = draw(Source("twins", tuple(rows)), KIND, Shape(2, 1, 1), 0)
    assert not keys(found.support) & keys(found.query)
    with pytest.raises(QuickstudyError, match="its classes share too many examples"):
        draw(Source("twins", tuple(rows)), KIND, Shape(2, 2, 2), 0)


def test_small_classes_are_left_out_or_give_what_they_have():
    small = source({"a": 9, "b": 9, "c": 3, "d": 1, "e": 0})
    assert {name for seed in range(9) for name in draw(small, KIND, Shape(2, 4, 4), seed).classes} == {
        "a",
        "b",
    }
    with pytest.raises(QuickstudyError, match="2 of its 5 classes have 8 different texts, and 3 are needed"):
        draw(small, KIND, Shape(3, 4, 4), 0)
    everything = draw(small, KIND, Shape(None, 4, 4), 0)
    assert list(everything.classes) == ["a", "b", "c", "d", "e"]
    assert count(everything.support) == {"a": 4, "b": 4, "c": 2, "d": 1}
    assert count(everything.query) == {"a": 4, "b": 4, "c": 1}


def test_the_id_and_what_it_refuses():
    found = draw(TEN, KIND, Shape(5, 3, 2), 42)
    name, code, rest = found.id.split("/")
    assert (name, code, rest[6:]) == ("cards", "5w3s2q", "#42")
    changed = Source("cards", TEN.examples[:-1], TEN.classes)
    with pytest.raises(QuickstudyError, match="the content of 'cards' has changed"):
        redraw(found.id, [changed], KIND)
    with pytest.raises(QuickstudyError, match="there is no source 'cards'; there are other"):
        redraw(found.id, [source({"a": 3}, "other")], KIND)
    for broken in ("", "cards", "cards/5w3s2q/abc", "cards#3", "cards/5w3s2q/abc#x", f"{found.id}x"):
        with pytest.raises(QuickstudyError):
            redraw(broken, [TEN], KIND)


def test_an_old_id_is_drawn_as_ever():
    """Written down once: whoever changes this test breaks every id that was ever published."""
    old = source({"a": 6, "b": 6, "c": 6}, "old/set")
    found = draw(old, KIND, Shape((2, 3), (1, 2), 1, "natural"), 7)
    assert found.id == OLD_ID
    assert [example.text for example in found.support + found.query] == OLD_TEXTS


OLD_ID = "old/set/2-3w1-2s1qn/d3018f#7"
OLD_TEXTS = ["b text 3", "b text 5", "b text 1", "a text 5", "b text 2", "a text 2"]


@PROPERTY
@given(
    ways=st.none() | st.integers(1, 99) | st.tuples(st.integers(1, 5), st.integers(5, 9)),
    shots=st.integers(0, 99) | st.tuples(st.integers(0, 5), st.integers(5, 9)),
    queries=st.integers(0, 99),
    balanced=st.sampled_from(["balanced", "natural"]),
)
def test_a_shape_and_its_code(ways, shots, queries, balanced):
    def plain(value):
        return value[0] if isinstance(value, tuple) and value[0] == value[1] else value

    shape = Shape(plain(ways), plain(shots), queries, balanced)
    assert shape_of(shape.code) == shape


@pytest.mark.parametrize("wrong", [{"ways": 0}, {"shots": -1}, {"shots": (3, 1)}, {"queries": -1}, {"balanced": "x"}])
def test_shapes_that_cannot_be(wrong):
    with pytest.raises(QuickstudyError, match="shape: "):
        Shape(**wrong)


def test_exchange(tmp_path):
    draws = [draw(TEN, KIND, Shape(3, 2, 1), seed) for seed in range(4)]
    path = tmp_path / "episodes.jsonl"
    assert export(iter(draws), KIND, path) == 4
    assert import_(path, KIND) == draws

    def broken():
        yield draws[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(broken(), KIND, path)
    assert import_(path, KIND) == draws and [one.name for one in tmp_path.iterdir()] == ["episodes.jsonl"]
    with pytest.raises(QuickstudyError, match="cannot be written"):
        export(draws, KIND, tmp_path / "nowhere" / "episodes.jsonl")


def test_exchange_refuses_what_it_did_not_write(tmp_path):
    path = tmp_path / "episodes.jsonl"
    with pytest.raises(QuickstudyError, match="cannot be read"):
        import_(path, KIND)
    export([draw(TEN, KIND, Shape(3, 2, 1), 1)], KIND, path)
    whole = path.read_text()
    value = json.loads(whole)
    lines = [
        "3",
        "{",
        whole[: len(whole) // 2],
        json.dumps(value | {"classes": 3}),
        json.dumps(value | {"support": [3]}),
    ]
    for line in [
        *lines,
        json.dumps(value | {"format": "quickstudy.episode.v9"}),
        json.dumps(value | {"query": [{}]}),
    ]:
        path.write_text(whole + line)
        with pytest.raises(QuickstudyError, match="line 2"):
            import_(path, KIND)


def test_mixtures():
    small, large, never = (
        source({"a": 4}, "small"),
        source({"a": 64}, "large"),
        Source("never", TEN.examples, weight=0),
    )
    even = Mixture((small, large, never))
    assert even.probabilities == {"small": 0.5, "large": 0.5, "never": 0}
    assert Mixture((small, large), alpha=0.5).probabilities == {"small": 0.2, "large": 0.8}
    tilted = Mixture((small, large, never), alpha=0.5)
    drawn = [tilted.source(step, seed=3).name for step in range(1000)]
    assert 740 < drawn.count("large") < 860 and "never" not in drawn
    assert [tilted.source(step, seed=3).name for step in reversed(range(1000))] == drawn[::-1]
    assert [tilted.source(step, seed=4).name for step in range(1000)] != drawn
    for wrong in ((), (never,), (small, small)):
        with pytest.raises(QuickstudyError):
            Mixture(wrong)


def test_splits_by_class():
    parts = by_class(TEN, KIND, Fractions(0.6, 0.2, 0.2), seed=1)
    check_disjoint(parts, KIND, "class")
    assert [len(part[0].classes) for part in parts] == [6, 2, 2]
    assert sum(len(part[0].examples) for part in parts) == len(TEN.examples)
    assert parts.test[0].name == "cards.test"
    again = by_class(TEN, KIND, Fractions(0.6, 0.2, 0.2), seed=1)
    assert [part[0].examples for part in again] == [part[0].examples for part in parts]
    assert by_class(TEN, KIND, Fractions(0.6, 0.2, 0.2), seed=2).test[0].classes != parts.test[0].classes
    with pytest.raises(QuickstudyError, match="1 classes of few cannot fill train, validation, test"):
        by_class(source({"a": 3}, "few"), KIND, Fractions(), 0)


def test_splits_by_document():
    rows = [Labelled(f"Text {n % 30}{'.' * (n // 30)}", (f"class {n % 3}",)) for n in range(90)]
    parts = by_document(Source("docs", tuple(rows)), KIND, Fractions(0.8, 0, 0.2), seed=0)
    check_disjoint(parts, KIND, "document")
    assert [len(one.examples) for part in parts for one in part] == [72, 18] and parts.validation == ()
    parts = by_document(TEN, KIND, Fractions(), 0, document=lambda example: example.labels[0])
    check_disjoint(parts, KIND, "document")
    assert [len(count(part[0].examples)) for part in parts] == [6, 2, 2]


def test_sources_go_whole_into_a_part():
    sources = [source({"a": 3}, f"s{n}") for n in range(7)]
    parts = by_source(sources, Fractions(), seed=5)
    check_disjoint(parts, KIND, "source")
    assert sorted(one.name for part in parts for one in part) == [f"s{n}" for n in range(7)]
    with pytest.raises(QuickstudyError, match="the class 'a' stands in both train and validation"):
        check_disjoint(parts, KIND, "class")
    with pytest.raises(QuickstudyError, match="the source 'cards' stands in both train and test"):
        check_disjoint(Splits((TEN,), (), (TEN,)), KIND, "source")
    with pytest.raises(QuickstudyError, match="sum to 1"):
        Fractions(0.5, 0.1, 0.1)
