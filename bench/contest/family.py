"""One learner meta-trained on a fixed budget of episodes, and meta-tested on tasks of other data sets.

Episodes and tasks are drawn once in a process, for all learners, and what lies below the layer that moves is read once:
the student's `steady` keeps it. A learner's seconds are the processor's, of one thread, and hold none of that reading.
"""

import functools
import itertools
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from bench.contest.drawing import read
from bench.contest.sets import ENGLISH
from quickstudy import meta_sources, meta_tasks, reading_ahead, recipe
from quickstudy.core.types import DivergedError, Draw, Episode, Params
from quickstudy.episodes.mixing import Mixture
from quickstudy.episodes.sampling import draw
from quickstudy.episodes.shapes import Shape
from quickstudy.episodes.sources import Source, index_of
from quickstudy.kinds.classification import Classification
from quickstudy.kinds.rewards import exact_match
from quickstudy.student import Student, backbone, fresh
from quickstudy.training.loop import meta_train
from quickstudy.training.plan import Plan

TRAIN = (
    "clinc150/train", "snips/train", "multidogo/airline.train", "multidogo/media.train", "multidogo/fastfood.train",
    "goemotions/original.train", "tweeteval/hate.train", "tweeteval/irony.train", "tweeteval/offensive.train",
    "davidson_hate/all", "csabstruct/train", "acl_arc/train", "huffpost41/all",
)  # fmt: skip
VALIDATION = ("tweeteval/emotion.train", "mag7/valid", "situation12/train")
TEST = (
    "banking77", "hint3", "bitext", "amazon_cells", "yelp", "imdb", "tfns", "airline", "disaster", "political_bias",
    "political_message", "political_audience", "ade_corpus_v2",
)  # fmt: skip
ROWS = 3000
"""of a training source at most"""
EPISODES = Shape(ways=(2, 6), shots=(0, 5), queries=4)
SHOTS, WAYS, QUERIES, DRAWS = (0, 1, 5), 5, 8, 1
SCOPE = "last(1)"
DECODERS, DECODER = ("in_context",), "smollm2"
"""learners that read through it, and are not meta-trained: it would take hours"""
TASKS = 4
"""episodes an outer step"""
RATES = {"backbone.": 5e-5, "rate.": 2e-4, "rate.head.": 0.03, "head.scale": 0.3}
SCALAR_RATE, RATE = 0.03, 1e-3
"""AdamW's, about what a number moves in a step: of the backbone's weights and the rates at which they move, of a head's
rates (around 2) and scale (10), of single numbers of a learner, of its networks"""


def meta_trained(table: Mapping[str, Any], seed: int, steps: int, folder: Path) -> dict[str, Any]:
    """Accuracies of a learner's start and of what meta-training made of it, and how long that took."""
    student = _student(table, seed)
    start = tested(student, student.theta, seed, folder)
    if student.learner.slopes == "none" or table["name"] in DECODERS:
        return {"start": start, "trained": start, "seconds_an_episode": 0.0, "best_step": 0, "skipped": 0}
    plan = Plan(
        steps=steps, tasks=TASKS, rate=RATE, rates=_rates(student.theta), warmup=5, validate_every=max(1, steps // 3),
        seed=seed,
    )  # fmt: skip
    learner = student.steady()
    episodes, validating = _episodes(folder, seed, steps), _validating(folder)
    _read_ahead(student, [task for part in episodes for task in part] + [task for _, task in validating])
    spent: list[float] = []

    def watch(record: Mapping[str, Any]) -> None:
        if record["event"] == "step":
            spent.append(time.process_time())

    trained = meta_train(
        learner,
        student.theta,
        lambda step, _: episodes[step - 1],
        meta_tasks.judge(learner, _kind(), [drawn for drawn, _ in validating], _recipe(folder).validating),
        plan,
        watch=watch,
    )
    gaps = [later - sooner for sooner, later in itertools.pairwise(spent)]
    return {
        "start": start,
        "trained": tested(student, trained.theta, seed, folder) if trained.best_step else start,
        "validation": [found.score for _, found in trained.history],
        "seconds_an_episode": sorted(gaps)[len(gaps) // 2] / plan.tasks,
        "best_step": trained.best_step,
        "skipped": trained.skipped,
        "leaks": _sources(folder)[2],
    }


def tested(student: Student, theta: Params, seed: int, folder: Path) -> dict[str, Any]:
    """{set: {shots: [accuracy of each draw]}}, and the mean seconds to learn a task of 5 shots."""
    kind = Classification(student.reader)
    learner = student.steady()
    found: dict[str, Any] = {}
    seconds = []
    for name, draws in _tasks(folder, seed).items():
        own: dict[str, list[float]] = {}
        for drawn in draws:
            task = meta_tasks.episode(drawn, kind)
            _read_ahead(student, [task])
            started = time.process_time()
            try:
                adapted = learner.adapt(theta, task.support, kind.loss)
            except DivergedError:
                own.setdefault(str(drawn.shots), []).append(0.0)
                continue
            if drawn.shots == max(SHOTS):
                seconds.append(time.process_time() - started)
            said = learner.predict(theta, adapted, task.query).argmax(-1)
            own.setdefault(str(drawn.shots), []).append(float((said == task.query.gold).float().mean()))
        found[name] = own
    return {"accuracy": found, "seconds": fmean(seconds)}


def _read_ahead(student: Student, tasks: Sequence[Episode]) -> None:
    """What a learner would find read had another come before it; a decoder reads prompts, which are its learner's."""
    if student.origin == DECODER:
        return
    texts = [batch.text for task in tasks for batch in (task.support, task.query)]
    names = [task.support.names for task in tasks if task.support.names is not None]
    for text in reading_ahead.together([*texts, *names]):
        student.read_ahead(text)


def _student(table: Mapping[str, Any], seed: int) -> Student:
    if table["name"] in DECODERS:
        return fresh(backbone(DECODER, "head", "auto", "cpu"), table, DECODER, seed)
    return fresh(backbone("minilm", SCOPE, "auto", "cpu"), table, "minilm", seed)


def _rates(theta: Params) -> dict[str, float]:
    """Of every weight by its name: one rule for all learners."""
    known = {prefix: rate for prefix, rate in RATES.items() if any(name.startswith(prefix) for name in theta)}
    scalars = [name for name, value in theta.items() if value.ndim == 0 and not name.startswith(tuple(RATES))]
    return {**known, **dict.fromkeys(scalars, SCALAR_RATE)}


@functools.cache
def _recipe(folder: Path) -> recipe.Recipe:
    def table(part: str, name: str) -> dict[str, Any]:
        return {"path": str(folder / part / f"{name}.jsonl"), "name": name}

    files = dict.fromkeys(file for which in _test_sets() for file in (*which.support, which.query) if file)
    return recipe.read(
        {
            "train": [{**table("meta-train", name), "rows": ROWS} for name in TRAIN],
            "validation": [{**table("meta-train", name), "rows": ROWS} for name in VALIDATION],
            "test": [table("development", name) for name in files],
            "validating": {"episodes": 2, "shots": [1, 5], "queries": 5, "measure": "likelihood"},
        }
    )


@functools.cache
def _sources(folder: Path) -> tuple[tuple[Source, ...], tuple[Source, ...], str]:
    return meta_sources.sources(_recipe(folder), _kind())


@functools.cache
def _episodes(folder: Path, seed: int, steps: int) -> list[list[Episode]]:
    """Those of each outer step."""
    chooser = Mixture(tuple(_sources(folder)[0]), _recipe(folder).alpha)
    plan = Plan(steps=steps, tasks=TASKS, seed=seed)
    stream = meta_tasks.stream(chooser, _kind(), EPISODES, plan, exact_match)
    return [list(stream(step, ())) for step in range(1, steps + 1)]


@functools.cache
def _validating(folder: Path) -> list[tuple[Draw, Episode]]:
    draws = meta_tasks.validation_draws(_sources(folder)[1], _kind(), _recipe(folder).validating)
    return [(drawn, meta_tasks.episode(drawn, _kind())) for drawn in draws]


@functools.cache
def _kind() -> Classification:
    return Classification(_student({"name": "prototypes"}, 0).reader)


def _test_sets() -> list[Any]:
    return [which for which in ENGLISH if which.name in TEST]


@functools.cache
def _tasks(folder: Path, seed: int) -> dict[str, list[Draw]]:
    """The same for every learner: of each set, some tasks of up to five classes at each number of shots."""
    found = {}
    for which in _test_sets():
        pool = read(folder, which)
        examples = (*pool.support, *(pool.query or ()))
        classes = dict.fromkeys(sorted({one.labels[0] for one in examples}), "")
        source = Source(which.name, examples, classes)
        found[which.name] = [
            draw(source, _kind(), _shape(source, shots), 1000 * seed + number)
            for shots in SHOTS
            for number in range(DRAWS)
        ]
    return found


def _shape(source: Source, shots: int) -> Shape:
    """Five ways, or as many as there are classes with the examples for it."""
    members = index_of(source, _kind()).members.values()
    return Shape(min(WAYS, sum(len(each) >= max(SHOTS) + QUERIES for each in members)), shots, QUERIES)
