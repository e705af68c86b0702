"""The tables of a contest: means over data sets with intervals, each set, and paired differences."""

from collections.abc import Mapping, Sequence
from typing import Any

from bench.contest.rivals import Score
from bench.shared.result import Output
from quickstudy.evaluation.statistics import Comparison, compare, over_tasks
from quickstudy.evaluation.wording import UNKNOWN, count, difference, difference_bounds, p_value

REFERENCE = "quickstudy"
Results = Mapping[tuple[str, int], Sequence[Score]]
"""(set, seed) -> every contestant's scores"""
Values = dict[str, dict[str, float]]
"""set -> seed -> value"""


def values(results: Results, contestant: str, shots: int, measure: str) -> Values:
    found: Values = {}
    for (name, seed), scores in results.items():
        for score in scores:
            if score.contestant == contestant and score.shots == shots:
                found.setdefault(name, {})[str(seed)] = getattr(score, measure)
    return found


def mean_table(out: Output, title: str, results: Results, measure: str) -> dict[str, Any]:
    """Contestants down, shots across; the means as they go into the JSON line."""
    shots = sorted({score.shots for scores in results.values() for score in scores})
    lines: list[tuple[str, ...]] = []
    figures: dict[str, Any] = {}
    for name in contestants(results):
        cells = []
        for number in shots:
            found = values(results, name, number, measure)
            if not found:
                cells.append(UNKNOWN)
                continue
            one = over_tasks({task: list(own.values()) for task, own in found.items()})
            figures[f"{name} at {number}"] = {
                "mean": one.mean, "low": one.low, "high": one.high, "sets": one.tasks, "draws": one.episodes
            }  # fmt: skip
            low, high = (UNKNOWN if edge is None else f"{100 * edge:.1f}" for edge in (one.low, one.high))
            cells.append(f"{100 * one.mean:.1f} ({low} to {high})")
        lines.append((name, *cells))
    sets, seeds = ({key[place] for key in results} for place in (0, 1))
    size = f"{count(len(sets), 'set')}, {count(len(seeds), 'seed')}"
    heading = f"{title}: {size}, mean over sets in percent (95 % interval over sets)"
    out.table(heading, ("", *(count(number, "shot") for number in shots)), lines)
    fewer = sorted({name.rpartition(" at ")[0] for name, one in figures.items() if one["sets"] < len(sets)})
    if fewer:
        out.say(f"  {', '.join(fewer)}: only on the sets of single texts, so compare it by its paired differences")
    return figures


def set_tables(out: Output, results: Results) -> dict[str, Any]:
    """Sets down, contestants across, one table for each number of shots; the means over seeds."""
    names = contestants(results)
    figures: dict[str, Any] = {}
    for shots in sorted({score.shots for scores in results.values() for score in scores}):
        found = {name: values(results, name, shots, "accuracy") for name in names}
        here = [name for name in names if found[name]]
        lines = []
        for task in dict.fromkeys(key[0] for key in results):
            own = {name: found[name].get(task) for name in here}
            means = {name: sum(each.values()) / len(each) for name, each in own.items() if each}
            figures[f"{task} at {shots}"] = means
            lines.append((task, *(f"{100 * means[name]:.1f}" if name in means else UNKNOWN for name in here)))
        out.table(f"Accuracy by set at {count(shots, 'shot')}, mean over seeds", ("", *here), lines)
    return figures


def paired_table(out: Output, results: Results) -> dict[tuple[str, int], Comparison]:
    """The reference minus each other contestant, on the same draws."""
    found: dict[tuple[str, int], Comparison] = {}
    lines = []
    for name in contestants(results):
        for shots in sorted({score.shots for scores in results.values() for score in scores}):
            first, second = (values(results, each, shots, "accuracy") for each in (REFERENCE, name))
            one = compare(first, second) if name != REFERENCE else None
            if one is None:
                continue
            found[name, shots] = one
            lines.append((f"- {name}", str(shots), *_verdict(one), _wins(first, second)))
    out.table(
        f"{REFERENCE} minus each other, in points of accuracy on the same draws",
        ("", "shots", "difference", "95 % over sets", "p, uncorrected", "sets won-tied-lost"),
        lines,
    )
    return found


def time_table(out: Output, results: Results) -> None:
    lines = []
    for name in contestants(results):
        for shots in sorted({score.shots for scores in results.values() for score in scores}):
            own = [s for scores in results.values() for s in scores if (s.contestant, s.shots) == (name, shots)]
            if own:
                adapt, answer = (sum(getattr(s, f"seconds_{w}") for s in own) / len(own) for w in ("adapt", "answer"))
                lines.append((name, str(shots), f"{adapt:.2f}", f"{answer:.2f}"))
    out.table("Mean seconds a task", ("", "shots", "to learn", "to answer"), lines)


def runs_table(out: Output, results: Results) -> dict[str, list[float]]:
    """The seconds that each run took to learn, seed by seed."""
    found: dict[str, list[float]] = {}
    for (name, _), scores in results.items():
        for score in scores:
            found.setdefault(f"{score.contestant}, {name} at {score.shots}", []).append(score.seconds_adapt)
    lines = [(name, ", ".join(f"{one:.3g}" for one in own)) for name, own in found.items()]
    out.table("Seconds to learn, seed by seed", ("", "seconds"), lines)
    return found


def seconds(results: Results, contestant: str) -> float:
    """Mean seconds to learn a task."""
    own = [score.seconds_adapt for scores in results.values() for score in scores if score.contestant == contestant]
    return sum(own) / len(own)


def drawn_table(out: Output, drawn: Mapping[str, tuple[int, int, int, int, int]], shots: int) -> None:
    """`drawn`: set -> texts an example, classes, questions, support at `shots`, rows left out."""
    lines = []
    for name, (parts, classes, queries, support, left_out) in drawn.items():
        full = shots * classes
        size = str(support) + (f" of {full}" if support < full else "")
        lines.append((name, str(classes), "pairs" if parts == 2 else "texts", str(queries), size, str(left_out or "")))
    header = ("", "classes", "of", "queries", f"support at {shots}", "left out")
    out.table("The data sets (left out: questions whose class has no example)", header, lines)


def told(one: Comparison) -> dict[str, Any]:
    """A comparison over sets as it goes into the JSON line."""
    interval = one.over_tasks
    return {
        "mean": interval.mean, "low": interval.low, "high": interval.high, "sets": interval.tasks, "p": one.p_tasks
    }  # fmt: skip


def contestants(results: Results) -> list[str]:
    return list(dict.fromkeys(score.contestant for scores in results.values() for score in scores))


def _verdict(one: Comparison) -> tuple[str, str, str]:
    interval = one.over_tasks
    return difference(interval), difference_bounds(interval), p_value(one.p_tasks)


def _wins(first: Values, second: Values) -> str:
    gaps = [
        sum(first[task][seed] - second[task][seed] for seed in first[task].keys() & second[task].keys())
        for task in first.keys() & second.keys()
    ]
    won, lost = sum(gap > 1e-9 for gap in gaps), sum(gap < -1e-9 for gap in gaps)
    return f"{won}-{len(gaps) - won - lost}-{lost}"
