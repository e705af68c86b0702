"""Texts without labels that a task learns from beside its examples: what may be given, and the learner that uses it."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from quickstudy import config, given
from quickstudy.budgets import Within
from quickstudy.core.protocols import TaskKind
from quickstudy.core.types import QuickstudyError, QuickstudyWarning
from quickstudy.episodes.cleaning import normalised_key
from quickstudy.episodes.files import records
from quickstudy.kinds import labelled
from quickstudy.kinds.classification import Classification
from quickstudy.kinds.labelled import Labelled
from quickstudy.learners.prior_head import PriorHead
from quickstudy.learners.semi_supervised import SemiSupervised
from quickstudy.text.numbers import is_vector

MOST = 1000
"""texts that are used; of more, so many from first to last"""


def texts(
    pool: given.Examples, columns: Mapping[str, str] | None = None, kind: TaskKind | None = None
) -> tuple[Labelled, ...]:
    """A file of texts, one a line or in a column, or texts (or pairs of texts) themselves, as they will be used: with
    words, each once, at most MOST; labels are not looked at.

    Errors: QuickstudyError for a file that cannot be read, for what is no text, and, where `kind` is that of a task
    that has no use for it, for anything at all.
    """
    read = _read(pool, columns) if isinstance(pool, str | Path) else given.items(map(_worded, given.rows_of(pool)))
    if isinstance(kind, config.NUMERIC) and (isinstance(pool, str | Path) or next(iter(pool), None) is not None):
        raise QuickstudyError("unlabelled takes texts, and this student judges vectors; leave unlabelled out")
    found = list(dict.fromkeys(Labelled(one.text, (), one.pair) for one in read if one.text.strip()))
    return tuple(found if len(found) <= MOST else (found[place * len(found) // MOST] for place in range(MOST)))


def of_use(
    pool: given.Examples, columns: Mapping[str, str] | None, kind: TaskKind, found: given.Gathered
) -> tuple[Labelled, ...]:
    """The `texts` of a pool that a task with these examples learns from, now or when it has some; none, and a warning,
    where it has too many to look at them."""
    read = texts(pool, columns, kind)
    shots = len(found.examples) / max(1, len(found.classes))
    if not read or not isinstance(kind, Classification) or 0 < shots <= SemiSupervised.shots:
        return read
    most = f"{SemiSupervised.shots:g} examples a class"
    if shots:
        told = f"unlabelled texts help up to {most}, and here are {round(shots, 1):g}: they were left out"
    else:
        told = f"without examples, unlabelled texts are only kept: they help from the first example on, up to {most}"
    warnings.warn(told, QuickstudyWarning, stacklevel=3)
    return () if shots else read


def using(within: Within, kind: TaskKind, pool: Sequence[Labelled], examples: Sequence[Any]) -> Within:
    """The learners of a task that has such texts, but for those that are among its examples by now. Judging needs
    nothing of them.

    Errors: QuickstudyError where they are of no use: for another learner than prior_head, for a budget in which weights
    of the backbone move, and for texts of several labels.
    """
    if not pool:
        return within
    if not isinstance(kind, Classification):
        raise QuickstudyError(
            "unlabelled texts are for tasks whose texts have exactly one class each, and this is none; leave "
            "unlabelled out"
        )
    learner = within.learner
    if not isinstance(learner, PriorHead):
        name = config.name_of(config.LEARNERS, learner)
        how = 'the budget "1s"' if name == "tuned" else "the learner prior_head"
        raise QuickstudyError(f"unlabelled texts are for {how}, and this task learns by {name}; leave one of them out")
    known = {normalised_key(labelled.texts(example)) for example in examples}
    rest = [one for one in pool if normalised_key(labelled.texts(one)) not in known]
    read, _ = labelled.encode_texts(kind.reader, kind.parts, rest)
    pooled = SemiSupervised(learner, read)
    return Within(within.judge, pooled, pooled)


def _worded(one: Any) -> Any:
    if not isinstance(one, str) and is_vector(one):
        raise QuickstudyError("unlabelled takes texts, and a list of numbers is among them; leave it out")
    return one


def _read(path: str | Path, columns: Mapping[str, str] | None) -> Iterator[Labelled]:
    named = {key: name for key, name in (columns or {}).items() if key in ("text", "pair")}
    for where, fields in records(path, {} if Path(path).suffix == ".txt" else named):
        if "text" not in fields:
            raise QuickstudyError(f"{where}: there is no text; name its column, as in --columns text=NAME")
        yield Labelled(fields["text"], (), fields.get("pair"))
