"""Draws N-way K-shot episodes (Vinyals et al. 2016) that their id names for good.

Randomness is the raw stream of a PCG64 seeded from source name, shape and seed: unlike the methods of numpy's
Generator, that stream is promised never to change, so an id drawn today is redrawn by any later version."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quickstudy.core.protocols import TaskKind, widened
from quickstudy.core.types import Draw, QuickstudyError
from quickstudy.episodes.exchange import export, import_
from quickstudy.episodes.picking import Picker
from quickstudy.episodes.shapes import Shape, ends, shape_of
from quickstudy.episodes.sources import Index, Source, by_name, index_of

__all__ = ["Shape", "Source", "draw", "export", "import_", "redraw"]

_ATTEMPTS = 20
_FINE = 10_000


def draw(source: Source, kind: TaskKind, shape: Shape, seed: int) -> Draw:
    """One episode. Support and query share no example and no normalised text; unlabelled examples are not
    drawn.

    With `ways` given, only classes with enough examples are drawn, and only examples whose every class was.
    With `ways` None every class is there: one with too few examples gives the support what it has, short of
    one that is left to be asked.
    Errors: QuickstudyError when the source has too few classes with enough examples."""
    index = index_of(source, kind)
    dice = Dice(f"{source.name}\n{shape.code}\n{seed}")
    for _ in range(_ATTEMPTS):
        classes, shots = _classes(source, index, shape, dice)
        found = _examples(index, shape, classes, shots, dice)
        if found is None:
            continue
        support, query = found
        return Draw(
            id=f"{source.name}/{shape.code}/{index.fingerprint}#{seed}",
            source=source.name,
            shots=shots,
            support=tuple(source.examples[number] for number in support),
            query=tuple(source.examples[number] for number in query),
            classes=widened(
                source.of(kind),
                (source.examples[number] for number in (*support, *query)),
                {name: index.classes[name] for name in classes},
            ),
        )
    raise QuickstudyError(
        f"{source.name}: its classes share too many examples, or have too few, for {shape.code}; "
        "ask for fewer ways, shots or queries."
    )


def redraw(id: str, sources: Iterable[Source], kind: TaskKind) -> Draw:
    """The episode of this id, example for example.

    Errors: QuickstudyError when the id is malformed, its source is missing or has another content."""
    try:
        place, seed = id.rsplit("#", 1)
        name, code, fingerprint = place.rsplit("/", 2)
        number = int(seed)
    except ValueError:
        raise QuickstudyError(f"'{id}' is no id of an episode; one looks like banking77/5w3s10q/1f3a9c#42.") from None
    known = by_name(sources)
    if name not in known:
        raise QuickstudyError(f"episode {id}: there is no source '{name}'; there are {', '.join(known) or 'none'}.")
    found = index_of(known[name], kind).fingerprint
    if found != fingerprint:
        raise QuickstudyError(
            f"episode {id}: the content of '{name}' has changed since (it was {fingerprint}, it is {found}); "
            "use the data that the episode was drawn from."
        )
    return draw(known[name], kind, shape_of(code), number)


class Dice:
    """Whole numbers, shares and orders out of a seed text, the same for ever and everywhere."""

    def __init__(self, seed: str) -> None:
        digest = hashlib.sha256(seed.encode()).digest()
        self._bits = np.random.PCG64(int.from_bytes(digest[:16], "big"))

    def between(self, low: int, high: int) -> int:
        """Both ends included."""
        return low + int(self._bits.random_raw()) % (high - low + 1)

    def share(self) -> float:
        """A number from 0 up to, not including, 1, in ten-thousandths."""
        return self.between(0, _FINE - 1) / _FINE

    def order(self, count: int) -> NDArray[np.int64]:
        """A permutation of range(count)."""
        return np.argsort(self._bits.random_raw(count), kind="stable") if count else np.empty(0, dtype=np.int64)

    def shuffled(self, items: Sequence[Any]) -> list[Any]:
        return [items[number] for number in self.order(len(items))]


def _classes(source: Source, index: Index, shape: Shape, dice: Dice) -> tuple[list[str], int]:
    """Which classes, in the order of the scores, and how many shots."""
    low, high = ends(shape.shots)
    sizes = {name: len(members) for name, members in index.members.items()}
    if shape.ways is None:
        if not sizes:
            raise QuickstudyError(f"{source.name}: it has no classes; label its examples.")
        return list(sizes), dice.between(low, high)
    fewest, most = ends(shape.ways)
    ranked = sorted(sizes.values(), reverse=True)
    spare = ranked[fewest - 1] - shape.queries if len(ranked) >= fewest else -1
    natural = shape.balanced == "natural"
    least = min(low, 1) if natural else low
    if spare < least:
        enough = sum(size >= least + shape.queries for size in ranked)
        raise QuickstudyError(
            f"{source.name}: {enough} of its {len(ranked)} classes have {least + shape.queries} "
            f"different texts, and {fewest} are needed for {shape.code}; "
            "ask for fewer ways, shots or queries."
        )
    shots = dice.between(low, high if natural else min(high, spare))
    need = shape.queries + (min(shots, 1) if natural else shots)
    fit = [name for name, size in sizes.items() if size >= need]
    ways = dice.between(fewest, min(most, len(fit)))
    return dice.shuffled(fit)[:ways], shots


def _examples(
    index: Index, shape: Shape, classes: Sequence[str], shots: int, dice: Dice
) -> tuple[list[int], list[int]] | None:
    """Support and query as numbers of examples; None when the classes stand in each other's way."""
    orders = _orders(index, shape, classes, dice)
    strict = shape.ways is not None
    shot_quota = {name: _quota(shots, shape.queries, len(orders[name]), strict) for name in classes}
    query_quota = {
        name: shape.queries if strict else min(shape.queries, len(orders[name]) - shot_quota[name]) for name in classes
    }
    natural = shape.balanced == "natural"
    picker = Picker(index, orders)
    query = picker.take(query_quota)
    support = picker.take({name: min(quota, 1) if natural else quota for name, quota in shot_quota.items()})
    if strict and picker.short:
        return None
    if natural:
        pool = np.unique(np.concatenate(list(orders.values())))
        support += picker.take_any(dice.shuffled(pool.tolist()), shots * len(classes) - len(support))
        if strict and len(support) < shots * len(classes):
            return None
    return dice.shuffled(support), dice.shuffled(query)


def _orders(index: Index, shape: Shape, classes: Sequence[str], dice: Dice) -> dict[str, NDArray[np.int64]]:
    """Each class's examples in a random order; without those that hold a class that was not drawn."""
    orders = {name: index.members[name][dice.order(len(index.members[name]))] for name in classes}
    if index.several and shape.ways is not None:
        drawn = set(classes)
        return {
            name: np.array([number for number in order if index.labels[number] <= drawn], dtype=np.int64)
            for name, order in orders.items()
        }
    return orders


def _quota(shots: int, queries: int, size: int, strict: bool) -> int:
    if strict or size >= shots + queries:
        return shots
    return min(shots, max(size - 1, min(size, 1)))
