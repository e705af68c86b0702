"""The most probable legal spans of a sentence, and how probable each is.

Each word has a log-probability for each type and for none. What follows what has an abstract weight, one for all types,
counted on the support over what is usual (Yang & Katiyar 2020, section 3.2; Hou et al. 2020, section 3.1). B and I of a
type share its score, so a path need only say of each word which type it has and whether it begins a span: T + 1 states,
searched exactly (Viterbi 1967).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quickstudy.core.tags import Span

Floats = NDArray[np.float64]
BEFORE, AFTER = ("start", "none", "inside"), ("none", "begin", "same", "go on")
USUAL = np.array([[40.0, 10.0, 0.0, 0.0], [44.0, 6.0, 0.0, 0.0], [28.0, 1.0, 1.0, 20.0]])
"""(3, 4) how often what follows what in open sets of several sorts, as if fifty of each had been seen: rows as BEFORE,
columns as AFTER ("begin" after a span: of another type, "same": a new span of the same type)"""


class Found(NamedTuple):
    """A span of words."""

    start: int
    end: int
    type: int
    probability: float
    """of this very span, among all ways to tag the sentence"""


class Steps(NamedTuple):
    """Weights of what follows what, as logarithms."""

    start: Floats
    """(T + 1,) of a first word"""
    between: Floats
    """(T + 1, T + 1) from a word to the next, where it is no "go on" """
    on: float
    """of going on with a span"""


def counted(sentences: Sequence[tuple[int, Sequence[Span]]]) -> Floats:
    """(3, 4) transitions of sentences, each its number of words and its spans, over what is usual."""
    count = USUAL.copy()
    for words, spans in sentences:
        state: list[tuple[str, bool]] = [("", False)] * words
        for start, end, type_ in spans:
            state[start:end] = [(type_, place == start) for place in range(start, end)]
        before: str | None = None
        for own, begins in state:
            row = 0 if before is None else 2 if before else 1
            column = 0 if not own else 3 if not begins else 2 if own == before else 1
            count[row, column] += 1
            before = own
    return count


def steps(count: Floats, types: int, weight: float) -> Steps:
    """Log-weights out of counts (3, 4): how much more often one follows the other than it comes at all, to the power
    `weight`, since the words' own probabilities hold what is usual."""
    each = np.array([[1, types, 1, 1], [1, types, 1, 1], [1, max(types - 1, 1), 1, 1]])  # how many share a column
    share = count / count.sum(1, keepdims=True)
    none = share[2, 0] / (share[2, 0] + share[1, 1])  # of all words, in the long run
    usual = np.array([none, *[(1 - none) / types] * 3])
    with np.errstate(divide="ignore"):
        lift = weight * np.log(share / each / usual)
    between = np.full((types + 1, types + 1), lift[2, 1])
    between[np.diag_indices(types)] = lift[2, 2]
    between[:, types], between[types, :], between[types, types] = lift[2, 0], lift[1, 1], lift[1, 0]
    start = np.full(types + 1, lift[0, 1])
    start[types] = lift[0, 0]
    return Steps(start, between, float(lift[2, 3]))


def decoded(found: Floats, weights: Steps) -> list[Found]:
    """The most probable spans of a sentence: `found` (W, T + 1) log-probabilities, none last."""
    if not len(found):
        return []
    types = found.shape[1] - 1
    own = np.arange(types)
    on = np.full(types + 1, -np.inf)
    on[own] = weights.on
    best, back, begins = _searched(found, weights, on)
    path = [int(best.argmax())]
    for pointers in reversed(back):
        path.append(int(pointers[path[-1]]))
    path.reverse()
    ahead, behind, total = _summed(found, weights, on)
    spans: list[list[int]] = []
    for place, type_ in enumerate(path):
        if type_ == types:
            continue
        if place and path[place - 1] == type_ and not begins:
            spans[-1][1] = place + 1
        else:
            spans.append([place, place + 1, type_])
    return [
        Found(start, end, type_, float(np.exp(_span(found, weights, ahead, behind, start, end, type_) - total)))
        for start, end, type_ in spans
    ]


def _searched(found: Floats, weights: Steps, on: Floats) -> tuple[Floats, list[NDArray[np.intp]], bool]:
    """The best path's value for each last state, pointers back, and whether a neighbour of the same type begins
    anew."""
    between = weights.between.copy()
    place = np.diag_indices(len(on) - 1)
    begins = bool(len(on) > 1 and between[0, 0] > weights.on)
    between[place] = np.maximum(between[place], on[:-1])
    best, back = weights.start + found[0], []
    for own in found[1:]:
        each = best[:, None] + between
        pointers = each.argmax(0)
        best = each[pointers, np.arange(len(own))] + own
        back.append(pointers)
    return best, back, begins


def _summed(found: Floats, weights: Steps, on: Floats) -> tuple[Floats, Floats, float]:
    """Forward and backward sums (W, T + 1) over all paths, and the logarithm of the whole (Rabiner 1989)."""
    between = weights.between.copy()
    place = np.diag_indices(len(on) - 1)
    between[place] = np.logaddexp(between[place], on[:-1])
    ahead, behind = np.empty_like(found), np.zeros_like(found)
    ahead[0] = weights.start + found[0]
    for at in range(1, len(found)):
        ahead[at] = _log_sum(ahead[at - 1][:, None] + between, 0) + found[at]
    for at in range(len(found) - 2, -1, -1):
        behind[at] = _log_sum(between + (found[at + 1] + behind[at + 1])[None], 1)
    return ahead, behind, float(_log_sum(ahead[-1], 0))


def _span(found: Floats, weights: Steps, ahead: Floats, behind: Floats, start: int, end: int, type_: int) -> float:
    """The logarithm of the sum over all paths that have this span."""
    into = weights.start[type_] if start == 0 else _log_sum(ahead[start - 1] + weights.between[:, type_], 0)
    out = 0.0 if end == len(found) else _log_sum(weights.between[type_] + found[end] + behind[end], 0)
    return float(into + found[start:end, type_].sum() + (end - start - 1) * weights.on + out)


def _log_sum(values: Floats, axis: int) -> Floats:
    most = values.max(axis)
    kept = np.where(np.isfinite(most), most, 0.0)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.exp(values - np.expand_dims(kept, axis)).sum(axis)) + kept)
