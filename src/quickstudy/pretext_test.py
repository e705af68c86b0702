"""The meta-test on raw text: how well a student adapts to tasks of words and documents it was not trained on."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np

from quickstudy import config
from quickstudy.backbones.encoder import Encoder
from quickstudy.backbones.filling import Filling, filling
from quickstudy.core.types import DivergedError, QuickstudyError
from quickstudy.corpus.store import TEST, Corpus
from quickstudy.evaluation.statistics import Interval, over_episodes
from quickstudy.learners.hybrid import Hybrid
from quickstudy.pretext.catalogue import SAID
from quickstudy.pretext.drawn import Pretext
from quickstudy.pretext.frame import Frame, framed
from quickstudy.pretrain_tasks import drawn, judged
from quickstudy.student import Student

WHOLE = "test part"
SILENT = (
    "not judged, since this student reads words and says none: what said them while it was pretrained is no part of "
    "it; how that went is told by the loss in its run's journal.jsonl"
)
NOWHERE = 255
"""the part of documents that are left out"""


class Row(NamedTuple):
    """A student on one sort of task, out of one group of documents."""

    task: str
    group: str
    """WHOLE, or a group that was held out"""
    ways: int
    """classes of a task, the last one drawn; 0: the vocabulary"""
    accuracy: Interval | None
    """over episodes; None where none could be had"""
    loss: float
    accuracies: tuple[float, ...] = ()
    """of each episode; the same seeds are the same episodes for every student"""
    trouble: str = ""
    """why there is no accuracy, in a sentence"""


def pretext_test(
    student: Student,
    folder: str | Path,
    tasks: Mapping[str, Pretext] | None = None,
    episodes: int = 20,
    seed: int = 0,
    watch: Callable[[int, int], None] | None = None,
) -> list[Row]:
    """`student` adapts to `episodes` tasks of each sort out of the corpus' test part, and out of each group that lies
    wholly in it. `tasks` are those of `usual` where none are named.

    Errors: QuickstudyError for a student that reads no text, or whose tokens are others than the corpus'."""
    corpus = Corpus.open(folder)
    chosen, silent = usual(student) if tasks is None else (tasks, ())
    backbone = _filling(student)
    learner = config.reading(student.learner, backbone)
    if learner.slopes != "none":
        learner = Hybrid(backbone, learner)  # for tasks whose classes are the vocabulary
    reading = dataclasses.replace(student, learner=learner)
    groups = {WHOLE: corpus} | {name: within(corpus, number) for number, name in held_out(corpus).items()}
    frames = {name: framed(part, student.reader) for name, part in groups.items()}
    found = []
    for place, (title, task) in enumerate(chosen.items()):
        for name, frame in frames.items():
            found.append(_row(reading, title, task, name, frame, episodes, seed))
        if watch:
            watch(place + 1, len(chosen))
    return [*found, *(Row(title, WHOLE, 0, None, float("nan"), trouble=SILENT) for title in silent)]


def usual(student: Student) -> tuple[dict[str, Pretext], tuple[str, ...]]:
    """(the tasks that a student was pretrained on, or, where there are none that it can be judged on, every sort with
    the settings it begins with; titles of its own that ask for words and that it cannot say). A model of Hugging Face
    that was pretrained on hidden words says none: what said them was no part of the student."""
    says = _filling(student).says(student.theta)
    own = _tasks(student.about.get("recipe", {}).get("task", ()))

    def able(tasks: Mapping[str, Pretext]) -> dict[str, Pretext]:
        return {title: task for title, task in tasks.items() if SAID.get(type(task)) in (None, *says)}

    mine = able(own)
    silent = tuple(sorted(own.keys() - mine.keys()))
    return mine or able(_tasks([{"name": name} for name in config.PRETEXTS])), silent


def _tasks(tables: Sequence[Mapping[str, Any]]) -> dict[str, Pretext]:
    own = ("title", "weight", "hardness")
    return {
        table.get("title", table["name"]): config.build(
            config.PRETEXTS, {key: value for key, value in table.items() if key not in own}, "the student's recipe", {}
        )
        for table in tables
    }


def _filling(student: Student) -> Filling:
    if not isinstance(student.loaded.backbone, Encoder):
        raise QuickstudyError(
            f"{student.origin} reads no text, and pretext tasks are made of it; name a student that does"
        )
    return filling(student.loaded.backbone)


def held_out(corpus: Corpus) -> dict[int, str]:
    """Number and name of the groups all of whose documents are in the test part, where others are not."""
    names: list[Any] = list(corpus.manifest.get("groups", []))
    group, split = np.asarray(corpus.group), np.asarray(corpus.split)
    inside = np.unique(group[split == TEST])
    alone = inside[~np.isin(inside, np.unique(group[split != TEST]))]
    return {int(number): _called(names, int(number)) for number in alone} if (split != TEST).any() else {}


def within(corpus: Corpus, group: int) -> Corpus:
    """The corpus as if it had the documents of one group alone."""
    mine = np.asarray(corpus.group) == group
    split = np.where(mine, np.asarray(corpus.split), NOWHERE).astype(np.uint8)
    kept = mine[corpus.document_of(corpus.use_sentence)] if len(corpus.use_sentence) else np.zeros(0, dtype=bool)
    before = np.concatenate([[0], np.cumsum(kept)])
    return dataclasses.replace(
        corpus,
        split=split,
        uses=before[np.asarray(corpus.uses)].astype(np.int64),
        use_sentence=np.asarray(corpus.use_sentence)[kept],
        use_span=np.asarray(corpus.use_span)[kept],
    )


def _row(student: Student, title: str, task: Pretext, group: str, frame: Frame, episodes: int, seed: int) -> Row:
    rights, losses, ways = [], [], 0
    try:
        for number in range(seed, seed + episodes):
            episode = drawn(task, frame, TEST, number)
            ways = 0 if episode.query.names is None else len(episode.query.names.tokens)
            found = judged(student.learner, student.theta, episode)
            rights.append(found.accuracy)
            losses.append(found.loss)
    except (DivergedError, QuickstudyError) as error:
        return Row(title, group, ways, None, float("nan"), trouble=str(error))
    return Row(title, group, ways, over_episodes({title: rights}), fmean(losses), tuple(rights))


def _called(names: list[Any], number: int) -> str:
    if number >= len(names):
        return f"group {number}"
    return str(names[number]["name"] if isinstance(names[number], Mapping) else names[number])
