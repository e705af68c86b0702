"""What an episode's classes are called: whoever always sees a source's own names learns those, not what names are.

An episode keeps its texts; only what stands for its classes changes, and it may ask for one class against the rest.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from quickstudy.core.types import Classes, QuickstudyError
from quickstudy.episodes.sampling import Dice

Others = Mapping[str, Sequence[str]]
"""class -> what else it may be called; the first names belong together, and so do the second ones"""
_LETTERS = 4


@dataclass(frozen=True)
class Wording:
    """Shares of the episodes. What is left keeps the names of its source."""

    other: float = 0.0
    """called by other names that the recipe gives, where it gives some"""
    short: float = 0.0
    """abbreviated: "card arrival" as "CARD_ARRI" """
    none: float = 0.0
    """called by codes that say nothing, where there are examples"""
    against: float = 0.0
    """one class against the rest: "refund" and "not refund" """

    def __post_init__(self) -> None:
        shares = (self.other, self.short, self.none, self.against)
        if not (all(share >= 0 for share in shares) and sum(shares) <= 1):
            raise QuickstudyError(f"wording: the shares are {shares}; give numbers from 0 up that sum to 1 at most.")


def reworded(classes: Classes, others: Others, shots: int, wording: Wording, seed: str) -> tuple[Classes, str | None]:
    """What stands for each class, in their order, and the class that is asked for against the rest, if one is: then two
    names come back, its own and that of the rest. A pure function of its arguments."""
    dice = Dice(f"wording\n{seed}")
    point = dice.share()
    style = ""
    for name, share in dataclasses.asdict(wording).items():
        if 0 <= point < share:
            style = name
        point -= share
    if style == "against" and len(classes) > 2:
        one = list(classes)[dice.between(0, len(classes) - 1)]
        return {one: classes[one], f"not {one}": ""}, one
    if style == "other" and all(others.get(name) for name in classes):
        which = dice.between(0, min(len(others[name]) for name in classes) - 1)
        return _apart([others[name][which] for name in classes], classes), None
    if style == "short":
        return _apart(["_".join(word[:_LETTERS].upper() for word in name.split()) for name in classes], classes), None
    if style == "none" and shots:
        return {f"class {number}": "" for number in range(len(classes))}, None
    return classes, None


def _apart(names: list[str], classes: Classes) -> Classes:
    """With those names, unless two would be called alike."""
    return dict.fromkeys(names, "") if len(set(names)) == len(classes) else classes
