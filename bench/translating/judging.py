"""How well a start learns the new pair: fine-tuned on a few sentence pairs, it translates the test set."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.translating import pairs
from bench.translating.pairs import Pair
from quickstudy.backbones.speaking import Speaking
from quickstudy.core.scoring import scorer
from quickstudy.core.types import Draw, Params
from quickstudy.episodes.sampling import draw
from quickstudy.episodes.shapes import Shape
from quickstudy.episodes.sources import Source
from quickstudy.kinds.writing import Writing
from quickstudy.kinds.written import Sample
from quickstudy.learners.fine_tune import FineTune

ROWS = 16
"""examples a step"""
STEPS: Mapping[int, int] = {30: 30, 100: 40, 300: 70, 1000: 120}
"""of fine-tuning, by the number of examples"""
RATES = (5e-4, 2e-3)
"""of which each arm gets the one that is best for it on pairs that are neither learned from nor tested on"""
ANY = 10_000
"""characters: nothing is left out"""
TUNED_ON, HELD = 100, 60


def pool(data: Path, own: Writing, title: str, pair: Pair) -> Source:
    return Source(title, tuple(own.read(row) for row in pairs.records(data, pair.pool, ANY)), {"answer": ""})


def tested(data: Path, own: Writing, pair: Pair) -> list[Sample]:
    """A fixed part of the test set, from first to last."""
    every, many = [own.read(row) for row in pairs.records(data, pair.test, ANY)], pair.tested
    return [every[place * len(every) // many] for place in range(many)] if len(every) > many else every


def drawn(source: Source, own: Writing, shots: int, seed: int) -> Draw:
    """As many pairs, and some others to choose the rate by."""
    return draw(source, own, Shape(1, shots, HELD if shots == TUNED_ON else 1), seed)


def learner(backbone: Speaking, shots: int, rate: float) -> FineTune:
    return FineTune(backbone, steps=STEPS[shots], rate=rate, weight_decay=0.0, rows=ROWS)


def best_rate(backbone: Speaking, theta: Params, own: Writing, source: Source, seed: int) -> float:
    """The rate under which other pairs of the pool become likeliest, on a draw of its own."""
    task = drawn(source, own, TUNED_ON, seed)
    support, query = (own.encode(some, task.classes) for some in (task.support, task.query))
    lost = {}
    for rate in RATES:
        made = learner(backbone, TUNED_ON, rate)
        adapted = made.adapt(theta, support, own.loss)
        lost[rate] = float(own.loss(scorer(made, theta, adapted)(query), query))
    return min(lost, key=lambda rate: lost[rate])


def turn(
    backbone: Speaking, theta: Params, own: Writing, task: Draw, shots: int, rate: float, test: Sequence[Sample]
) -> dict[str, Any]:
    """What it wrote for the test sentences, what that is worth, and how long it took."""
    began = time.perf_counter()
    made = learner(backbone, shots, rate)
    adapted = made.adapt(theta, own.encode(task.support, task.classes), own.loss) if task.support else {}
    learned = time.perf_counter()
    answers = own.answer(scorer(made, theta, adapted), {}, test, task.classes)
    return {
        "said": [answer.text for answer in answers],
        "measures": own.measure(answers, test),
        "seconds": [round(learned - began, 1), round(time.perf_counter() - learned, 1)],
    }
