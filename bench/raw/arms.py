"""Who is compared: students that saw the same number of tokens of the same corpus, in one way or another.

"untrained" is the model as it comes. "ordinary" is masked language modelling alone. "meta" spends half of its episodes
on subset masking and the other half, with MiniLM, on masked language modelling, from random weights on contrast: short
trials of one seed said so (from random weights, a mixture with masked language modelling learned neither). All three
end with the same few steps on tasks of the training part, in which nothing moves but the four scalars of prior_head: an
ordinary model is not held back by scales that were never fitted to it.
"""

import dataclasses
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer

import quickstudy as qs
from quickstudy import config
from quickstudy.backbones.passages import Passages
from quickstudy.corpus.store import TRAIN, Corpus
from quickstudy.episodes.mixing import Mixture
from quickstudy.pretext.frame import Frame, framed
from quickstudy.pretrain_recipe import JudgingTable, TaskTable
from quickstudy.pretrain_tasks import drawn, judge, sources, stream
from quickstudy.pretraining import pretrain
from quickstudy.student import Student
from quickstudy.text.reader import Reader
from quickstudy.training import loop
from quickstudy.training.plan import Plan

ARMS = ("untrained", "ordinary", "meta")
POSITIONS = 64
RANDOM = {"width": 256, "layers": 4, "heads": 4, "positions": POSITIONS}
FROM_NOTHING = ("random", "longer")
"""models that begin with random weights; "longer" sees ten times the tokens"""
CORPUS = {"random": "pieces", "longer": "pieces", "minilm": "words"}
"""which of the corpora each reads: 8,000 pieces can be learned from few tokens, 30,522 cannot"""
SUBSET: dict[str, Any] = {"name": "subset_masking"}
MASKED: dict[str, Any] = {"name": "masked_lm", "shots": 0, "window": 48, "by": "any"}
CONTRAST: dict[str, Any] = {"name": "contrast", "ways": 24, "shots": 1, "queries": 2}
STEPS = {"random": 300, "longer": 3000, "minilm": 80}
"""of one episode each"""
_FROM_NOTHING = {"backbone.words": 0.01, "prior.": 0.03}
RATES = {"random": _FROM_NOTHING, "longer": _FROM_NOTHING, "minilm": {"fill.": 3e-3, "prior.": 0.03}}
"""words that begin with entries as large as one want large steps"""
FITTED = Plan(steps=30, tasks=2, rate=0.05, warmup=3, validate_every=30, patience=9)
"""of the scalars"""


def recipe(model: str, arm: str, seed: int, rows: int) -> dict[str, Any]:
    """`rows` of masked text hold as many tokens as an episode of subset masking does."""
    masked = {**MASKED, "queries": rows}
    random = model in FROM_NOTHING
    tasks = [masked] if arm == "ordinary" else [SUBSET, masked]
    rate, rates = (2e-3 if random else 1e-3), RATES[model]
    if random and arm == "meta":
        tasks, rate = [SUBSET, CONTRAST], 5e-4
    student = {"backbone": "random"} if random else {"backbone": model, "scope": "lora(16)", "stored": "float16"}
    steps = STEPS[model]
    return {
        "student": {**student, "precision": "bfloat16"},
        **({"random": {**RANDOM, "seed": seed}} if random else {}),
        "learner": {"name": "hybrid", "inner": "prior_head"},
        "task": tasks,
        "validating": {"episodes": 6, "measure": "loss"},
        "training": {
            "steps": steps, "tasks": 1, "rate": rate, "rates": rates,
            "warmup": steps // 20, "validate_every": steps, "patience": 9, "seed": seed, "checkpoint_minutes": 1.0,
        },
    }  # fmt: skip


def trained(model: str, arm: str, seed: int, folder: Path, corpus: Corpus) -> tuple[Student, dict[str, Any]]:
    """The student, and what its training took."""
    began = time.process_time()
    made: dict[str, Any] = {}
    if arm == "untrained":
        student = _untrained(model, seed, folder, corpus)
    else:
        tables = recipe(model, arm, seed, rows_like_an_episode(corpus, model))
        student = pretrain(tables, folder, None, corpus.folder)
        made = {"recipe": tables, "summary": student.about["summary"], "episodes": student.about["tasks"]}
        made["tokens"] = tokens_of(tables, corpus, model)
    seconds = time.process_time() - began
    student = fitted(student, corpus, seed)
    return student, {**made, "processor_seconds": seconds, "scalars": _scalars(student)}


def rows_like_an_episode(corpus: Corpus, model: str) -> int:
    """Rows of masked text that hold as many tokens as an episode of subset masking, on the average."""
    frame = framed(corpus, _reader(model, corpus))
    tokens = {
        table["name"]: np.mean([_tokens(frame, table, seed) for seed in range(32)])
        for table in (SUBSET, {**MASKED, "queries": 32})
    }
    return max(1, round(32 * tokens[SUBSET["name"]] / tokens[MASKED["name"]]))


def tokens_of(tables: dict[str, Any], corpus: Corpus, model: str) -> int:
    """How many a training reads: of episodes of each task, as often as it is drawn."""
    frame = framed(corpus, _reader(model, corpus))
    each = [np.mean([_tokens(frame, table, seed) for seed in range(16)]) for table in tables["task"]]
    return round(float(np.mean(each)) * tables["training"]["steps"] * tables["training"]["tasks"])


def fitted(student: Student, corpus: Corpus, seed: int) -> Student:
    """The same student with the learner's own scalars as training tasks want them; nothing else moves."""
    frame = framed(corpus, student.reader)
    table = TaskTable("subset_masking", pretext=SUBSET)
    tasks = {table.title: config.build(config.PRETEXTS, SUBSET, "the benchmark", {})}
    learner = config.reading(student.learner, Passages(student.loaded.backbone))
    plan = dataclasses.replace(FITTED, seed=1000 + seed)
    found = loop.meta_train(
        learner,
        student.theta,
        stream(Mixture(sources([table], tasks)), frame, plan, {}),
        judge(learner, tasks, frame, JudgingTable(16, "loss")),
        plan,
    )
    return dataclasses.replace(student, theta=found.theta)


def _tokens(frame: Frame, table: dict[str, Any], seed: int) -> int:
    episode = drawn(config.build(config.PRETEXTS, table, "the benchmark", {}), frame, TRAIN, seed)
    return sum(int((batch.text.role > 0).sum()) for batch in (episode.support, episode.query))


def _untrained(model: str, seed: int, folder: Path, corpus: Corpus) -> Student:
    if model not in FROM_NOTHING:
        return qs.load(model, learner="prior_head")
    from quickstudy.backbones.folder import save_small
    from quickstudy.backbones.small import Sizes, Small

    place = folder / "backbone"
    save_small(place, Small(Sizes(corpus.tokenizer.get_vocab_size(), seed=seed, **RANDOM)), corpus.tokenizer)
    return qs.load(str(place), learner="prior_head")


def _reader(model: str, corpus: Corpus) -> Reader:
    if model not in FROM_NOTHING:
        return qs.load(model, learner="prior_head").reader
    return Reader(Tokenizer.from_str(corpus.tokenizer.to_str()), POSITIONS)


def _scalars(student: Student) -> dict[str, float]:
    return {name: float(torch.exp(value)) for name, value in student.theta.items() if name.startswith("prior.")}
