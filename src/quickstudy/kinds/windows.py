"""One answer out of the windows of a context."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from quickstudy.kinds.passages import Passage
from quickstudy.kinds.question import Question


class Answer(NamedTuple):
    """What answers a question."""

    text: str
    """"" where nothing does"""
    start: int
    """its first character in the context"""
    end: int
    """behind its last"""
    probability: float
    """of this answer; of none where `text` is empty"""
    nothing: float
    """the probability that the context does not answer the question"""
    cut: int = 0
    """tokens of the question that the backbone could not read"""


class Window(NamedTuple):
    """A piece of a context and the span in it that scores best; scores are logarithms, above its "no answer"."""

    passage: Passage
    begin: int
    end: int
    score: float
    """-inf where it has none"""
    total: float
    """of all its spans"""
    cut: int


def pooled(example: Question, windows: Sequence[Window], may_be_empty: bool) -> Answer:
    """The span that scores best in any window. Scores of windows can be compared since all are counted from "no
    answer", which is the same for all."""
    cut = max((window.cut for window in windows), default=0)
    most = max([0.0, *(window.total for window in windows)])
    total = most + math.log(math.exp(-most) + sum(math.exp(window.total - most) for window in windows))
    nothing = math.exp(-total)
    best = max(windows, key=lambda window: window.score, default=None)
    if best is None or best.score == -math.inf or (may_be_empty and best.score < 0):
        return Answer("", 0, 0, nothing, nothing, cut)
    units, shift = best.passage.units, best.passage.start
    start, end = shift + units[best.begin][0], shift + units[best.end][1]
    return Answer(example.context[start:end], start, end, math.exp(best.score - total), nothing, cut)
