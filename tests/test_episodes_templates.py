"""Sentences out of templates."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quickstudy.core.types import QuickstudyError
from quickstudy.episodes.sampling import Dice
from quickstudy.episodes.templates import parsed, sentence


def draw(template, seed=0, rules=None, lists=None):
    def entry(name, dice):
        found = (lists or {}).get(name)
        return found[dice.between(0, len(found) - 1)] if found else None

    return sentence(template, rules or {}, entry, Dice(str(seed)))


def all_of(template, **more):
    return {draw(template, seed, **more) for seed in range(200)}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("turn on", {"turn on"}),
        ("(turn|switch) on", {"turn on", "switch on"}),
        ("lamp[s]", {"lamp", "lamps"}),
        ("turn [the|my] light", {"turn light", "turn the light", "turn my light"}),
        ("(on;here)", {"on here", "here on"}),
        ("on|off", {"on", "off"}),
        ("(a|b(c|d))", {"a", "bc", "bd"}),
        ("[把]灯 (打开|开)", {"灯打开", "灯开", "把灯打开", "把灯开"}),
    ],
)
def test_every_reading_of_a_template_comes_and_no_other(template, expected):
    assert all_of(template) == expected


def test_rules_and_lists_are_templates_too():
    found = all_of(
        "<turn> {name:slot} on",
        rules={"turn": "(turn|switch)"},
        lists={"name": ["lamp[s]"]},
    )
    assert found == {f"{turn} {name} on" for turn in ("turn", "switch") for name in ("lamp", "lamps")}


def test_a_list_or_rule_that_is_not_there_gives_no_sentence():
    assert draw("{nothing} on") is None
    assert draw("<nothing> on") is None


def test_rules_that_hold_each_other_are_refused():
    with pytest.raises(QuickstudyError, match="without end"):
        draw("<a>", rules={"a": "<b>", "b": "<a>"})


@pytest.mark.parametrize("template", ["(a", "[a", "a)", "{a", "<a", "{", "a]", "(a]", "<>", "{(}"])
def test_brackets_that_do_not_match_are_refused(template):
    with pytest.raises(QuickstudyError):
        parsed(template)


@settings(max_examples=50, deadline=None)
@given(st.text(alphabet="ab []()|;{}<>:灯", max_size=30), st.integers(0, 5))
def test_any_template_is_read_or_refused_and_the_same_seed_says_the_same(template, seed):
    try:
        first = draw(template, seed, rules={"a": "x"}, lists={"b": ["y"]})
    except QuickstudyError:
        return
    assert first == draw(template, seed, rules={"a": "x"}, lists={"b": ["y"]})
    if first is not None:
        assert not set(first) & set("[](){}<>|;")
        assert first == " ".join(first.split())
