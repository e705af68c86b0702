"""Sinusoid regression (Finn, Abbeel & Levine 2017, section 5.1): amplitude in [0.1, 5], phase in [0, pi], x in
[-5, 5]."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from bench.known import numbers
from quickstudy.core.types import DivergedError, Episode, Params
from quickstudy.training.loop import meta_train
from quickstudy.training.outcome import Validation
from quickstudy.training.plan import Plan

QUERIES = 100


class Waves(NamedTuple):
    """T sine waves."""

    amplitude: Tensor
    phase: Tensor

    def at(self, x: Tensor) -> Tensor:
        """(T, K) -> (T, K)"""
        return self.amplitude[:, None] * torch.sin(x - self.phase[:, None])


def waves(rng: np.random.Generator, tasks: int) -> Waves:
    return Waves(_uniform(rng, 0.1, 5, tasks), _uniform(rng, 0, math.pi, tasks))


def episode(rng: np.random.Generator, drawn: Waves, shots: int, queries: int, told: bool) -> Episode:
    """Of all the waves at once. `told`: amplitude and phase are inputs, too (the paper's oracle)."""

    def rows(count: int) -> Any:
        x = _uniform(rng, -5, 5, len(drawn.phase), count)
        about = [value[:, None].expand_as(x) for value in drawn] if told else []
        return numbers.batch(torch.stack([x, *about], dim=-1), drawn.at(x))

    return Episode(rows(shots), rows(queries), numbers.loss)


def trained(learner: Any, settings: Mapping[str, Any], seed: int, told: bool) -> Params:
    """Theta after meta-training on fresh waves: `tasks` of them in each of `steps` outer steps."""
    theta = learner.init(torch.Generator().manual_seed(seed))
    theta |= {"head.scale": torch.tensor(1.0)} if "head.scale" in theta else {}
    if not settings["steps"]:
        return theta
    plan = Plan(
        steps=settings["steps"],
        tasks=1,
        rate=settings["rate"],
        rates=settings.get("rates", {}),
        clip=settings["clip"],
        patience=1000,
        validate_every=settings["steps"] // 8,
        seed=seed,
    )

    def episodes(step: int, history: object) -> Sequence[Episode]:
        rng = np.random.default_rng((1, seed, step))
        return [episode(rng, waves(rng, settings["tasks"]), settings["shots"], settings["queries"], told)]

    def validate(at: Params) -> Validation:
        found = [-error for error in judged(learner, at, 10, (2, seed), 100, told)]
        return Validation(float(np.mean(found)), -float(np.mean(found)), tuple(found))

    return meta_train(numbers.Stacked(learner), theta, episodes, validate, plan).theta


def judged(learner: Any, theta: Params, shots: int, seed: Sequence[int], tasks: int, told: bool) -> list[float]:
    """The mean squared error of each of so many waves after adapting to `shots` points of it."""
    rng = np.random.default_rng(seed)
    one = episode(rng, waves(rng, tasks), shots, QUERIES, told)
    own = numbers.copies(theta, tasks)
    with torch.no_grad():
        scores = learner.predict(own, learner.adapt(own, one.support, one.loss), one.query)
        return numbers.errors(scores, one.query).mean(1).tolist()


def curve(
    learner: Any, theta: Params, shots: int, seed: Sequence[int], tasks: int, steps: Sequence[int], told: bool
) -> list[list[float]]:
    """`judged` after each of so many inner steps; NaN where they diverge."""

    def after(count: int) -> list[float]:
        try:
            return judged(dataclasses.replace(learner, steps=count), theta, shots, seed, tasks, told)
        except DivergedError:
            return [math.nan] * tasks

    return [after(count) for count in steps]


def _uniform(rng: np.random.Generator, low: float, high: float, *size: int) -> Tensor:
    return torch.from_numpy(rng.uniform(low, high, size)).float()
