"""Panels: meta-test, labelled sets over examples, perplexity over bytes, own text."""

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from bench.raw.arms import ARMS
from bench.raw.judging import SHOTS
from bench.raw.modelling import KILOBYTES
from bench.raw.values import MODELS, curves_of, of

COLOURS = {"untrained": "#888888", "ordinary": "#c65200", "meta": "#0072b2", "maml": "#0072b2"}


def draw(parts: dict[str, Any], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    mpl.rcParams["svg.hashsalt"] = "quickstudy"
    models = [model for model in MODELS if of(parts, model, "meta")]
    rows = max(2, len(models))
    figure, panels = plt.subplots(rows, 3, figsize=(10, 2.8 * rows), layout="constrained")
    for row, model in enumerate(models):
        _pretexts(panels[row][0], parts, model, MODELS[model])
        _labels(panels[row][1], parts, model, MODELS[model])
    _language(panels[0][2], parts)
    _own(panels[1][2], parts)
    for empty in (row[2] for row in panels[2:]):
        empty.set_axis_off()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _pretexts(panel: Any, parts: dict[str, Any], model: str, called: str) -> None:
    panel.set_title(f"unseen words and domains, {called}", fontsize=9)
    for place, arm in enumerate(ARMS):
        found = of(parts, model, arm)
        if found:
            groups = list(next(iter(found.values()))["pretexts"])
            means = [100 * fmean(x for made in found.values() for x in made["pretexts"][group]) for group in groups]
            at = [number + 0.25 * (place - 1) for number in range(len(groups))]
            panel.bar(at, means, 0.25, color=COLOURS[arm], label=arm)
            names = [group.removesuffix(".jsonl").removesuffix(" part") for group in groups]
            panel.set_xticks(range(len(groups)), names, fontsize=7)
    panel.axhline(20, color="black", linewidth=0.5)
    panel.set_ylabel("accuracy, %", fontsize=8)
    panel.legend(frameon=False, fontsize=7)


def _labels(panel: Any, parts: dict[str, Any], model: str, called: str) -> None:
    panel.set_title(f"labelled sets, {called}", fontsize=9)
    for arm, by_set in curves_of(parts, model).items():
        curves = [fmean(fmean(curve[at] for curve in found.values()) for found in by_set.values()) for at in
                  range(len(SHOTS))]  # fmt: skip
        _line(panel, SHOTS, [100 * value for value in curves], arm)
    panel.set_xlabel("examples a class", fontsize=8)


def _language(panel: Any, parts: dict[str, Any]) -> None:
    panel.set_title("language models, held-out domains", fontsize=9)
    for arm in ("ordinary", "maml"):
        found = of(parts, "language", arm)
        if found:
            means = [
                fmean(x for made in found.values() for domain in made["perplexity"][str(size)].values() for x in domain)
                for size in KILOBYTES
            ]
            _line(panel, [max(0.5, size) for size in KILOBYTES], means, arm)
    panel.set_xticks([0.5, *KILOBYTES[1:]], [str(size) for size in KILOBYTES])
    panel.set_xlabel("KB adapted on", fontsize=8)
    panel.set_ylabel("perplexity of a byte", fontsize=8)


def _own(panel: Any, parts: dict[str, Any]) -> None:
    panel.set_title("banking77, the shipped student", fontsize=9)
    found = [made for name, made in parts.items() if name.startswith("own.")]
    for when, colour in (("before", COLOURS["ordinary"]), ("after", COLOURS["meta"])):
        curves = [curve for made in found for curve in made[when]]
        if curves:
            means = [100 * fmean(curve[at] for curve in curves) for at in range(len(SHOTS))]
            _line(panel, SHOTS, means, when, colour)
    panel.set_xlabel("examples a class", fontsize=8)


def _line(panel: Any, at: Sequence[float], values: Sequence[float], label: str, colour: str = "") -> None:
    panel.plot(at, values, color=colour or COLOURS[label], marker="o", markersize=3, label=label)
    panel.set_xscale("log", base=2)
    panel.set_xticks(list(at), [f"{value:g}" for value in at])
    panel.minorticks_off()
    panel.legend(frameon=False, fontsize=7)
