"""What the tables and the plot are made of, out of whatever parts there are."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from bench.raw.arms import ARMS
from bench.raw.judging import SHOTS, STEPS
from quickstudy.evaluation.statistics import Comparison, compare

MODELS = {"random": "random weights", "longer": "random weights, ten times the tokens", "minilm": "MiniLM"}
Parts = dict[str, Any]


def read(folder: Path) -> Parts:
    """{name: what it made}, the newest of each name."""
    files = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime)
    return {path.name.rsplit(".", 2)[0]: json.loads(path.read_text(encoding="utf-8"))["made"] for path in files}


def of(parts: Parts, model: str, arm: str) -> dict[int, Any]:
    """{seed: part}; MiniLM as it comes is the same for every seed, and random weights however long one trains them."""
    model = "random" if (model, arm) == ("longer", "untrained") else model
    found = {int(name.rsplit(".", 1)[1]): made for name, made in parts.items() if name.startswith(f"{model}.{arm}.")}
    return dict.fromkeys(range(10), found[0]) if (model, arm) == ("minilm", "untrained") and found else found


def curves_of(parts: Parts, model: str) -> dict[str, dict[str, dict[str, list[float]]]]:
    """arm -> set -> "seed/draw" -> accuracy at SHOTS, of the seeds that all arms have."""
    arms = {arm: of(parts, model, arm) for arm in ARMS}
    seeds = sorted(set.intersection(*(set(found) for found in arms.values())))
    return {
        arm: {
            name: {f"{s}/{d}": curve for s in seeds for d, curve in enumerate(found[s]["labels"][name]["curve"])}
            for name in found[seeds[0]]["labels"]
        }
        for arm, found in arms.items()
    } if seeds else {}  # fmt: skip


def stepped_of(parts: Parts, model: str, arm: str) -> list[float]:
    """Mean accuracy over sets, seeds and draws at STEPS, at the rate that is best for this arm."""
    found = of(parts, model, arm)
    by_rate = zip(*(rates for made in found.values() for each in made["labels"].values() for rates in each["steps"]),
                  strict=True)  # fmt: skip
    means = [[fmean(curve[at] for curve in curves) for at in range(len(STEPS))] for curves in map(list, by_rate)]
    return max(means, key=max)


def by_episode(by_seed: Mapping[int, Sequence[float]]) -> dict[str, float]:
    return {f"{seed}/{n}": value for seed, found in by_seed.items() for n, value in enumerate(found)}


def at(by_set: Mapping[str, Mapping[str, Sequence[float]]], name: str, shots: int) -> list[float]:
    return [curve[SHOTS.index(shots)] for _, curve in sorted(by_set[name].items())]


def average(by_set: Mapping[str, Mapping[str, Sequence[float]]], shots: int) -> float:
    return fmean(fmean(at(by_set, name, shots)) for name in by_set)


def paired(first: Any, second: Any, shots: int) -> Comparison | None:
    at = SHOTS.index(shots)
    pick: Callable[[Any], Any] = lambda by_set: {  # noqa: E731
        name: {each: curve[at] for each, curve in found.items()} for name, found in by_set.items()
    }
    return compare(pick(first), pick(second), resamples=2000)
