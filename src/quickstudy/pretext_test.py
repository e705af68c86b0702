"""The meta-test on raw text: how well a student adapts to tasks of words and documents it was not trained on."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np

from quickstudy import config
from quickstudy.backbones.filling import filling
from quickstudy.core.types import DivergedError, QuickstudyError
from quickstudy.corpus.store import TEST, Corpus
from quickstudy.evaluation.statistics import Interval, over_episodes
from quickstudy.learners.hybrid import Hybrid
from quickstudy.pretext.drawn import Pretext
from quickstudy.pretext.frame import Frame, framed
from quickstudy.pretrain_tasks import drawn, judged
from quickstudy.student import Student

WHOLE = "test part"
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
    wholly in it. `tasks` are those that the student was pretrained on where it says so, else all that there are."""
    corpus = Corpus.open(folder)
    chosen = tasks if tasks is not None else usual(student)
    backbone = filling(student.loaded.backbone)
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
    return found


def usual(student: Student) -> dict[str, Pretext]:
    """The tasks that a student was pretrained on; of one that was not, every sort with the settings it begins with."""
    tables = student.about.get("recipe", {}).get("task", ()) or [{"name": name} for name in config.PRETEXTS]
    own = ("title", "weight", "hardness")
    return {
        table.get("title", table["name"]): config.build(
            config.PRETEXTS, {key: value for key, value in table.items() if key not in own}, "the student's recipe", {}
        )
        for table in tables
    }


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
