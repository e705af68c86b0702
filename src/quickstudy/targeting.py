"""Meta-training for one task of the user's: sources weigh by how useful they are to it.

Usefulness is the mean of two cheap scores, each put on a scale from 0 (the least useful source) to 1 (the most): do
the slopes of meta-training agree with the target's (`influence.agreement`), and are texts and class names alike
(`influence.likeness`). bench/usefulness.py holds both against leaving each source out."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from quickstudy import config, given, influence
from quickstudy.core.protocols import TaskKind
from quickstudy.core.types import Params, QuickstudyError
from quickstudy.episodes.leaks import without_leaks
from quickstudy.episodes.mixing import Mixture
from quickstudy.episodes.sources import Source
from quickstudy.recipe import Recipe
from quickstudy.student import Student

LEAST = 0.1
"""of its weight that the least useful source keeps: scores are noisy, and one source alone teaches badly"""
TARGET = "the target"


class Targeted(NamedTuple):
    """Sources as they are drawn from for a target."""

    sources: tuple[Source, ...]
    target: Source
    usefulness: dict[str, dict[str, float]]
    """source -> agreement, likeness, usefulness and how likely it is to be drawn, "share" """
    leaks: str
    """what was dropped because it stands in the target"""


def target_of(examples: given.Examples, recipe: Recipe, kind: TaskKind) -> Source:
    """The user's examples as a source. QuickstudyError where they are of another kind than the recipe's tasks."""
    found = given.gathered(examples)
    asked = {"parts": 1, **recipe.kind}
    if found.kind["parts"] != asked["parts"] or found.kind["name"] != str(asked["name"]).partition(".v")[0]:
        raise QuickstudyError(
            f"the target is of the kind {found.kind['name']} with {found.kind['parts']} text(s) an example, and "
            f"{recipe.title} trains {asked['name']} with {asked['parts']}; take a recipe of the target's kind"
        )
    name = Path(examples).stem if isinstance(examples, str | Path) else TARGET
    source = Source(name if name.isprintable() and name.strip() else TARGET, found.examples, found.classes)
    influence.fitting(recipe.episodes, source, kind)
    return source


def targeted(student: Student, sources: Sequence[Source], target: Source, kind: TaskKind, recipe: Recipe) -> Targeted:
    """The sources without rows of the target, with weights by their usefulness to it. `student` is where training
    starts. A source too small for an episode has its likeness alone to go by."""
    kept, report = without_leaks(sources, [kind.texts(example) for example in target.examples], kind)
    if not kept:
        raise QuickstudyError(f"{recipe.title}: every training row stands in the target; name other sources")
    alike = {name: row[TARGET] for name, row in influence.likeness(student, kept, [_as_target(target)], kind).items()}
    agreed = _agreed(student, kept, target, kind, recipe)
    useful = usefulness(agreed, alike)
    weighed = tuple(
        dataclasses.replace(source, weight=source.weight * (LEAST + (1 - LEAST) * useful[source.name]))
        for source in kept
    )
    share = Mixture(weighed, recipe.alpha).probabilities
    found = {
        name: {
            "agreement": agreed.get(name, 0.0),
            "likeness": alike[name],
            "usefulness": useful[name],
            "share": share[name],
        }
        for name in sorted(useful, key=lambda name: -share[name])
    }
    return Targeted(weighed, target, found, f"{report.dropped} more stand in the target and were dropped")


def usefulness(agreed: Mapping[str, float], alike: Mapping[str, float]) -> dict[str, float]:
    """{source: 0 to 1}: the mean of both scores, each stretched to 0 to 1; where all are alike in one, that says
    nothing and counts 1. Of a source without agreement, its likeness alone."""
    stretched = [_stretched(scores) for scores in (agreed, alike)]
    return {name: fmean(scores[name] for scores in stretched if name in scores) for name in alike}


def _agreed(
    student: Student, sources: Sequence[Source], target: Source, kind: TaskKind, recipe: Recipe
) -> dict[str, float]:
    learner, reward = student.steady(), config.REWARDS[recipe.reward]

    def slopes(some: Sequence[Source]) -> dict[str, Params]:
        return influence.slopes(learner, student.theta, some, kind, recipe.episodes, reward=reward)

    wanted = slopes([_as_target(target)])
    if not wanted:
        return {}
    large = [source for source in sources if influence.large_enough(source, kind)]
    found = influence.agreement(slopes(large), wanted, recipe.training)
    least = min((row[TARGET] for row in found.values()), default=0.0)  # of those whose episodes all diverged, too
    return {source.name: found[source.name][TARGET] if source.name in found else least for source in large}


def _as_target(target: Source) -> Source:
    """Under a name that no source has."""
    return dataclasses.replace(target, name=TARGET)


def _stretched(scores: Mapping[str, float]) -> dict[str, float]:
    low, high = min(scores.values(), default=0.0), max(scores.values(), default=0.0)
    return {name: (value - low) / (high - low) if high > low else 1.0 for name, value in scores.items()}
