"""Whether meta-learning was worth it: the learning curve read backwards, the verdict, and where it is shown."""

import dataclasses
import json
import re

import numpy as np
import pytest

from quickstudy.cli.worth import SIDE, picture, show
from quickstudy.evaluation.equivalents import equivalents, needed
from quickstudy.evaluation.files import to_json
from quickstudy.evaluation.markdown import to_markdown
from quickstudy.evaluation.metatest import Outcome
from quickstudy.evaluation.page import to_html
from quickstudy.evaluation.report import About
from quickstudy.evaluation.statistics import Interval
from quickstudy.evaluation.summary import summarise
from quickstudy.evaluation.worth import Worth, judged
from quickstudy.evaluation.worth_words import main_baseline, middle, overall_table, saved, sentence

SHOTS = (0, 1, 4, 16)
CALLED = {"linear": "logistic regression", "start": "the untrained start"}


def outcomes(gain: float, episodes: int = 6, noise: float = 0.01, tasks: int = 3) -> list[Outcome]:
    """Each doubling of examples brings `linear` ten points and `start` nine from a higher start; "ours" is `gain`
    above `start`."""
    rng = np.random.default_rng(0)
    found = []
    for task in range(tasks):
        for shots in SHOTS:
            doublings = np.log2(max(shots, 0.5)) + 1
            for episode in range(episodes):
                start = 0.3 + 0.02 * task + 0.09 * doublings + noise * rng.standard_normal()
                values = {
                    "ours": start + gain + noise * rng.standard_normal(),
                    "start": start,
                    "linear": 0.2 + 0.02 * task + 0.1 * doublings + noise * rng.standard_normal(),
                }
                found += [
                    Outcome(name, f"{task}/{shots}#{episode}", f"task {task}", shots, ("a", "b"), {"accuracy": value},
                            seconds_adapt=0.1 if name == "ours" else 0.2)
                    for name, value in values.items()
                ]  # fmt: skip
    return found


def asked(gain: float, **how: float) -> Worth:
    made = judged(outcomes(gain, **how), "ours", CALLED)  # type: ignore[arg-type]
    assert made is not None
    return made


def test_a_curve_is_read_backwards_between_its_points_and_past_its_ends() -> None:
    curve = np.array([0.2, 0.4, 0.6])
    found = needed((1, 4, 16), curve, np.array([0.1, 0.2, 0.3, 0.5, 0.6, 0.7]))
    assert [(round(at, 9), side) for at, side in found] == [
        (1.0, -1),
        (1.0, 0),
        (2.0, 0),
        (8.0, 0),
        (16.0, 0),
        (16.0, 1),
    ]
    assert needed((0, 1, 2), np.array([0.0, 0.5, 1.0]), np.array([0.25])) == [(0.5, 0)]
    dented = needed((1, 2, 4), np.array([0.3, 0.5, 0.4]), np.array([0.45]))  # the dent is levelled at 0.45
    assert dented == [(2.0, 0)]


def test_labels_saved_are_known_where_the_curves_are() -> None:
    """A gain of ten points is one doubling of a curve that rises by ten."""
    paired = {"task": {k: [(0.3 + 0.05 * np.log2(k), 0.2 + 0.05 * np.log2(k))] * 3 for k in (1, 4, 16)}}
    found = equivalents(paired)
    assert found[1].shots == pytest.approx(4)
    assert found[4].shots == pytest.approx(16)
    assert (found[1].low, found[1].high) == (pytest.approx(4), pytest.approx(4))
    assert (found[16].shots, found[16].side) == (16, 1)
    assert saved(1, found[1]) == "4.0 ×"
    assert saved(16, found[16]) == "more than 1.0 ×"
    flat = {"task": {k: [(0.9, 0.5)] * 3 for k in (0, 4)}}
    assert equivalents(flat) == {}
    assert equivalents({"task": {4: [(0.9, 0.5)] * 3}}) == {}


def test_the_interval_of_labels_saved_holds_the_truth_and_grows_with_the_noise() -> None:
    """`linear` needs 2 ** ((0.3 + 0.18 + 0.05 - 0.2) / 0.1) / 2 = 4.9 examples to be as good as "ours" with one."""
    wide = [
        next(gain for gain in asked(0.05, noise=noise).gains if (gain.baseline, gain.shots) == ("linear", 1)).equivalent
        for noise in (0.005, 0.05)
    ]
    for one in wide:
        assert one is not None and one.low is not None and one.high is not None
        assert one.low <= 2 ** ((0.39 + 0.05 - 0.2) / 0.1 - 1) <= one.high
    assert wide[0] and wide[1] and wide[0].high - wide[0].low < wide[1].high - wide[1].low  # type: ignore[operator]


@pytest.mark.parametrize(
    ("gain", "noise", "verdict", "begins"),
    [
        (0.05, 0.01, "yes", "Yes: on these tasks ours is 5."),
        (-0.05, 0.01, "no", "No: on these tasks the untrained start is "),
        (0.0, 0.001, "no difference", "No: on these tasks ours and the best baseline, the untrained start, differ by"),
        (0.0, 0.2, "cannot be told", "It cannot be told from these episodes"),
    ],
)
def test_the_verdict_is_said_whatever_it_is(gain: float, noise: float, verdict: str, begins: str) -> None:
    worth = asked(gain, noise=noise)
    assert worth.verdict == verdict
    said = sentence(worth)
    assert said.startswith(begins) and said.endswith(".")
    assert "95 % interval" in said and "0.1 s against 0.2 s" in said
    if verdict == "no":  # stated the other way round, bounds and all
        mean, low, high = (
            float(one.replace("−", "-"))
            for one in re.findall(r"is (\d+\.\d) points.*interval (\S+) to (\S+)\)", said)[0]
        )
        assert low <= mean <= high


def test_one_episode_decides_nothing() -> None:
    worth = asked(0.1, episodes=1)
    assert worth.verdict == "cannot be told"
    assert "from so few episodes of a task" in sentence(worth)


def test_tasks_weigh_alike_however_many_numbers_of_shots_they_have() -> None:
    """One task at five numbers of shots where "ours" loses 2 points, two at one where it gains 3."""
    found = [
        Outcome(name, f"{task}/{shots}#{episode}", task, shots, ("a", "b"), {"accuracy": 0.5 + gain + 0.001 * episode})
        for task, shots_of, more in (("long", (0, 1, 2, 4, 8), -0.02), ("b", (1,), 0.03), ("c", (1,), 0.03))
        for shots in shots_of
        for episode in range(6)
        for name, gain in (("ours", more), ("linear", 0.0))
    ]
    worth = judged(found, "ours", CALLED)
    assert worth is not None
    overall = worth.overall[0]
    assert overall.over_episodes.mean == pytest.approx((-0.02 + 0.03 + 0.03) / 3)
    assert overall.over_tasks.mean == pytest.approx(overall.over_episodes.mean)
    assert (overall.shots, worth.verdict) == ((0, 1, 2, 4, 8), "yes")


def test_episodes_that_failed_do_not_move_one_mean_away_from_the_other() -> None:
    """Of the shots at which "ours" gains most, half of the episodes have no answer."""
    found = [
        Outcome(
            name,
            f"a/{shots}#{episode}",
            "a",
            shots,
            ("a", "b"),
            {"accuracy": 0.5 + (name == "ours") * shots / 10 + 0.01 * episode},
        )
        for shots, episodes in ((1, 8), (4, 4))
        for episode in range(episodes)
        for name in ("ours", "linear")
    ]
    worth = judged(found, "ours", CALLED)
    assert worth is not None
    assert worth.overall[0].over_episodes.mean == pytest.approx(0.25)
    assert worth.overall[0].over_tasks.mean == pytest.approx(0.25)


def test_each_baseline_says_at_which_numbers_of_examples_it_was_compared() -> None:
    some = [one for one in outcomes(0.05) if one.contestant != "linear" or one.shots]
    worth = judged(some, "ours", CALLED)
    assert worth is not None
    assert {one.baseline: one.shots for one in worth.overall} == {"start": SHOTS, "linear": SHOTS[1:]}
    assert {row[0]: row[2] for row in overall_table(worth).rows} == {"start": "0, 1, 4 and 16", "linear": "1, 4 and 16"}


def test_what_speaks_against_the_verdict_stands_behind_it() -> None:
    failed = dataclasses.replace(outcomes(0.05)[0], draw="one more", measures={}, failure="it diverged")
    assert failed.contestant == "ours"
    worth = judged([*outcomes(0.05), failed], "ours", CALLED)
    assert worth is not None and worth.failed == 1
    assert sentence(worth).endswith("ours has no answers on 1 episode, which is left out.")
    told = sentence(dataclasses.replace(worth, met={"bbc": "trained on", "cnn": "chosen by"}))
    assert told.endswith(
        "But the student was trained on a source called bbc and chosen by a source called cnn: this is no verdict on "
        "tasks that it has not met."
    )


def test_labels_are_counted_against_the_first_baseline_and_the_verdict_is_about_the_best() -> None:
    worth = asked(0.05)
    assert worth.best == "start"
    assert main_baseline(worth) == "linear"
    assert middle(worth) == 4
    assert "with 4 examples a class it is as good as logistic regression with " in sentence(worth)
    assert judged(outcomes(0.05), "ours", {"absent": "nobody"}) is None


def test_an_episode_that_one_of_two_failed_on_does_not_count() -> None:
    found = outcomes(0.05)
    bad = dataclasses.replace(found[0], measures={}, failure="diverged")
    assert found[0].contestant == "ours"
    worth = judged([bad, *found[1:]], "ours", CALLED)
    assert worth is not None
    assert {gain.comparison.over_episodes.episodes for gain in worth.gains if gain.shots == 0} == {17}


def test_the_report_shows_it_first_in_every_form() -> None:
    pytest.importorskip("matplotlib")
    found = outcomes(0.05)
    report = summarise(found, "ours", About(resamples=50))
    assert "worth it" not in to_html(report)
    report = dataclasses.replace(report, worth=judged(found, "ours", CALLED))
    assert report.worth is not None
    said = sentence(report.worth)
    page, text, data = to_html(report), to_markdown(report), json.loads(to_json(report))
    assert page.index("Was meta-learning worth it?") < page.index("<h2><bdi>Result")
    assert said in page.replace("&#x27;", "'") and said in text
    assert 'aria-label="Learning curves of ours' in page
    assert data["worth"]["verdict"] == "yes" and data["worth"]["sentence"] == said
    assert len(data["worth"]["gains"]) == len(SHOTS) * len(CALLED)


def test_the_picture_shows_the_interval_beside_zero(capsys: pytest.CaptureFixture[str]) -> None:
    drawn = picture(Interval(0.5, 0.25, 1.0, 1, 2), 1.0)
    assert len(drawn) == 2 * SIDE + 1
    assert drawn.strip() == "┊ ├──●────┤"
    assert picture(Interval(0.0, -0.5, 0.5, 1, 2), 1.0).strip() == "├────●────┤"
    assert picture(Interval(0.5, None, None, 1, 1), 1.0).strip() == "┊    ●"
    show(None)
    assert capsys.readouterr().out == ""
    show(asked(0.05))
    assert "Yes: on these tasks" in capsys.readouterr().out


def test_the_sentence_names_the_shots_at_which_the_best_baseline_was_met() -> None:
    """Logistic regression has no answer without examples, so it is met at 1, 4 and 16 alone."""
    met = [one for one in outcomes(0.1) if one.contestant != "start" and (one.shots or one.contestant == "ours")]
    made = judged(met, "ours", {"linear": CALLED["linear"]})
    assert made is not None and "on average over 1, 4 and 16 examples a class" in sentence(made)
    assert "on average over 0, 1, 4 and 16 examples a class" in sentence(asked(0.1))
