"""A learned task: a few tensors on top of a student. It predicts, grows, checks itself, and is saved in kilobytes."""

import itertools
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quickstudy import budgets, config, doubts, given, remarks, suggesting
from quickstudy import unlabelled as without_labels
from quickstudy.authors import author
from quickstudy.backbones.catalogue import PACKAGED
from quickstudy.core import calibrating
from quickstudy.core.protocols import Bringing, Learner, TaskKind, widened
from quickstudy.core.scoring import Scorer, scorer
from quickstudy.core.tensors import digest
from quickstudy.core.types import (
    OF_BACKBONE,
    Adapted,
    Params,
    QuickstudyError,
    QuickstudyWarning,
)
from quickstudy.kinds.labelled import Labelled
from quickstudy.store.artifact import save_artifact
from quickstudy.wordless import passed_over

if TYPE_CHECKING:
    from quickstudy.student import Student

TASK = "task"
CARRIED = 256 * 1024
"""bytes of a student's theta that a task's file carries; a larger one stays in the student's own file"""
AT_ONCE = 4096
"""texts read together when streaming"""


class Task:
    """What a student has learned. `add` changes it; nothing else does."""

    def __init__(
        self,
        student: "Student",
        kind: TaskKind,
        classes: Mapping[str, str],
        examples: Sequence[Any],
        adapted: Adapted,
        fitted: Params,
        name: str = "",
        examples_left_out: bool = False,
        budget: str = budgets.DEFAULT,
        unlabelled: Sequence[Labelled] = (),
    ) -> None:
        self.student = student = author(student) if isinstance(kind, config.WRITING) else student
        self.kind = kind
        self.classes = dict(classes)
        self.examples = list(examples)
        self.adapted = adapted
        self.fitted = fitted
        self.name = name
        self.examples_left_out = examples_left_out
        """whether it was learned from examples that are no longer there"""
        self.budget = budget
        self.unlabelled = list(unlabelled)
        """texts without labels that it learns from, too, each time"""
        self._within = budgets.learners(student, budget)
        self.judge, self.learner, self.cheap = self._learners(self.examples)

    def __repr__(self) -> str:
        size = f"{len(self.classes)} classes, {len(self.examples)} examples"
        return f"<Task {self.name!r}: {type(self.kind).__name__}, {size}, {self.student.loaded.name}>"

    @classmethod
    def learned(
        cls,
        student: "Student",
        kind: TaskKind,
        classes: Mapping[str, str],
        examples: Sequence[Any],
        name: str = "",
        budget: str = budgets.DEFAULT,
        unlabelled: Sequence[Labelled] = (),
    ) -> "Task":
        """Adapts the student to the examples, class names and texts without labels."""
        task = cls(student, kind, classes, examples, {}, {}, name, budget=budget, unlabelled=unlabelled)
        task.adapted, task.fitted = task._adapt(task.classes, task.examples, task.learner, task.cheap)
        return task

    def predict(self, texts: Iterable[Any]) -> list[Any]:
        """What each text, pair of texts, or whatever else the kind judges (docs/kinds.md) was judged to be, in order: a
        Prediction where it is labels."""
        if isinstance(texts, str | Mapping):
            raise QuickstudyError("predict takes a list of texts; put the one text into a list")
        return list(self.stream(texts))

    def stream(self, texts: Iterable[Any]) -> Iterator[Any]:
        """The same, one after the other and in constant memory, however many there are."""
        own = isinstance(self.kind, config.LABELLED)
        found = given.items(texts) if own else map(self.kind.ask, given.rows_of(texts))
        while group := list(itertools.islice(found, AT_ONCE)):
            yield from passed_over(self._answers, group, self.classes) if own else self._answers(group)

    def _answers(self, group: Sequence[Any]) -> list[Any]:
        """Where what is asked brings classes itself, such as the choices of a question, the task is learned with them,
        too, for this once."""
        classes = widened(self.kind, group, self.classes)
        if classes is self.classes:
            return self.kind.answer(self.score, self.fitted, group, self.classes)
        if self.examples_left_out:
            raise QuickstudyError(
                "this task was saved without its examples, so it chooses only among what it knows; learn it again"
            )
        theta = self.student.theta
        adapted = self.learner.adapt(theta, self.kind.encode(self.examples, classes), self.kind.loss)
        return self.kind.answer(scorer(self.judge, theta, adapted), self.fitted, group, classes)

    @property
    def score(self) -> Scorer:
        """Scores (B, U, C) of a batch that the task's kind has encoded."""
        return scorer(self.judge, self.student.theta, self.adapted)

    def add(
        self,
        examples: given.Examples,
        labels: Mapping[str, str] | Iterable[str] = (),
        columns: Mapping[str, str] | None = None,
    ) -> None:
        """Learns again with more examples and, where they bring any, more classes. A text that is there already gets
        its new label."""
        if self.examples_left_out:
            raise QuickstudyError("this task was saved without its examples, so it cannot grow; learn it again")
        table = config.table(config.KINDS, self.kind, "reader")
        new, _ = given.everything(self.student.reader, examples, labels, table, columns, self.classes)
        merged = {
            **self.classes,
            **{name: said or self.classes.get(name, "") for name, said in new.classes.items()},
        }
        known = {self.kind.texts(example): place for place, example in enumerate(self.examples)}
        grown = list(self.examples)
        for example in new.examples:  # a text given again with another label is a correction
            place = known.get(self.kind.texts(example))
            if place is None:
                grown.append(example)
            else:
                grown[place] = example
        for problem in (*new.problems, *remarks.on_task(self.student.loaded, self.kind, {}, new.examples)):
            warnings.warn(str(problem), QuickstudyWarning, stacklevel=2)
        judge, learner, cheap = self._learners(grown)
        adapted, fitted = self._adapt(merged, grown, learner, cheap)
        self.classes, self.examples, self.adapted, self.fitted = merged, grown, adapted, fitted
        self.judge, self.learner, self.cheap = judge, learner, cheap

    def _adapt(
        self, classes: Mapping[str, str], examples: Sequence[Any], learner: Learner, cheap: Learner
    ) -> tuple[Adapted, Params]:
        """What the learner makes of the examples, and what the kind fits on its scores."""
        theta = self.student.theta
        if not classes and isinstance(self.kind, Bringing):  # everything to choose from comes with what is asked
            return {}, self.kind.fit(self.score, examples, classes)
        support = self.kind.encode(examples, classes)
        adapted = learner.adapt(theta, support, self.kind.loss)
        moved = any(name.startswith(OF_BACKBONE) for name in adapted)
        again = learner if moved else cheap  # parts are left out of this one in turn
        return adapted, calibrating.fitted(again, theta, adapted, self.kind, support, examples, classes)

    def _learners(self, examples: Sequence[Any]) -> budgets.Within:
        return without_labels.using(self._within, self.kind, self.unlabelled, examples)

    def check(self, watch: doubts.Watch | None = None) -> doubts.Check:
        """Accuracy on examples that are left out of learning in turn, and those whose label looks doubtful."""
        self._of_labels("check judges labels")
        return doubts.check(self, watch)

    def suggest(self, pool: Iterable[Any], n: int = 10) -> list["suggesting.Suggestion"]:
        """Which `n` texts of `pool` to label next, the most useful first: those that the task is unsure of and that
        stand for many others (`suggesting.suggest`)."""
        self._of_labels("suggest looks for labels")
        return suggesting.suggest(self, pool, n)

    def _of_labels(self, what: str) -> None:
        if not isinstance(self.kind, config.LABELLED):
            name = config.name_of(config.KINDS, self.kind)
            raise QuickstudyError(f"{what} of texts, and {name} gives none; it is for classification and multilabel")

    def save(self, path: str | Path, examples: bool = True) -> None:
        """Writes the task: the backbone is named, not copied. `examples=False` leaves the texts out, unlabelled ones,
        too; such a task predicts but does not grow."""
        student = self.student
        heavy = _is_heavy(student.theta)
        filed = student.loaded.learned is not None  # such a student came out of a file
        if heavy and student.about and not (filed or Path(student.origin).is_file()):
            raise QuickstudyError(
                "this student's own weights are in no file, so its tasks could not be opened again; save the student "
                "and load it from its file first"
            )
        tensors = {
            **({} if heavy else {f"theta.{name}": value for name, value in student.theta.items()}),
            **{f"adapted.{name}": value for name, value in self.adapted.items()},
            **{f"fitted.{name}": value for name, value in self.fitted.items()},
        }
        document = {
            "name": self.name or Path(path).stem,
            "backbone": {"name": settled(student.loaded.name), "fingerprint": student.loaded.fingerprint},
            "scope": str(student.loaded.backbone.scope),
            "precision": student.loaded.backbone.precision,
            "learner": config.table(config.LEARNERS, student.learner, "backbone"),
            "student": settled(student.origin) if heavy or filed else None,
            "theta": digest(student.theta),
            "kind": config.table(config.KINDS, self.kind, "reader"),
            "classes": self.classes,
            "budget": self.budget,
            "examples_left_out": self.examples_left_out or bool((self.examples or self.unlabelled) and not examples),
            "examples": [self.kind.write(example) for example in self.examples] if examples else [],
            "unlabelled": [self.kind.write(one) for one in self.unlabelled] if examples else [],
        }
        save_artifact(path, TASK, tensors, document)


def _is_heavy(theta: Params) -> bool:
    """Whether tasks name the file of their student instead of carrying its theta: where it holds weights of the
    backbone, or more numbers than a task should weigh."""
    size = sum(value.numel() * value.element_size() for value in theta.values())
    return size > CARRIED or any(name.startswith(OF_BACKBONE) for name in theta)


def settled(name: str) -> str:
    """A name that means the same from any folder: a file or folder that is here gets its whole path, but for one that
    is called as a packaged backbone, which `load` prefers."""
    there = Path(name).expanduser()
    return str(there.resolve()) if name not in PACKAGED and there.exists() else name
