"""The answer of `evaluate --worth` in the terminal: a picture of each baseline, then the sentence."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from quickstudy.evaluation.statistics import Interval
    from quickstudy.evaluation.worth import Worth

SIDE = 10
"""characters of the picture on each side of zero"""


def show(worth: "Worth | None") -> None:
    """On standard output. Nothing where it was not asked, or no baseline has an answer."""
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    from quickstudy.evaluation import worth_words as words
    from quickstudy.evaluation.wording import difference, difference_bounds

    if worth is None:
        return
    edges = (abs(edge or 0.0) for one in worth.overall for edge in _edges(one.over_episodes))
    reach = min(1.0, max(0.01, *edges))
    shots = words.middle(worth)
    table = Table(title=f"{words.HEADING} {worth.student} minus each baseline, in points", box=SIMPLE, padding=(0, 1))
    table.add_column("baseline")
    table.add_column("gain (95 %)", justify="right", no_wrap=True)
    table.add_column(f"−{100 * reach:.0f}".ljust(SIDE) + "0" + f"+{100 * reach:.0f}".rjust(SIDE), no_wrap=True)
    table.add_column(f"labels, {words.count(shots, 'shot')}", justify="right")
    saved = {gain.baseline: words.saved(shots, gain.equivalent) for gain in worth.gains if gain.shots == shots}
    for one in worth.overall:
        gain = one.over_episodes
        told = f"{difference(gain)} ({difference_bounds(gain)})"
        table.add_row(one.baseline, told, picture(gain, reach), saved.get(one.baseline, ""))
    Console().print(table)
    print(words.sentence(worth))


def picture(gain: "Interval", reach: float) -> str:
    """The interval as a line with its mean, and where zero is: "      ┊  ├─●──┤  "."""
    cells = [" "] * (2 * SIDE + 1)
    cells[SIDE] = "┊"

    def at(value: float) -> int:
        return SIDE + round(SIDE * max(-1.0, min(1.0, value / reach)))

    low, high = (at(edge if edge is not None else gain.mean) for edge in (gain.low, gain.high))
    for place in range(low, high + 1):
        cells[place] = "┼" if place == SIDE else "─"
    if low < high:
        cells[low], cells[high] = "├", "┤"
    cells[at(gain.mean)] = "●"
    return "".join(cells)


def _edges(gain: "Interval") -> tuple[float, float | None, float | None]:
    return gain.mean, gain.low, gain.high
