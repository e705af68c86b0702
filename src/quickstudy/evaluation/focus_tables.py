"""The tables on one task: how each class did, and what was taken for what."""

from quickstudy.evaluation.report import Focus
from quickstudy.evaluation.tables import MOST_ROWS, Table
from quickstudy.evaluation.wording import count, shown

MOST_PAIRS = 15
"""of confused classes"""


def class_table(focus: Focus) -> Table:
    """The classes with the lowest F1 first."""
    scores = sorted(focus.scores, key=lambda score: (score.f1, score.label))
    rows = [
        (
            score.label,
            *(f"{100 * value:.0f}" for value in (score.precision, score.recall, score.f1)),
            str(score.texts),
        )
        for score in scores[:MOST_ROWS]
    ]
    rest = f", the {MOST_ROWS} with the lowest F1 of {len(scores)}" if len(scores) > MOST_ROWS else ""
    return Table(
        f"Classes of {shown(focus.source)}{rest}: precision, recall and F1 in percent, and how many query "
        f"texts are of the class. {focused(focus)}",
        ("", "precision", "recall", "F1", "texts"),
        tuple(rows),
    )


def pair_table(focus: Focus) -> Table:
    """What was most often taken for what."""
    texts = {score.label: score.texts for score in focus.scores}
    wrong = [pair for pair in focus.confusions if pair[0] != pair[1]]
    rows = [
        (right, given, str(times), f"{100 * times / texts[right]:.0f} %") for right, given, times in wrong[:MOST_PAIRS]
    ]
    return Table(
        f"The most frequent of {count(len(wrong), 'confused pair')} of classes of {shown(focus.source)}. "
        f"{focused(focus)}",
        ("gold", "was taken for", "times", "of the class"),
        tuple(rows),
        names=2,
    )


def focused(focus: Focus) -> str:
    """What the numbers on one task were taken from."""
    return (
        f"{shown(focus.contestant)} at {count(focus.shots, 'shot')}, {count(focus.answers, 'answer')} of "
        f"{count(focus.episodes, 'episode')} pooled."
    )
