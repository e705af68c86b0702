"""Every learner on the same budget: meta-trained on the same episodes of thirteen sources, meta-tested on tasks of
thirteen other data sets, from its start and after.

Resumable: what a learner and seed gave is kept in --parts. `--only` runs some learners; without it the whole table is
put together and drawn. The whole takes more than an hour on a core; a learner and seed take a few minutes at most.
"""

import argparse
import hashlib
import inspect
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.shared.data import data_folder
from bench.shared.machine import described, limited_to
from bench.shared.options import add_data, options
from bench.shared.parts import kept, part
from bench.shared.result import RESULTS, Bar, Output

TABLES: Mapping[str, Mapping[str, Any]] = {
    "maml": {"steps": 3},
    "maml_pp": {"steps": 3},
    "proto_maml": {"steps": 3},
    "leopard": {"steps": 3},
    "fine_tune": {"steps": 10},
    "tuned": {"seconds": 2.0},
    "imaml": {"iterations": 6},
    "learned_optimizer": {"moves": []},
    "policy_gradient": {"inner": {"name": "prototypes"}},
}
"""Fields that differ from the defaults. For time: fewer steps, of the solver too, and a learned rule that moves the
head alone (it reads every number of what it moves)."""
SHARED = ("heads", "descent", "convex", "exact", "maml", "prototypes", "shared_space")
"""files of learners/ that others are made of"""
STEPS = 30


def main() -> None:
    asked = _asked()
    machine = described()
    cores = limited_to(asked.cores)
    import torch

    torch.set_num_threads(cores)
    from quickstudy.config import LEARNERS

    folder = data_folder(asked.data)
    names = [name for name in asked.only or LEARNERS if name in LEARNERS]
    started = time.perf_counter()
    results: dict[str, list[Any]] = {name: [] for name in names}
    for seed in asked.seeds:
        for name in names:
            print(f"{time.strftime('%H:%M:%S')} {name}.{seed}", file=sys.stderr, flush=True)
            made = _part(asked, folder, name, seed)
            results[name] += [made] if made is not None else []
    results = {name: runs for name, runs in results.items() if runs}
    out = Output("learners")
    figures = _table(out, results)
    out.say()
    out.say(f"This run took {time.perf_counter() - started:.0f} seconds, without the parts that were there before.")
    if asked.write:
        _draw(figures, asked.write / "learners.svg")
    out.close(_bars(results), figures, {**machine, "threads": cores}, asked.seeds, asked.write)


def _asked() -> argparse.Namespace:
    parser = options(__doc__)
    add_data(parser)
    parser.add_argument("--parts", type=Path, default=RESULTS / "parts" / "learners", help="where parts are kept")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", nargs="+", help="only these learners, in this order (all)")
    parser.add_argument("--finished", action="store_true", help="make no part, put together those that are there")
    parser.add_argument("--steps", type=int, default=STEPS, help="outer steps of four episodes each")
    parser.set_defaults(cores=1)
    return parser.parse_args()


def _part(asked: argparse.Namespace, folder: Path, name: str, seed: int) -> Any:
    from bench.contest import family
    from quickstudy.config import LEARNERS

    table = {"name": name, **TABLES.get(name, {})}
    own = Path(inspect.getfile(LEARNERS[name]))
    files = (own, *(own.parent / f"{shared}.py" for shared in SHARED))
    source = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
    key = {
        "learner": table,
        "source": source,
        "steps": asked.steps,
        "test": [list(family.TEST), list(family.SHOTS), family.WAYS, family.QUERIES, family.DRAWS],
        "train": [
            list(family.TRAIN),
            list(family.VALIDATION),
            family.ROWS,
            family.EPISODES.code,
            family.SCOPE,
            family.TASKS,
        ],
        "rates": [family.RATES, family.SCALAR_RATE, family.RATE],
    }
    if asked.finished:
        return kept(asked.parts, f"{name}.{seed}", key)
    return part(asked.parts, f"{name}.{seed}", key, lambda: family.meta_trained(table, seed, asked.steps, folder))


def _table(out: Output, results: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    from quickstudy.evaluation.statistics import compare, over_tasks

    figures: dict[str, Any] = {}
    lines = []
    shots = ("0", "1", "5")
    for name, runs in results.items():
        cells, own = [], {}
        for number in shots:
            first, second = (_values(runs, which, number) for which in ("start", "trained"))
            before, after = (
                over_tasks({task: list(v.values()) for task, v in found.items()}) for found in (first, second)
            )
            gain = compare(second, first).over_tasks
            own[number] = {
                "start": before.mean, "trained": after.mean, "low": after.low, "high": after.high,
                "gain": gain.mean, "gain_low": gain.low, "gain_high": gain.high,
            }  # fmt: skip
            cells += [f"{100 * before.mean:.1f}", f"{100 * after.mean:.1f}"]
        five = own["5"]
        cells.append(f"{100 * five['gain']:+.1f} ({100 * five['gain_low']:.1f} to {100 * five['gain_high']:.1f})")
        episode = min(run["seconds_an_episode"] for run in runs)
        learn = min(run["trained"]["seconds"] for run in runs)
        skipped = sum(run["skipped"] for run in runs)
        best = ", ".join(str(run["best_step"]) for run in runs)
        figures[name] = {
            "shots": own, "seconds_an_episode": episode, "seconds_to_learn": learn, "skipped": skipped,
            "seeds": len(runs),
        }  # fmt: skip
        lines.append((name, *cells, f"{episode:.2f}", f"{learn:.3f}", best, str(skipped or ""), str(len(runs))))
    lines.sort(key=lambda line: -figures[line[0]]["shots"]["5"]["trained"])
    header = (
        "", "0 start", "trained", "1 start", "trained", "5 start", "trained", "gain at 5 (95 % over sets)",
        "s an episode", "s to learn", "best steps", "skipped", "seeds",
    )  # fmt: skip
    out.table("Accuracy in percent, mean over 13 unseen sets and the seeds, at 0, 1 and 5 shots", header, lines)
    out.say("  best steps: the outer step that validation chose, for each seed; 0 is the start")
    out.say(
        "  seconds: of one thread on the processor, the least of the seeds' medians; reading below the layer is not in"
    )
    return figures


def _values(runs: Sequence[Any], which: str, shots: str) -> dict[str, dict[str, float]]:
    """set -> seed and draw -> accuracy"""
    found: dict[str, dict[str, float]] = {}
    for seed, run in enumerate(runs):
        for task, by_shots in run[which]["accuracy"].items():
            found.setdefault(task, {}).update({f"{seed}.{n}": value for n, value in enumerate(by_shots[shots])})
    return found


def _bars(results: Mapping[str, Sequence[Any]]) -> list[Bar]:
    """No bar was set for the accuracies; what must hold is that every learner is here, and nothing fell over."""
    from quickstudy.config import LEARNERS

    missing = len(set(LEARNERS) - set(results))
    skipped = sum(run["skipped"] for runs in results.values() for run in runs)
    return [
        Bar("learners_missing", float(missing), 0.0, "at most"),
        Bar("episodes_skipped", float(skipped), 0.0, "at most"),
    ]


def _draw(figures: Mapping[str, Any], path: Path) -> None:
    """From the start (open) to the trained (filled, with its 95 % interval over sets), at each number of shots."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    mpl.rcParams["svg.hashsalt"] = "quickstudy"
    names = sorted(figures, key=lambda name: figures[name]["shots"]["5"]["trained"])
    panels, axes = plt.subplots(1, 3, figsize=(11, 0.28 * len(names) + 1.2), sharey=True, layout="constrained")
    for axis, shots in zip(axes, ("0", "1", "5"), strict=True):
        for row, name in enumerate(names):
            own = {key: 100 * value for key, value in figures[name]["shots"][shots].items()}
            axis.plot([own["low"], own["high"]], [row, row], color="#c9d3dd", linewidth=4, solid_capstyle="butt")
            axis.plot([own["start"], own["trained"]], [row, row], color="#33658a", linewidth=1)
            axis.plot(own["start"], row, "o", color="#33658a", markerfacecolor="white", markersize=5)
            axis.plot(own["trained"], row, "o", color="#33658a", markersize=5)
        axis.set_title(f"{shots} examples a class", fontsize=10)
        axis.set_xlabel("accuracy, %", fontsize=9)
        axis.grid(axis="x", color="#eeeeee")
        axis.set_axisbelow(True)
    axes[0].set_yticks(range(len(names)), names, fontsize=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    panels.savefig(path, metadata={"Date": None})
    plt.close(panels)


if __name__ == "__main__":
    main()
