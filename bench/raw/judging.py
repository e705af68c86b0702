"""What students are worth: on pretext tasks that nobody trained on, and on labelled sets."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from bench.contest.drawing import drawn, read
from bench.contest.sets import ENGLISH
from quickstudy import config
from quickstudy.backbones.kept import KeptFeatures, together
from quickstudy.backbones.passages import Passages
from quickstudy.core.protocols import Learner
from quickstudy.core.types import Batch, Params
from quickstudy.corpus.store import Corpus
from quickstudy.kinds.classification import Classification
from quickstudy.learners.anil import Anil
from quickstudy.pretext_test import pretext_test
from quickstudy.student import Student

FAMILIES = {
    "intents": ("banking77", "hint3", "bitext"),
    "reviews": ("amazon_cells", "yelp"),
    "tweets": ("airline", "disaster", "tfns"),
    "politics": ("political_message",),
}
SETS = tuple(name for names in FAMILIES.values() for name in names)
SHOTS = (1, 2, 4, 8, 16)
QUERIES = 150
STEPS = (1, 2, 5, 10, 20, 50, 100)
"""of gradient descent on the head"""
RATES = (2.0, 8.0, 32.0)
STEPPED = 16
"""examples a class of the tasks on which steps are counted"""


def on_pretexts(student: Student, corpus: Corpus, episodes: int) -> dict[str, list[float]]:
    """{group of documents: accuracy of each episode} of subset masking over words of the test part."""
    task = {"subset_masking": config.build(config.PRETEXTS, {"name": "subset_masking"}, "the benchmark", {})}
    return {row.group: list(row.accuracies) for row in pretext_test(student, corpus.folder, task, episodes)}


def on_labels(student: Student, data: Path, draws: Sequence[int], names: Sequence[str] = SETS) -> dict[str, Any]:
    """{set: {"curve": for each draw the accuracy at SHOTS, "steps": for each draw and rate of RATES that at STEPS}}."""
    found: dict[str, Any] = {}
    for which in (one for one in ENGLISH if one.name in names):
        learner, own = _reading_once(student)
        kind = Classification(student.reader, which.parts)
        pool = read(data, which)
        curves, steps = [], []
        for seed in draws:
            supports = drawn(pool, SHOTS, seed, QUERIES)
            query = kind.encode(supports[0].query, supports[0].classes)
            encoded = [kind.encode(one.support, one.classes) for one in supports]
            curves.append([_accuracy(learner, own, support, query, kind.loss) for support in encoded])
            steps.append([_stepped(learner, rate, encoded[SHOTS.index(STEPPED)], query, kind.loss) for rate in RATES])
        found[which.name] = {"curve": curves, "steps": steps}
    return found


def _reading_once(student: Student) -> tuple[Learner, Params]:
    """Texts are read once for all shots, rates and steps."""
    kept = Passages(KeptFeatures(student.loaded.backbone, (), together))
    return config.reading(student.learner, kept), student.theta


def _accuracy(learner: Learner, theta: Params, support: Batch, query: Batch, loss: Any) -> float:
    adapted = learner.adapt(theta, support, loss)
    with torch.no_grad():
        return float((learner.predict(theta, adapted, query).argmax(-1) == query.gold).float().mean())


def _stepped(learner: Any, rate: float, support: Batch, query: Batch, loss: Any) -> list[float]:
    """Accuracy after so many steps of a head that begins at the class names."""
    found = []
    for steps in STEPS:
        made = Anil(learner.backbone, steps, rate, 1)
        theta = {"head.scale": torch.tensor(10.0)}
        found.append(_accuracy(made, theta, support, query, loss))
    return found


def family_of(name: str) -> str:
    return next(family for family, names in FAMILIES.items() if name in names)
