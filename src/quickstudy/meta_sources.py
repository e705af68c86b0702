"""A recipe's sources: read, held out where nothing else validates, without rows that stand in an evaluation task."""

import dataclasses
from collections import Counter
from typing import Any

from quickstudy import config, given_kinds
from quickstudy import recipe as recipes
from quickstudy.core.protocols import TaskKind
from quickstudy.core.types import QuickstudyError
from quickstudy.episodes.cleaning import normalised
from quickstudy.episodes.leaks import without_leaks
from quickstudy.episodes.packaged import packaged_source
from quickstudy.episodes.sampling import Dice
from quickstudy.episodes.sources import Source, class_names
from quickstudy.episodes.splits import Fractions, Splits, by_class, by_document
from quickstudy.recipe import Recipe, SourceTable


def sources(recipe: Recipe, kind: TaskKind) -> tuple[tuple[Source, ...], tuple[Source, ...], str]:
    """Training and validation sources that share no row, and a sentence on what was dropped to make it so."""
    others = kinds(recipe, kind)
    train, validation, test = (
        tuple(source for table in tables for source in _read(table, recipe, kind, others.get(table.title)))
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
    judged = [source.of(kind).texts(example) for source in (*validation, *test) for example in source.examples]
    train, report = without_leaks(train, judged, kind)
    return train, validation, str(report)


def kinds(recipe: Recipe, kind: TaskKind) -> dict[str, TaskKind]:
    """The kinds of tasks of the sources whose is not the recipe's, `kind`, by their titles. QuickstudyError where two
    sources of one title differ in it."""
    found: dict[str, dict[str, Any]] = {}
    for table in (*recipe.train, *recipe.validation, *recipe.test):
        if found.setdefault(table.title, table.kind) != table.kind:
            raise QuickstudyError(f"{recipe.title}: {table.title} is named with two kinds; give each its own name")
    given = {"reader": getattr(kind, "reader", None)}
    return {
        title: config.build(config.KINDS, table, f"{recipe.title}: the kind of {title}", given)
        for title, table in found.items()
        if table
    }


def _held_out(source: Source, recipe: Recipe, kind: TaskKind) -> Splits:
    """Two classes at least for validation, since a task of one class says nothing; none where too few would be left.
    Of a kind whose examples are of no classes, documents: no two parts share an example's last text."""
    own, classes = source.of(kind), len(class_names(source, kind))
    if classes == 1 and not isinstance(own, config.LABELLED):
        share = recipe.validating.fraction
        fractions = Fractions(1 - share, share, 0.0)
        return by_document(source, kind, fractions, recipe.training.seed, lambda one: normalised(own.texts(one)[-1]))
    share = max(recipe.validating.fraction, 2 / classes) if classes >= 4 else 0.0
    return by_class(source, kind, Fractions(1 - share, share, 0.0), recipe.training.seed)


def _read(table: SourceTable, recipe: Recipe, kind: TaskKind, own: TaskKind | None) -> list[Source]:
    """One source, or one for each group of classes that the recipe wants to be told apart from each other. `own` is its
    kind of tasks where that is not the recipe's."""
    if table.packaged:
        found = packaged_source(table.packaged, kind)
    else:
        loaded = given_kinds.load(recipes.place(table, recipe), own or kind, table.columns or None)
        found = Source(table.title, loaded.examples, loaded.classes, licence=table.licence)
    if table.without:
        found = _thinned(found, table, own or kind)
    examples = Dice(f"rows\n{table.title}").shuffled(found.examples)[: table.rows] if table.rows else found.examples
    found = dataclasses.replace(
        found,
        examples=tuple(examples),
        weight=table.weight,
        called=table.called,
        ways=table.ways or None,
        shots=table.shots or None,
        queries=table.queries or None,
        kind=own,
    )
    return _grouped(found, table, recipe, kind) if table.within else [found]


def _thinned(source: Source, table: SourceTable, kind: TaskKind) -> Source:
    """Without some classes and the examples of any of them."""
    for name in table.without:
        if name not in class_names(source, kind):
            raise QuickstudyError(f"{table.title}: there is no class {name!r} to leave out; take it out of `without`")
    out = set(table.without)
    return dataclasses.replace(
        source,
        examples=tuple(example for example in source.examples if not kind.labels(example) & out),
        classes={name: said for name, said in source.classes.items() if name not in out},
    )


def _grouped(source: Source, table: SourceTable, recipe: Recipe, kind: TaskKind) -> list[Source]:
    """A source for each value of the column `within`, of the classes whose rows mostly have it; classes without any
    are left out."""
    rows = given_kinds.load(recipes.place(table, recipe), kind, {**table.columns, "label": table.within}).examples
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
