"""What a shipped start is held against: the same backbone as it came, with names and without, on the same draws."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.metrics import f1_score

import quickstudy
from bench.contest.drawing import Pool, drawn, draws_digest
from bench.contest.rivals import Score
from bench.contest.sets import Set
from bench.contest.tables import REFERENCE, Results
from bench.shared.machine import PACKAGES, described
from bench.shared.parts import code_digest, part
from quickstudy import config
from quickstudy.core.tensors import digest
from quickstudy.core.types import Batch, Draw
from quickstudy.evaluation.metatest import Contestant
from quickstudy.kinds.classification import Classification
from quickstudy.student import Student, fresh

LR, PRIOR, NAMES, ABLATION = "frozen + LR", "frozen + names prior", "frozen names", "meta-trained + LR"
CODE = ("backbones", "kinds", "learners", "text")
"""whose change makes the parts of this project's learners anew"""
Rights = Mapping[tuple[str, str, int], str]
"""(set, contestant, shots) -> for each question of the first seed, "1" where its answer was right"""


class Arm(NamedTuple):
    """One contestant: a student's learner and start, read through features that all arms of its encoder share."""

    name: str
    student: Student
    key: Mapping[str, Any]
    needs_examples: bool = False


def arms(backbone: str, start: Path | None = None) -> list[Arm]:
    """The shipped student of a backbone (or the one in a file), and what it must beat: the backbone as it came, with
    logistic regression, with the prior of class names, with names alone; and, for the ablation, logistic regression
    on what meta-training made of the backbone."""
    ours = quickstudy.load(start or backbone)
    plain = quickstudy.load(backbone, learner="prior_head")
    made = (
        (REFERENCE, ours, False),
        (PRIOR, plain, False),
        (LR, fresh(plain.loaded, {"name": "frozen_linear"}, plain.origin), True),
        (NAMES, fresh(plain.loaded, {"name": "names_alone"}, plain.origin), False),
        (ABLATION, fresh(ours.loaded, {"name": "frozen_linear"}, ours.origin), True),
    )
    return [Arm(name, student, _key(student), needs) for name, student, needs in made]


def contest(
    parts: Path,
    takes_part: Sequence[Arm],
    which: Set,
    pool: Pool,
    shots: Sequence[int],
    seeds: Sequence[int],
    most: int,
) -> tuple[Results, Rights]:
    """Every arm on every draw of one set, of `most` questions at most."""
    draws = [one for seed in seeds for one in drawn(pool, shots, seed, most)]
    return judge(parts, takes_part, pool.name, which.parts, draws, seeds)


def judge(
    parts: Path, takes_part: Sequence[Arm], name: str, texts: int, draws: Sequence[Draw], seeds: Sequence[int]
) -> tuple[Results, Rights]:
    """Every arm on the draws of one set, whose examples have so many texts. A part is one arm on all of them, so that
    another start makes only its own arms anew."""
    same = {"draws": draws_digest(draws), "code": code_digest(*CODE), "seeds": list(seeds), "versions": _versions()}
    results: dict[tuple[str, int], list[Score]] = {(name, seed): [] for seed in seeds}
    rights: dict[tuple[str, str, int], str] = {}
    for arm in takes_part:
        title = f"{arm.student.loaded.name}.{name}.{arm.name}".replace(" ", "")
        made = part(parts, title, {**same, **arm.key}, lambda: _met(arm, texts, draws))  # noqa: B023
        for seed, found, right in made:
            score = Score(*found)
            results[name, seed].append(score)
            rights.setdefault((name, arm.name, score.shots), right)
    return results, rights


def _met(arm: Arm, parts: int, draws: Sequence[Draw]) -> list[Any]:
    """(seed, Score, which answers were right) of one arm on draws."""
    student = arm.student
    kind = Classification(student.reader, parts)
    contestant = Contestant(student.steady(), student.theta)
    read: dict[int, Batch] = {}
    found = []
    for draw in draws:
        if draw.shots or not arm.needs_examples:
            seed = int(draw.id.rpartition("#")[2])
            if seed not in read:
                read[seed] = kind.encode(draw.query, draw.classes)
            found.append((seed, *turn(arm.name, contestant, kind, draw, read[seed])))
    return found


def turn(name: str, contestant: Contestant, kind: Classification, draw: Draw, query: Batch) -> tuple[Score, str]:
    """The questions are tokenised once a seed, since six numbers of shots ask the same. The seconds are of features
    that were kept, and so of no use beside SetFit's."""
    learner, theta = contestant
    support = kind.encode(draw.support, draw.classes)
    start = time.perf_counter()
    adapted = learner.adapt(theta, support, kind.loss)
    middle = time.perf_counter()
    with torch.no_grad():
        said = learner.predict(theta, adapted, query)[:, 0].argmax(-1).numpy()
    end = time.perf_counter()
    gold = query.gold[:, 0].numpy()
    right = np.asarray(said == gold)
    f1 = float(f1_score(gold, said, average="macro", zero_division=0.0))
    score = Score(name, draw.shots, float(right.mean()), f1, middle - start, end - middle)
    return score, "".join("1" if one else "0" for one in right)


def _key(student: Student) -> dict[str, Any]:
    """What an arm's numbers depend on. A probe stands for the weights of the encoder: a text read."""
    text, _ = student.reader.read([("a probe of what the encoder makes of a text",)])
    return {
        "probe": digest({"units": student.loaded.backbone.units({}, text)}),
        "theta": digest(student.theta),
        "learner": config.table(config.LEARNERS, student.learner, "backbone"),
    }


def _versions() -> dict[str, object]:
    found = described(PACKAGES)
    return {name: found[name] for name in PACKAGES}
