"""What found spans are worth: exact matches as CoNLL-2003 counts them, and partial ones as MUC and SemEval-2013 did."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from quickstudy.core.tags import Span


class Count(NamedTuple):
    right: float
    said: int
    gold: int


def measures(said: Sequence[Sequence[Span]], gold: Sequence[Sequence[Span]]) -> dict[str, float]:
    """`f1` (with precision and recall) counts a span where its ends and type are right, over all texts (micro; the
    figure of seqeval). `partial_f1` counts one whose ends are right, whatever its type, and half of one that overlaps;
    `type_f1` one of the right type that overlaps (nervaluate's "partial" and "ent_type"). Nothing there and nothing
    found counts 1."""
    exact = _exact(said, gold)
    partial, typed = _overlapping(said, gold)
    found = {"f1": _f1(exact), "precision": _share(exact.right, exact.said), "recall": _share(exact.right, exact.gold)}
    return {**found, "partial_f1": _f1(partial), "type_f1": _f1(typed)}


def _exact(said: Sequence[Sequence[Span]], gold: Sequence[Sequence[Span]]) -> Count:
    right = sum(len(set(own) & set(true)) for own, true in zip(said, gold, strict=True))
    return Count(right, sum(map(len, said)), sum(map(len, gold)))


def _overlapping(said: Sequence[Sequence[Span]], gold: Sequence[Sequence[Span]]) -> tuple[Count, Count]:
    """Partial and typed. Each found span in turn takes one of the true ones that are left, as nervaluate pairs them."""
    partial = sum(_paired(own, true, _by_ends) for own, true in zip(said, gold, strict=True))
    typed = sum(_paired(own, true, _by_type) for own, true in zip(said, gold, strict=True))
    sizes = sum(map(len, said)), sum(map(len, gold))
    return Count(partial, *sizes), Count(typed, *sizes)


Choice = Callable[[Span, list[Span]], tuple[Span, float]]
"""a found span and the true ones that it overlaps -> the one that it takes, and how right it is"""


def _paired(said: Sequence[Span], gold: Sequence[Span], choice: Choice) -> float:
    left, right = list(gold), 0.0
    for span in said:
        near = [one for one in left if one.start < span.end and span.start < one.end]
        if near:
            taken, worth = choice(span, near)
            left.remove(taken)
            right += worth
    return right


def _by_ends(span: Span, near: list[Span]) -> tuple[Span, float]:
    match = next((one for one in near if one[:2] == span[:2]), None)
    return (near[0], 0.5) if match is None else (match, 1.0)


def _by_type(span: Span, near: list[Span]) -> tuple[Span, float]:
    same = [one for one in near if one.type == span.type]
    if not same:
        return near[0], 0.0
    return min(same, key=lambda one: abs(one.start - span.start) + abs(one.end - span.end)), 1.0


def _share(part: float, whole: int) -> float:
    return part / whole if whole else 0.0


def _f1(count: Count) -> float:
    return 2 * count.right / (count.said + count.gold) if count.said + count.gold else 1.0
