"""Language models that adapt to a domain: trained by ordinary steps, or by first-order MAML, at the same compute.

An ordinary episode has as many rows as go forward and back in one of MAML: the support once a step, and the query.
"""

import math
import time
from pathlib import Path
from typing import Any

import torch

from quickstudy import config
from quickstudy.backbones.filling import filling
from quickstudy.core.types import IGNORE, Episode, batch_rows
from quickstudy.corpus.store import TEST, VALIDATION, Corpus
from quickstudy.learners.maml import Maml
from quickstudy.pretext.frame import Frame, framed
from quickstudy.pretext_test import held_out, within
from quickstudy.pretrain_tasks import drawn, judged
from quickstudy.pretraining import pretrain
from quickstudy.student import Student

ARMS = ("ordinary", "maml")
SIZES = {"width": 160, "layers": 4, "heads": 4, "positions": 128}
WINDOW = 96
INNER = {"name": "maml", "steps": 2, "rate": 0.3, "order": 1}
SHOTS, QUERIES = 8, 8
EPISODES = 120
"""one a step"""
KILOBYTES = (0, 1, 4, 16)
ADAPTING = 5
"""steps of gradient descent on a domain"""
RATES = (0.1, 0.3, 1.0)
"""of them, of which each model gets the one that is best on texts of the training domains that it has not seen"""


def recipe(arm: str, seed: int) -> dict[str, Any]:
    rows = {"shots": SHOTS, "queries": QUERIES} if arm == "maml" else {
        "shots": 0, "queries": INNER["steps"] * SHOTS + QUERIES
    }  # fmt: skip
    return {
        "student": {"backbone": "random", "precision": "bfloat16"},
        "random": {**SIZES, "seed": seed},
        "learner": {"name": "hybrid", "inner": INNER},
        "task": [{"name": "language_model", "window": WINDOW, **rows}],
        "validating": {"episodes": 6, "measure": "loss"},
        "training": {
            "steps": EPISODES, "tasks": 1, "rate": 2e-3, "rates": {"backbone.words": 0.03},
            "warmup": EPISODES // 20, "validate_every": EPISODES, "patience": 9, "seed": seed,
            "checkpoint_minutes": 1.0,
        },
    }  # fmt: skip


def run(arm: str, seed: int, folder: Path, corpus: Corpus, episodes: int) -> dict[str, Any]:
    """How perplexity per byte falls on domains that were held out: {"KB": [[of each episode] of each domain]}."""
    began = time.process_time()
    tables = recipe(arm, seed)
    student = pretrain(tables, folder, None, corpus.folder)
    seconds = time.process_time() - began
    rate = min(RATES, key=lambda rate: _lost(student, corpus, rate))
    found: dict[str, Any] = {}
    for kilobytes in KILOBYTES:
        found[str(kilobytes)] = {
            name: [
                _per_byte(student, frame, _episode(frame, TEST, kilobytes, seed), rate) for seed in range(episodes)
            ]
            for name, frame in _frames(student, corpus).items()
        }  # fmt: skip
    return {
        "recipe": tables, "summary": student.about["summary"], "processor_seconds": seconds, "rate": rate,
        "perplexity": found,
    }  # fmt: skip


def _frames(student: Student, corpus: Corpus) -> dict[str, Frame]:
    return {name: framed(within(corpus, number), student.reader) for number, name in held_out(corpus).items()}


def _lost(student: Student, corpus: Corpus, rate: float) -> float:
    """Mean log-perplexity after adapting at this rate to 4 KB of validation texts, domain by domain."""
    frame = framed(corpus, student.reader)
    found = [math.log(_per_byte(student, frame, _episode(frame, VALIDATION, 4, seed), rate)) for seed in range(4)]
    return sum(found) / len(found) if all(map(math.isfinite, found)) else math.inf


def _episode(frame: Frame, part: int, kilobytes: int, seed: int) -> Episode:
    """Some texts of a domain, about so many bytes, and others to be judged on: the same for any number of bytes."""
    rows = {size: round(size * 1024 / _bytes_a_row(frame)) for size in KILOBYTES}
    task = {"name": "language_model", "window": WINDOW, "queries": 16, "shots": max(rows.values())}
    made = drawn(config.build(config.PRETEXTS, task, "the benchmark", {}), frame, part, seed)
    return made._replace(support=batch_rows(made.support, torch.arange(rows[kilobytes])))


def _bytes_a_row(frame: Frame) -> float:
    if "bytes a row" not in frame.memo:
        task = {"name": "language_model", "window": WINDOW, "queries": 32, "shots": 0}
        query = drawn(config.build(config.PRETEXTS, task, "the benchmark", {}), frame, TEST, 0).query
        frame.memo["bytes a row"] = _bytes(frame, query.gold) / len(query.gold)
    return frame.memo["bytes a row"]


def _bytes(frame: Frame, gold: torch.Tensor) -> int:
    return sum(len(frame.tokenizer.decode(row[row != IGNORE].tolist()).encode()) for row in gold)


def _per_byte(student: Student, frame: Frame, episode: Episode, rate: float) -> float:
    """Perplexity of a byte after adapting."""
    learner = Maml(filling(student.loaded.backbone), steps=ADAPTING, rate=rate, order=1)
    loss = judged(learner, student.theta, episode).loss
    tokens = int((episode.query.gold != IGNORE).sum())
    return math.exp(min(700.0, loss * tokens / _bytes(frame, episode.query.gold)))
