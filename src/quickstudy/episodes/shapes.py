"""The shape of an episode: how many classes, how many examples of each, and how they are drawn."""

import re
from dataclasses import dataclass
from typing import Literal

from quickstudy.core.types import QuickstudyError

Range = int | tuple[int, int]


@dataclass(frozen=True)
class Shape:
    """N ways, K shots. A range (lo, hi) includes both ends; each episode draws from it evenly."""

    ways: Range | None = 5
    """classes of an episode; None: all that the source has, also those with few examples or none"""
    shots: Range = 5
    """support examples a class"""
    queries: int = 10
    """query examples a class"""
    balanced: Literal["balanced", "natural"] = "balanced"
    """support: `shots` of each class; or shots × ways in all, by frequency, with one at least of each
    class"""

    def __post_init__(self) -> None:
        for name, value, least in (
            ("ways", self.ways, 1),
            ("shots", self.shots, 0),
            ("queries", self.queries, 0),
        ):
            if value is None:
                continue
            low, high = ends(value)
            if not least <= low <= high:
                raise QuickstudyError(f"shape: {name} is {value}; give a number or a range from {least} up.")
        if self.balanced not in ("balanced", "natural"):
            raise QuickstudyError(f"shape: balanced is '{self.balanced}'; give 'balanced' or 'natural'.")

    @property
    def code(self) -> str:
        """As it stands in an episode's id: "5w3s10q", "2-5w1-5s10qn", "allw5s10q"."""
        ways = "all" if self.ways is None else _written(self.ways)
        natural = "n" if self.balanced == "natural" else ""
        return f"{ways}w{_written(self.shots)}s{self.queries}q{natural}"


def shape_of(code: str) -> Shape:
    """The inverse of `Shape.code`."""
    match = re.fullmatch(r"(all|\d+(?:-\d+)?)w(\d+(?:-\d+)?)s(\d+)q(n?)", code)
    if match is None:
        raise QuickstudyError(f"'{code}' is no shape of an episode; one looks like 5w3s10q.")
    ways, shots, queries, natural = match.groups()
    return Shape(
        None if ways == "all" else _read(ways),
        _read(shots),
        int(queries),
        "natural" if natural else "balanced",
    )


def ends(value: Range) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def _written(value: Range) -> str:
    return str(value) if isinstance(value, int) else f"{value[0]}-{value[1]}"


def _read(text: str) -> Range:
    low, _, high = text.partition("-")
    return (int(low), int(high)) if high else int(low)
