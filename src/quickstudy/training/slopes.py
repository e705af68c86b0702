"""The mean meta-gradient of one outer step."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy
import torch
from torch import Tensor

from quickstudy.core.params import detach, inner, map_params, norm
from quickstudy.core.protocols import Learner
from quickstudy.core.types import DivergedError, Episode, Params, QuickstudyError


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
) -> Mean:
    """The mean over episodes, in their order, each with a generator that (seed, step, place) fixes. It ends
    early once more than `most` episodes in a row were left out."""
    total: Params = {}
    losses: list[float] = []
    squares = 0.0
    skipped: dict[int, str] = {}
    for place, episode in enumerate(episodes):
        try:
            slopes, loss = learner.meta_gradient(detach(theta), episode, generator(seed, step, place))
            _check_shapes(slopes, theta)
            _check_finite(slopes, loss)
        except DivergedError as error:
            skipped[place] = str(error)
            in_a_row += 1
            if in_a_row > most:
                break
            continue
        in_a_row = 0
        losses.append(loss.item())
        slopes = detach(slopes)
        squares += float(inner(slopes, slopes))
        total = map_params(torch.add, total, slopes) if total else slopes
    mean = {name: value / len(losses) for name, value in total.items()}
    return Mean(
        mean,
        sum(losses) / len(losses) if losses else math.nan,
        _noise(mean, squares, len(losses)),
        skipped,
        in_a_row,
    )


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


def _check_finite(slopes: Params, loss: Tensor) -> None:
    if not loss.isfinite().all():
        raise DivergedError("the query loss after adaptation is not finite; lower the learner's rate")
    for name, slope in slopes.items():
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
