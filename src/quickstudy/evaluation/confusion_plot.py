"""The confusion matrix, readable up to 77 classes: one rectangle for each pair that occurs."""

from typing import TYPE_CHECKING

from quickstudy.evaluation.report import Report
from quickstudy.evaluation.sections import MOST_CLASSES
from quickstudy.evaluation.theme import FAINT, INK, SERIES, inches
from quickstudy.evaluation.wording import shortened

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH = 10.3
"""inches of the page"""
NUMBERED = 20
"""classes up to which the counts are written into the cells"""


def draw(report: Report) -> "Figure | None":
    """The matrix of the task in focus; None without one, or with more classes than can be read."""
    from matplotlib.collections import PatchCollection
    from matplotlib.colors import to_rgba
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    counts = {pair[:2]: pair[2] for pair in report.focus.confusions} if report.focus else {}
    seen = {label for pair in counts for label in pair}
    labels = [score.label for score in report.focus.scores if score.label in seen] if report.focus else []
    if not 0 < len(labels) <= MOST_CLASSES:
        return None
    names = [shortened(label, 32) for label in labels]
    size = 8.0 if len(labels) <= NUMBERED else 6.0
    margin = max(0.5, 0.15 + max(inches(name, size) for name in names))
    cell = min(0.4, max(0.112, (WIDTH - margin) / len(labels)))
    side = cell * len(labels)
    whole = (margin + side + 0.1, margin + side + 0.1)
    figure = Figure(figsize=whole)
    axes = figure.add_axes((margin / whole[0], 0.05 / whole[1], side / whole[0], side / whole[1]))
    place = {label: k for k, label in enumerate(labels)}
    row_sums = dict.fromkeys(labels, 0)
    for (right, _), count in counts.items():
        row_sums[right] += count
    cells = [Rectangle((place[given] - 0.5, place[right] - 0.5), 1, 1) for right, given in counts]
    colours = [
        to_rgba(SERIES[0] if right == given else SERIES[1], 0.15 + 0.5 * count / row_sums[right])
        for (right, given), count in counts.items()
    ]
    axes.add_collection(PatchCollection(cells, facecolors=colours, edgecolors="none"))
    if len(labels) <= NUMBERED:
        for (right, given), count in counts.items():
            axes.text(place[given], place[right], f"{count}", ha="center", va="center", color=INK, fontsize=size - 1)
    axes.set_xlim(-0.5, len(labels) - 0.5)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.xaxis.tick_top()
    axes.set_xticks(range(len(labels)), names, rotation=90, fontsize=size)
    axes.set_yticks(range(len(labels)), names, fontsize=size)
    axes.tick_params(length=0)
    axes.spines[["top", "right"]].set_visible(True)
    axes.grid(color=FAINT, alpha=0.2)
    return figure
