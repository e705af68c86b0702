"""The tables and the curve of bench/writing.py."""

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from sacrebleu.metrics import BLEU, CHRF

from bench.shared.result import Output

RESAMPLES = 400
MEASURES = ("bleu", "chrf")


def tables(
    out: Output, rows: Sequence[dict[str, Any]], arms: Sequence[str], meta: Sequence[str], shots: Sequence[int]
) -> dict[str, Any]:
    """Points (0 to 100). What each arm reaches, and the meta-trained ones minus plain transfer."""
    out.say("English to Czech (multi30k), a Transformer of 2 layers from random weights; greedy; sacrebleu.")
    by_shots: dict[str, Any] = {}
    statistics = {measure: _statistics(rows, measure) for measure in MEASURES}
    for measure in MEASURES:
        drawn = {name: resampled(statistics[measure], rows, measure, *name) for name in _cells(rows)}
        cells = {
            (arm, many): {"mean": _mean(rows, arm, many, measure), **_ends(values)}
            for (arm, many), values in drawn.items()
        }
        lines = [
            (arm, *(_cell(cells.get((arm, 0 if arm == "copy" else many))) for many in shots)) for arm in ("copy", *arms)
        ]
        out.table(f"{measure}, with 95 % over draws and sentences", ("", *(f"{many} pairs" for many in shots)), lines)
        by_shots |= {f"{arm} {measure} {many}": cell for (arm, many), cell in cells.items()}
    gaps = {
        f"{arm} {measure} {many}": _gap(statistics[measure], rows, measure, arm, many)
        for measure in MEASURES for arm in meta for many in shots
        if {(arm, many), ("plain", many)} <= set(_cells(rows))
    }  # fmt: skip
    out.table(
        "minus plain transfer, on the same draws and sentences",
        ("", "pairs", "difference", "95 %"),
        [
            (f"{arm}, {measure}", many, f"{gap['mean']:+.2f}", f"{gap['low']:+.2f} to {gap['high']:+.2f}")
            for name, gap in gaps.items()
            for arm, measure, many in [name.split()]
        ],
    )
    return {"by_shots": by_shots, "gaps": gaps, "rates": {row["arm"]: row.get("rate") for row in rows}}


def resampled(statistics: dict[Any, Any], rows: Any, measure: str, arm: str, shots: int, seed: int = 0) -> np.ndarray:
    """(RESAMPLES,) the measure on draws and sentences drawn again, the mean over draws; the same for every arm."""
    rng = np.random.default_rng(seed)
    seeds = sorted(row["seed"] for row in rows if (row["arm"], row["shots"]) == (arm, shots))
    count = len(next(iter(statistics.values())))
    metric = _metric(measure)
    found = []
    for _ in range(RESAMPLES):
        place, which = rng.integers(len(seeds), size=len(seeds)), rng.integers(count, size=count)
        found.append(fmean(_score(metric, statistics[arm, shots, seeds[at]][which].sum(0)) for at in place))
    return np.array(found)


def curve(path: Path, by_shots: dict[str, Any]) -> None:
    """chrF and BLEU over the number of pairs."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.6))
    for axis, measure in zip(axes, MEASURES, strict=True):
        arms = dict.fromkeys(name.rsplit(" ", 2)[0] for name in by_shots if f" {measure} " in name)
        for arm in arms:
            points = sorted(
                (int(name.rsplit(" ", 1)[1]), value)
                for name, value in by_shots.items()
                if name.startswith(f"{arm} {measure} ") and arm != "copy"
            )
            if points:
                x = [many for many, _ in points]
                axis.plot(x, [value["mean"] for _, value in points], marker="o", label=arm)
                axis.fill_between(x, [v["low"] for _, v in points], [v["high"] for _, v in points], alpha=0.15)
        axis.set(xscale="log", xlabel="sentence pairs of the new language", ylabel=measure)
        axis.legend(fontsize=8)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def _gap(statistics: dict[Any, Any], rows: Any, measure: str, arm: str, shots: int) -> dict[str, float]:
    drawn = resampled(statistics, rows, measure, arm, shots) - resampled(statistics, rows, measure, "plain", shots)
    mean = _mean(rows, arm, shots, measure) - _mean(rows, "plain", shots, measure)
    return {"mean": mean, **_ends(drawn)}


def _statistics(rows: Sequence[dict[str, Any]], measure: str) -> dict[Any, np.ndarray]:
    """What sacrebleu counts in each sentence, which adds up to the score of any set of them."""
    metric = _metric(measure)
    return {
        (row["arm"], row["shots"], row["seed"]): np.array(
            metric._extract_corpus_statistics(row["said"], [row["wanted"]]), dtype=float
        )
        for row in rows
    }


def _score(metric: Any, counted: np.ndarray) -> float:
    return float(metric._compute_score_from_stats(counted.tolist()).score)


def _metric(measure: str) -> Any:
    return BLEU() if measure == "bleu" else CHRF()


def _cells(rows: Sequence[dict[str, Any]]) -> list[tuple[str, int]]:
    return list(dict.fromkeys((row["arm"], row["shots"]) for row in rows))


def _mean(rows: Sequence[dict[str, Any]], arm: str, shots: int, measure: str) -> float:
    return 100 * fmean(row["measures"][measure] for row in rows if (row["arm"], row["shots"]) == (arm, shots))


def _ends(values: np.ndarray) -> dict[str, float]:
    low, high = np.quantile(values, (0.025, 0.975))
    return {"low": float(low), "high": float(high)}


def _cell(cell: dict[str, float] | None) -> str:
    return "" if cell is None else f"{cell['mean']:.2f} ({cell['low']:.2f} to {cell['high']:.2f})"
