"""Tasks with a known answer: do the learners reproduce the curves of their papers, in shape and order?

Sinusoids (Finn et al. 2017, section 5.1) for the learners that descend, and the quadratics of Andrychowicz et al. 2016
(section 3.1) for the learned optimizer. The learners are those of the project, unchanged, meta-trained by its own loop;
`bench.known` says how numbers stand where texts would. Meta-training is far shorter than in the papers (37,500 waves
and not 1,750,000), so that errors are higher than theirs. Each method and seed is a part of its own, kept under
bench/results/parts/curves, so that a run that was stopped goes on.
"""

import dataclasses
import hashlib
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any

import torch

import quickstudy
from bench.known import drawing, quadratic, sinusoid
from bench.known.drawing import Point
from bench.known.methods import METHODS, OPTIMIZER, TRAINING, UNFOLDING
from bench.shared.machine import PACKAGES, described
from bench.shared.options import options
from bench.shared.parts import part
from bench.shared.result import RESULTS, Bar, Output

SHOTS, STEPS, WAVES = (5, 10, 20), tuple(range(11)), 200
SHOWN = (0, 1, 2, 5, 10)
FUNCTIONS, UNFOLDED = 60, (0, 2, 5, 10, 20, 40, 70, 100)
RATES = (0.001, 0.003, 0.01, 0.03)
"""what plain fine-tuning is tuned over"""
NOTHING, MOST = Point(math.nan, math.nan), 1000.0
"""no figure; above the second one, none is worth reading"""
CODE = {
    "sinusoid": ("anil", "descent", "exact", "heads", "maml", "meta_sgd", "reptile"),
    "quadratic": ("descent", "exact", "heads", "learned_optimizer"),
}
"""the learners' files that the curves depend on"""


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--parts", type=Path, default=RESULTS / "parts" / "curves", help="where parts are kept")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", nargs="+", help="make only the parts of these methods, and stop")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    out = Output("curves")
    started = time.perf_counter()
    by_hand = quadratic.BY_HAND
    names = [*METHODS, *by_hand, "learned_optimizer"]
    found = {
        name: [_made(asked.parts, name, seed) for seed in asked.seeds]
        for name in names
        if name in (asked.only or names)
    }
    if asked.only:
        return
    waves = {
        shots: {name: _points([_errors(name, one, shots) for one in found[name]]) for name in METHODS}
        for shots in SHOTS
    }
    values = {name: [one["values"] for one in found[name]] for name in names if name not in METHODS}
    functions = {name: _points(seeds) for name, seeds in values.items()}
    middles = {name: _medians(seeds) for name, seeds in values.items()}
    for shots, curves in waves.items():
        _say(out, f"Sinusoids, mean squared error at {shots} shots after so many inner steps", curves, STEPS, SHOWN)
    _say(out, "Quadratics, median value after so many steps", middles, UNFOLDED, UNFOLDED)
    _say(out, "Quadratics, mean value after so many steps", functions, UNFOLDED, UNFOLDED)
    out.say()
    out.say(f"± is half of a 95 % interval over {WAVES} held-out waves, or {FUNCTIONS} functions, each the mean of")
    out.say(f"{len(asked.seeds)} seeds of meta-training. This run took {time.perf_counter() - started:.0f} seconds.")
    if asked.write is not None:
        panels = {f"{shots} shots": curves for shots, curves in waves.items()}
        drawing.draw(asked.write / "curves_sinusoid.svg", panels, STEPS, "inner steps", "mean squared error")
        drawing.draw(asked.write / "curves_quadratic.svg", {"": middles}, UNFOLDED, "steps", "median of |W w - y|²")
    figures = {
        "sinusoid": {shots: _told(curves, STEPS) for shots, curves in waves.items()},
        "quadratic": {"median": _told(middles, UNFOLDED), "mean": _told(functions, UNFOLDED)},
        "tuned_rates": {name: [one["rate"] for one in made] for name, made in found.items() if "rate" in made[0]},
    }
    out.close(_bars(waves, middles, functions), figures, described(PACKAGES), asked.seeds, asked.write)


def _bars(waves: Mapping[int, drawing.Curves], middles: drawing.Curves, functions: drawing.Curves) -> list[Bar]:
    """What the papers say, as quotients of mean errors."""
    ten = {name: [point.mean for point in points] for name, points in waves[10].items()}
    maml, plain = ten["maml"], ten["pretrained"]

    def learned(curves: drawing.Curves, *others: str) -> float:
        return curves["learned_optimizer"][-1].mean / min(curves[name][-1].mean for name in others)

    return [
        Bar("maml, step 1 / step 0", maml[1] / maml[0], 0.6, "at most"),
        Bar("maml, step 10 / step 1, though trained for one", maml[10] / maml[1], 0.8, "at most"),
        Bar("maml / pretrained, step 1", maml[1] / plain[1], 0.7, "at most"),
        Bar("maml / pretrained, step 10", maml[10] / plain[10], 0.7, "at most"),
        Bar("maml of order 1 / pretrained, step 1", ten["maml_order_1"][1] / plain[1], 0.7, "at most"),
        Bar("maml of order 1 / maml, step 10", ten["maml_order_1"][10] / maml[10], 2.0, "at most"),
        Bar("reptile / untrained, step 10", ten["reptile"][10] / ten["untrained"][10], 0.5, "at most"),
        Bar("reptile / maml, step 10", ten["reptile"][10] / maml[10], 2.0, "at most"),
        Bar("anil / pretrained, step 1", ten["anil"][1] / plain[1], 0.7, "at most"),
        *(
            Bar(
                f"meta_sgd / maml, step 1, {shots} shots", one["meta_sgd"][1].mean / one["maml"][1].mean, 1.0, "at most"
            )
            for shots, one in waves.items()
        ),
        Bar("oracle / maml, step 10", ten["oracle"][0] / maml[10], 1.0, "at most"),
        Bar(
            "learned_optimizer / sgd and rmsprop, median, step 100", learned(middles, "sgd", "rmsprop"), 1.0, "at most"
        ),
        Bar(
            "learned_optimizer / sgd and rmsprop, mean, step 100", learned(functions, "sgd", "rmsprop"), 1.0, "at most"
        ),
        Bar("learned_optimizer / best by hand, mean, step 100", learned(functions, *quadratic.BY_HAND), 1.0, "at most"),
    ]


def _made(folder: Path, name: str, seed: int) -> dict[str, Any]:
    method = METHODS.get(name)
    settings = {"learner": repr(method), **TRAINING, "waves": WAVES, "shots": SHOTS, "rates": RATES}
    if method is None:
        settings = {"learner": repr(OPTIMIZER), **UNFOLDING, "functions": FUNCTIONS, "steps_shown": UNFOLDED}
    code = _code("sinusoid" if method else "quadratic")
    key = {"seed": seed, "code": code, "torch": torch.__version__, **settings}
    make = _on_functions if method is None else _on_waves
    return part(folder, f"{name}.{seed}", key, lambda: make(name, seed))


def _on_waves(name: str, seed: int) -> dict[str, Any]:
    """Errors (steps, waves) at each number of shots."""
    method = METHODS[name]
    theta = sinusoid.trained(method.learner, {**TRAINING, **method.settings}, seed, method.told)
    learner, made = method.tested or method.learner, {}
    if method.tuned:
        trying = {rate: dataclasses.replace(learner, rate=rate, head_rate=rate) for rate in RATES}
        found = {rate: sinusoid.curve(one, theta, 10, (4,), 100, (10,), method.told) for rate, one in trying.items()}
        made["rate"] = min(RATES, key=lambda rate: _finite(fmean(found[rate][0])))
        learner = trying[made["rate"]]
    made["errors"] = {
        shots: _rounded(sinusoid.curve(learner, theta, shots, (13, shots), WAVES, STEPS, method.told))
        for shots in SHOTS
    }
    return made


def _on_functions(name: str, seed: int) -> dict[str, Any]:
    """Values (steps, functions)."""
    if name in quadratic.BY_HAND:
        rate = quadratic.tuned(name, (4,), 200, max(UNFOLDED))
        return {"rate": rate, "values": _rounded(quadratic.by_hand(name, rate, (13,), FUNCTIONS, UNFOLDED))}
    theta = quadratic.trained(OPTIMIZER, UNFOLDING, seed)
    return {"values": _rounded(quadratic.curve(OPTIMIZER, theta, (13,), FUNCTIONS, UNFOLDED))}


def _errors(name: str, made: dict[str, Any], shots: int) -> list[list[float]]:
    """(steps, waves); whoever is told amplitude and phase takes no step."""
    errors = made["errors"][str(shots)]
    return errors[:1] * len(STEPS) if METHODS[name].told else errors


def _points(seeds: Sequence[Sequence[Sequence[float]]]) -> list[Point]:
    """For every step the mean over tasks, each the mean of its seeds, and half of its interval; NaN where one of
    them diverged."""
    points = []
    for step in zip(*seeds, strict=True):
        tasks = [fmean(values) for values in zip(*step, strict=True)]
        whole = all(map(math.isfinite, tasks))
        points.append(Point(fmean(tasks), 1.96 * stdev(tasks) / math.sqrt(len(tasks))) if whole else NOTHING)
    return points


def _medians(seeds: Sequence[Sequence[Sequence[float]]]) -> list[Point]:
    """For every step the median over tasks and seeds; what diverged counts as the worst."""
    steps = zip(*seeds, strict=True)
    return [Point(median(_finite(value) for one in step for value in one), 0.0) for step in steps]


def _say(out: Output, title: str, curves: drawing.Curves, steps: Sequence[int], shown: Sequence[int]) -> None:
    rows = [
        (name, *(_written(point) for point, at in zip(points, steps, strict=True) if at in shown))
        for name, points in curves.items()
    ]
    out.table(title, ("", *map(str, shown)), rows)


def _written(point: Point) -> str:
    if not point.mean <= MOST:
        return "diverges"
    digits = 2 if point.mean >= 0.1 else 4
    return f"{point.mean:.{digits}f}" + (f" ± {point.half:.{digits}f}" if point.half else "")


def _told(curves: drawing.Curves, steps: Sequence[int]) -> dict[str, Any]:
    return {
        name: {str(step): {"mean": point.mean, "half": point.half} for step, point in zip(steps, points, strict=True)}
        for name, points in curves.items()
    }


def _rounded(values: Sequence[Sequence[float]]) -> list[list[float]]:
    return [[float(f"{value:.5g}") for value in row] for row in values]


def _finite(value: float) -> float:
    return value if math.isfinite(value) else math.inf


def _code(known: str) -> str:
    """Of what the curves depend on."""
    root, found = Path(quickstudy.__file__).parent / "learners", hashlib.sha256()
    own = Path(sinusoid.__file__).parent
    for path in (*(root / f"{name}.py" for name in CODE[known]), own / "numbers.py", own / f"{known}.py"):
        found.update(path.read_bytes())
    return found.hexdigest()[:16]


if __name__ == "__main__":
    main()
