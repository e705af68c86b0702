"""Scopes: which weights of a backbone may move or learn."""

import re
from dataclasses import dataclass
from typing import Literal

from quickstudy.core.types import QuickstudyError


@dataclass(frozen=True)
class Scope:
    """`head` (none), `last(k)` (the top k layers), `lora(rank)` or `lora(rank, k)` (low-rank additions to the
    linear maps of all or the top k layers; Hu et al. 2021), `all`."""

    kind: Literal["head", "last", "lora", "all"] = "head"
    rank: int = 0
    last: int | None = None
    """how many layers from the top; None: every one"""

    def __str__(self) -> str:
        inside = ", ".join(str(n) for n in (self.rank or None, self.last) if n is not None)
        return f"{self.kind}({inside})" if inside else self.kind


HEAD = Scope()

MOST = 1024
"""layers or ranks that a scope may name"""


def scope(written: str | Scope) -> Scope:
    """A scope from how it is written in a recipe, such as "last(2)"."""
    if isinstance(written, Scope):
        return written
    found = re.fullmatch(r"(head|all)|(last)\((\d+)\)|(lora)\((\d+)(?:,\s*(\d+))?\)", written.strip())
    if not found:
        raise QuickstudyError(
            f"no scope {written!r}; write head, last(2), lora(8), lora(8, 2) (in the top 2 layers) or all"
        )
    plain, last, layers, lora, rank, top = found.groups()
    for number in filter(None, (layers, rank, top)):
        if not number.strip("0"):
            raise QuickstudyError(f"scope {written!r} names no weights; write head where none of the backbone's move")
        if not 1 <= int(number[:9]) <= MOST:
            raise QuickstudyError(f"scope {written!r}: {number} is not from 1 to {MOST}")
    if lora:
        return Scope("lora", int(rank), int(top) if top else None)
    return Scope("last", last=int(layers)) if last else Scope("all" if plain == "all" else "head")
