"""Any stack of Transformer layers as a Backbone: pure functions of weights that arrive as an argument."""

import copy
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from quickstudy.backbones import likelihood, lora
from quickstudy.backbones.chunks import unsort, widened
from quickstudy.backbones.pooling import Pooling, join, joined_width, pool
from quickstudy.backbones.running import Precision, in_bfloat16, towards_slopes, want_slopes
from quickstudy.backbones.scope import HEAD, Scope
from quickstudy.backbones.standin import Kept, Pass
from quickstudy.backbones.survey import Survey, probe, survey
from quickstudy.backbones.writing import Writing, writer
from quickstudy.core.types import NUMBER, OF_BACKBONE, PADDING, Lower, Marks, Params, QuickstudyError, Text

_SWAPPING = threading.RLock()
"""Held while moved weights stand in for a body's own: functional_call swaps them in place."""
TOKENS_A_CHUNK = {"cpu": (2048, 4096), "cuda": (65536, 65536)}
"""The least and the most: few texts are read fastest in small chunks, many in larger ones (bench/adapt.py)."""


@dataclass(frozen=True, eq=False)
class Encoder:
    """`body(tokens (B, S), role (B, S)) -> hidden (B, S, D)` read as units.

    "auto" precision is bfloat16 where the processor multiplies it natively and no gradient is wanted; "bfloat16" is
    that for gradients, too, whose weights and sums stay in float32 (mixed precision). Either is float32 on a processor
    that would emulate it. The body may be on a GPU: units come back to where the text lies, so that everything above
    (heads, losses) is on one device.
    """

    body: nn.Module
    layers: str
    """dotted path of the body's nn.ModuleList of layers"""
    width: int
    pooling: Pooling = "mean"
    normalise: bool = True
    scope: Scope = HEAD
    precision: Precision = "auto"
    writes: Writing | None = None
    """None: the body only reads"""
    _bodies: dict[tuple[str, int, torch.dtype], nn.Module] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.body.eval().requires_grad_(False)

    @property
    def device(self) -> torch.device:
        return next(self.body.parameters()).device

    @property
    def height(self) -> int:
        """How many layers there are."""
        return len(self._stack(self.body))

    def init(self, rng: torch.Generator) -> Params:
        own = {name: self.body.get_parameter(name) for name in self._survey.levels}
        if self.scope.last is not None and self._survey.shared:
            raise QuickstudyError(
                f"scope {self.scope}: this backbone runs the same layer several times over and has no top "
                "layers of its own; use head, lora(8) or all"
            )
        first = self.height - (self.height if self.scope.last is None else min(self.scope.last, self.height))
        above = [name for name in own if self._level(name) >= first]
        if self.scope.kind == "all":
            return {f"backbone.{name}": weight.detach().clone() for name, weight in own.items()}
        if self.scope.kind == "last":
            return {f"backbone.{name}": own[name].detach().clone() for name in above}
        if self.scope.kind == "lora":
            linear = [name for name in above if name.startswith(self.layers + ".") and self._is_map(name)]
            return lora.init({name: own[name] for name in linear}, self.scope.rank, rng)
        return {}

    def depth(self, moving: Iterable[str]) -> int:
        levels = [self._level(name.split(".", 1)[1]) for name in moving if name.startswith(OF_BACKBONE)]
        found = max(0, min(levels, default=self.height))
        return found if found and self._cuts else 0

    def lower(self, params: Params, text: Text, depth: int) -> Lower:
        if depth == 0:
            return Lower(0, torch.empty(len(text.tokens), 0))
        with _SWAPPING:  # the hook below would hear of other threads' layers, too
            return Lower(depth, self._hidden(params, text, depth))

    def _hidden(self, params: Params, text: Text, depth: int) -> Tensor:
        longest = text.tokens.shape[1]
        merged = lora.merge(params, self.body)
        weights = {name: weight for name, weight in merged.items() if self._level(name) < depth}
        body = self._cut("below", depth, self._dtype(weights.values()))
        got: list[Tensor] = []
        hook = self._stack(body)[depth - 1].register_forward_hook(lambda *seen: got.append(_first(seen[2])))
        pieces = []
        try:
            for index, tokens, role in self._chunks(text):
                self._run(body, weights, tokens, role)
                pieces.append((index, F.pad(widened(got.pop()), (0, 0, 0, longest - tokens.shape[1]))))
                got.clear()  # a layer that is shared ran several times
        finally:
            hook.remove()
        return unsort(pieces) if pieces else torch.empty(0, longest, self.width)

    def units(self, params: Params, text: Text, lower: Lower | None = None) -> Tensor:
        depth = lower.depth if lower else 0
        merged = lora.merge(params, self.body)
        weights = {name: weight for name, weight in merged.items() if not depth or self._level(name) >= depth}
        kept = [lower.hidden] if lower and depth else []
        body = self._cut("above", depth, self._dtype([*weights.values(), *kept]))
        pieces = []
        for index, tokens, role in self._chunks(text):
            given = weights
            if lower and depth:
                hidden = lower.hidden[index.to(lower.hidden.device), : tokens.shape[1]].to(tokens.device)
                given = {**weights, f"{self.layers}.0.kept": hidden}
            hidden = widened(self._run(body, given, tokens, role))
            parts = pool(hidden, text.spans[index].to(tokens.device), self.pooling, self.normalise)
            pieces.append((index, join(parts)))
        if not pieces:
            parts_wide = joined_width(self.width, text.spans.shape[2])
            return torch.empty(0, text.spans.shape[1], parts_wide, dtype=_float(self.body))
        return unsort(pieces).to(text.tokens.device)

    def marks(self) -> Marks:
        return writer(self.writes).marks

    def said(self, params: Params, text: Text) -> Tensor:
        writes, run = writer(self.writes), self.runs(params)
        output = writes.weight(lora.merge(params, self.body), self.body)
        if writes.past is None:
            return likelihood.whole(run, output, text, self._chunks(text))
        return likelihood.packed(run, output, text, writes.past(), self.device)

    def runs(self, params: Params) -> Callable[..., Tensor]:
        """The whole body with weights as they were moved: (tokens (B, S), role (B, S), …) -> hidden (B, S, D)."""
        weights = lora.merge(params, self.body)
        body = self._cut("above", 0, self._dtype(weights.values()))
        moved = {name: weight.to(self.device, _float(body)) for name, weight in weights.items()}  # once for many runs
        return partial(self._run, body, moved)

    def _run(self, body: nn.Module, weights: Params, tokens: Tensor, role: Tensor, *more: object) -> Tensor:
        with _SWAPPING if self.scope != HEAD else nullcontext():  # a body that never moves is never swapped
            if not weights:
                with torch.no_grad():
                    return body(tokens, role, *more)
            dtype = _float(body)
            moved = {name: weight.to(tokens.device, dtype) for name, weight in weights.items()}
            mixed = dtype == torch.float32 and in_bfloat16(self.precision, self.device, slopes=True)
            with towards_slopes(moved.values(), tokens.device, mixed):
                return functional_call(body, moved, (tokens, role, *more), strict=False)

    def _chunks(self, text: Text) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Rows of like length together, trimmed to the longest of them."""
        device = self.device
        if (text.role == NUMBER).any():
            raise QuickstudyError("this student reads texts; for given vectors of 512 numbers load 'vectors:512'")
        lengths = (text.role != PADDING).sum(1)
        order = torch.argsort(lengths, stable=True)
        least, most = TOKENS_A_CHUNK.get(device.type, TOKENS_A_CHUNK["cpu"])
        budget = min(most, max(least, int(lengths.sum()) // 8))
        end = len(order)
        while end:  # the longest first: memory peaks at once or never
            longest = max(1, int(lengths[order[end - 1]]))
            start = max(0, end - max(1, budget // longest))
            index = order[start:end]
            yield index, text.tokens[index, :longest].to(device), text.role[index, :longest].to(device)
            end = start

    def _dtype(self, weights: Iterable[Tensor]) -> torch.dtype:
        own = _float(self.body)
        if own != torch.float32 or want_slopes(weights):
            return own
        return torch.bfloat16 if in_bfloat16(self.precision, self.device, slopes=False) else own

    def _cut(self, part: Literal["above", "below"], depth: int, dtype: torch.dtype) -> nn.Module:
        """The body without the layers below (or above) `depth`; weights are shared, made once a precision."""
        key = (part if depth else "above", depth, dtype)
        if key not in self._bodies:
            self._bodies[key] = self._made(part, depth, dtype)
        return self._bodies[key]

    def _made(self, part: str, depth: int, dtype: torch.dtype) -> nn.Module:
        if depth == 0:
            return self.body if dtype == _float(self.body) else copy.deepcopy(self.body).to(dtype)
        whole = self._cut("above", 0, dtype)
        shared = {id(value): value for value in (*whole.parameters(), *whole.buffers())}
        body = copy.deepcopy(whole, shared)
        stack = self._stack(body)
        for place in range(depth) if part == "above" else range(depth, self.height):
            stand_in = Kept if part == "above" and place == 0 else Pass
            stack[place] = stand_in(stack[place], self._survey.returns)
        return body

    def _stack(self, body: nn.Module) -> nn.ModuleList:
        stack = body.get_submodule(self.layers)
        assert isinstance(stack, nn.ModuleList)
        return stack

    def _level(self, name: str) -> int:
        """The layer that a weight of the body belongs to; -1 below the first, `height` above the last."""
        return self._survey.levels[name.removesuffix(".a").removesuffix(".b")]

    def _is_map(self, name: str) -> bool:
        """Whether a weight is a linear map; an embedding of positions inside a layer is none."""
        owner = self.body.get_submodule(name.rpartition(".")[0])
        return self.body.get_parameter(name).ndim == 2 and not isinstance(owner, nn.Embedding)

    @cached_property
    def _survey(self) -> Survey:
        return survey(self.body, self.layers)

    @cached_property
    def _cuts(self) -> bool:
        """Whether the stack runs in two parts; shown by doing it (DeBERTa's convolution and sharded layers do not)."""
        tokens, role = probe(torch.device("cpu"))
        text = Text(tokens, role, torch.tensor([[[[0, tokens.shape[1]]]]]))
        with torch.no_grad():
            whole = self.units({}, text)
            try:
                parts = [self.units({}, text, self.lower({}, text, depth)) for depth in {1, self.height}]
            except (AssertionError, AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError):
                return False
        return all(torch.allclose(part, whole, rtol=1e-3, atol=1e-3 * float(whole.abs().max())) for part in parts)


def _float(body: nn.Module) -> torch.dtype:
    return next(body.parameters()).dtype


def _first(output: Tensor | tuple[Tensor, ...]) -> Tensor:
    return output[0] if isinstance(output, tuple) else output
