"""A few-shot classifier for scikit-learn: texts in, labels out, in pipelines, grid searches and cross-validation."""

import dataclasses
import functools
import json
import math
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from quickstudy import remarks
from quickstudy.backbones.running import Precision
from quickstudy.core.types import QuickstudyError, QuickstudyWarning
from quickstudy.episodes.cleaning import clean
from quickstudy.kinds.classification import Classification
from quickstudy.kinds.labelled import Labelled
from quickstudy.student import Student, load
from quickstudy.task import Task

NAME_WEIGHT = "prior.log_name_weight"
LEAST_WEIGHT = 1e-6
"""stands for a name weight of 0, whose logarithm is not finite"""


class FewShotClassifier(ClassifierMixin, BaseEstimator):
    """Learns from texts and labels, one label a text. Its parameters are those of `quickstudy.load` and `learn`.

    `model`: a packaged backbone, a hub id, a folder, or a student's file.
    `learner`: a learner's name, or a table of name and fields; None: the one that suits the model best.
    `labels`: a longer description of some classes, {label: description}, or names alone.
    `name_weight`: how many examples a class's name counts for; None: as meta-learned. For learners that have it.
    `scope`, `precision`, `device`: as for `quickstudy.load`.

    After `fit`: `classes_` (sorted), `task_` (the quickstudy Task, which can be saved).
    """

    def __init__(
        self,
        model: str = "minilm",
        learner: str | Mapping[str, Any] | None = None,
        labels: Mapping[str, str] | Iterable[str] | None = None,
        name_weight: float | None = None,
        scope: str = "head",
        precision: Precision = "auto",
        device: str = "auto",
    ) -> None:
        self.model = model
        self.learner = learner
        self.labels = labels
        self.name_weight = name_weight
        self.scope = scope
        self.precision = precision
        self.device = device

    def fit(self, X: Any, y: Any) -> Self:
        """`X`: n texts (a list, an array or a Series of strings); `y`: n labels of at least two kinds, of any type.

        Errors: ValueError for what is no text, has another length or has one class; QuickstudyError as for `learn`.
        """
        texts = as_texts(X)
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None")
        labels = np.asarray(y)
        check_classification_targets(labels)
        if labels.shape != (len(texts),):
            raise ValueError(f"X has {len(texts)} texts and y has the shape {labels.shape}; give one label a text")
        self.classes_ = np.unique(labels)
        if len(self.classes_) < 2:
            raise ValueError(f"the classifier needs two classes, and y has only one class, {self.classes_[0]!r}")
        # straight to the task: what `learn` does to a file's labels (one spelling each) would merge what y tells apart
        student = _student(self.model, self.learner, self.scope, self.precision, self.device, self.name_weight)
        names = [str(name) for name in self.classes_.tolist()]
        places = np.searchsorted(self.classes_, labels).tolist()
        examples = [Labelled(text, (names[place],)) for text, place in zip(texts, places, strict=True)]
        for doubt in remarks.on_texts(student.loaded, student.reader, examples):
            warnings.warn(doubt, QuickstudyWarning, stacklevel=2)
        kind = Classification(student.reader)
        self.task_ = Task.learned(student, kind, self._described(names), examples)
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """(n,) the most probable label of each text."""
        best = self.predict_proba(X).argmax(1)
        return self.classes_[best]

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """(n, classes) probabilities, in the order of `classes_`."""
        check_is_fitted(self, "task_")
        texts = as_texts(X)
        found = self.task_.predict(texts)
        if blank := sum(one.label is None for one in found):
            told = f"{blank} of {len(texts)} texts have no words, so all classes are as probable for them"
            warnings.warn(told, QuickstudyWarning, stacklevel=2)
        return np.array([list(each.probabilities.values()) for each in found], dtype=np.float64)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags

    def _described(self, names: list[str]) -> dict[str, str]:
        given = self.labels if isinstance(self.labels, Mapping) else dict.fromkeys(self.labels or (), "")
        said = {str(name): str(description or "") for name, description in given.items()}
        for name in said:
            if name not in names:
                raise QuickstudyError(f"labels names {name!r}, which no text is labelled with; leave it out")
        return {name: said.get(name, "") for name in names}


def as_texts(X: Any) -> list[str]:
    """A list of the texts in a list, an array or a Series. Errors: ValueError for anything that is no text."""
    if isinstance(X, str) or not hasattr(X, "__iter__"):
        raise ValueError("X is to be a list or an array of texts, and is one value; put the text into a list")
    array = getattr(X, "ndim", 1)
    if array != 1:
        raise ValueError(f"X is to be a list or a one-dimensional array of texts, and has {array} dimensions")
    texts = list(X)
    if not texts:
        raise ValueError("X has 0 texts; at least 1 is required")
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise ValueError(f"X is to hold texts, and its item {place} is {text!r:.60}")
    return [clean(str(text)) for text in texts]


def _student(
    model: str,
    learner: str | Mapping[str, Any] | None,
    scope: str,
    precision: Precision,
    device: str,
    name_weight: float | None,
) -> Student:
    """One student serves all fits with the same settings, so that a search reads its texts once."""
    table = json.dumps({"name": learner} if isinstance(learner, str) else learner, sort_keys=True)
    changed = Path(model).stat().st_mtime_ns if Path(model).is_file() else 0
    student = _loaded(model, table, scope, precision, device, changed)
    if name_weight is None:
        return student
    if NAME_WEIGHT not in student.theta:
        raise QuickstudyError("this learner does not weigh class names; leave name_weight out")
    if not 0 <= name_weight < math.inf:
        raise QuickstudyError(f"name_weight is {name_weight}; give a number of examples, 0 or more")
    value = torch.tensor(math.log(max(name_weight, LEAST_WEIGHT)), dtype=student.theta[NAME_WEIGHT].dtype)
    return dataclasses.replace(student, theta={**student.theta, NAME_WEIGHT: value})


@functools.lru_cache(maxsize=4)
def _loaded(model: str, table: str, scope: str, precision: Precision, device: str, changed: int) -> Student:
    return load(model, learner=json.loads(table), scope=scope, precision=precision, device=device)
