"""Parts for training, validation and test that share no class, no data set or no document."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from quickstudy.core.protocols import TaskKind
from quickstudy.core.types import QuickstudyError
from quickstudy.episodes.cleaning import normalised_key, spelling_key
from quickstudy.episodes.sampling import Dice
from quickstudy.episodes.sources import Source, class_names

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Fractions:
    """Shares of the three parts; they sum to 1. A part whose share is not 0 gets at least one thing."""

    train: float = 0.7
    validation: float = 0.15
    test: float = 0.15

    def __post_init__(self) -> None:
        shares = (self.train, self.validation, self.test)
        if min(shares) < 0 or abs(sum(shares) - 1) > 1e-6:
            raise QuickstudyError(f"split: the fractions are {shares}; give three that are not negative and sum to 1.")


class Splits(NamedTuple):
    train: tuple[Source, ...]
    validation: tuple[Source, ...]
    test: tuple[Source, ...]


def by_class(source: Source, kind: TaskKind, fractions: Fractions, seed: int) -> Splits:
    """No class stands in two parts. Examples without a class, or with classes of two parts, are left out."""
    kind, names = source.of(kind), class_names(source, kind)
    part_of = _parts(f"classes of {source.name}", names, fractions, seed)

    def part(example: Any) -> str | None:
        parts = {part_of[label] for label in kind.labels(example)}
        return parts.pop() if len(parts) == 1 else None

    parts = _cut(source, part)
    kept = {name: {label: source.classes.get(label, "") for label in names if part_of[label] == name} for name in PARTS}
    return Splits(*(tuple(replace(one, classes=kept[name]) for one in parts[name]) for name in PARTS))


def by_source(sources: Sequence[Source], fractions: Fractions, seed: int) -> Splits:
    """Each source goes whole into one part."""
    part_of = _parts("sources", [source.name for source in sources], fractions, seed)
    return Splits(*(tuple(source for source in sources if part_of[source.name] == name) for name in PARTS))


def by_document(
    source: Source,
    kind: TaskKind,
    fractions: Fractions,
    seed: int,
    document: Callable[[Any], Hashable] | None = None,
) -> Splits:
    """`document` says which document an example comes from; without it, each normalised text is one of its
    own."""
    of = document or (lambda example: normalised_key(source.of(kind).texts(example)))
    keys = [of(example) for example in source.examples]
    part_of = _parts(f"documents of {source.name}", list(dict.fromkeys(keys)), fractions, seed)
    parts = _cut(source, lambda example: part_of[of(example)])
    return Splits(*(parts[name] for name in PARTS))


def check_disjoint(splits: Splits, kind: TaskKind, by: Literal["class", "source", "document"]) -> None:
    """Errors: QuickstudyError that names the first thing to stand in two parts. Documents are compared by
    text, classes by their names without regard to case and spaces."""
    where: dict[str, str] = {}
    for name, sources in zip(PARTS, splits, strict=True):
        for thing in dict.fromkeys(thing for source in sources for thing in _things(source, kind, by)):
            if (other := where.setdefault(thing, name)) != name:
                raise QuickstudyError(
                    f"split: the {by} '{thing[:80]}' stands in both {other} and {name}; split the data anew."
                )


def _things(source: Source, kind: TaskKind, by: str) -> list[str]:
    if by == "source":
        return [source.name]
    if by == "document":
        return [normalised_key(source.of(kind).texts(example)) for example in source.examples]
    return sorted({spelling_key(label) for label in class_names(source, kind)})


def _parts(what: str, keys: Sequence[Hashable], fractions: Fractions, seed: int) -> dict[Hashable, str]:
    """key -> the part it goes to, decided by a seeded order."""
    shares = (fractions.train, fractions.validation, fractions.test)
    wanted = [name for name, share in zip(PARTS, shares, strict=True) if share > 0]
    if len(keys) < len(wanted):
        raise QuickstudyError(f"split: {len(keys)} {what} cannot fill {', '.join(wanted)}; give more or fewer parts.")
    counts = {
        name: max(round(share * len(keys)), 1) if share > 0 else 0 for name, share in zip(PARTS, shares, strict=True)
    }
    while (over := sum(counts.values()) - len(keys)) != 0:
        largest = max(counts, key=lambda name: counts[name])
        counts[largest] -= 1 if over > 0 else -1
    order = iter(Dice(f"split\n{what}\n{seed}").order(len(keys)).tolist())
    return {keys[next(order)]: name for name in PARTS for _ in range(counts[name])}


def _cut(source: Source, part: Callable[[Any], str | None]) -> dict[str, tuple[Source, ...]]:
    """{part: the source with its examples of that part}; parts without examples hold no source."""
    found: dict[str, list[Any]] = {name: [] for name in PARTS}
    for example in source.examples:
        if (name := part(example)) is not None:
            found[name].append(example)
    return {
        name: (replace(source, name=f"{source.name}.{name}", examples=tuple(examples)),) if examples else ()
        for name, examples in found.items()
    }
