"""What an episode's classes are called."""

from collections import Counter

import pytest
import torch
from few import reader

from quickstudy.core.types import IGNORE, QuickstudyError
from quickstudy.episodes.sampling import draw
from quickstudy.episodes.shapes import Shape
from quickstudy.episodes.sources import Source
from quickstudy.episodes.wording import Wording, reworded
from quickstudy.kinds.classification import Classification
from quickstudy.kinds.labelled import Labelled
from quickstudy.kinds.multilabel import MultiLabel
from quickstudy.meta_tasks import against, episode, reworded_episode
from quickstudy.text.names import has_meaning

CLASSES = {"card arrival": "", "lost card": "", "pin": ""}
OTHERS = {"card arrival": ("where is it", "delivery"), "lost card": ("gone", "loss"), "pin": ("forgotten", "code")}


def test_without_shares_names_stay():
    assert reworded(CLASSES, OTHERS, 3, Wording(), "1") == (CLASSES, None)


def test_other_names_belong_together():
    found = {tuple(reworded(CLASSES, OTHERS, 0, Wording(other=1), str(seed))[0]) for seed in range(40)}
    assert found == {("where is it", "gone", "forgotten"), ("delivery", "loss", "code")}
    assert reworded(CLASSES, {"pin": ("code",)}, 0, Wording(other=1), "1") == (CLASSES, None)  # some have none


def test_names_are_abbreviated_unless_two_would_be_alike():
    assert list(reworded(CLASSES, {}, 0, Wording(short=1), "1")[0]) == ["CARD_ARRI", "LOST_CARD", "PIN"]
    alike = {"positive": "", "positively": ""}
    assert reworded(alike, {}, 0, Wording(short=1), "1") == (alike, None)


def test_codes_say_nothing_and_need_examples():
    said, _ = reworded(CLASSES, {}, 2, Wording(none=1), "1")
    assert len(said) == 3 and not any(map(has_meaning, said))
    assert reworded(CLASSES, {}, 0, Wording(none=1), "1") == (CLASSES, None)


def test_shares_are_kept_and_the_seed_decides():
    wording = Wording(short=0.25, against=0.25)
    found = [reworded(CLASSES, {}, 2, wording, str(seed)) for seed in range(2000)]
    count = Counter("against" if one else "short" if said != CLASSES else "own" for said, one in found)
    assert count["own"] == pytest.approx(1000, abs=100)
    assert count["short"] == pytest.approx(500, abs=80)
    assert found == [reworded(CLASSES, {}, 2, wording, str(seed)) for seed in range(2000)]


def test_one_class_against_the_rest():
    kind = Classification(reader())
    source = Source("cards", tuple(Labelled(f"{name} {n}", (name,)) for name in CLASSES for n in range(6)))
    drawn = draw(source, kind, Shape(3, 2, 2), 0)
    plain, asked = episode(drawn, kind), reworded_episode(drawn, source, kind, Wording(against=1), None)
    _, one = reworded(drawn.classes, {}, 2, Wording(against=1), drawn.id)
    place = list(drawn.classes).index(one)
    assert len(asked.support.names.tokens) == 2
    assert torch.equal(asked.query.gold == 0, plain.query.gold == place)
    assert (asked.support.gold == 0).sum() == 2 and (asked.support.gold == 1).sum() == 4
    assert torch.equal(asked.support.text.tokens, plain.support.text.tokens)
    assert against(torch.tensor([[IGNORE], [1]]), 1).tolist() == [[IGNORE], [0]]


def test_several_labels_have_no_rest():
    kind = MultiLabel(reader())
    source = Source("cards", tuple(Labelled(f"{name} {n}", (name,)) for name in CLASSES for n in range(6)))
    drawn = draw(source, kind, Shape(3, 2, 2), 0)
    asked = reworded_episode(drawn, source, kind, Wording(against=1), None)
    assert asked.support.gold.shape[-1] == len(asked.support.names.tokens) == 3


@pytest.mark.parametrize("shares", [{"other": -0.1}, {"short": 0.7, "none": 0.4}])
def test_shares_that_cannot_be(shares):
    with pytest.raises(QuickstudyError, match="shares"):
        Wording(**shares)
