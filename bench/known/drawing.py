"""The curves as SVG."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6d00", "#56b4e9", "#666666", "#000000")
"""after Okabe & Ito 2008: colour-blind readers tell them apart"""
LINES = ("-", "--", ":")


class Point(NamedTuple):
    """A mean and half the width of its 95 % interval."""

    mean: float
    half: float


Curves = Mapping[str, Sequence[Point]]
"""a method's name -> a point a step"""


def draw(path: Path, panels: Mapping[str, Curves], steps: Sequence[int], x: str, y: str, shared: bool = True) -> None:
    """A panel for each of `panels`, with logarithmic values, one legend, and bands for the intervals."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    style = {
        "svg.fonttype": "none", "svg.hashsalt": path.stem, "font.size": 9, "axes.titlesize": 9, "axes.grid": True,
        "axes.spines.top": False, "axes.spines.right": False, "grid.alpha": 0.3, "legend.frameon": False,
    }  # fmt: skip
    names = list(dict.fromkeys(name for curves in panels.values() for name in curves))
    with rc_context(style):
        figure = Figure(figsize=(3.2 * len(panels) + 1.8, 3.4), layout="constrained")
        all_axes = figure.subplots(1, len(panels), sharey=shared, squeeze=False)[0]
        for axes, (title, curves) in zip(all_axes, panels.items(), strict=True):
            most = 1.5 * max(points[0].mean for points in curves.values())
            for index, name in enumerate(names):
                points = curves.get(name, ())
                shown = [(step, *point) for step, point in zip(steps, points, strict=False) if point.mean <= most]
                where, mean, half = (list(column) for column in zip(*shown, strict=True)) if shown else ([], [], [])
                look = {"color": COLOURS[index % len(COLOURS)], "linestyle": LINES[index % len(LINES)]}
                axes.plot(where, mean, label=name, linewidth=1.4, marker=".", markersize=4, **look)
                low = [max(a - b, a / 10) for a, b in zip(mean, half, strict=True)]
                high = [a + b for a, b in zip(mean, half, strict=True)]
                axes.fill_between(where, low, high, color=look["color"], alpha=0.12, linewidth=0)
            axes.set(title=title, xlabel=x, yscale="log")
        all_axes[0].set_ylabel(y)
        figure.legend(*all_axes[0].get_legend_handles_labels(), loc="outside right center")
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Date": None, "Creator": None})
