"""CLINC150 with its out-of-scope questions: how well scores tell them from the rest, and what a task refuses."""

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from sklearn.metrics import roc_auc_score
from torch.nn.functional import normalize

from bench.contest.learning import learned, learner_of
from quickstudy.core.types import Draw
from quickstudy.kinds.classification import Classification
from quickstudy.kinds.labelled import Labelled
from quickstudy.student import Student

WAYS, SHOTS = (150, 15), (4, 16)
REFUSED = 0.9
OURS, MSP, TOLD = "familiar", "maximum softmax probability", "  of calibrated scores"


def refusing(folder: Path, student: Student, seeds: Sequence[int]) -> dict[str, dict[str, Any]]:
    """{"150 intents, 4 shots": {score: {"auroc", "at_90"}, "threshold": …}}, means over seeds."""
    kind, learner = Classification(student.reader), learner_of(student)
    parts = {name: _clinc(folder, name) for name in ("train", "test", "oos_test")}
    found = {}
    for ways in WAYS:
        for shots in SHOTS:
            each = []
            for seed in seeds:
                draw = _drawn(parts, ways, shots, seed)
                score, fitted = learned(student, learner, kind, draw)
                told, plain, asked = [], [], (draw.query, parts["oos_test"])
                for texts in asked:
                    told.append(kind.answer(score, fitted, texts, draw.classes))
                    plain.append(kind.answer(score, {}, texts, draw.classes))
                near = [_near(student, learner, kind, draw, texts) for texts in asked]
                right = [one.label == of.labels[0] for one, of in zip(told[0], draw.query, strict=True)]
                each.append(_judged(told, plain, near, right))
            names = each[0]
            found[f"{ways} intents, {shots} shots"] = {
                name: {part: fmean(one[name][part] for one in each) for part in names[name]} for name in names
            }
    return found


def _judged(told: Any, plain: Any, near: Any, right: Sequence[bool]) -> dict[str, dict[str, float]]:
    scores = {
        OURS: [[one.familiar for one in side] for side in told],
        MSP: [[one.probability for one in side] for side in plain],
        TOLD: [[one.probability for one in side] for side in told],
        **{name: [side[name] for side in near] for name in near[0]},
    }
    found = {}
    for name, (inside, outside) in scores.items():
        truth = [1] * len(inside) + [0] * len(outside)
        line = sorted(outside)[int(REFUSED * len(outside)) - 1]
        kept = [value > line and fine for value, fine in zip(inside, right, strict=True)]
        found[name] = {"auroc": float(roc_auc_score(truth, [*inside, *outside])), "at_90": fmean(kept)}
    found["threshold"] = {
        "accuracy": fmean(right),
        "refused_in": fmean(not one.known for one in told[0]),
        "refused_out": fmean(not one.known for one in told[1]),
        "right_of_kept": fmean(fine for one, fine in zip(told[0], right, strict=True) if one.known),
    }
    return found


def _near(student: Any, learner: Any, kind: Any, draw: Any, texts: Sequence[Any]) -> dict[str, list[float]]:
    """The likeness (cosine) to the nearest support text, and to the nearest mean of a class."""
    with torch.no_grad():
        support = kind.encode(draw.support, draw.classes)
        known, units = (
            normalize(learner.backbone.units(student.theta, text)[:, 0], dim=-1)
            for text in (support.text, kind.encode(texts, {**draw.classes, "oos": ""}).text)
        )
    gold = support.gold[:, 0]
    means = normalize(torch.stack([known[gold == one].mean(0) for one in range(len(draw.classes))]), dim=-1)
    return {
        "cosine to the nearest example": (units @ known.T).amax(-1).tolist(),
        "cosine to the nearest class mean": (units @ means.T).amax(-1).tolist(),
    }


def _clinc(folder: Path, name: str) -> tuple[Any, ...]:
    path = folder / "meta-train" / "clinc150" / f"{name}.jsonl"
    if not path.is_file():
        raise SystemExit(f"no data: {path} is missing; docs/data.md says where to get it")
    rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return tuple(Labelled(row["text"], (row["label"],)) for row in rows)


def _drawn(parts: Mapping[str, Any], ways: int, shots: int, seed: int) -> Any:
    """Some of the intents, the first examples of each in a shuffled order, and all their questions."""
    dice = random.Random(f"{ways} {seed}")
    chosen = sorted(dice.sample(sorted({one.labels[0] for one in parts["train"]}), ways))
    shuffled = list(parts["train"])
    dice.shuffle(shuffled)
    support = [one for name in chosen for one in [each for each in shuffled if each.labels == (name,)][:shots]]
    query = tuple(one for one in parts["test"] if one.labels[0] in chosen)
    return Draw(f"clinc150/{ways}/{shots}#{seed}", "clinc150", shots, tuple(support), query, dict.fromkeys(chosen, ""))
