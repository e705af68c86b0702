"""Which of these texts is most like that one, says a teacher: episodes without labels, for a student to agree with."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from quickstudy.core.protocols import TaskKind
from quickstudy.core.types import Episode, QuickstudyError
from quickstudy.episodes.sampling import Dice
from quickstudy.episodes.sources import Source

Teach = Callable[[Source, TaskKind, int], Episode | None]
"""source, its kind, seed -> the episode in which the teachers are followed; None: an ordinary one"""


@dataclass(frozen=True)
class Distillation:
    """The [distillation] table of a recipe."""

    teachers: tuple[str, ...] = ()
    """students that `load` opens: "e5-small", or a file"""
    share: float = 0.5
    """of the episodes: those in which the teachers are followed, and no label is looked at"""
    texts: int = 24
    """that stand for classes, and as many others that are compared with them"""
    tokens: int = 64
    """of a text that are read at most"""

    def __post_init__(self) -> None:
        if not self.teachers:
            raise QuickstudyError('distillation: there is no teacher; name one, as in teachers = ["e5-small"]')
        if not 0 < self.share <= 1:
            raise QuickstudyError(f"distillation: the share is {self.share}; give a number above 0, and 1 at most.")
        for name, least in (("texts", 2), ("tokens", 8)):
            if getattr(self, name) < least:
                raise QuickstudyError(f"distillation: {name} is {getattr(self, name)}; give {least} or more.")


def nobody(source: Source, kind: TaskKind, seed: int) -> Episode | None:
    """No teachers: every episode is an ordinary one."""
    return None


def drawn(table: Distillation, source: Source, kind: TaskKind, seed: int) -> tuple[Sequence[Any], Sequence[Any]] | None:
    """Examples of different texts: those that stand for classes, and those that are asked. None where this episode is
    an ordinary one, or the source has too few texts."""
    dice = Dice(f"distillation\n{source.name}\n{seed}")
    if dice.share() >= table.share:
        return None
    found = different(source, kind, 2 * table.texts, dice.order(len(source.examples)))
    return (found[: table.texts], found[table.texts :]) if found else None


def different(source: Source, kind: TaskKind, wanted: int, order: Iterable[int] | None = None) -> list[Any]:
    """The first so many examples of different texts, in an order of their places; none where there are too few."""
    found: dict[tuple[str, ...], Any] = {}
    for place in range(len(source.examples)) if order is None else order:
        found.setdefault(kind.texts(source.examples[place]), source.examples[place])
        if len(found) == wanted:
            return list(found.values())
    return []
