"""The report on a meta-training's sources: made from the recipe and the student that came of it."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from quickstudy import config, influence
from quickstudy import recipe as recipes
from quickstudy.core.protocols import TaskKind
from quickstudy.episodes.mixing import Mixture
from quickstudy.episodes.sampling import draw
from quickstudy.episodes.sources import Source
from quickstudy.evaluation import statistics
from quickstudy.evaluation.sources_report import Judged, SourcesReport
from quickstudy.evaluation.statistics import Interval
from quickstudy.meta_sources import sources
from quickstudy.meta_start import begin
from quickstudy.meta_tasks import judge
from quickstudy.recipe import Recipe, ValidatingTable
from quickstudy.student import Student
from quickstudy.training.ranks import ALONE

EPISODES = 4
"""that each source is judged on"""
FIRST = 2 * 10**9
"""the number of the first of them: no training and no slopes drew it"""


def report(recipe: str | Path | Mapping[str, Any], student: Student, start: str = "") -> SourcesReport:
    """`student` is what `meta_train` made of `recipe` and of `start`, by which "before" is judged. Reads the sources
    again and trains nothing."""
    read = recipes.read(recipe)
    before = begin(read, ALONE, start)
    kind: TaskKind = config.build(config.KINDS, read.kind, f"{read.title}, [kind]", {"reader": before.reader})
    train, validation, _ = sources(read, kind)
    names = {source.name for source in train}
    validation = tuple(
        dataclasses.replace(one, name=f"{one.name}, held-out classes") if one.name in names else one
        for one in validation
    )
    sides = [[one for one in side if influence.large_enough(one, kind)] for side in (train, validation)]
    values = {one.name: _both(before, student, one, kind, read) for side in sides for one in side}
    seen, unseen = (_gains([values[one.name] for one in side]) for side in sides)
    reward = config.REWARDS[read.reward]
    learned, held = (
        influence.slopes(before.steady(), before.theta, side, kind, read.episodes, reward=reward) for side in sides
    )
    share = _shares(train, read, student)
    return SourcesReport(
        title=f"Sources of {read.title}",
        summary=str(student.about.get("summary", "")),
        judged=tuple(
            Judged(name, name in names, fmean(before), fmean(after), len(before))
            for name, (before, after) in values.items()
        ),
        seen=seen,
        unseen=unseen,
        share=share,
        effective=math.exp(-sum(part * math.log(part) for part in share.values() if part > 0)),
        different=different(influence.middles(before, train, kind), torch.tensor([share[one.name] for one in train])),
        agreement=influence.agreement(learned, held, read.training),
    )


def different(middles: torch.Tensor, share: torch.Tensor) -> float:
    """The Vendi score (Friedman & Dieng 2023) of sources by the cosine of their middles (n, D), weighted by share."""
    unit = torch.nn.functional.normalize(middles.double(), dim=-1)
    root = share.double().sqrt()
    values = torch.linalg.eigvalsh(root[:, None] * (unit @ unit.T) * root[None])
    values = values[values > 1e-12]
    return float(torch.exp(-(values * values.log()).sum()))


def _both(start: Student, trained: Student, source: Source, kind: TaskKind, recipe: Recipe) -> tuple[
    tuple[float, ...], tuple[float, ...]
]:  # fmt: skip
    """Accuracies of both on the same episodes of a source."""
    shape = influence.fitting(recipe.episodes, source, kind)
    draws = [draw(source, kind, shape, FIRST + number) for number in range(EPISODES)]
    own = source.of(kind)
    before, after = (judge(one.steady(), own, draws, ValidatingTable())(one.theta).scores for one in (start, trained))
    return tuple(before), tuple(after)


def _gains(values: Sequence[tuple[tuple[float, ...], tuple[float, ...]]]) -> Interval | None:
    """Over sources; None without any."""
    rises = {
        str(number): [later - sooner for sooner, later in zip(*both, strict=True)] for number, both in enumerate(values)
    }
    return statistics.over_tasks(rises) if rises else None


def _shares(train: Sequence[Source], recipe: Recipe, student: Student) -> dict[str, float]:
    """How likely each was to be drawn: as the student says, if it was trained for a target; else by weight."""
    told = student.about.get("usefulness")
    found = Mixture(tuple(train), recipe.alpha).probabilities
    if not isinstance(told, Mapping):
        return found
    shares = {name: float(told[name]["share"]) if name in told else 0.0 for name in found}
    total = sum(shares.values()) or 1.0
    return {name: part / total for name, part in shares.items()}
