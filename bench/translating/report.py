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


def tables(out: Output, title: str, rows: Sequence[dict[str, Any]], meta: Sequence[str]) -> dict[str, Any]:
    """Points (0 to 100). What each arm reaches, and the meta-trained ones minus plain transfer."""
    arms = list(dict.fromkeys(row["arm"] for row in rows))
    shots = sorted({row["shots"] for row in rows} - {0})
    by_shots: dict[str, Any] = {}
    statistics = {measure: _statistics(rows, measure) for measure in MEASURES}
    for measure in MEASURES:
        cells = {cell: _found(statistics[measure], rows, measure, *cell) for cell in _cells(rows)}
        lines = [(arm, *(_cell(cells.get((arm, 0 if arm == "copy" else many))) for many in shots)) for arm in arms]
        told = f"{title}: {measure}, with 95 % over draws and sentences [draws]"
        out.table(told, ("", *(f"{many} pairs" for many in shots)), lines)
        by_shots |= {f"{arm} {measure} {many}": cell for (arm, many), cell in cells.items()}
    gaps = {
        f"{arm} {measure} {many}": _gap(statistics[measure], rows, measure, arm, many)
        for measure in MEASURES for arm in meta for many in shots
        if _seeds(rows, arm, many) & _seeds(rows, "plain", many)
    }  # fmt: skip
    out.table(
        f"{title}: minus plain transfer, on the same draws and sentences",
        ("", "pairs", "draws", "difference", "95 %"),
        [
            (f"{arm}, {measure}", many, str(gap["draws"]), f"{gap['mean']:+.2f}",
             f"{gap['low']:+.2f} to {gap['high']:+.2f}")
            for name, gap in gaps.items()
            for arm, measure, many in [name.split()]
        ],
    )  # fmt: skip
    rates = {row["arm"]: row["rate"] for row in rows if "rate" in row}
    return {"by_shots": by_shots, "gaps": gaps, "rates": rates}


def resampled(
    statistics: dict[Any, Any], measure: str, arm: str, shots: int, seeds: Sequence[int], seed: int = 0
) -> np.ndarray:
    """(RESAMPLES,) the measure on draws and sentences drawn again, the mean over draws; the same for every arm."""
    rng = np.random.default_rng(seed)
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


def _found(statistics: dict[Any, Any], rows: Any, measure: str, arm: str, shots: int) -> dict[str, float]:
    seeds = sorted(_seeds(rows, arm, shots))
    mean = _mean(rows, arm, shots, measure, seeds)
    return {"mean": mean, **_ends(resampled(statistics, measure, arm, shots, seeds)), "draws": len(seeds)}


def _gap(statistics: dict[Any, Any], rows: Any, measure: str, arm: str, shots: int) -> dict[str, float]:
    """On the draws that both have."""
    seeds = sorted(_seeds(rows, arm, shots) & _seeds(rows, "plain", shots))
    ours, plain = (resampled(statistics, measure, each, shots, seeds) for each in (arm, "plain"))
    mean = _mean(rows, arm, shots, measure, seeds) - _mean(rows, "plain", shots, measure, seeds)
    return {"mean": mean, **_ends(ours - plain), "draws": len(seeds)}


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


def _seeds(rows: Sequence[dict[str, Any]], arm: str, shots: int) -> set[int]:
    return {row["seed"] for row in rows if (row["arm"], row["shots"]) == (arm, shots)}


def _mean(rows: Sequence[dict[str, Any]], arm: str, shots: int, measure: str, seeds: Sequence[int]) -> float:
    own = [row for row in rows if (row["arm"], row["shots"]) == (arm, shots) and row["seed"] in seeds]
    return 100 * fmean(row["measures"][measure] for row in own)


def _ends(values: np.ndarray) -> dict[str, float]:
    low, high = np.quantile(values, (0.025, 0.975))
    return {"low": float(low), "high": float(high)}


def _cell(cell: dict[str, float] | None) -> str:
    return "" if cell is None else f"{cell['mean']:.2f} ({cell['low']:.2f} to {cell['high']:.2f}) [{cell['draws']}]"
