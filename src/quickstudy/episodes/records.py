"""What the readers hand on: records, raw rows, and the problems that were found on the way."""

from typing import Any, NamedTuple

from quickstudy.core.types import QuickstudyError


class Record(NamedTuple):
    """One row of a source under the canonical names: text, pair, label or labels, description, domain."""

    where: str
    """for people: "cards.csv, line 7" """
    fields: dict[str, Any]
    """columns without a canonical name keep their own; cells with nothing in them are left out"""


LEFT_OUT = "could not be"


class Problem(NamedTuple):
    """Something about a source that was worked around rather than refused."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


class Problems:
    """Collects problems, the first `most` of each heading one by one, the rest as a count."""

    def __init__(self, most: int = 50) -> None:
        self.most = most
        self._kept: list[tuple[Problem, bool]] = []
        self._count: dict[str, int] = {}

    def add(self, heading: str, where: str, what: str) -> None:
        """`heading` says in the plural what kind of problem it is: "rows that could not be read". What could not be
        read or used was left out, and `all` says so."""
        self._count[heading] = self._count.get(heading, 0) + 1
        if self._count[heading] <= self.most:
            self._kept.append((Problem(where, what), LEFT_OUT in heading))

    def first(self) -> Problem | None:
        return self._kept[0][0] if self._kept else None

    def all(self, where: str) -> tuple[Problem, ...]:
        """Everything collected; `where` names the source in the lines that only count."""
        more = {heading: count - self.most for heading, count in self._count.items() if count > self.most}
        told = (one._replace(what=f"{one.what}; it was left out") if out else one for one, out in self._kept)
        return (*told, *(Problem(where, f"{count} more {name}") for name, count in more.items()))


def pass_over(problems: Problems | None, heading: str, where: str, what: str) -> None:
    """Notes what cannot be used under its heading. QuickstudyError where nobody collects problems."""
    if problems is None:
        raise QuickstudyError(f"{where}: {what}; correct it or remove it.")
    problems.add(heading, where, what)
