"""A recipe for pretraining: which student, which pretext tasks out of which corpus, and how long."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from quickstudy import config
from quickstudy.core.types import QuickstudyError
from quickstudy.episodes.choosing import Choosing
from quickstudy.recipe import StudentTable, check_tables, made, named, opened
from quickstudy.training.plan import Plan

RANDOM = "random"
"""the backbone that begins with random weights"""
TABLES = ("student", "random", "learner", "corpus", "task", "choosing", "validating", "training")


@dataclass(frozen=True)
class RandomTable:
    """The sizes of a backbone that begins with random weights; it reads the corpus' own tokens."""

    width: int = 160
    layers: int = 4
    heads: int = 4
    positions: int = 128
    """tokens a row at most"""
    seed: int = 0
    """of the weights"""


@dataclass(frozen=True)
class CorpusTable:
    """What `quickstudy corpus build` made."""

    path: str = ""
    """a folder, beside the recipe; "" where the command names it"""


@dataclass(frozen=True)
class TaskTable:
    """One sort of pretext task."""

    title: str
    weight: float = 1.0
    """how often it is drawn, relative to others"""
    hardness: float = 0.0
    """how hard its episodes are at the last step, 0 to 1; they begin at 0"""
    pretext: dict[str, Any] = field(default_factory=dict)
    """its name and fields"""


@dataclass(frozen=True)
class JudgingTable:
    """The validation tasks, out of documents and words that are not trained on."""

    episodes: int = 8
    """of each sort of task"""
    measure: Literal["accuracy", "likelihood", "loss"] = "accuracy"
    """what is to get better: the share judged right, the geometric mean of what is right's probability, or the loss
    itself, by which hidden words, of a whole vocabulary, count for more than tasks of a few classes"""


@dataclass(frozen=True)
class PretrainRecipe:
    """The whole of it."""

    title: str
    folder: Path
    student: StudentTable
    random: RandomTable
    learner: dict[str, Any]
    corpus: CorpusTable
    tasks: tuple[TaskTable, ...]
    choosing: Choosing | None
    """None: tasks are drawn by weight to the end"""
    validating: JudgingTable
    training: Plan
    written: dict[str, Any]

    @property
    def inner(self) -> dict[str, Any]:
        """The learner that the student keeps: what `hybrid` is around, or the learner itself."""
        if str(self.learner["name"]).partition(".v")[0] != "hybrid":
            return self.learner
        return named(self.learner.get("inner", config.WITHIN["hybrid"]["inner"]), f"{self.title}, [learner]: inner")


def read(given: str | Path | Mapping[str, Any]) -> PretrainRecipe:
    """A recipe from its file or from the same tables in Python. Unknown keys fail and name the near miss."""
    title, folder, tables = opened(given)
    check_tables(tables, TABLES, title)
    student = made(StudentTable, tables.get("student", {}), f"{title}, [student]")
    if student.backbone == RANDOM:
        if "scope" in tables["student"]:
            raise QuickstudyError(f"{title}, [student]: random weights are all learned; leave `scope` out")
    elif RANDOM in tables:
        raise QuickstudyError(f'{title}: [random] is read only where [student] says backbone = "random"; say so')
    choosing = tables.get("choosing")
    learner = named(tables.get("learner", "hybrid"), f"{title}, [learner]")
    if "name" not in learner:
        raise QuickstudyError(f'{title}, [learner]: nothing says which it is; give it a name, such as name = "hybrid"')
    return PretrainRecipe(
        title,
        folder,
        student,
        made(RandomTable, tables.get(RANDOM, {}), f"{title}, [random]"),
        learner,
        made(CorpusTable, tables.get("corpus", {}), f"{title}, [corpus]"),
        _tasks(tables.get("task", []), f"{title}, [[task]]"),
        None if choosing is None else made(Choosing, choosing, f"{title}, [choosing]"),
        made(JudgingTable, tables.get("validating", {}), f"{title}, [validating]"),
        made(Plan, tables.get("training", {}), f"{title}, [training]"),
        dict(tables),
    )


def _tasks(tables: Any, where: str) -> tuple[TaskTable, ...]:
    if not isinstance(tables, Sequence) or isinstance(tables, str) or not tables:
        raise QuickstudyError(f'{where}: there is no pretext task; name one at least, such as name = "subset_masking"')
    found = tuple(_task(table, where) for table in tables)
    titles = [task.title for task in found]
    for title in titles:
        if titles.count(title) > 1:
            raise QuickstudyError(f"{where}: two tasks are called {title!r}; give one a `title` of its own")
    return found


def _task(table: Any, where: str) -> TaskTable:
    """Its own keys; all others are the pretext task's."""
    if not isinstance(table, Mapping) or not isinstance(table.get("name"), str):
        raise QuickstudyError(f'{where} must be a table with a name, such as name = "subset_masking"')
    own = {key: table[key] for key in ("title", "weight", "hardness") if key in table}
    found = made(TaskTable, {"title": table["name"], **own}, where)
    if not 0 <= found.weight < float("inf") or not 0 <= found.hardness <= 1:
        raise QuickstudyError(f"{where}: {found.title} needs a weight from 0 up and a hardness from 0 to 1")
    fields = {key: value for key, value in table.items() if key not in own}
    return TaskTable(found.title, found.weight, found.hardness, fields)
