"""The picture beside the verdict: learning curves, and what lies between them in labels."""

from typing import TYPE_CHECKING

from quickstudy.evaluation.report import Report
from quickstudy.evaluation.theme import FAINT, INK, LINES, MARKERS, SERIES, inches
from quickstudy.evaluation.wording import shortened
from quickstudy.evaluation.worth_words import main_baseline, saved

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NONE = 0.5
"""where no example stands on the axis of examples"""


def draw(report: Report) -> "Figure | None":
    """The student, the best baseline and the one whose labels are counted; an arrow to where that one's curve is as
    high. None where the question was not asked."""
    from matplotlib.figure import Figure

    worth = report.worth
    if worth is None:
        return None
    main = main_baseline(worth)
    shown = tuple(dict.fromkeys((worth.best, main)))
    names = [worth.student, *(shortened(worth.called[name], 34) for name in shown)]
    legend = 0.6 + max(map(inches, names))
    size = (4.6 + legend, 3.0)
    figure = Figure(figsize=size)
    axes = figure.subplots()
    figure.subplots_adjust(left=0.55 / size[0], right=1 - legend / size[0], bottom=0.16, top=0.96)
    rows = {name: [gain for gain in worth.gains if gain.baseline == name] for name in shown}
    own = {gain.shots: gain.mean for name in shown for gain in rows[name]}
    curves = [own, *({gain.shots: gain.baseline_mean for gain in rows[name]} for name in shown)]
    for index, (name, curve) in enumerate(zip(names, curves, strict=True)):
        axes.plot(
            [max(NONE, shots) for shots in curve],
            [100 * value for value in curve.values()],
            color=SERIES[index],
            marker=MARKERS[index],
            linestyle=LINES[index],
            label=name,
        )
    for gain in rows[main]:
        same = gain.equivalent
        if same and gain.shots and same.side == 0 and same.shots > gain.shots:
            height = 100 * gain.mean
            axes.annotate("", (same.shots, height), (gain.shots, height), arrowprops={"arrowstyle": "->", "color": INK})
            middle = (gain.shots * same.shots) ** 0.5
            axes.text(middle, height, saved(gain.shots, same), ha="center", va="bottom", color=INK)
    axes.set_xscale("log", base=2)
    axes.set_xticks([max(NONE, shots) for shots in worth.shots], [str(shots) for shots in worth.shots])
    axes.minorticks_off()
    axes.set_xlabel("examples a class")
    axes.set_ylabel(f"{worth.measure.replace('_', ' ')}, %")
    axes.grid(color=FAINT, alpha=0.35)
    axes.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), borderaxespad=0)
    return figure
