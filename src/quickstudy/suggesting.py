"""Which texts to label next: those that a task is unsure of, and that stand for many others that are not covered yet.

A text weighs what its margin leaves: 1 - (the highest probability - the second). Before the first example the names'
probabilities weigh, and the pool is clustered; afterwards the choice covers what the examples leave uncovered."""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from quickstudy import config, given
from quickstudy.backbones.kept import KeptFeatures, together
from quickstudy.backbones.passages import Passages
from quickstudy.core.types import OF_BACKBONE, Batch, QuickstudyError, QuickstudyWarning
from quickstudy.covering import clustered, covering, shortlist
from quickstudy.episodes.cleaning import normalised_key
from quickstudy.episodes.repeats import Repeats
from quickstudy.kinds import labelled
from quickstudy.kinds.labelled import Labelled
from quickstudy.kinds.multilabel import MultiLabel

if TYPE_CHECKING:
    from quickstudy.task import Task

AT_ONCE = 2048
"""texts read together"""
MOST = 4000
"""texts that are compared with each other; of a larger pool, those that weigh most"""
SPARE = 20
"""chosen beyond those asked for, so that near repeats can be passed over"""
LEAST = 1e-3
"""what a text weighs of which the task is sure"""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A text that is worth a label."""

    place: int
    """where it stands in the pool, from 0"""
    text: str
    pair: str | None
    label: str | None
    """what the task says of it now; None where several may hold and none does"""
    probability: float
    """of that label, or of the most probable class"""


class _Read(NamedTuple):
    """A pool as the task sees it: one row for each text that may be suggested."""

    places: list[int]
    examples: list[Labelled]
    units: Tensor
    """(n, W)"""
    chances: Tensor
    """(n, C)"""


def suggest(task: "Task", pool: Iterable[Any], n: int = 10) -> list[Suggestion]:
    """Up to `n` texts (or pairs) of `pool` to be labelled next, the most useful first; the same for the same pool.

    None is an example of the task (unless it was saved without them), or nearly one, nor nearly another suggestion:
    fewer than `n` come back where the pool has no more. Texts are read once, AT_ONCE at a time, and a number for each
    column of a unit is kept of each.

    Errors: QuickstudyError for a pool that is one text or empty, for `n` below 1, and for what is no text.
    """
    if isinstance(pool, str):
        raise QuickstudyError("suggest takes a list of texts; put the one text into a list")
    if n < 1:
        raise QuickstudyError(f"suggest: n is {n}; ask for one text or more")
    if task.examples_left_out:
        told = "this task was saved without its examples, so some of them may be suggested again"
        warnings.warn(told, QuickstudyWarning, stacklevel=3)
    known = {normalised_key(labelled.texts(example)) for example in task.examples}
    read = _read(task, pool, known)
    if not read.places:
        return []
    vectors, examples = _directions(read.units, _own_units(task))
    weight = _weights(task, read.chances)
    some = shortlist(weight, MOST)
    least = weight[some] if len(some) == len(weight) else torch.ones(len(some))
    if len(examples):
        order = covering(vectors[some], least, examples, n + SPARE)
    else:
        order = clustered(vectors[some], least, n)
        order += covering(vectors[some], least, vectors[some][order], SPARE)
    chosen = _apart(read, [int(some[at]) for at in order], known, n)
    if len(chosen) < n:
        chosen = _apart(read, chosen + weight.argsort(descending=True, stable=True).tolist(), known, n)
    return _suggestions(task, read, chosen)


def _read(task: "Task", pool: Iterable[Any], known: set[str]) -> _Read:
    """Every different text with words that is no example, read in groups."""
    seen = set(known)
    places: list[int] = []
    examples: list[Labelled] = []
    total = 0
    for place, example in enumerate(given.items(pool)):
        total += 1
        key = normalised_key(labelled.texts(example))
        if example.text.strip() and key not in seen:
            seen.add(key)
            places.append(place)
            examples.append(example)
    if not total:
        raise QuickstudyError("suggest: the pool is empty; give the texts that could be labelled")
    found = [_judged(task, group) for group in _groups(examples)]
    if not found:
        return _Read([], [], torch.zeros(0, 1), torch.zeros(0, len(task.classes)))
    return _Read(places, examples, *(torch.cat(part) for part in zip(*found, strict=True)))


def _groups(examples: Sequence[Labelled]) -> Iterator[Sequence[Labelled]]:
    for start in range(0, len(examples), AT_ONCE):
        yield examples[start : start + AT_ONCE]


def _judged(task: "Task", group: Sequence[Labelled]) -> tuple[Tensor, Tensor]:
    """Units (n, W) and probabilities (n, C), from one reading where the task moved no weights of the backbone."""
    student = task.student
    memory = Passages(KeptFeatures(student.loaded.backbone, (), together))
    batch: Batch = task.kind.encode(group, task.classes)._replace(names=None)
    with torch.inference_mode():
        units = memory.units(student.theta, batch.text)[:, 0].float()
        moved = any(name.startswith(OF_BACKBONE) for name in (*student.theta, *task.adapted))
        judge = task.judge if moved else config.reading(task.judge, memory)
        scores = judge.predict(student.theta, task.adapted, batch)
    answers = task.kind.answer(lambda _: scores, task.fitted, group, task.classes)
    return units, torch.tensor([list(answer.probabilities.values()) for answer in answers])


def _own_units(task: "Task") -> Tensor:
    """(m, W) of the task's examples."""
    found = [_judged(task, group)[0] for group in _groups(task.examples)]
    return torch.cat(found) if found else torch.zeros(0, 1)


def _directions(units: Tensor, examples: Tensor) -> tuple[Tensor, Tensor]:
    """Both of unit length."""
    return tuple(torch.nn.functional.normalize(part, dim=-1) for part in (units, examples))  # type: ignore[return-value]


def _weights(task: "Task", chances: Tensor) -> Tensor:
    """(n,) how unsure the task is: with several labels, of the class that it is least sure of."""
    if isinstance(task.kind, MultiLabel):
        return (1 - (2 * chances - 1).abs().min(-1).values).clamp(min=LEAST)
    if chances.shape[1] < 2:
        return torch.ones(len(chances))
    first, second = chances.topk(2, dim=-1).values.T
    return (1 - (first - second)).clamp(min=LEAST)


def _apart(read: _Read, order: Iterable[int], known: set[str], n: int) -> list[int]:
    """The first `n` of these rows that are neither each other nor an example, nearly."""
    seen = Repeats(known)
    found: list[int] = []
    for at in order:
        if len(found) == n:
            break
        key = normalised_key(labelled.texts(read.examples[at]))
        if not seen.near(key):
            seen.add(key)
            found.append(at)
    return found


def _suggestions(task: "Task", read: _Read, chosen: Sequence[int]) -> list[Suggestion]:
    """With what the task says of each, by the kind's own rule."""
    examples = [read.examples[at] for at in chosen]
    answers = task.kind.answer(task.score, task.fitted, examples, task.classes)
    return [
        Suggestion(read.places[at], example.text, example.pair, said.label, said.probability)
        for at, example, said in zip(chosen, examples, answers, strict=True)
    ]
