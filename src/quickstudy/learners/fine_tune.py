"""Plain fine-tuning with AdamW; across tasks, multi-task training with a head a task (Caruana 1997)."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from quickstudy.core.params import detach, leaves, slopes_of
from quickstudy.core.protocols import Backbone, Slopes
from quickstudy.core.types import OF_BACKBONE, Adapted, Batch, Episode, Loss, Params, batch_rows
from quickstudy.learners import heads
from quickstudy.learners.descent import adapted_from, moves, reading
from quickstudy.learners.sweep import check_finite


@dataclass(frozen=True)
class FineTune:
    """Moves a fresh head and the backbone's scope. Class names are not used: with an empty support
    every class scores the same.

    Across tasks it follows the slope of the query loss at theta with the task's fitted head held still, which is
    multi-task training; it does not look through adaptation.
    """

    backbone: Backbone
    steps: int = 40
    rate: float = 1e-4
    head_rate: float = 0.05
    weight_decay: float = 0.01
    rows: int = 4096
    """examples a step at most; of more, each step takes others, until all have had their turn"""

    @property
    def slopes(self) -> Slopes:
        return "approximate"

    def init(self, rng: torch.Generator) -> Params:
        return self.backbone.init(rng)

    def adapt(self, theta: Params, support: Batch, loss: Loss) -> Adapted:
        own = moves(detach(theta), OF_BACKBONE)
        head = heads.blank(self.backbone, theta, support)
        if not heads.judged(support.gold) or not (own or head):
            return adapted_from({**own, **head})
        at = leaves({name: value.clone() for name, value in {**own, **head}.items()})
        groups = [
            {"params": [at[name] for name in own], "lr": self.rate},
            {"params": [at[name] for name in head], "lr": self.head_rate},
        ]
        outer = torch.optim.AdamW([group for group in groups if group["params"]], weight_decay=self.weight_decay)
        with torch.enable_grad():
            batches = self._batches(detach(theta), support, own)
            for step in range(self.steps):
                outer.zero_grad()
                units, batch = next(batches)
                value = loss(heads.score(units(at), at), batch)
                slopes = slopes_of(value, at)
                check_finite(value, slopes, step, self.steps)
                for name, slope in slopes.items():
                    at[name].grad = slope
                outer.step()
        return adapted_from(at)

    def predict(self, theta: Params, adapted: Adapted, query: Batch) -> Tensor:
        return heads.score(self.backbone.units({**theta, **adapted}, query.text), adapted)

    def _batches(
        self, theta: Params, support: Batch, own: Params
    ) -> Iterator[tuple[Callable[[Params], Tensor], Batch]]:
        """What each step reads, as a function of the weights; what does not move is read once where it can be kept."""
        if len(support.gold) <= self.rows:
            units = reading(self.backbone, theta, support.text, own)
            yield from itertools.repeat((units, support))
        dice = torch.Generator().manual_seed(0)
        while True:
            for which in torch.randperm(len(support.gold), generator=dice).split(self.rows):
                batch = batch_rows(support, which)
                yield partial(self._read, theta, batch), batch

    def _read(self, theta: Params, batch: Batch, at: Params) -> Tensor:
        return self.backbone.units({**theta, **at}, batch.text)

    def meta_gradient(self, theta: Params, episode: Episode, rng: torch.Generator) -> tuple[Params, Tensor]:
        ended = self.adapt(theta, episode.support, episode.loss)
        head = {name: value for name, value in ended.items() if name.startswith("head.")}
        at = leaves(theta)
        with torch.enable_grad():
            value = episode.loss(self.predict(at, head, episode.query), episode.query)
            slopes = slopes_of(value, at)
        if not heads.judged(episode.support.gold):  # nothing was adapted: the loss is known
            return slopes, value.detach()
        with torch.no_grad():
            return slopes, episode.loss(self.predict(theta, ended, episode.query), episode.query)
