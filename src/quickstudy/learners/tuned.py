"""prior_head on a backbone that moves first, where moving pays.

Gradient steps on the backbone's scope make each example look like its class to prior_head's prior *made of the other
examples and the names* (leave-one-out, so that no example is near a class only because it stands in its mean; a
prototype loss as in Snell et al. 2017, whose episodes are the support itself). Then prior_head is fitted to where the
weights ended.

Whether that pays is asked of the support: its examples are dealt into parts, each part is judged by what was moved
and fitted on the others, and weights go the share of the way (Wortsman et al. 2022) whose held-out loss is lowest;
nowhere, where none is lower. What that costs is within `seconds`, which a rough count of operations stands for: the
same examples give the same steps on any machine, however busy.
"""

import itertools
import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from quickstudy.core.params import detach, leaves, map_params, slopes_of
from quickstudy.core.protocols import Backbone, Slopes
from quickstudy.core.types import (
    OF_BACKBONE,
    PADDING,
    Adapted,
    Batch,
    DivergedError,
    Episode,
    Loss,
    Lower,
    Params,
    batch_rows,
    shortened,
)
from quickstudy.learners import heads, left_out
from quickstudy.learners.descent import adapted_from, moves
from quickstudy.learners.prior_head import PriorHead
from quickstudy.learners.sweep import check_finite

SPEED = 8e10
"""operations a second of the machine that `seconds` are counted for: a laptop's core or two"""
FEWEST_STEPS = 4
"""with time for no more, nothing moves"""
ROWS, LONGEST = 32, 64
"""examples a step at most, and how many tokens of a text are read while weights move"""
SHARES = (0.5, 1.0)
"""how far towards where the steps ended weights may go, where they go at all"""
COOLED = (1.0, 1.4, 2.0, 2.8, 4.0)
"""temperatures of the head, tried on what was held out: where weights moved it is fitted to examples that they have
seen"""
SURE = 2.0
"""how many standard errors of its mean a gain on what was held out must have"""
FEWEST_PARTS = 2


@dataclass(frozen=True)
class Tuned:
    """Moves theta's weights of the backbone; where it has none, those that the backbone's scope begins with.

    `shots` is how many examples a class must have on average, `steps` and `parts` (in how many the support is dealt)
    are taken as far as `seconds` go, `rate` is that of Adam at the first step, from which it falls to nothing.
    """

    backbone: Backbone
    seconds: float = 10.0
    steps: int = 16
    rate: float = 2e-3
    parts: int = 4
    shots: int = 4
    seed: int = 1

    @property
    def slopes(self) -> Slopes:
        return "approximate"

    def init(self, rng: torch.Generator) -> Params:
        return self._head.init(rng)

    def adapt(self, theta: Params, support: Batch, loss: Loss) -> Adapted:
        moved, temperature = self._moved(detach(theta), support, loss)
        head = self._head.adapt({**theta, **moved}, support, loss)
        return adapted_from({**moved, **map_params(lambda value: value / temperature, head)})

    def predict(self, theta: Params, adapted: Adapted, query: Batch) -> Tensor:
        return self._head.predict({**theta, **adapted}, adapted, query)

    def meta_gradient(self, theta: Params, episode: Episode, rng: torch.Generator) -> tuple[Params, Tensor]:
        """prior_head's slopes at the weights where the steps ended, as if those did not depend on where they began
        (first order, as in FOMAML)."""
        moved, temperature = self._moved(detach(theta), episode.support, episode.loss)
        at = {**theta, **moved}
        at["prior.log_temperature"] = at["prior.log_temperature"] + math.log(temperature)
        slopes, value = self._head.meta_gradient(at, episode, rng)
        return {name: slopes[name] for name in theta}, value

    @property
    def _head(self) -> PriorHead:
        return PriorHead(self.backbone)

    def _moved(self, theta: Params, support: Batch, loss: Loss) -> tuple[Params, float]:
        """The weights of the backbone where they are best, and the temperature that the head then wants; ({}, 1) where
        they are best where they began."""
        start = moves(theta, OF_BACKBONE) or self.backbone.init(torch.Generator().manual_seed(self.seed))
        classes = len(heads.named(support).tokens)
        short = support._replace(text=shortened(support.text, LONGEST))
        steps, parts = self._afforded(start, support, short)
        if not start or steps < FEWEST_STEPS or heads.judged(support.gold) < self.shots * classes:
            return {}, 1.0
        try:
            share, temperature = self._wanted(theta, start, support, short, loss, steps, parts)
            ended = self._stepped(theta, start, short, loss, steps) if share else start
        except DivergedError:  # a start that does not bear steps is left where it is
            return {}, 1.0
        return (_between(start, ended, share), temperature) if share else ({}, 1.0)

    def _wanted(
        self, theta: Params, start: Params, support: Batch, short: Batch, loss: Loss, steps: int, parts: int
    ) -> tuple[float, float]:
        """The share and the temperature at which what was held out is judged best; (0, 1) where none is surely better
        than no step."""
        held: dict[tuple[float, float], list[Tensor]] = {at: [] for at in itertools.product((0.0, *SHARES), COOLED)}
        for rest, out in left_out.dealt(support, parts):
            ended = self._stepped(theta, start, batch_rows(short, rest), loss, steps)
            known, asked = batch_rows(support, rest), batch_rows(support, out)
            for share in (0.0, *SHARES):
                scores = self._scores({**theta, **_between(start, ended, share)}, known, asked, loss)
                for at in (at for at in held if at[0] == share):
                    held[at].append(left_out.each(loss, scores / at[1], asked))
        lost = {at: torch.cat(parts) for at, parts in held.items()}
        still, moved = (
            min((at for at in lost if bool(at[0]) == goes), key=lambda at: float(lost[at].mean()))
            for goes in (False, True)
        )
        gain = lost[still] - lost[moved]
        return moved if float(gain.mean()) > SURE * float(gain.std()) / len(gain) ** 0.5 else (0.0, 1.0)

    def _afforded(self, start: Params, support: Batch, short: Batch) -> tuple[int, int]:
        """How many steps, and in how many parts the support is dealt: the whole, and what each part leaves, take as
        many, and each part is judged, with all texts read. A step is six operations a weight and token, forwards and
        backwards; judging as much, two for each of three shares."""
        weights = max(1, sum(_weights(name, start) for name in start))
        read = self.seconds * SPEED / (6 * weights)  # tokens, forwards and backwards
        judged, stepped = (float((batch.text.role != PADDING).sum()) for batch in (support, short))
        step = stepped * min(1.0, ROWS / max(1, len(short.text.tokens)))
        step += float((heads.named(short).role != PADDING).sum())
        parts = min(
            self.parts, max(FEWEST_PARTS, int((read - self.steps * step) / max(1.0, self.steps * step + judged)))
        )
        return max(0, min(self.steps, int((read - parts * judged) / max(1.0, (parts + 1) * step)))), parts

    def _stepped(self, theta: Params, start: Params, support: Batch, loss: Loss, steps: int) -> Params:
        """Where `steps` steps of Adam lead."""
        at = leaves({name: value.clone() for name, value in start.items()})
        outer = torch.optim.Adam(at.values(), lr=self.rate)
        dice = torch.Generator().manual_seed(self.seed)
        depth = self.backbone.depth(at)
        lower = (
            [self.backbone.lower(theta, text, depth) for text in (support.text, heads.named(support))] if depth else []
        )
        for step in range(steps):
            rows = _drawn(support, dice)
            kept = [_rows_of(lower[0], rows, len(support.gold)), lower[1]] if depth else [None, None]
            batch = batch_rows(support, rows)
            outer.param_groups[0]["lr"] = self.rate * (1 - step / steps)
            # the fused kernel's way back takes longer on a CPU than all else together
            with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
                units = self.backbone.units({**theta, **at}, batch.text, kept[0])
                names = self.backbone.units({**theta, **at}, heads.named(batch), kept[1])[:, 0]
                value = loss(left_out.prior_scores(theta, units, names, batch.gold), batch)
                slopes = slopes_of(value, at)
            check_finite(value, slopes, step, steps)
            for name, slope in slopes.items():
                at[name].grad = slope
            outer.step()
        return detach(at)

    def _scores(self, theta: Params, support: Batch, asked: Batch, loss: Loss) -> Tensor:
        """What prior_head, fitted to the support, says of what is asked."""
        with torch.no_grad():
            return self._head.predict(theta, self._head.adapt(theta, support, loss), asked)


def _drawn(support: Batch, dice: torch.Generator) -> Tensor:
    """At most ROWS rows, two or more of a class where it has them: an example is judged by its like."""
    which = left_out.first_class(support)
    if len(which) <= ROWS:
        return torch.arange(len(which))
    classes = which.unique()
    each = max(2, ROWS // len(classes))
    found: list[Tensor] = []
    for chosen in classes[torch.randperm(len(classes), generator=dice)]:
        members = (which == chosen).nonzero()[:, 0]
        found.append(members[torch.randperm(len(members), generator=dice)[:each]])
    return torch.cat(found)[:ROWS]


def _rows_of(lower: Lower, rows: Tensor, count: int) -> Lower:
    """Of `count` rows, each of which may have been read as several: first all the first ones, then all the second."""
    parts = len(lower.hidden) // count
    return lower._replace(hidden=lower.hidden[torch.cat([rows + part * count for part in range(parts)])])


def _between(start: Params, end: Params, share: float) -> Params:
    return map_params(lambda a, b: a + share * (b - a), start, end)


def _weights(name: str, start: Params) -> int:
    """How many weights of the backbone an entry moves: of a low-rank pair, those of the map it is added to."""
    if name.endswith(".a") and name.startswith("lora."):
        return start[name].shape[1] * start[f"{name[:-1]}b"].shape[0]
    return 0 if name.startswith("lora.") else start[name].numel()
