"""Own text: what a domain's texts without labels do for a student that has never seen the domain."""

import time
from pathlib import Path
from typing import Any

import quickstudy as qs
from bench.raw.judging import on_labels
from quickstudy.corpus.store import Corpus
from quickstudy.pretraining import pretrain

DRAWS = (0, 1, 2)
STEPS = 60


def recipe(seed: int) -> dict[str, Any]:
    return {
        "student": {"backbone": "minilm", "scope": "lora(16)", "precision": "bfloat16", "stored": "float16"},
        "learner": {"name": "hybrid", "inner": "prior_head"},
        "task": [
            {"name": "subset_masking"},
            {"name": "masked_lm", "shots": 0, "queries": 32, "window": 48, "by": "any"},
        ],
        "validating": {"episodes": 12, "measure": "likelihood"},
        "training": {
            "steps": STEPS, "tasks": 2, "rate": 3e-4, "rates": {"prior.": 0.0, "fill.": 1e-3}, "warmup": 6,
            "validate_every": 30, "patience": 3, "seed": seed, "checkpoint_minutes": 1.0,
        },
    }  # fmt: skip


def run(seed: int, folder: Path, corpus: Corpus, data: Path) -> dict[str, Any]:
    """Curves of banking77 before and after, on questions that are in no corpus."""
    began, clock = time.process_time(), time.monotonic()
    after = pretrain(recipe(seed), folder, None, corpus.folder, start="shipped")
    took = {"processor_seconds": time.process_time() - began, "seconds": time.monotonic() - clock}
    before = qs.load("minilm")
    return {
        "recipe": recipe(seed),
        "summary": after.about["summary"],
        **took,
        "before": on_labels(before, data, DRAWS, ("banking77",))["banking77"]["curve"],
        "after": on_labels(after, data, DRAWS, ("banking77",))["banking77"]["curve"],
    }
