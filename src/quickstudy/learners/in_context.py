"""In context: the support is written into a decoder's prompt, and nothing moves (Brown et al. 2020).

    score_c = (log p(name_c | examples, text) - calibration * usual_c) / temperature
    usual_c = the mean of log p(name_c | examples, t) over t = no text, and texts of the support, of each class alike

The second term takes off what the model says whatever the text is: contextual calibration (Zhao et al. 2021), with
texts of the task's own (after Zhou et al. 2023, who take those to be judged). Meta-training the scope through the
likelihood is MetaICL (Min et al. 2022).
"""

import warnings
from dataclasses import dataclass

import torch
from torch import Tensor

from quickstudy.core.params import detach
from quickstudy.core.protocols import Decoder, Slopes, Speaker
from quickstudy.core.types import (
    Adapted,
    Batch,
    Episode,
    Limits,
    Loss,
    Params,
    QuickstudyError,
    QuickstudyWarning,
    Text,
    Written,
)
from quickstudy.learners import heads, prompts
from quickstudy.learners.exact import slopes_after
from quickstudy.learners.prompts import Tokens
from quickstudy.learners.shown import behind, of, shown

TOKENS_AT_ONCE = 2**21
"""of all rows, given to the backbone together"""
FEWEST = 64
"""tokens of a row, below which there is no room for an example"""


@dataclass(frozen=True)
class InContext:
    """Learns the scope, how much is calibrated, and a temperature. The fields are where the last two start.

    Without an example the names alone are judged by. Class names that say nothing are written as numbers. An example of
    several classes is written once for each. Examples that do not fit into the row are left out, with a warning. Where
    a text is to be written for each, examples are shown as they are, and nothing is calibrated.
    """

    backbone: Decoder
    calibration: float = 1.0
    temperature: float = 1.0
    room: float = 0.25
    """the share of a row that is kept for the text to be judged"""
    calibrated_on: int = 16
    """texts of the support at most, of each class alike; none where there are more classes"""

    @property
    def slopes(self) -> Slopes:
        return "exact"

    def init(self, rng: torch.Generator) -> Params:
        if self.backbone.marks().limit < FEWEST:
            raise QuickstudyError(f"in_context needs a model that reads {FEWEST} tokens or more; this one reads fewer")
        own = {"log_temperature": torch.tensor(self.temperature).log(), "calibration": torch.tensor(self.calibration)}
        return {**self.backbone.init(rng), **{f"context.{name}": value for name, value in own.items()}}

    def adapt(self, theta: Params, support: Batch, loss: Loss) -> Adapted:
        with torch.no_grad():
            return self._prompt(detach(theta), support)

    def predict(self, theta: Params, adapted: Adapted, query: Batch) -> Tensor:
        if "context.names" not in adapted:
            return self.backbone.units(theta, behind(of(adapted), query.text, self.backbone.marks().limit))
        marks, before = self.backbone.marks(), adapted["context.tokens"].tolist()
        names = [[token for token in name if token >= 0] for name in adapted["context.names"].tolist()]
        texts = prompts.units(query.text, marks)
        seen = prompts.fitted(texts, marks, before, names)
        if cut := sum(some != parts for some, parts in zip(seen, texts, strict=True)):
            _warn(f"{cut} of {len(texts)} texts are longer than the room that the examples leave, and were cut")
        found = self._likelihood(theta, before, seen, names)
        score = found - theta["context.calibration"].to(found) * adapted["context.usual"].to(found)
        return (score / theta["context.log_temperature"].exp().to(found)).view(*query.text.spans.shape[:2], len(names))

    def write(self, theta: Params, adapted: Adapted, text: Text, limits: Limits) -> Written:
        """What follows each row behind the examples."""
        assert isinstance(self.backbone, Speaker)
        room = self.backbone.marks().limit - limits.longest
        return self.backbone.write(theta, behind(of(adapted), text, room), limits)

    def meta_gradient(self, theta: Params, episode: Episode, rng: torch.Generator) -> tuple[Params, Tensor]:
        return slopes_after(self, episode, theta, lambda at: self._prompt(at, episode.support))

    def _prompt(self, theta: Params, support: Batch) -> Adapted:
        marks = self.backbone.marks()
        if heads.headless(self.backbone, support):
            examples, fit = shown(support, int((1 - self.room) * marks.limit))
            self._check_fit(fit, len(support.gold))
            return {"context.tokens": examples.tokens, "context.starts": examples.starts}
        if support.names is None:
            raise QuickstudyError("in_context chooses among named classes; take a kind of task that has some")
        names, texts = prompts.names(support.names, marks), prompts.units(support.text, marks)
        member = heads.membership(support.gold, len(names))
        turns = prompts.in_turns(member)
        room = int((1 - self.room) * marks.limit) - max(map(len, names)) - len(marks.end)
        before, fit = prompts.context([(texts[row], names[place]) for row, place in turns], marks, room)
        self._check_fit(fit, len(turns))
        whole = min(self.calibrated_on // len(names), int(member.sum(0).min()))  # turns in which every class comes
        nothing: list[Tokens] = [[]] * support.text.spans.shape[2]
        usual = [nothing, *(texts[row] for row, _ in turns[: whole * len(names)])]
        found = self._likelihood(theta, before, prompts.fitted(usual, marks, before, names), names)
        return {
            "context.tokens": torch.tensor(before, dtype=torch.long),
            "context.names": torch.nn.utils.rnn.pad_sequence(list(map(torch.tensor, names)), True, -1),
            "context.usual": found.mean(0),
        }

    def _check_fit(self, fit: int, count: int) -> None:
        if fit < count:
            limit = self.backbone.marks().limit
            _warn(f"{fit} of {count} examples fit into the {limit} tokens of a prompt; the others are left out")

    def _likelihood(self, theta: Params, before: Tokens, texts: list[list[Tokens]], names: list[Tokens]) -> Tensor:
        """(n, C): log p(name of class | examples, text)."""
        marks = self.backbone.marks()
        questions = [prompts.asked(parts, marks) for parts in texts]
        longest = len(before) + max(map(len, questions), default=0) + max(map(len, names)) + len(marks.end)
        step = max(1, TOKENS_AT_ONCE // (longest * len(names)))
        found = [
            self.backbone.said(theta, prompts.rows(before, questions[start : start + step], names, marks)).sum(1)
            for start in range(0, len(questions), step)
        ]
        return torch.cat(found).view(len(questions), len(names)) if found else torch.zeros(0, len(names))


def _warn(told: str) -> None:
    warnings.warn(f"in_context: {told}", QuickstudyWarning, stacklevel=4)
