"""The answer to "was meta-learning worth it?" in words: one plain sentence, two tables."""

import dataclasses

from quickstudy.evaluation.equivalents import Equivalent
from quickstudy.evaluation.statistics import Interval
from quickstudy.evaluation.tables import Table
from quickstudy.evaluation.wording import UNKNOWN, count, difference, difference_bounds, listed, seconds
from quickstudy.evaluation.worth import SAME, Gain, Worth

HEADING = "Was meta-learning worth it?"


def sentence(worth: Worth) -> str:
    """The verdict, also where it is no or cannot be told, and what to bear in mind of it."""
    return " ".join((_verdict(worth), *_doubts(worth)))


def _verdict(worth: Worth) -> str:
    best = worth.called[worth.best]
    overall = worth.overall[0]
    gain = overall.over_episodes
    over = f"on average over {_numbers(overall.shots)} examples a class"
    sure = f"95 % interval {difference_bounds(gain)}"
    points = f"{_points(gain)} of {worth.measure.replace('_', ' ')}"
    if worth.verdict == "yes":
        text = f"Yes: on these tasks {worth.student} is {points} above the best baseline, {best}, {over} ({sure})"
    elif worth.verdict == "no":
        turned = dataclasses.replace(gain, mean=-gain.mean, low=_negative(gain.high), high=_negative(gain.low))
        sure = f"95 % interval {difference_bounds(turned)}"
        text = f"No: on these tasks {best} is {points} above {worth.student}, {over} ({sure})"
    elif worth.verdict == "no difference":
        text = (
            f"No: on these tasks {worth.student} and the best baseline, {best}, differ by less than {100 * SAME:.0f} "
            f"point of {worth.measure.replace('_', ' ')}, {over} ({sure})"
        )
    elif gain.low is None:
        return (
            f"It cannot be told from so few episodes of a task: {worth.student} minus {best}, the best baseline, is "
            f"{difference(gain)} points of {worth.measure.replace('_', ' ')}; evaluate more."
        )
    else:
        text = (
            f"It cannot be told from these episodes: {worth.student} minus the best baseline, {best}, is "
            f"{difference(gain)} points of {worth.measure.replace('_', ' ')}, {over} ({sure}), and more episodes "
            "would say"
        )
    return f"{text}; {_labels_and_seconds(worth)}."


def _doubts(worth: Worth) -> list[str]:
    """Sentences on what speaks against the verdict."""
    found = []
    if worth.failed:
        left_out = "which is left out" if worth.failed == 1 else "which are left out"
        found.append(f"{worth.student} has no answers on {count(worth.failed, 'episode')}, {left_out}.")
    if worth.met:
        told = listed(tuple(f"{said} a source called {name}" for name, said in worth.met.items()))
        found.append(f"But the student was {told}: this is no verdict on tasks that it has not met.")
    return found


def main_baseline(worth: Worth) -> str:
    """The one whose labels are counted: the first of those asked for, which is what most would use, if it has a
    curve; else the best."""
    having = [gain.baseline for gain in worth.gains if gain.equivalent]
    return next((name for name in worth.called if name in having), worth.best)


def middle(worth: Worth) -> int:
    """The number of shots that the sentence speaks of: the middle one of those above none, the lower of two."""
    some = [number for number in worth.shots if number] or list(worth.shots)
    return some[(len(some) - 1) // 2]


def saved(shots: int, found: Equivalent | None) -> str:
    """ "3.1 ×", "more than 4 ×"; at no example "2.4 a class", as there is nothing to take times."""
    if found is None:
        return UNKNOWN
    side = {1: "more than ", -1: "fewer than ", 0: ""}[found.side]
    return f"{side}{_times(shots, found.shots)}" + (" ×" if shots else " a class")


def saved_bounds(shots: int, found: Equivalent | None) -> str:
    if found is None or found.low is None or found.high is None:
        return UNKNOWN
    return f"{_times(shots, found.low)} to {_times(shots, found.high)}"


def gain_table(worth: Worth) -> Table:
    """Every baseline at every number of shots."""
    rows = [
        (
            gain.baseline,
            str(gain.shots),
            f"{100 * gain.mean:.1f}",
            f"{100 * gain.baseline_mean:.1f}",
            difference(gain.comparison.over_episodes),
            difference_bounds(gain.comparison.over_episodes),
            difference_bounds(gain.comparison.over_tasks),
            saved(gain.shots, gain.equivalent),
            saved_bounds(gain.shots, gain.equivalent),
            seconds(gain.seconds),
            seconds(gain.baseline_seconds),
        )
        for gain in worth.gains
    ]
    caption = (
        f"{worth.student} against each baseline on the same episodes: both means in percent, the gain in points with "
        "95 % intervals (these tasks; other tasks like these), how many times its labels the baseline needs to be as "
        "good (its own curve, read on a logarithmic axis; at 0 shots: examples a class; no more is said than its "
        "curve reaches), and median seconds to learn from texts that a frozen encoder has read."
    )
    header = ("", "shots", worth.student, "baseline", "gain", "these tasks", "other tasks", "labels", "95 %",
              "seconds", "baseline's")  # fmt: skip
    return Table(caption, header, tuple(rows))


def overall_table(worth: Worth) -> Table:
    """The gain over all numbers of shots, the strongest baseline first."""
    rows = [
        (
            one.baseline,
            worth.called[one.baseline],
            _numbers(one.shots),
            difference(one.over_episodes),
            difference_bounds(one.over_episodes),
            difference_bounds(one.over_tasks),
        )
        for one in worth.overall
    ]
    caption = (
        f"{worth.student} minus each baseline in points: of each task the mean over its numbers of examples a class at "
        "which both have answers, then the mean over tasks, with 95 % intervals. "
        f"{count(worth.overall[0].over_tasks.tasks, 'task')}; every contestant had the same examples. The best "
        "baseline was chosen by its result, which makes the verdict a strict one."
    )
    return Table(caption, ("", "what it is", "examples", "gain", "these tasks", "other tasks"), tuple(rows), names=3)


def _labels_and_seconds(worth: Worth) -> str:
    shots, name = middle(worth), main_baseline(worth)
    found = {(gain.baseline, gain.shots): gain for gain in worth.gains}
    gain: Gain | None = found.get((name, shots))
    text = ""
    if gain and gain.equivalent:
        none = gain.equivalent.side == -1 and not gain.equivalent.shots  # worse than the baseline's without examples
        how_many = "no labels, or not even that" if none else f"{saved(shots, gain.equivalent)} the labels"
        labels = f"{worth.called[name]} with {how_many}"
        text = f"with {count(shots, 'example')} a class it is as good as {labels}, and "
    timed = gain or worth.gains[0]
    return f"{text}learns in {seconds(timed.seconds)} s against {seconds(timed.baseline_seconds)} s" + (
        "" if text else f" of {worth.called[timed.baseline]}"
    )


def _numbers(shots: tuple[int, ...]) -> str:
    return listed(tuple(map(str, shots)))


def _negative(edge: float | None) -> float | None:
    return None if edge is None else -edge


def _points(gain: Interval) -> str:
    return f"{abs(100 * gain.mean):.1f} points"


def _times(shots: int, other: float) -> str:
    """Two significant digits, of a ratio or (at no example) of examples a class."""
    value = other / shots if shots else other
    return f"{value:.1f}" if value < 10 else f"{value:.0f}"
