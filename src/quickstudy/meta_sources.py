"""A recipe's sources: read, held out where nothing else validates, without rows that stand in an evaluation task."""

import dataclasses
from collections import Counter

from quickstudy import recipe as recipes
from quickstudy.core.protocols import TaskKind
from quickstudy.core.types import QuickstudyError
from quickstudy.episodes.leaks import without_leaks
from quickstudy.episodes.loading import load
from quickstudy.episodes.packaged import packaged_source
from quickstudy.episodes.sampling import Dice
from quickstudy.episodes.sources import Source, class_names
from quickstudy.episodes.splits import Fractions, Splits, by_class
from quickstudy.recipe import Recipe, SourceTable


def sources(recipe: Recipe, kind: TaskKind) -> tuple[tuple[Source, ...], tuple[Source, ...], str]:
    """Training and validation sources that share no row, and a sentence on what was dropped to make it so."""
    train, validation, test = (
        tuple(source for table in tables for source in _read(table, recipe, kind))
        for tables in (recipe.train, recipe.validation, recipe.test)
    )
    if not validation:
        cut = [_held_out(source, recipe, kind) for source in train]
        train = tuple(source for parts in cut for source in parts.train)
        validation = tuple(source for parts in cut for source in parts.validation)
        if not validation:
            raise QuickstudyError(
                f"{recipe.title}: no source has the four classes or more of which two can be held out; "
                "name a [[validation]] source"
            )
    judged = [kind.texts(example) for source in (*validation, *test) for example in source.examples]
    train, report = without_leaks(train, judged, kind)
    return train, validation, str(report)


def _held_out(source: Source, recipe: Recipe, kind: TaskKind) -> Splits:
    """Two classes at least for validation, since a task of one class says nothing; none where too few would be left."""
    classes = len(class_names(source, kind))
    share = max(recipe.validating.fraction, 2 / classes) if classes >= 4 else 0.0
    return by_class(source, kind, Fractions(1 - share, share, 0.0), recipe.training.seed)


def _read(table: SourceTable, recipe: Recipe, kind: TaskKind) -> list[Source]:
    """One source, or one for each group of classes that the recipe wants to be told apart from each other."""
    if table.packaged:
        found = packaged_source(table.packaged, kind)
    else:
        loaded = load(recipes.place(table, recipe), kind, table.columns or None)
        found = Source(table.title, loaded.examples, loaded.classes, licence=table.licence)
    examples = Dice(f"rows\n{table.title}").shuffled(found.examples)[: table.rows] if table.rows else found.examples
    found = dataclasses.replace(
        found, examples=tuple(examples), weight=table.weight, called=table.called, ways=table.ways or None
    )
    return _grouped(found, table, recipe, kind) if table.within else [found]


def _grouped(source: Source, table: SourceTable, recipe: Recipe, kind: TaskKind) -> list[Source]:
    """A source for each value of the column `within`, of the classes whose rows mostly have it; classes without any
    are left out."""
    rows = load(recipes.place(table, recipe), kind, {**table.columns, "label": table.within}).examples
    group = {kind.texts(row): next(iter(kind.labels(row))) for row in rows}
    votes: dict[str, Counter[str]] = {}
    for example in source.examples:
        if (said := group.get(kind.texts(example))) is not None:  # a row may have nothing there
            for label in kind.labels(example):
                votes.setdefault(label, Counter())[said] += 1
    home = {label: counts.most_common(1)[0][0] for label, counts in votes.items()}
    names = sorted(set(home.values()))
    return [
        dataclasses.replace(
            source,
            name=f"{source.name}: {name}",
            examples=tuple(
                one for one in source.examples if any(home.get(label) == name for label in kind.labels(one))
            ),
            classes={label: said for label, said in source.classes.items() if home.get(label) == name},
            weight=source.weight / len(names),
        )
        for name in names
    ]
