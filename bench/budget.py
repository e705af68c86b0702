"""What more time is worth: the default student with budgets of 1s, 10s and 1m on sets of few classes that it has
never seen.

Each part (a set, a seed, a number of shots, a budget) is kept under bench/results/parts/unseen (or --parts), so that a
run that was stopped goes on where it was, and `unseen --minute` finds what it wants, too. The whole took hours of one
core; run parts of it with --sets and --seeds.
"""

import argparse
import itertools
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.shared.data import data_folder
from bench.shared.machine import described, limited_to
from bench.shared.options import add_data, options
from bench.shared.result import RESULTS, Bar, Output

SETS = (
    "yelp", "amazon_cells", "imdb", "tfns", "airline", "disaster", "political_bias", "political_audience",
    "political_message",
)  # fmt: skip
"""all sets of single texts with at most ten classes that SetFit was run on, and political_message; named before any
budget was run on them"""
SHOTS = (4, 16, 64)
"""below 32 examples a class no budget moves weights, so that 4 and 16 only show that it costs nothing"""
BUDGETS = ("1s", "10s", "1m")


def main() -> None:
    asked = _asked()
    cores = limited_to(asked.cores)
    machine = described()
    folder = data_folder(asked.data)
    import torch

    torch.set_num_threads(cores)
    started = time.perf_counter()
    results = _contest(asked, folder)
    out = Output("budget")
    figures = _tables(out, results)
    out.say()
    out.say(f"This run took {time.perf_counter() - started:.0f} seconds, without the parts that were there before.")
    out.close(_bars(results), figures, machine, asked.seeds, asked.write)


def _asked() -> argparse.Namespace:
    parser = options(__doc__)
    add_data(parser)
    parser.add_argument("--parts", type=Path, default=RESULTS / "parts" / "unseen", help="where parts are kept")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--sets", nargs="+", default=list(SETS), help="only these sets (all nine)")
    parser.add_argument("--shots", type=int, nargs="+", default=list(SHOTS))
    parser.add_argument("--budgets", nargs="+", choices=BUDGETS, default=list(BUDGETS))
    parser.add_argument("--queries", type=int, default=1000, help="questions a draw at most (1000)")
    parser.add_argument("--start", type=Path, help="a student's file (what ships)")
    return parser.parse_args()


def _contest(asked: argparse.Namespace, folder: Path) -> dict[tuple[str, int], list[Any]]:
    from bench.contest import sets
    from bench.contest.budgeted import runner
    from bench.contest.drawing import drawn, read

    ours = runner(asked.parts, asked.start)
    results: dict[tuple[str, int], list[Any]] = {}
    for seed in asked.seeds:
        for which in sets.chosen(sets.ENGLISH, asked.sets):
            for draw in drawn(read(folder, which), asked.shots, seed, asked.queries):
                for budget in asked.budgets:
                    print(f"{time.strftime('%H:%M:%S')} {budget} {draw.id}", file=sys.stderr, flush=True)
                    results.setdefault((which.name, seed), []).append(ours(draw, seed, budget))
    return results


def _tables(out: Output, results: Mapping[tuple[str, int], Sequence[Any]]) -> dict[str, Any]:
    from bench.contest import tables

    figures: dict[str, Any] = {"accuracy": tables.mean_table(out, "Budgets, minilm", results, "accuracy")}
    figures["by_set"] = tables.set_tables(out, results)
    lines: list[tuple[str, ...]] = []
    for shots, less, more in _steps(results):
        one = _gain(results, shots, less, more)
        low, high = ("–" if edge is None else f"{100 * edge:.1f}" for edge in (one.low, one.high))
        lines.append((f"{more} less {less} at {shots}", f"{100 * one.mean:+.1f} ({low} to {high})"))
        figures[f"{more} less {less} at {shots}"] = {"mean": one.mean, "low": one.low, "high": one.high}
    out.table("What more time is worth, in points (95 % interval over sets)", ("", "accuracy"), lines)
    figures["seconds"] = {}
    lines = []
    for name in tables.contestants(results):
        for shots in sorted({score.shots for scores in results.values() for score in scores}):
            own = [
                score for scores in results.values() for score in scores
                if (score.contestant, score.shots) == (name, shots)
            ]  # fmt: skip
            learn, answer = ([getattr(score, f"seconds_{what}") for score in own] for what in ("adapt", "answer"))
            lines.append((f"{name} at {shots}", *(f"{sum(each) / len(each):.2f}" for each in (learn, answer)),
                          f"{max(learn):.1f}"))  # fmt: skip
            figures["seconds"][f"{name} at {shots}"] = {"mean": sum(learn) / len(learn), "most": max(learn)}
    out.table("Seconds a task, mean", ("", "to learn", "to answer all", "to learn at most"), lines)
    return figures


def _bars(results: Mapping[tuple[str, int], Sequence[Any]]) -> list[Bar]:
    """More time must not mean less accuracy on the mean."""
    return [
        Bar(f"{more}_minus_{less}_at_{shots}", 100 * _gain(results, shots, less, more).mean, 0.0, "at least")
        for shots, less, more in _steps(results)
    ]


def _steps(results: Mapping[tuple[str, int], Sequence[Any]]) -> list[tuple[int, str, str]]:
    """(shots, a budget, the next larger one) of what was run."""
    found = {(score.shots, score.contestant) for scores in results.values() for score in scores}
    return [
        (shots, less, more)
        for shots in sorted({shots for shots, _ in found})
        for less, more in itertools.pairwise(BUDGETS)
        if {(shots, _name(less)), (shots, _name(more))} <= found
    ]


def _gain(results: Mapping[tuple[str, int], Sequence[Any]], shots: int, less: str, more: str) -> Any:
    """The interval over sets of what the larger budget has more."""
    from bench.contest.tables import values
    from quickstudy.evaluation.statistics import compare

    first, second = (values(results, _name(budget), shots, "accuracy") for budget in (more, less))
    found = compare(first, second)
    assert found is not None
    return found.over_tasks


def _name(budget: str) -> str:
    return f"quickstudy {budget}"


if __name__ == "__main__":
    main()
