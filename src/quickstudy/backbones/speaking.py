"""A model that writes, as a backbone whose classes are its vocabulary.

A unit is the token before a written one, and what it is judged by are the log-probabilities of what may follow: units
that are scores already, so that a learner needs no head for them and moves weights of the backbone alone. Texts in
which nothing is written are read as ever, so that one theta serves tasks that write and tasks that do not.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from quickstudy.backbones.encoder import Encoder
from quickstudy.backbones.passages import Passages
from quickstudy.backbones.reading_on import begun, in_common
from quickstudy.backbones.searching import beams, one_by_one
from quickstudy.backbones.vocabulary import is_low, placed, said
from quickstudy.backbones.writing import Writing
from quickstudy.core.types import PADDING, WRITTEN, Limits, Lower, Marks, Params, QuickstudyError, Text, Written, rows

TOKENS_AT_ONCE = {"cpu": 8192, "cuda": 65536}
"""of rows that are gone on with side by side, what will be written included"""


@functools.lru_cache(maxsize=8)
def speaking(encoder: Encoder) -> "Speaking":
    """The model as one that writes. QuickstudyError where it only reads."""
    writes = encoder.writes
    if writes is None:
        raise QuickstudyError(
            "this kind of task needs a model that writes, such as smollm2, gpt2 or t5-small, and this one only reads; "
            "name another model"
        )
    plain = dataclasses.replace(encoder, pooling="last", normalise=False)
    if writes.whole is not None:
        body, layers, width = writes.whole
        plain = dataclasses.replace(plain, body=body, layers=layers, width=width, _bodies={})
    return Speaking(plain, writes, Passages(encoder))


@dataclass(frozen=True, eq=False)
class Speaking:
    """`units` of rows with WRITTEN tokens are log-probabilities (B, U, V); of a unit whose span is empty, zeros."""

    encoder: Encoder
    writes: Writing
    reads: Passages
    """the same model where nothing is written"""

    @property
    def width(self) -> int:
        """D, of units where nothing is written."""
        return self.encoder.width

    @property
    def limit(self) -> int:
        return self.writes.marks.limit

    def marks(self) -> Marks:
        return self.writes.marks

    def said(self, params: Params, text: Text) -> Tensor:
        return self._reads().said(params, text)

    def init(self, rng: torch.Generator) -> Params:
        return self.encoder.init(rng)

    def depth(self, moving: Iterable[str]) -> int:
        """0 for an encoder-decoder, which is no one stack of layers."""
        return 0 if self.writes.whole is not None else self.encoder.depth(moving)

    def lower(self, params: Params, text: Text, depth: int) -> Lower:
        return (self.encoder if _is_written(text) else self._reads()).lower(params, text, depth)

    def units(self, params: Params, text: Text, lower: Lower | None = None) -> Tensor:
        if not _is_written(text):
            return self._reads().units(params, text, lower)
        hidden = self.encoder.units(params, text, lower)  # (B, U, D)
        there = text.spans[:, :, 0, 1] > text.spans[:, :, 0, 0]
        return placed(self._saying(params)(hidden[there]), there)

    def write(self, params: Params, text: Text, limits: Limits) -> Written:
        """Rows of like length are written together; no row is longer than the model's limit, and none of those beyond
        it is read."""
        lengths = (text.role != PADDING).sum(1)
        room = self.limit - (0 if self.writes.whole is not None else int(lengths.max()) if len(lengths) else 0)
        limits = limits._replace(longest=max(0, min(limits.longest, room)))
        luck = torch.rand(len(lengths), limits.longest, generator=torch.Generator().manual_seed(limits.seed))
        tokens = torch.full((len(lengths), limits.longest), -1)
        likelihood = torch.zeros(len(lengths))
        with torch.no_grad():
            for which in self._groups(lengths, limits):
                found = self._written(params, rows(text, which), limits, luck[which])
                tokens[which, : found.tokens.shape[1]] = found.tokens.cpu()
                likelihood[which] = found.likelihood.float().cpu()
        return Written(tokens.to(text.tokens.device), likelihood.to(text.tokens.device))

    def _reads(self) -> Passages:
        if self.writes.whole is not None:
            raise QuickstudyError(
                "an encoder-decoder that learns to write does not read texts beside; leave tasks of other kinds out, "
                "or take a decoder"
            )
        return self.reads

    def _written(self, params: Params, text: Text, limits: Limits, luck: Tensor) -> Written:
        device = self.encoder.device
        longest = int((text.role != PADDING).sum(1).max())
        run = self.encoder.runs(params)
        tokens, role = text.tokens[:, :longest].to(device), text.role[:, :longest].to(device)
        common = in_common(tokens, role) if self.writes.past is not None else 0
        reading, hidden = begun(run, tokens, role, self.writes.cache, common)
        say = self._saying(params)
        if limits.beams > 1:
            return beams(reading, hidden, say, limits)
        return one_by_one(reading, hidden, say, limits, luck.to(device))

    def _groups(self, lengths: Tensor, limits: Limits) -> Iterable[Tensor]:
        """Row numbers, the longest first."""
        budget = TOKENS_AT_ONCE.get(self.encoder.device.type, TOKENS_AT_ONCE["cpu"])
        order = lengths.argsort(descending=True, stable=True)
        while len(order):
            each = (int(lengths[order[0]]) + limits.longest) * max(1, limits.beams)
            count = max(1, budget // max(1, each))
            yield order[:count]
            order = order[count:]

    def _saying(self, params: Params) -> Callable[[Tensor], Tensor]:
        """Hidden states (n, D) -> log-probabilities (n, V), as float32 where they were multiplied in bfloat16."""
        moved = {name: params[f"backbone.{name}"] for name in self._output if f"backbone.{name}" in params}
        weight = self.writes.weight(moved, self.encoder.body).to(self.encoder.device)
        weight = weight.to(torch.bfloat16) if is_low(self.encoder, weight) else weight  # once for many
        return lambda hidden: said(self.encoder, hidden, weight, self.writes.bias)

    @property
    def _output(self) -> tuple[str, ...]:
        return (self.writes.output,) if isinstance(self.writes.output, str) else ()


def _is_written(text: Text) -> bool:
    return bool((text.role == WRITTEN).any())
