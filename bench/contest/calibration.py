"""The expected calibration error of a student on a development set, before and after a task's own temperature."""

import random
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from bench.contest.drawing import drawn, read
from bench.contest.learning import learned, learner_of
from bench.contest.sets import Set
from quickstudy.evaluation.metrics import calibration_error
from quickstudy.kinds.classification import Classification
from quickstudy.student import Student

SHOTS = (1, 4, 16)
FEWEST_QUESTIONS, MOST_QUESTIONS = 200, 500


def calibration(folder: Path, student: Student, seeds: Sequence[int], which: Set) -> dict[str, dict[str, float]]:
    """{shots: {"before", "after", "before_one", "after_one", "chance_one", "over"}}; "one": of a single draw. Empty
    for a set of too few questions."""
    pool, kind, learner = read(folder, which), Classification(student.reader, which.parts), learner_of(student)
    rows: dict[int, list[Any]] = {}
    for seed in seeds:
        draws = drawn(pool, SHOTS, seed, MOST_QUESTIONS)
        if len(draws[0].query) < FEWEST_QUESTIONS:
            return {}
        for draw in draws:
            score, fitted = learned(student, learner, kind, draw)
            sides = [kind.answer(score, own, draw.query, draw.classes) for own in ({}, fitted)]
            right = [one.label == of.labels[0] for one, of in zip(sides[0], draw.query, strict=True)]
            rows.setdefault(draw.shots, []).append(([[one.probability for one in side] for side in sides], right))
    return {str(shots): _errors(own) for shots, own in rows.items()}


def _errors(rows: Sequence[Any]) -> dict[str, float]:
    dice = random.Random(0)
    right = [one for _, own in rows for one in own]
    before, after = ([one for sides, _ in rows for one in sides[place]] for place in (0, 1))
    chance = [calibration_error(s[1], [dice.random() < one for one in s[1]]) for s, _ in rows for _ in range(5)]
    return {
        "before": calibration_error(before, right),
        "after": calibration_error(after, right),
        "before_one": fmean(calibration_error(sides[0], own) for sides, own in rows),
        "after_one": fmean(calibration_error(sides[1], own) for sides, own in rows),
        "chance_one": fmean(chance),
        "over": fmean(after) - fmean(right),
    }
