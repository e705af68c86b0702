"""The tables and the plot, out of whatever parts there are."""

import re
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from bench.raw.arms import ARMS, FROM_NOTHING
from bench.raw.judging import FAMILIES, SHOTS, STEPPED, STEPS
from bench.raw.modelling import ADAPTING, KILOBYTES
from bench.raw.values import MODELS, Parts, at, average, by_episode, curves_of, of, paired, read, stepped_of
from bench.shared.result import Bar, Output
from quickstudy.evaluation.equivalents import equivalents
from quickstudy.evaluation.statistics import Comparison, compare, over_episodes
from quickstudy.evaluation.wording import difference_bounds
from quickstudy.pretext_test import WHOLE


def written(out: Output, folder: Path) -> tuple[dict[str, Any], list[Bar], list[int]]:
    """Says everything; the figures, the bars, and the seeds that took part in any of it."""
    parts = read(folder)
    seeds = sorted({int(name.rsplit(".", 1)[1]) for name in parts})
    told = {
        group: sorted(int(name.rsplit(".", 1)[1]) for name in parts if name.startswith(f"{group}.") and _last(name))
        for group in (*MODELS, "language", "own")
    }
    out.say("Pretraining that learns to learn, against ordinary pretraining on the same number of tokens.")
    out.say("Seeds: " + "; ".join(f"{group} {', '.join(map(str, found)) or 'none'}" for group, found in told.items()))
    figures: dict[str, Any] = {"seeds by part": told}
    bars: list[Bar] = []
    for table in (_trained, _pretexts, _language, _labels, _faster, _own):
        found, more = table(out, parts)
        figures[table.__name__.strip("_")] = found
        bars += more
    return figures, bars, seeds


def drawn(folder: Path, path: Path) -> None:
    from bench.raw.plot import draw

    draw(read(folder), path)


def _last(name: str) -> bool:
    """Whether the arms of a seed are complete with this part, the last of them to be made."""
    return name.startswith("own.") or name.split(".")[1] in ("meta", "maml")


def _trained(out: Output, parts: Parts) -> tuple[Any, list[Bar]]:
    found = {name: made for name, made in sorted(parts.items()) if made.get("summary")}
    rows = [
        (
            name,
            f"{made['processor_seconds']:.0f}",
            f"{made['tokens'] / 1000:.0f}" if "tokens" in made else "",
            *_scores(made["summary"]),
        )
        for name, made in found.items()
    ]
    header = ("", "seconds", "thousand tokens", "score before", "after")
    out.table(
        "Trainings: seconds of one processor (since it was last resumed); the score is minus the validation loss",
        header,
        rows,
    )
    return {name: float(made["processor_seconds"]) for name, made in found.items()}, []


def _scores(summary: str) -> tuple[str, str]:
    """Before and after, out of a training's sentence."""
    numbers = re.findall(r"-?\d+\.\d+", summary)
    if "nothing better" in summary:
        return numbers[0], "no better"
    return numbers[0], numbers[1]


def _pretexts(out: Output, parts: Parts) -> tuple[Any, list[Bar]]:
    figures: dict[str, Any] = {}
    bars = []
    for model, called in MODELS.items():
        arms = {arm: of(parts, model, arm) for arm in ARMS}
        seeds = sorted(set.intersection(*(set(found) for found in arms.values())))
        if not seeds:
            continue
        groups = list(arms["meta"][seeds[0]]["pretexts"])
        values = {
            arm: {group: by_episode({seed: found[seed]["pretexts"][group] for seed in seeds}) for group in groups}
            for arm, found in arms.items()
        }
        rows = [(arm, *(_mean(list(values[arm][group].values())) for group in groups)) for arm in ARMS]
        for against in ("untrained", "ordinary"):
            gaps = [compare({g: values["meta"][g]}, {g: values[against][g]}) for g in groups]
            rows.append((f"meta - {against}", *(_told(gap) for gap in gaps)))
            for group, gap in zip(groups, gaps, strict=True):
                low = gap.over_episodes.low if gap else None
                bars.append(Bar(f"{model}: meta - {against}, {_short(group)}, low", _points(low), 0.0, "at least"))
                if gap:
                    figures[f"{model}, meta - {against}, {group}"] = _interval(gap)
        header = ("", *(_short(group) for group in groups))
        title = f"Subset masking over words never trained on, {called}: accuracy in % after 5 examples a word, 5 words"
        out.table(title, header, rows)
    return figures, bars


def _language(out: Output, parts: Parts) -> tuple[Any, list[Bar]]:
    arms = {arm: of(parts, "language", arm) for arm in ("ordinary", "maml")}
    seeds = sorted(arms["ordinary"].keys() & arms["maml"].keys())
    if not seeds:
        return {}, []
    sizes = [str(each) for each in KILOBYTES]
    values = {
        arm: {
            size: [x for seed in seeds for domain in found[seed]["perplexity"][size].values() for x in domain]
            for size in sizes
        }
        for arm, found in arms.items()
    }
    rows = [(arm, *(f"{fmean(values[arm][size]):.3f}" for size in sizes)) for arm in arms]
    gaps = {
        size: compare(*({"": {str(n): x for n, x in enumerate(values[arm][size])}} for arm in ("maml", "ordinary")))
        for size in sizes
    }
    rows.append(("maml - ordinary", *(_plain(gaps[size]) for size in sizes)))
    out.table(f"Perplexity of a byte of a held-out domain after {ADAPTING} steps on so much of it",
              ("", *(f"{size} KB" for size in sizes)), rows)  # fmt: skip
    bars = [Bar(f"perplexity per byte at {size} KB, maml - ordinary, high",
                gaps[size].over_episodes.high or float("nan"), 0.0, "at most") for size in sizes[1:]]  # fmt: skip
    rates = {arm: [found[seed]["rate"] for seed in seeds] for arm, found in arms.items()}
    return {"perplexity": {arm: {s: fmean(v) for s, v in each.items()} for arm, each in values.items()},
            "rates": rates, "seeds": seeds}, bars  # fmt: skip


def _labels(out: Output, parts: Parts) -> tuple[Any, list[Bar]]:
    figures: dict[str, Any] = {}
    bars = []
    for model, called in MODELS.items():
        curves = curves_of(parts, model)
        if not curves:
            continue
        rows, header = [], ("", *(f"{arm} {n}" for n in (4, 16) for arm in ARMS), "gain at 4", "gain at 16")
        for family, names in {**FAMILIES, "all": tuple(curves["meta"])}.items():
            own = {arm: {name: by_set[name] for name in names if name in by_set} for arm, by_set in curves.items()}
            gains = {n: paired(own["meta"], own["ordinary"], n) for n in (4, 16)}
            cells = [f"{100 * average(own[arm], n):.1f}" for n in (4, 16) for arm in ARMS]
            rows.append((family, *cells, *(_told(gains[n]) for n in (4, 16))))
            figures[f"{model}, {family}"] = {str(n): _interval(gap) for n, gap in gains.items() if gap}
        out.table(f"Labelled sets, {called}: accuracy in % at 4 and 16 examples a class, and meta - ordinary",
                  header, rows)  # fmt: skip
        for n in (4, 16):
            gain = 100 * (average(curves["meta"], n) - average(curves["ordinary"], n))
            aim = 3.0 if model in FROM_NOTHING else 0.0
            bars.append(Bar(f"{model}: labelled sets at {n}, points gained", gain, aim, "at least"))
    return figures, bars


def _faster(out: Output, parts: Parts) -> tuple[Any, list[Bar]]:
    figures: dict[str, Any] = {}
    bars, rows = [], []
    for model, called in MODELS.items():
        curves = curves_of(parts, model)
        if not curves:
            continue
        paired = {
            name: {
                n: list(zip(at(curves["ordinary"], name, n), at(curves["meta"], name, n), strict=True)) for n in SHOTS
            }
            for name in curves["meta"]
        }
        needed = equivalents(paired).get(16)
        stepped = {arm: stepped_of(parts, model, arm) for arm in ("ordinary", "meta")}
        target = max(stepped["ordinary"])
        steps = {arm: next((n for n, x in zip(STEPS, by_step, strict=True) if x >= target - 1e-9), None)
                 for arm, by_step in stepped.items()}  # fmt: skip
        figures[model] = {"examples": None if needed is None else list(needed), "steps": steps, "stepped": stepped}
        if needed is not None:
            bars.append(Bar(f"{model}: examples to reach what ordinary does at 16", needed.shots, 16.0, "at most"))
        rows.append((called, "" if needed is None else _shots(needed), *(str(steps[arm] or f"> {STEPS[-1]}")
                     for arm in ("ordinary", "meta")), f"{100 * target:.1f}"))  # fmt: skip
    if rows:
        title = (
            "How many examples meta needs to reach what ordinary does at 16; and how many gradient steps on a head "
            f"each needs to reach the best that ordinary does so at {STEPPED} examples"
        )
        out.table(title, ("", "examples", "steps: ordinary", "steps: meta", "that accuracy, %"), rows)
    return figures, bars


def _own(out: Output, parts: Parts) -> tuple[Any, list[Bar]]:
    found = {int(name.split(".")[1]): made for name, made in parts.items() if name.startswith("own.")}
    if not found:
        return {}, []
    values = {
        when: {n: {f"{seed}/{draw}": curve[at] for seed, made in found.items() for draw, curve in enumerate(made[when])}
               for at, n in enumerate(SHOTS)}
        for when in ("before", "after")
    }  # fmt: skip
    gaps = {n: compare({"banking77": values["after"][n]}, {"banking77": values["before"][n]}) for n in SHOTS}
    rows = [(when, *(_mean(list(by[n].values())) for n in SHOTS)) for when, by in values.items()]
    rows.append(("gain", *(_told(gaps[n]) for n in SHOTS)))
    out.table("The shipped student before and after its domain's own texts (banking77): accuracy in %",
              ("", *(f"{n} shots" for n in SHOTS)), rows)  # fmt: skip
    seconds = max(made["seconds"] for made in found.values())
    gains = [gap.over_episodes.mean for gap in gaps.values() if gap]
    bars = [Bar("own text: points gained, mean over shots", 100 * fmean(gains), 0.0, "at least"),
            Bar("own text: seconds", seconds, 600.0, "at most")]  # fmt: skip
    return {str(n): _interval(gap) for n, gap in gaps.items() if gap}, bars


def _mean(values: Sequence[float]) -> str:
    found = over_episodes({"": values})
    if found.low is None or found.high is None:
        return f"{100 * found.mean:.1f}"
    return f"{100 * found.mean:.1f} ± {50 * (found.high - found.low):.1f}"


def _told(gap: Comparison | None) -> str:
    if gap is None:
        return ""
    mean = f"{100 * gap.over_episodes.mean:+.1f}"
    return mean if gap.over_episodes.low is None else f"{mean} ({difference_bounds(gap.over_episodes)})"


def _plain(gap: Comparison | None) -> str:
    if gap is None or gap.over_episodes.low is None:
        return ""
    found = gap.over_episodes
    return f"{found.mean:+.3f} ({found.low:+.3f} to {found.high:+.3f})"


def _interval(gap: Comparison) -> list[float | None]:
    found = gap.over_episodes
    return [found.mean, found.low, found.high]


def _points(share: float | None) -> float:
    return float("nan") if share is None else 100 * share


def _short(group: str) -> str:
    return "unseen words" if group == WHOLE else group.removesuffix(".jsonl")


def _shots(needed: Any) -> str:
    side = {1: "> ", -1: "< ", 0: ""}[needed.side]
    around = "" if needed.low is None else f" ({needed.low:.1f} to {needed.high:.1f})"
    return f"{side}{needed.shots:.1f}{around}"
