"""Rows that a model goes on writing, one token after the other, from what it has read."""

from collections.abc import Callable
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from quickstudy.core.types import PADDING, WRITTEN

WORTH = 16
"""tokens that rows have in common, from which on they are read apart"""
Run = Callable[..., Tensor]
"""(tokens (B, S), role (B, S)) -> hidden (B, S, D); with a cache also (past, sees (B, S, T), place (B, S))"""


class ReadingOn(Protocol):
    """n rows; hidden states (n, D) of what stands last in each."""

    def more(self, tokens: Tensor) -> Tensor:
        """Behind one more token (n,) each."""

    def select(self, index: Tensor) -> None:
        """Goes on with the rows that `index` names, some perhaps twice."""


def begun(
    run: Run, tokens: Tensor, role: Tensor, cache: Callable[[], Any] | None, common: int = 0
) -> tuple[ReadingOn, Tensor]:
    """The rows (n, S), all GIVEN, and the hidden states (n, D) of their last tokens. The first `common` tokens, the
    same in all rows, are read once; only a model whose tokens see none behind them may be asked for that."""
    last = (role != PADDING).sum(1) - 1
    past = None if cache is None else cache()
    if past is None:
        hidden = run(tokens, role)
    elif common:
        hidden = _behind(run, tokens, role, past, common)
    else:
        hidden = run(tokens, role, past)
    found = hidden[torch.arange(len(last), device=last.device), last - common]
    return (Again(run, tokens, role) if past is None else Cached(run, past, role)), found


def in_common(tokens: Tensor, role: Tensor) -> int:
    """How many tokens all rows begin with, one less than the shortest row at most; 0 where they are few."""
    shortest = int((role != PADDING).sum(1).min()) if len(tokens) > 1 else 0
    same = (tokens[:, : max(0, shortest - 1)] == tokens[:1, : max(0, shortest - 1)]).all(0)
    found = int(same.long().cumprod(0).sum())
    return found if found >= WORTH else 0


def _behind(run: Run, tokens: Tensor, role: Tensor, past: Any, common: int) -> Tensor:
    """Hidden states (n, S - common, D) behind what was read once."""
    run(tokens[:1, :common], role[:1, :common], past)
    past.batch_select_indices(torch.zeros(len(tokens), dtype=torch.long, device=tokens.device))
    place = torch.arange(tokens.shape[1], device=tokens.device)
    sees = (place[common:, None] >= place) & (role != PADDING)[:, None]
    return run(tokens[:, common:], role[:, common:], past, sees, place[common:].expand(len(tokens), -1))


class Cached:
    """Keys and values of what was read are kept."""

    def __init__(self, run: Run, past: Any, role: Tensor) -> None:
        self._run, self._past = run, past
        self._sees = role != PADDING
        self._place = self._sees.sum(1)

    def more(self, tokens: Tensor) -> Tensor:
        self._sees = F.pad(self._sees, (0, 1), value=True)
        role = torch.full_like(tokens, WRITTEN, dtype=torch.uint8)[:, None]
        hidden = self._run(tokens[:, None], role, self._past, self._sees[:, None], self._place[:, None])
        self._place = self._place + 1
        return hidden[:, 0]

    def select(self, index: Tensor) -> None:
        self._past.batch_select_indices(index)
        self._sees, self._place = self._sees[index], self._place[index]


class Again:
    """Rows are read from their beginning for each token: for a model that takes no cache."""

    def __init__(self, run: Run, tokens: Tensor, role: Tensor) -> None:
        self._run, self._tokens, self._role = run, tokens, role

    def more(self, tokens: Tensor) -> Tensor:
        row, last = torch.arange(len(tokens), device=tokens.device), (self._role != PADDING).sum(1)
        self._tokens, self._role = F.pad(self._tokens, (0, 1)), F.pad(self._role, (0, 1))
        self._tokens[row, last], self._role[row, last] = tokens, WRITTEN
        return self._run(self._tokens, self._role)[row, last]

    def select(self, index: Tensor) -> None:
        self._tokens, self._role = self._tokens[index], self._role[index]
