"""The report's plots, as SVG for a page. Needs matplotlib, the extra `report`."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from quickstudy.evaluation import confusion_plot, worth_plot
from quickstudy.evaluation.report import Calibration, Report
from quickstudy.evaluation.sections import MOST_TASKS
from quickstudy.evaluation.statistics import Interval
from quickstudy.evaluation.tables import trusted
from quickstudy.evaluation.theme import FAINT, INK, LINES, MARKERS, SERIES, inches, svg, theme
from quickstudy.evaluation.wording import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Z = 1.959964
"""of a 95 % interval"""


def draw(report: Report) -> dict[str, str]:
    """Every plot that there is something to draw in: its name -> an <svg> element."""
    drawn = {}
    for name, plot in (
        ("worth", worth_plot.draw),
        ("shots", _shots),
        ("tasks", _tasks),
        ("reliability", _reliability),
        ("confusion", confusion_plot.draw),
    ):
        with theme(name):
            figure = plot(report)
            if figure is not None:
                drawn[name] = svg(figure)
    return drawn


def _shots(report: Report) -> "Figure":
    from matplotlib.figure import Figure

    names = [shortened(name, 30) for name in report.contestants]
    legend = 0.6 + max(inches(name) for name in names)
    size = (5.6 + legend, 3.7)
    figure = Figure(figsize=size)
    axes = figure.subplots()
    figure.subplots_adjust(left=0.55 / size[0], right=1 - legend / size[0], bottom=0.13, top=0.96)
    places = {shots: place for place, shots in enumerate(report.shots)}
    for index, name in enumerate(report.contestants):
        cells = [cell for cell in report.cells if cell.contestant == name]
        if cells:
            style = {
                "color": SERIES[index % len(SERIES)],
                "marker": MARKERS[index % len(MARKERS)],
                "linestyle": LINES[index // len(SERIES) % len(LINES)],
                "label": names[index],
            }
            aside = 0.3 * ((index + 0.5) / len(names) - 0.5)
            _line(
                axes,
                [places[cell.shots] + aside for cell in cells],
                [trusted(report, cell) for cell in cells],
                style,
                name == report.reference,
            )
    axes.set_xticks(range(len(places)), [str(shots) for shots in places])
    axes.set_xlim(-0.25, len(places) - 0.75)
    axes.set_xlabel("examples a class")
    axes.set_ylabel(f"{report.about.measure.replace('_', ' ')}, %")
    axes.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), borderaxespad=0)
    return figure


def _line(axes: "Axes", x: list[float], intervals: list[Interval], style: Mapping[str, Any], banded: bool) -> None:
    """One contestant. Only the reference has a band: several would lie on each other and hide all lines."""
    means = [100 * interval.mean for interval in intervals]
    down, up = _reach(intervals)
    axes.errorbar(x, means, yerr=(down, up), elinewidth=0.9, capsize=2, markersize=5, linewidth=1.4, **style)
    if banded:
        low = [mean - part for mean, part in zip(means, down, strict=True)]
        high = [mean + part for mean, part in zip(means, up, strict=True)]
        axes.fill_between(x, low, high, color=style["color"], alpha=0.15, linewidth=0)


def _tasks(report: Report) -> "Figure":
    from matplotlib.figure import Figure

    shots = max(report.shots)
    cells = {(cell.source, cell.contestant): cell for cell in report.source_cells if cell.shots == shots}
    sources = [name for name in report.sources if any(key[0] == name for key in cells)][:MOST_TASKS]
    names = report.contestants
    labels = [shortened(name, 30) for name in names]
    left = 0.25 + max(inches(label) for label in labels)
    columns = min(3, len(sources))
    lines = math.ceil(len(sources) / columns)
    size = (left + 2.3 * columns, lines * (0.2 * len(names) + 0.55) + 0.4)
    figure = Figure(figsize=size)
    panels = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).ravel()
    figure.subplots_adjust(
        left=left / size[0],
        right=1 - 0.2 / size[0],
        bottom=0.45 / size[1],
        top=1 - 0.3 / size[1],
        hspace=0.55,
        wspace=0.16,
    )
    for panel, source in zip(panels, sources, strict=False):
        for place, name in enumerate(names):
            if (source, name) in cells:
                _bar(panel, place, cells[source, name].over_episodes, name == report.reference)
        panel.set_title(shortened(source, 32), loc="left")
        panel.grid(axis="y", visible=False)
        panel.set_yticks(range(len(names)), labels)
        panel.tick_params(length=0, labelbottom=True)
        panel.set(xlim=(0, 100), xticks=(0, 25, 50, 75, 100))
    panels[0].invert_yaxis()
    for panel in panels[len(sources) :]:
        panel.set_axis_off()
    figure.supxlabel(f"{report.about.measure.replace('_', ' ')}, %", y=0.02, fontsize="medium")
    return figure


def _bar(panel: "Axes", place: int, interval: Interval, reference: bool) -> None:
    panel.barh(place, 100 * interval.mean, 0.72, color=SERIES[0] if reference else FAINT, alpha=0.85)
    panel.errorbar(
        100 * interval.mean, place, xerr=_reach([interval]), color=INK, linewidth=1, capsize=2, clip_on=False
    )


def _reliability(report: Report) -> "Figure | None":
    from matplotlib.figure import Figure

    shots = max(report.shots)
    curves = [one for one in report.calibration if one.shots == shots]
    if not curves:
        return None
    columns = min(4, len(curves))
    lines = math.ceil(len(curves) / columns)
    size = (0.7 + 1.75 * columns, 0.5 + 1.95 * lines)
    figure = Figure(figsize=size)
    panels = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).ravel()
    figure.subplots_adjust(
        left=0.6 / size[0],
        right=1 - 0.2 / size[0],
        bottom=0.5 / size[1],
        top=1 - 0.25 / size[1],
        hspace=0.45,
        wspace=0.3,
    )
    for panel, curve in zip(panels, curves, strict=False):
        _curve(panel, curve)
    for panel in panels[len(curves) :]:
        panel.set_axis_off()
    figure.supxlabel("confidence, %", y=0.01, fontsize="medium")
    figure.supylabel("accuracy, %", x=0.01, fontsize="medium")
    return figure


def _curve(panel: "Axes", curve: Calibration) -> None:
    panel.plot([0, 100], [0, 100], ":", color=FAINT, linewidth=1.2)
    sure = [100 * point.confidence for point in curve.bins]
    right = [100 * point.accuracy for point in curve.bins]
    sizes = [8 + 90 * point.answers / curve.answers for point in curve.bins]
    whiskers = [_wilson(point.accuracy, point.answers) for point in curve.bins]
    reach = list(zip(*whiskers, strict=True))
    panel.errorbar(sure, right, yerr=reach, color=SERIES[0], linestyle="", elinewidth=0.8)
    panel.scatter(sure, right, sizes, color=SERIES[0])
    panel.set_title(shortened(curve.contestant, 26), loc="left")
    panel.set(xlim=(0, 100), ylim=(0, 100), xticks=(0, 50, 100), yticks=(0, 50, 100))
    panel.tick_params(labelbottom=True)


def _wilson(share: float, count: int) -> tuple[float, float]:
    """How far, in percent, Wilson's interval of a share reaches below and above it."""
    middle = (share + Z**2 / (2 * count)) / (1 + Z**2 / count)
    reach = Z / (1 + Z**2 / count) * math.sqrt(share * (1 - share) / count + Z**2 / (4 * count**2))
    return 100 * max(0.0, share - middle + reach), 100 * max(0.0, middle + reach - share)


def _reach(intervals: list[Interval]) -> tuple[list[float], list[float]]:
    """How far the intervals reach below and above their means, in percent, inside 0 to 100; 0 where
    unknown."""
    down = [0.0 if one.low is None else 100 * max(0.0, one.mean - max(0.0, one.low)) for one in intervals]
    up = [0.0 if one.high is None else 100 * max(0.0, min(1.0, one.high) - one.mean) for one in intervals]
    return down, up
