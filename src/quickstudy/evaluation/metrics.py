"""How good the answers were: one label or several, from the same tuples of labels.

One label is a 1-tuple, none is (); so every function serves one label, several, and a text that got none.
Precision, recall, F1 and accuracy are scikit-learn's. The calibration error is that of Guo et al. 2017, "On
calibration of modern neural networks", eq. 3: fifteen bins of equal width, open on the left.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, precision_recall_fscore_support
from sklearn.preprocessing import MultiLabelBinarizer

from quickstudy.core.types import QuickstudyError

Labelled = Sequence[tuple[str, ...]]
"""one tuple of labels a text"""

BINS = 15
"""of the calibration error, as in the paper"""


class ClassScore(NamedTuple):
    """How one class did. `texts` is how many texts it is the gold label of."""

    label: str
    precision: float
    recall: float
    f1: float
    texts: int


class Bin(NamedTuple):
    """The answers whose confidence lies in (low, high]; the first bin also holds 0. Means over them."""

    low: float
    high: float
    confidence: float
    accuracy: float
    answers: int


def overall(gold: Labelled, predicted: Labelled, classes: Sequence[str]) -> dict[str, float]:
    """Accuracy (several labels: all of them right) and micro, macro and weighted precision, recall and F1.

    Macro means run over the classes that stand in gold or predicted; what is undefined (0 / 0) counts as 0.
    """
    true, guess = _indicators(gold, predicted, classes)
    # scikit-learn takes a sparse indicator but no sparse accuracy of zero columns; both are 1 column wider.
    found = {"accuracy": float(accuracy_score(true, guess))}
    seen = np.flatnonzero(np.asarray(true.sum(axis=0) + guess.sum(axis=0)).ravel())
    for average in ("micro", "macro", "weighted"):
        scores = (
            precision_recall_fscore_support(true, guess, labels=seen, average=average, zero_division=0.0)[:3]
            if len(seen)
            else (0.0, 0.0, 0.0)
        )
        for name, value in zip(("precision", "recall", "f1"), scores, strict=True):
            found[f"{average}_{name}"] = float(value)
    return found


def per_class(gold: Labelled, predicted: Labelled, classes: Sequence[str]) -> tuple[ClassScore, ...]:
    """Precision, recall and F1 of each class, in the order of `classes`; 0 where undefined (0 / 0)."""
    true, guess = _indicators(gold, predicted, classes)
    columns = precision_recall_fscore_support(true, guess, labels=range(len(classes)), average=None, zero_division=0.0)
    return tuple(
        ClassScore(label, float(precision), float(recall), float(f1), int(texts))
        for label, precision, recall, f1, texts in zip(classes, *columns, strict=True)
    )


def confusions(gold: Labelled, predicted: Labelled) -> Counter[tuple[str, str]]:
    """(gold, predicted) -> how often, over texts with one gold label and one answer.

    A Counter rather than scikit-learn's dense matrix: ten thousand classes would need 800 MB of zeros.
    """
    _paired(gold, predicted)
    return Counter(
        (right[0], given[0]) for right, given in zip(gold, predicted, strict=True) if len(right) == len(given) == 1
    )


def reliability(confidence: Sequence[float], correct: Sequence[bool], bins: int = BINS) -> tuple[Bin, ...]:
    """The points of the reliability curve: the bins that hold an answer, from low to high confidence."""
    _paired(confidence, correct)
    if not len(confidence):
        return ()
    sure, right = np.asarray(confidence, dtype=float), np.asarray(correct, dtype=float)
    if not ((sure >= 0) & (sure <= 1)).all():
        raise QuickstudyError("A confidence is no number between 0 and 1, so calibration cannot be measured.")
    edges = np.linspace(0.0, 1.0, bins + 1)
    place = np.clip(np.searchsorted(edges, sure, side="left") - 1, 0, bins - 1)
    counts = np.bincount(place, minlength=bins)
    sums = [np.bincount(place, weights=part, minlength=bins) for part in (sure, right)]
    return tuple(
        Bin(
            float(edges[k]),
            float(edges[k + 1]),
            float(sums[0][k] / counts[k]),
            float(sums[1][k] / counts[k]),
            int(counts[k]),
        )
        for k in np.flatnonzero(counts)
    )


def calibration_error(confidence: Sequence[float], correct: Sequence[bool], bins: int = BINS) -> float:
    """Expected calibration error, 0 to 1: the mean gap between confidence and accuracy, weighted by count."""
    points = reliability(confidence, correct, bins)
    if not points:
        return float("nan")
    gaps = sum(point.answers * abs(point.accuracy - point.confidence) for point in points)
    return gaps / sum(point.answers for point in points)


def brier(gold: Labelled, probabilities: Sequence[Mapping[str, float]]) -> float:
    """Mean over texts of the summed squared distance between probabilities and gold: 0 is best (Brier 1950).

    Runs from 0 to 2 for one label. A class that is not in a text's probabilities has none.
    """
    _paired(gold, probabilities)
    if not gold:
        return float("nan")
    total = 0.0
    for right, given in zip(gold, probabilities, strict=True):
        total += sum((value - (label in right)) ** 2 for label, value in given.items())
        total += sum(label not in given for label in right)
    return total / len(gold)


def negative_log_likelihood(gold: Labelled, probabilities: Sequence[Mapping[str, float]]) -> float:
    """Mean of -log p(gold) in nats over the texts with one gold label; p is held above 1e-12."""
    _paired(gold, probabilities)
    given = [table.get(right[0], 0.0) for right, table in zip(gold, probabilities, strict=True) if len(right) == 1]
    return float(-np.log(np.maximum(given, 1e-12)).mean()) if given else float("nan")


def _indicators(gold: Labelled, predicted: Labelled, classes: Sequence[str]) -> tuple[NDArray, NDArray]:
    """Two sparse (texts, classes + 1) 0-1 matrices. The last column is always 0: scikit-learn takes one
    column for a binary task, so that a single class would be read as two."""
    _paired(gold, predicted)
    if not gold:
        raise QuickstudyError("There are no answers to measure: give at least one text with its gold label.")
    place = {label: index for index, label in enumerate(classes)}
    for label in {label for row in (*gold, *predicted) for label in row} - place.keys():
        raise QuickstudyError(f"The label {label!r} is not among the {len(place)} classes of the task.")
    binarizer = MultiLabelBinarizer(classes=range(len(place) + 1), sparse_output=True)
    rows = [[[place[label] for label in row] for row in side] for side in (gold, predicted)]
    return binarizer.fit_transform(rows[0]), binarizer.fit_transform(rows[1])


def _paired(first: Sequence, second: Sequence) -> None:
    if len(first) != len(second):
        raise QuickstudyError(f"There are {len(first)} texts with gold labels but {len(second)} answers.")
