"""What meta-training took from its sources: is there a gap between seen and unseen ones, how diverse are they, and
which helps or hurts which. One page and the same numbers as JSON."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from quickstudy.core.files import write_whole
from quickstudy.evaluation.page import block, whole
from quickstudy.evaluation.statistics import Interval
from quickstudy.evaluation.tables import Table
from quickstudy.evaluation.theme import INK, SERIES, inches, svg, theme
from quickstudy.evaluation.wording import UNKNOWN, count, difference, difference_bounds, shortened

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMAT = "quickstudy.sources.v1"
MOST = 40
"""sources in the plot of the matrix that can still be read"""


@dataclass(frozen=True)
class Judged:
    """One source: accuracy of the start and of the trained student on the same episodes."""

    source: str
    seen: bool
    """whether it was trained on"""
    before: float
    after: float
    episodes: int


@dataclass(frozen=True)
class SourcesReport:
    """Everything that the page shows."""

    title: str
    summary: str
    judged: tuple[Judged, ...]
    seen: Interval | None
    """how far accuracy rose on sources that were trained on"""
    unseen: Interval | None
    share: Mapping[str, float]
    """source -> how likely it is to be drawn"""
    effective: float
    """how many sources drawn evenly are as mixed as these: exp of the entropy of the shares"""
    different: float
    """the same, where sources that are alike count as one (the Vendi score, Friedman & Dieng 2023)"""
    agreement: Mapping[str, Mapping[str, float]]
    """training source -> validation source -> cosine of their slopes at the start"""


def write(report: SourcesReport, stem: Path) -> tuple[Path, Path]:
    """Writes `stem`.html and .json."""
    html, data = stem.with_name(f"{stem.name}.html"), stem.with_name(f"{stem.name}.json")
    write_whole(html, to_html(report).encode("utf-8", "backslashreplace"))
    document = {"format": FORMAT, **asdict(report)}
    write_whole(data, (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode("utf-8", "backslashreplace"))
    return html, data


def to_html(report: SourcesReport) -> str:
    """The page; without matplotlib it has no plot."""
    try:
        plot = _plot(report)
    except ModuleNotFoundError:
        plot = ""
    parts = [
        "<h2>Seen and unseen sources</h2>",
        block(gap_sentence(report), {}),
        block(judged_table(report), {}),
        "<h2>Diversity</h2>",
        block(diversity_sentence(report), {}),
        "<h2>Which source helps which</h2>",
        block(
            "The cosine between the slopes of meta-training on a training source (rows) and on a validation source "
            "(columns), at the start. Above 0, a step for the one lowers the loss of the other, to first order; below "
            "0 it raises it. A guess at what leaving each source out would show, with which it agrees little "
            "(bench/results/usefulness.txt: 0.21); few episodes make small cosines noise.",
            {},
        ),
        f'<figure><div class="wide">{plot}</div></figure>' if plot else "",
        block(agreement_table(report), {}),
    ]
    return whole(report.title, [block(report.summary, {}), *parts])


def gap_sentence(report: SourcesReport) -> str:
    """Whether what was learned on seen sources holds on unseen ones."""
    if report.seen is None or report.unseen is None:
        return "There are no sources of both sorts, so a gap cannot be told."
    gap = report.seen.mean - report.unseen.mean
    told = f"{difference(report.seen)} points ({difference_bounds(report.seen)}) on sources that were trained on, "
    told += f"{difference(report.unseen)} ({difference_bounds(report.unseen)}) on sources that were not"
    if max(report.seen.mean, report.unseen.mean) <= 0:
        verdict = "nothing was gained"
    elif report.unseen.mean <= 0 < report.seen.mean:
        verdict = "what was learned does not carry over: this is meta-overfitting"
    elif gap > max(0.01, abs(report.unseen.mean)):
        verdict = "less than half of what was learned carries over: signs of meta-overfitting"
    else:
        verdict = "no sign of meta-overfitting"
    low, high = report.unseen.low, report.unseen.high
    if low is not None and high is not None and low <= 0 <= high:
        verdict += ", but too few sources to be sure"
    return f"Accuracy rose by {told}, a gap of {100 * gap:+.1f} points; {verdict}. Intervals: 95 %, over sources."


def diversity_sentence(report: SourcesReport) -> str:
    return (
        f"{count(len(report.share), 'source')}, drawn as unevenly as {report.effective:.1f} even ones; where sources "
        f"whose texts are alike count as one, as {report.different:.1f} different ones."
    )


def judged_table(report: SourcesReport) -> Table:
    rows = [
        (
            one.source,
            "seen" if one.seen else "unseen",
            f"{100 * one.before:.1f}",
            f"{100 * one.after:.1f}",
            f"{100 * (one.after - one.before):+.1f}",
            f"{100 * report.share[one.source]:.1f}" if one.source in report.share else UNKNOWN,
        )
        for one in report.judged
    ]
    episodes = max((one.episodes for one in report.judged), default=0)
    caption = f"Accuracy in percent before and after meta-training, {count(episodes, 'episode')} a source."
    return Table(caption, ("source", "", "before", "after", "gain", "share, %"), tuple(rows), names=2)


def agreement_table(report: SourcesReport) -> Table:
    """The sources that help most on average first."""
    columns = _columns(report)
    ranked = sorted(report.agreement, key=lambda name: -sum(report.agreement[name].values()))
    rows = [(name, *(f"{report.agreement[name][column]:+.2f}" for column in columns)) for name in ranked]
    return Table("Agreement of slopes.", ("", *columns), tuple(rows))


def _columns(report: SourcesReport) -> tuple[str, ...]:
    return tuple(next(iter(report.agreement.values()), {}))


def _plot(report: SourcesReport) -> str:
    """The matrix as squares: blue helps, orange hurts, the larger the more."""
    rows, columns = list(report.agreement)[:MOST], list(_columns(report))[:MOST]
    if not rows or not columns:
        return ""
    with theme("agreement"):
        return svg(_squares(report, rows, columns))


def _squares(report: SourcesReport, rows: list[str], columns: list[str]) -> "Figure":
    from matplotlib.figure import Figure

    names = [[shortened(name, 28) for name in side] for side in (rows, columns)]
    left, top = (0.3 + max(map(inches, side)) for side in names)
    size = (left + 0.26 * len(columns) + 0.2, top + 0.2 * len(rows) + 0.2)
    figure = Figure(figsize=size)
    axes = figure.add_axes((left / size[0], 0.2 / size[1], 0.26 * len(columns) / size[0], 0.2 * len(rows) / size[1]))
    most = max(abs(value) for row in report.agreement.values() for value in row.values()) or 1.0
    for y, row in enumerate(rows):
        for x, column in enumerate(columns):
            value = report.agreement[row][column]
            axes.scatter(x, y, 110 * abs(value) / most, marker="s", color=SERIES[0 if value > 0 else 1], linewidths=0)
    axes.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(rows) - 0.5, -0.5))
    axes.set_yticks(range(len(rows)), names[0])
    axes.xaxis.tick_top()
    axes.set_xticks(range(len(columns)), names[1], rotation=90, color=INK)
    axes.tick_params(length=0)
    return figure


def lines(report: SourcesReport) -> list[str]:
    """The same in a few lines for a terminal."""
    columns = _columns(report)
    found = [gap_sentence(report), diversity_sentence(report)]
    for column in columns:
        ranked = sorted(report.agreement, key=lambda name: report.agreement[name][column])
        best, worst = ranked[-1], ranked[0]
        hurts = report.agreement[worst][column] < 0
        said = f"{column}: its slopes agree most with those of {best} ({report.agreement[best][column]:+.2f})"
        found.append(
            f"{said}, {'are against' if hurts else 'least with'} {worst}'s ({report.agreement[worst][column]:+.2f})"
        )
    return found
