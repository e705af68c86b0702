"""The packaged decoder, which sees a few of the pairs in its prompt and learns nothing."""

import time
from collections.abc import Sequence
from typing import Any

import quickstudy
from quickstudy.core.types import Draw
from quickstudy.kinds.written import Sample

MODEL, SHOWN = "smollm2", 8
KIND = {"name": "writing", "longest": 64, "instruction": "Translate into Czech: "}
LEARNER = {"name": "in_context", "room": 0.5}


def turn(task: Draw, test: Sequence[Sample]) -> dict[str, Any]:
    """What it wrote for the test sentences behind the first SHOWN pairs of the draw."""
    began = time.perf_counter()
    student = quickstudy.load(MODEL, learner=LEARNER, precision="bfloat16")
    learned = student.learn([(one.source, one.targets[0]) for one in task.support[:SHOWN]], kind=KIND)
    said = learned.predict([one.source for one in test])
    return {
        "said": [one.text for one in said],
        "measures": learned.kind.measure(said, test),
        "seconds": [0.0, round(time.perf_counter() - began, 1)],
    }
