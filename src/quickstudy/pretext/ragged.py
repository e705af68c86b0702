"""Rows of token ids of unlike lengths, one behind another in one array: gathered, cut and joined without a loop."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
_ODD = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, eq=False)
class Ragged:
    """B rows."""

    flat: Ids
    """the token ids of all rows"""
    lengths: Ids
    """(B,)"""

    @cached_property
    def starts(self) -> Ids:
        """(B,) where each row begins in `flat`."""
        return np.cumsum(self.lengths) - self.lengths

    @cached_property
    def row(self) -> Ids:
        """(tokens,) which row each token is of."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)

    @cached_property
    def column(self) -> Ids:
        """(tokens,) the place of each token in its row."""
        return np.arange(len(self.flat)) - np.repeat(self.starts, self.lengths)

    def lists(self) -> list[list[int]]:
        return (
            [part.tolist() for part in np.split(self.flat, np.cumsum(self.lengths)[:-1])] if len(self.lengths) else []
        )


def ragged(rows: Sequence[Sequence[int]]) -> Ragged:
    flat = [token for row in rows for token in row]
    return Ragged(np.array(flat, dtype=np.int64), np.array([len(row) for row in rows], dtype=np.int64))


def gathered(tokens: NDArray[np.integer], first: Ids, last: Ids) -> Ragged:
    """The half-open ranges of a long array that begin at `first` (B,) and end at `last` (B,)."""
    lengths = np.maximum(last - first, 0)
    ends = np.cumsum(lengths)
    places = np.arange(ends[-1] if len(ends) else 0) + np.repeat(first - (ends - lengths), lengths)
    return Ragged(np.asarray(tokens)[places].astype(np.int64), lengths)


def kept(rows: Ragged, which: NDArray[np.bool_]) -> Ragged:
    """The tokens that `which` (tokens,) holds; a row may become empty."""
    return Ragged(rows.flat[which], np.bincount(rows.row[which], minlength=len(rows.lengths)))


def chosen(rows: Ragged, which: Ids) -> Ragged:
    """The rows of these numbers."""
    first = rows.starts[which]
    return gathered(rows.flat, first, first + rows.lengths[which])


def cut(rows: Ragged, most: int, around: Ids | None = None) -> Ragged:
    """At most so many tokens a row: the first ones, or those about the place `around` (B,)."""
    if not len(rows.lengths) or rows.lengths.max() <= most:
        return rows
    spare = np.maximum(rows.lengths - most, 0)
    begin = np.zeros_like(spare) if around is None else np.clip(around - most // 2, 0, spare)
    first = rows.starts + begin
    return gathered(rows.flat, first, first + np.minimum(rows.lengths, most))


def joined(count: int, *parts: "Ragged | Ids") -> Ragged:
    """`count` rows, each the parts one behind another: rows of its own, or tokens that every row has."""
    sizes = [part.lengths if isinstance(part, Ragged) else np.full(count, len(part)) for part in parts]
    lengths: Ids = np.stack(sizes).sum(0)
    flat = np.empty(int(lengths.sum()), dtype=np.int64)
    at = np.cumsum(lengths) - lengths
    for part, size in zip(parts, sizes, strict=True):
        before = np.cumsum(size) - size
        places = np.arange(int(size.sum())) + np.repeat(at - before, size)
        flat[places] = part.flat if isinstance(part, Ragged) else np.tile(part, count)
        at = at + size
    return Ragged(flat, lengths)


def padded(rows: Ragged, width: int, filler: int) -> Ids:
    """(B, width), filled up at the ends."""
    table = np.full((len(rows.lengths), width), filler, dtype=np.int64)
    table[np.arange(width) < rows.lengths[:, None]] = rows.flat
    return table


def masked(rows: Ragged, which: NDArray[np.bool_], mask: int) -> tuple[Ragged, Ids]:
    """One mask for each run of tokens in `which`, however many tokens it has: how many would tell what was there. And
    (B,) where each row's first mask stands; 0 where it has none."""
    row = rows.row
    first = which.copy()
    first[1:] &= ~(which[:-1] & (row[1:] == row[:-1]))
    stays = first | ~which
    made = kept(Ragged(np.where(first, mask, rows.flat), rows.lengths), stays)
    at = np.flatnonzero(first[stays])
    those, each = np.unique(made.row[at], return_index=True)
    place = np.zeros(len(rows.lengths), dtype=np.int64)
    place[those] = made.column[at[each]]
    return made, place


def standing(rows: Ragged, forms: Sequence[Sequence[int]]) -> NDArray[np.bool_]:
    """(tokens,) where one of these rows of token ids stands."""
    flat, row = rows.flat, rows.row
    found = np.zeros(len(flat), dtype=bool)
    for form in forms:
        at = np.flatnonzero(flat == form[0])
        at = at[at + len(form) <= len(flat)]
        for step, token in enumerate(form[1:], 1):
            at = at[(flat[at + step] == token) & (row[at + step] == row[at])]
        for step in range(len(form)):
            found[at + step] = True
    return found


def looks(rows: Ragged) -> Ids:
    """(B,) a number for what a row holds: alike for like rows, and otherwise all but surely not."""
    column = rows.column.astype(np.uint64)
    with np.errstate(over="ignore"):
        each = (rows.flat.astype(np.uint64) + np.uint64(1)) * (
            (column * _ODD + _ODD) ^ (column * _ODD >> np.uint64(29))
        )
    whole = np.zeros(len(rows.lengths), dtype=np.uint64)
    there = rows.lengths > 0
    whole[there] = np.add.reduceat(each ^ (each >> np.uint64(31)), rows.starts[there])
    return whole.astype(np.int64)
