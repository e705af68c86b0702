"""Choosing sources by progress: pure, right by hand, better than chance, and the same bits after a stop."""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_meta import folder, recipe
from test_training_loop import QUICK, task, train, validate

from quickstudy import recipe as recipes
from quickstudy.core.params import same
from quickstudy.core.types import Episode, QuickstudyError
from quickstudy.episodes.choosing import Choosing, Policy, Seen, tally
from quickstudy.episodes.mixing import Mixture
from quickstudy.episodes.sources import Source
from quickstudy.kinds.labelled import Labelled
from quickstudy.meta import meta_train
from quickstudy.meta_tasks import seen
from quickstudy.training.loop import TrainingInterruptedError
from quickstudy.training.outcome import History
from quickstudy.training.slopes import generator

__all__ = ["folder"]

ROWS = (Labelled("a", ("x",)), Labelled("b", ("y",)))
HELPS, IDLE, HURTS, NEVER = (
    Source(name, ROWS, weight=float(name != "never")) for name in ("helps", "idle", "hurts", "never")
)
FOUR = Mixture((HELPS, IDLE, HURTS, NEVER))
PAST: Seen = ((0, 0.0), (40, 0.1), (80, 0.5), (120, 0.4))


def test_it_begins_as_its_mixture_and_draws_what_that_draws() -> None:
    policy = Policy(FOUR, Choosing(hold=1))
    for past in ((), PAST[:1], PAST[:2]):
        assert policy.chances(0, past) == pytest.approx(FOUR.probabilities)
    assert [policy.source(n, 7) for n in range(200)] == [FOUR.source(n, 7) for n in range(200)]


def test_it_is_a_function_of_its_arguments() -> None:
    policy = Policy(FOUR)
    asked = [(n, seed, PAST[:known]) for n in range(120, 160, 3) for seed in (0, 1) for known in (2, 3, 4)]
    found = [policy.source(*each) for each in asked]
    random.Random(0).shuffle(asked)
    again = {each: policy.source(*each) for each in asked}
    assert found == [again[each] for each in sorted(asked, key=lambda each: (each[0], each[1], len(each[2])))]
    assert [Policy(FOUR).source(*each) for each in asked] == list(again.values())
    assert policy.chances(0, PAST) == Policy(FOUR).chances(0, PAST) != policy.chances(1, PAST)


def test_a_choice_holds_until_the_next_validation() -> None:
    policy = Policy(FOUR, Choosing(hold=16))
    names = [policy.source(n, 3, PAST).name for n in range(120, 120 + 320)]
    assert all(len(set(names[at : at + 16])) == 1 for at in range(0, 320, 16))
    assert len(set(names)) == 3


def test_the_update_is_that_of_reinforce() -> None:
    """Two sources, one choice in each interval; the first interval only sets the baseline."""
    two = Mixture((HELPS, IDLE), 0.0)
    how = Choosing(rate=0.8, floor=0.1, hold=10)
    policy = Policy(two, how)
    past: Seen = ((0, 0.0), (10, 0.5), (20, 1.3))
    chosen = policy.source(10, 5, past[:2])
    other = IDLE if chosen is HELPS else HELPS
    # progress 0.5, then 0.8: 0.3 more than usual, which is one usual distance; log p has the slope
    # 0.9 * 0.5 / 0.5 * (1 - 0.5) at the logit of the choice and minus that at the other's
    logit = 0.8 * 1.0 * 0.9 * 0.5
    softmax = 1 / (1 + math.exp(-2 * logit))
    expected = {chosen.name: 0.1 * 0.5 + 0.9 * softmax, other.name: 0.1 * 0.5 + 0.9 * (1 - softmax)}
    assert policy.chances(5, past) == pytest.approx(expected, rel=1e-12)
    # then a progress of 0.2: the running mean is (0.9 * 0.5 + 0.8) / 1.9 and the mean square (0.9 * 0.09 + d * d) / 1.9
    distance = 0.2 - (0.9 * 0.5 + 0.8) / 1.9
    advantage = distance / math.sqrt((0.9 * 0.3**2 + distance**2) / 1.9)
    third = policy.source(20, 5, past)
    preferred = softmax if third is chosen else 1 - softmax
    step = 0.8 * advantage * 0.9 * preferred / expected[third.name] * (1 - preferred)
    gap = 2 * logit + (2 * step if third is chosen else -2 * step)
    last = policy.chances(5, (*past, (30, 1.5)))
    assert last[chosen.name] == pytest.approx(0.05 + 0.9 / (1 + math.exp(-gap)), rel=1e-9)


def test_slopes_are_those_of_the_log_probability_of_the_choices() -> None:
    """Three sources and many choices an interval, against differences of log p."""
    mixture = Mixture((HELPS, IDLE, HURTS))
    policy = Policy(mixture, Choosing(rate=0.6, floor=0.3, hold=4))
    chosen = [mixture.sources.index(policy.source(n, 2, PAST[:2])) for n in range(40, 80, 4)]

    def log_p(logits: Sequence[float]) -> float:
        shares = [math.exp(logit) for logit in logits]
        return sum(math.log(0.3 / 3 + 0.7 * shares[place] / sum(shares)) for place in chosen)

    def moved(place: int, by: float) -> float:
        return log_p([by if other == place else 0.0 for other in range(3)])

    slopes = [(moved(place, 1e-6) - moved(place, -1e-6)) / 2e-6 for place in range(3)]
    shares = [math.exp(0.6 * slope / math.sqrt(10)) for slope in slopes]  # the second interval's advantage is 1
    expected = [0.1 + 0.7 * share / sum(shares) for share in shares]
    assert list(policy.chances(2, PAST[:3]).values()) == pytest.approx(expected, rel=1e-8)


def lived(policy: Policy, seed: int, intervals: int, worth: dict[str, float], noise: float) -> Seen:
    """The scores of a training in which every episode of a source raises the score by its worth, more or less."""
    chance = random.Random(seed)
    past: Seen = ((0, 0.0),)
    for _ in range(intervals):
        first, score = past[-1]
        gained = sum(worth[policy.source(n, seed, past).name] for n in range(first, first + 20))
        past = (*past, (first + 20, score + gained / 20 + chance.gauss(0, noise)))
    return past


@pytest.mark.parametrize("seed", range(4))
def test_what_helps_is_drawn_more_and_nothing_is_given_up(seed: int) -> None:
    policy = Policy(FOUR, Choosing(rate=0.5, floor=0.15))
    past = lived(policy, seed, 150, {"helps": 1.0, "idle": 0.0, "hurts": -1.0}, noise=0.3)
    chances = policy.chances(seed, past)
    assert chances["helps"] > 0.75 and chances["never"] == 0
    assert all(chances[name] >= 0.15 / 3 for name in ("helps", "idle", "hurts"))
    assert sum(chances.values()) == pytest.approx(1)
    told = tally(policy, seed, past, past[-1][0])
    assert sum(one["episodes"] for one in told.values()) == 150 * 20
    assert told["helps"]["episodes"] > 150 * 20 / 2 and told["helps"]["chance"] == chances["helps"]


def test_without_progress_to_tell_apart_nothing_is_learned() -> None:
    even: Seen = tuple((20 * at, 5.0 - at) for at in range(9))
    assert Policy(FOUR).chances(0, even) == pytest.approx(FOUR.probabilities)
    broken: Seen = ((0, 1.0), (20, 0.5), (40, math.inf), (60, math.nan), (80, 0.7))
    assert Policy(FOUR).chances(0, broken) == pytest.approx(FOUR.probabilities)


@pytest.mark.parametrize("change", [{"rate": -1.0}, {"rate": math.nan}, {"floor": 0.0}, {"floor": 1.5}, {"hold": 0}])
def test_what_cannot_be_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(QuickstudyError, match=f"choosing: {next(iter(change))} is"):
        Choosing(**change)


PLAN = replace(QUICK, steps=30, validate_every=3, patience=1000, checkpoint_minutes=0)


def by_policy(fail_at: int | None = None) -> Callable[[int, History], list[Episode]]:
    """Lines near the validation's from the source that helps; the others' are turned round, or mere noise."""
    policy = Policy(FOUR, Choosing(rate=1.0, hold=6))

    def episodes(step: int, history: History) -> list[Episode]:
        if step == fail_at:
            raise KeyboardInterrupt
        past = seen(history, PLAN)
        found = []
        for number in range(step * PLAN.tasks, (step + 1) * PLAN.tasks):
            name, drawn = policy.source(number, PLAN.seed, past).name, task(generator(7, number, 0))
            sign = {"helps": 1.0, "idle": 0.0, "hurts": -1.0}[name]
            turned = [batch._replace(gold=sign * batch.gold) for batch in (drawn.support, drawn.query)]
            found.append(drawn._replace(support=turned[0], query=turned[1]))
        return found

    return episodes


def test_a_run_that_was_stopped_chooses_as_one_that_was_not(tmp_path: Path) -> None:
    whole = train(PLAN, episodes=by_policy(), validate=validate)
    for at in (4, 17):
        with pytest.raises(TrainingInterruptedError):
            train(PLAN, tmp_path / str(at), episodes=by_policy(at))
        resumed = train(PLAN, tmp_path / str(at), episodes=by_policy())
        assert same(resumed.theta, whole.theta) and resumed.history == whole.history
    chances = Policy(FOUR, Choosing(rate=1.0, hold=6)).chances(0, seen(whole.history, PLAN))
    assert max(chances.values()) > 0.4, "it learned nothing that a stop could have lost"


def tables(folder: Path) -> dict[str, Any]:
    """Two sources, one of them with labels by chance."""
    lines = (folder / "train.csv").read_text().splitlines()
    labels = [line.rpartition(",")[2] for line in lines[1:]]
    random.Random(0).shuffle(labels)
    mixed = [f"{line.rpartition(',')[0]}x,{label}" for line, label in zip(lines[1:], labels, strict=True)]
    (folder / "mixed.csv").write_text("\n".join([lines[0], *mixed]))
    found = recipe(folder)
    found["train"] = [{"path": str(folder / f"{name}.csv")} for name in ("train", "mixed")]
    found["episodes"] = {**found["episodes"], "choose": "progress"}
    found["training"] = {**found["training"], "validate_every": 2, "patience": 100}
    return {**found, "choosing": {"rate": 2.0, "hold": 4}}


def test_a_recipe_chooses_by_progress_resumes_and_says_what_it_drew(folder: Path) -> None:
    whole = meta_train(tables(folder), folder / "whole")

    def interrupt(record: dict) -> None:
        if record["event"] == "step" and record["step"] == 7:
            raise KeyboardInterrupt

    with pytest.raises(TrainingInterruptedError):
        meta_train(tables(folder), folder / "parts", interrupt)
    resumed = meta_train(tables(folder), folder / "parts")
    assert same(resumed.theta, whole.theta) and resumed.about["sources"] == whole.about["sources"]
    told = whole.about["sources"]
    assert list(told) == ["train", "mixed"]
    assert sum(one["episodes"] for one in told.values()) == 24
    assert sum(one["chance"] for one in told.values()) == pytest.approx(1) and told["train"]["chance"] != 0.5


def test_by_weight_the_chances_stay(folder: Path) -> None:
    told = meta_train(recipe(folder)).about["sources"]
    assert told == {"train": {"episodes": 24, "chance": 1.0}}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"choosing": {"raet": 0.1}}, "near: rate"),
        ({"choosing": {"floor": 0.0}}, "floor is 0"),
        ({"choosing": {"hold": "long"}}, "cannot be 'long'"),
        ({"episodes": {"choose": "luck"}}, "choose cannot be 'luck'"),
        ({"episodes": {}, "choosing": {}}, "is read only where"),
        ({"chosing": {}}, "near: choosing"),
    ],
)
def test_a_wrong_recipe_is_refused_in_one_sentence(change: dict[str, Any], said: str) -> None:
    given = {"train": [{"path": "x.csv"}], "episodes": {"choose": "progress"}, **change}
    with pytest.raises(QuickstudyError, match=said) as refused:
        recipes.read(given)
    assert "\n" not in str(refused.value)
