"""Active learning: labels that `task.suggest` saves against labelling texts at random.

Six development sets. A task begins with the names of its classes; in each round texts of a pool of 500 are labelled,
those that are suggested or those that come next in a random order, and the task learns from all so far. The pool, the
query and the random order are the same for both. Each part, a set and a seed, is kept under bench/results/parts/suggest
(or --parts), so that a run that was stopped goes on where it was.
"""

import argparse
import dataclasses
import hashlib
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.contest.drawing import drawn, draws_digest, read
from bench.contest.sets import ENGLISH
from bench.shared.data import data_folder
from bench.shared.machine import PACKAGES, described, limited_to
from bench.shared.options import add_data, options
from bench.shared.parts import code_digest, part
from bench.shared.result import RESULTS, Bar, Output

SETS = ("banking77", "airline", "tfns", "yelp", "disaster", "political_message")
LABELS = (0, 10, 20, 40, 80, 160)
POOL, QUERIES = 500, 500
AT = 40
"""labels at which the bars stand"""
CODE = ("backbones", "kinds", "learners", "text", "episodes")


def main() -> None:
    asked = _asked()
    cores = limited_to(asked.cores)
    folder = data_folder(asked.data)
    machine = described()
    import torch

    from quickstudy.evaluation import statistics
    from quickstudy.evaluation.equivalents import equivalents

    torch.set_num_threads(cores)
    found = _found(asked, folder, machine)
    out = Output("suggest")
    out.say(f"Active learning: {len(found)} sets, {asked.seeds} seeds, pools of {POOL}, from class names on.")
    out.say("Accuracy in %, with labels for texts that were suggested, and for as many at random.")
    pairs = {name: _pairs(by_seed) for name, by_seed in found.items()}
    whole = {
        str(labels): statistics.compare(
            *({name: dict(enumerate(pair[side] for pair in pairs[name][labels])) for name in pairs} for side in (0, 1)),
            resamples=2000,
        )
        for labels in LABELS
    }
    means = {labels: [_mean(pairs, labels, side) for side in (0, 1)] for labels in LABELS}
    needed = equivalents(pairs)
    out.table(
        "Mean over sets: gain in points with 95 % intervals, and the labels that random choice needs to be as good",
        ("labels", "suggested", "random", "gain", "these sets", "other sets", "random needs", "95 %"),
        [
            (
                str(labels),
                *(f"{100 * mean:.1f}" for mean in means[labels]),
                *_gain(whole[str(labels)]),
                *_needs(needed.get(labels)),
            )
            for labels in LABELS
        ],
    )
    for name in pairs:
        own = equivalents({name: pairs[name]})
        out.table(
            name,
            ("labels", "suggested", "random", "random needs", "95 %"),
            [
                (
                    str(labels),
                    *(f"{100 * _mean({name: pairs[name]}, labels, side):.1f}" for side in (0, 1)),
                    *_needs(own.get(labels)),
                )
                for labels in LABELS
            ],
        )
    if asked.write:
        asked.write.mkdir(parents=True, exist_ok=True)
        _draw(pairs, asked.write / "suggest.svg")
    gains = {labels: made.over_episodes for labels, made in whole.items() if made}
    out.close(
        [
            Bar("gain_points", 100 * gains[str(AT)].mean, 1.0, "at least"),
            Bar("gain_points_low", 100 * (gains[str(AT)].low or float("nan")), 0.0, "at least"),
            Bar("labels_random_needs_times", needed[AT].shots / AT if AT in needed else float("nan"), 1.5, "at least"),
        ],
        {
            "sets": {name: {str(labels): pairs[name][labels] for labels in LABELS} for name in pairs},
            "gain": {labels: [gain.mean, gain.low, gain.high] for labels, gain in gains.items()},
            "random_needs": {str(labels): list(one) for labels, one in needed.items()},
            "pool": POOL,
            "at": AT,
        },
        machine,
        tuple(range(asked.seeds)),
        asked.write,
    )


def _asked() -> argparse.Namespace:
    parser = options(__doc__)
    add_data(parser)
    parser.add_argument("--seeds", type=int, default=5, help="pools of each set (5)")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS, help="only these sets")
    parser.add_argument("--parts", type=Path, default=RESULTS / "parts" / "suggest", help="where parts are kept")
    return parser.parse_args()


def _found(asked: argparse.Namespace, folder: Path, machine: dict[str, object]) -> dict[str, list[Any]]:
    """{set: for each seed [accuracies suggested, accuracies random], by LABELS}."""
    import quickstudy
    from quickstudy.core.tensors import digest

    key = {
        "code": code_digest(*CODE),
        "top": _own_digest(),
        "labels": LABELS,
        "pool": POOL,
        "packages": {name: machine[name] for name in PACKAGES[1:]},
    }
    found: dict[str, list[Any]] = {name: [] for name in asked.sets}
    for which in (one for one in ENGLISH if one.name in asked.sets):
        student = None
        for seed in range(asked.seeds):
            start = quickstudy.load()
            mark = {**key, "fingerprint": start.loaded.fingerprint, "theta": digest(start.theta)}
            draw = drawn(read(folder, which), (10**6,), seed)[0]
            student = student or _reading_once(start)

            def make(draw: Any = draw, student: Any = student, seed: int = seed) -> Any:
                return _curves(student, draw, seed)

            found[which.name].append(
                part(asked.parts, f"{which.name}.{seed}", {**mark, "draws": draws_digest([draw])}, make)
            )
            print(f"{which.name} {seed}: {found[which.name][-1]}", file=sys.stderr, flush=True)
    return found


def _own_digest() -> str:
    import quickstudy

    root = Path(quickstudy.__file__).parent
    read = [(root / f"{name}.py").read_bytes() for name in ("suggesting", "covering")]
    return hashlib.sha256(b"".join(read)).hexdigest()[:16]


def _reading_once(student: Any) -> Any:
    """The same student, which reads each text of the benchmark once for all rounds and seeds."""
    from quickstudy import config
    from quickstudy.backbones.kept import KeptFeatures, together
    from quickstudy.backbones.passages import Passages

    kept = KeptFeatures(student.loaded.backbone, (), together)
    return dataclasses.replace(
        student,
        loaded=dataclasses.replace(student.loaded, backbone=kept),
        learner=config.reading(student.learner, Passages(kept)),
    )


def _curves(student: Any, draw: Any, seed: int) -> list[list[float]]:
    """Accuracy by labels: as suggested, and at random."""
    dice = random.Random(f"suggest {draw.source} {seed}")
    pool = dice.sample(draw.support, min(POOL, len(draw.support)))
    query = draw.query[:QUERIES]
    return [_curve(student, draw, pool, query, choose) for choose in (_suggested, _next)]


def _curve(student: Any, draw: Any, pool: Sequence[Any], query: Sequence[Any], choose: Any) -> list[float]:
    texts = [dataclasses.replace(one, labels=()) for one in query]
    task = student.learn(labels=draw.classes)
    left = list(pool)
    found = []
    for labels in LABELS:
        wanted = min(labels, len(pool)) - len(task.examples)
        if wanted > 0:
            places = choose(task, left, wanted)
            task.add([left[place] for place in places])
            left = [one for place, one in enumerate(left) if place not in set(places)]
        said = task.predict(texts)
        found.append(sum(one.label == right.labels[0] for one, right in zip(said, query, strict=True)) / len(query))
    return found


def _suggested(task: Any, left: Sequence[Any], wanted: int) -> list[int]:
    return [one.place for one in task.suggest([dataclasses.replace(one, labels=()) for one in left], wanted)]


def _next(task: Any, left: Sequence[Any], wanted: int) -> list[int]:
    return list(range(wanted))


def _pairs(by_seed: Sequence[Any]) -> dict[int, list[tuple[float, float]]]:
    return {labels: [(one[0][at], one[1][at]) for one in by_seed] for at, labels in enumerate(LABELS)}


def _mean(pairs: dict[str, dict[int, list[tuple[float, float]]]], labels: int, side: int) -> float:
    means = [sum(pair[side] for pair in own[labels]) / len(own[labels]) for own in pairs.values()]
    return sum(means) / len(means)


def _gain(made: Any) -> tuple[str, str, str]:
    from quickstudy.evaluation.wording import difference, difference_bounds

    return difference(made.over_episodes), difference_bounds(made.over_episodes), difference_bounds(made.over_tasks)


def _needs(one: Any) -> tuple[str, str]:
    if one is None:
        return "", ""
    side = {1: "> ", -1: "< ", 0: ""}[one.side]
    return f"{side}{one.shots:.0f}", "" if one.low is None else f"{one.low:.0f} to {one.high:.0f}"


def _draw(pairs: dict[str, dict[int, list[tuple[float, float]]]], path: Path) -> None:
    """A panel a set: both curves, each seed a thin line."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    mpl.rcParams["svg.hashsalt"] = "quickstudy"
    rows = -(-len(pairs) // 3)
    figure, panels = plt.subplots(rows, 3, figsize=(9.5, 2.7 * rows), layout="constrained", squeeze=False)
    at = [max(labels, 5) for labels in LABELS]
    for panel, (name, own) in zip(panels.flat, pairs.items(), strict=False):
        for side, (label, colour) in enumerate((("suggested", "#0072b2"), ("random", "#c65200"))):
            curves = [[100 * pair[side] for pair in own[labels]] for labels in LABELS]
            panel.plot(at, curves, color=colour, linewidth=0.5, alpha=0.4)
            panel.plot(at, [sum(c) / len(c) for c in curves], color=colour, marker="o", markersize=3, label=label)
        panel.set_xscale("log", base=2)
        panel.set_xticks(at, [str(labels) for labels in LABELS])
        panel.minorticks_off()
        panel.set_title(name, fontsize=9)
    for panel in panels.flat[len(pairs) :]:
        panel.set_axis_off()
    panels.flat[0].legend(frameon=False, fontsize=8)
    figure.supxlabel("labels", fontsize=9)
    figure.supylabel("accuracy, %", fontsize=9)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    main()
