"""The mean meta-gradient of one outer step."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy
import torch
from torch import Tensor

from quickstudy.core.params import detach, inner, norm
from quickstudy.core.protocols import Learner
from quickstudy.core.types import DivergedError, Episode, Params, QuickstudyError
from quickstudy.training.ranks import ALONE, Ranks


@dataclass(frozen=True)
class Mean:
    """The mean over the episodes whose slopes were finite."""

    slopes: Params
    """theta's keys and shapes; empty if no episode counted"""
    loss: float
    """the mean query loss; NaN if no episode counted"""
    noise: float
    """how far one episode's slopes lie from their mean, as the square root of the mean squared distance (an estimate
    of one episode's standard deviation); NaN if fewer than two counted"""
    skipped: Mapping[int, str]
    """the places in the step of the episodes left out, and why"""
    in_a_row: int
    """episodes left out since the last that counted, those of earlier steps included"""


def mean_slopes(
    learner: Learner,
    theta: Params,
    episodes: Sequence[Episode],
    seed: int,
    step: int,
    in_a_row: int,
    most: int,
    ranks: Ranks = ALONE,
) -> Mean:
    """The mean over episodes, each with a generator that (seed, step, place) fixes. Every rank takes its share of them
    and gets the same answer, whatever the number of ranks. More than `most` episodes in a row that were left out, in
    the order of their places, end it."""
    total: Params = {}
    told = torch.zeros(len(episodes), 3, dtype=torch.float64)  # loss, squared length of the slopes, 1 where left out
    why: dict[int, str] = {}
    for place in range(ranks.rank, len(episodes), ranks.size):
        try:
            slopes, loss = learner.meta_gradient(detach(theta), episodes[place], generator(seed, step, place))
            _check_shapes(slopes, theta)
            squared = float(inner(detach(slopes), detach(slopes)))
            _check_finite(slopes, squared, loss)
        except DivergedError as error:
            why[place], told[place, 2] = str(error), 1
            continue
        told[place, 0], told[place, 1] = loss.item(), squared
        for name, slope in detach(slopes).items():
            total[name] = total[name].add_(slope) if name in total else slope.to(torch.float64, copy=True)
    told = ranks.summed({"told": told})["told"]  # the small one first: it shows at once that a rank is missing
    total = ranks.summed(  # in theta's order, which is the same everywhere
        {
            name: total[name] if total else torch.zeros_like(value, dtype=torch.float64)
            for name, value in detach(theta).items()
        }
    )
    if told[:, 2].any():
        why = {int(place): said for part in ranks.texts(json.dumps(why)) for place, said in json.loads(part).items()}
    why, in_a_row = _in_a_row(why, len(episodes), in_a_row, most)
    count = len(episodes) - int(told[:, 2].sum())
    mean = {name: (value / count).to(theta[name].dtype) for name, value in total.items()} if count else {}
    loss, squares, _ = told.sum(0).tolist()
    return Mean(mean, loss / count if count else math.nan, _noise(mean, squares, count), why, in_a_row)


def _in_a_row(why: Mapping[int, str], count: int, before: int, most: int) -> tuple[dict[int, str], int]:
    """The episodes left out, in their order up to where they are too many, and how many were in a row at the end."""
    for place in range(count):
        before = before + 1 if place in why else 0
        if before > most:
            count = place + 1
            break
    return {place: why[place] for place in sorted(why) if place < count}, before


def _noise(mean: Params, squares: float, count: int) -> float:
    if count < 2:
        return math.nan
    return math.sqrt(max(0.0, squares - count * float(inner(mean, mean))) / (count - 1))


def clipped(slopes: Params, longest: float) -> tuple[Params, float]:
    """Slopes scaled down so that their norm as one vector is at most `longest`, and the norm they had."""
    length = norm(slopes).item()
    if length <= longest:
        return slopes, length
    return {name: slope * (longest / length) for name, slope in slopes.items()}, length


def generator(seed: int, step: int, place: int) -> torch.Generator:
    """A generator that depends on these three numbers and on nothing else."""
    mixed = numpy.random.SeedSequence((seed, step, place)).generate_state(1, numpy.uint64)
    return torch.Generator().manual_seed(int(mixed[0]))


def _check_finite(slopes: Params, squared: float, loss: Tensor) -> None:
    """`squared`, the squared length of the slopes, is finite where all of them are, but for very large ones; looking at
    each takes longer."""
    if not loss.isfinite().all():
        raise DivergedError("the query loss after adaptation is not finite; lower the learner's rate")
    for name, slope in () if math.isfinite(squared) else slopes.items():
        if not slope.isfinite().all():
            raise DivergedError(f"the slopes of {name} are not finite; lower the learner's rate")


def _check_shapes(slopes: Params, theta: Params) -> None:
    if slopes.keys() != theta.keys() or any(slopes[name].shape != theta[name].shape for name in theta):
        wrong = sorted(
            name
            for name in slopes.keys() | theta.keys()
            if name not in slopes or name not in theta or slopes[name].shape != theta[name].shape
        )
        raise QuickstudyError(
            f"the learner's slopes do not fit its theta at {', '.join(wrong[:3])}; its meta_gradient must "
            "return exactly theta's names and shapes"
        )
