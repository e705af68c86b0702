"""The log-probabilities of written tokens under a decoder; what rows begin with in common is read once.

Where the body takes a key/value cache, the tokens that all rows begin with are read into it, and what is left of the
rows is read from there, packed into one long row: every token sees those before it in a row of its own, and rows share
what they have in common before they write (a tree of tokens, as in SpecInfer, Miao et al. 2024). So a context costs
once what it is long, a query is read once for all its classes, and no keys and values are copied for each class.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from quickstudy.backbones.chunks import widened
from quickstudy.core.types import GIVEN, PADDING, WRITTEN, Text

Run = Callable[..., Tensor]
"""(tokens (B, S), role (B, S)) -> hidden (B, S, D); in packs also (past, sees (S, T) bool, place (1, S))"""
Chunks = Iterator[tuple[Tensor, Tensor, Tensor]]
"""(rows, their tokens, their roles)"""
TOKENS_A_PACK = {"cpu": 512, "cuda": 8192}


def whole(run: Run, output: Tensor, text: Text, chunks: Chunks) -> Tensor:
    """(B, S): every row is read from its beginning."""
    found = []
    for index, tokens, role in chunks:
        hidden = widened(run(tokens, role))
        row, place = (role[:, 1:] == WRITTEN).nonzero(as_tuple=True)
        value = _likelihood(hidden.flatten(0, 1), row * role.shape[1] + place, tokens[row, place + 1], output)
        found.append((index.to(row.device)[row], place + 1, value))
    return _placed(found, text, output)


def packed(run: Run, output: Tensor, text: Text, past: Any, device: torch.device) -> Tensor:
    """(B, S): what rows have in common is read once. A row is given, then written."""
    common, branches = _branches(text)
    if common:
        shared = text.tokens[:1, :common].to(device)
        run(shared, torch.full_like(shared, GIVEN), past)
    found = []
    for twigs in _packs(text, common, branches, TOKENS_A_PACK.get(device.type, TOKENS_A_PACK["cpu"])):
        pack = _pack(text, common, twigs)
        tokens = pack.tokens[None].to(device)
        sees = F.pad(pack.sees, (common, 0), value=True).to(device)
        hidden = widened(run(tokens, torch.full_like(tokens, GIVEN), past, sees, pack.place[None].to(device))[0])
        past.crop(-len(pack.tokens))
        before, written = pack.before.to(device), pack.written.to(device)
        value = _likelihood(hidden, before, tokens[0, written], output)
        found.append((pack.row[written].to(device), pack.place[written].to(device), value))
    return _placed(found, text, output)


class Branch(NamedTuple):
    """Rows that are alike until they write."""

    start: int
    """where they begin to write"""
    rows: list[int]


class Pack(NamedTuple):
    """What some rows have not in common with all others, behind each other: n tokens, m of them written."""

    tokens: Tensor
    """(n,)"""
    row: Tensor
    """(n,)"""
    place: Tensor
    """(n,) in its row"""
    sees: Tensor
    """(n, n) bool"""
    written: Tensor
    """(m,) of the n"""
    before: Tensor
    """(m,) of the n: what stands before each that is written"""


def _branches(text: Text) -> tuple[int, list[Branch]]:
    """How many tokens all rows have in common, one less than the shortest beginning at most; and the branches."""
    writes = text.role == WRITTEN
    start = torch.where(writes.any(1), writes.int().argmax(1), (text.role != PADDING).sum(1)).tolist()
    found: dict[bytes, Branch] = {}
    tokens = text.tokens.numpy()
    for row, first in enumerate(start):
        found.setdefault(tokens[row, :first].tobytes(), Branch(first, [])).rows.append(row)
    branches = list(found.values())
    most = max(0, min((branch.start for branch in branches), default=0) - 1)
    heads = text.tokens[[branch.rows[0] for branch in branches], :most]
    return int((heads == heads[:1]).all(0).long().cumprod(0).sum()), branches


def _packs(text: Text, common: int, branches: list[Branch], budget: int) -> Iterator[list[Branch]]:
    """As many rows as fit, by their branches; a branch of very many rows is spread over several packs."""
    length = (text.role != PADDING).sum(1).tolist()
    group: list[Branch] = []
    size = 0
    for branch in branches:
        for first, row in enumerate(branch.rows):
            trunk, twig = branch.start - common, length[row] - branch.start
            opens = first == 0 or not group
            if group and size + twig + trunk * opens > budget:
                yield group
                group, size, opens = [], 0, True
            if opens:
                group.append(Branch(branch.start, []))
                size += trunk
            group[-1].rows.append(row)
            size += twig
    if group:
        yield group


def _pack(text: Text, common: int, branches: list[Branch]) -> Pack:
    length = (text.role != PADDING).sum(1)
    runs = []  # of tokens: (row, from, to, branch, twig), where twig 0 is what the rows of a branch share
    for number, branch in enumerate(branches):
        runs.append((branch.rows[0], common, branch.start, number, 0))
        runs += [(row, branch.start, int(length[row]), number, 1 + twig) for twig, row in enumerate(branch.rows)]
    count = torch.tensor([to - start for _, start, to, _, _ in runs])
    row, first, _, branch_, twig_ = (part.repeat_interleave(count) for part in torch.tensor(runs).unbind(1))
    begins = (count.cumsum(0) - count).repeat_interleave(count)
    place = torch.arange(len(row)) - begins + first
    own = (twig_[:, None] == twig_) | (twig_ == 0)
    sees = (branch_[:, None] == branch_) & own & (place[:, None] >= place)
    written = ((text.role[row, place] == WRITTEN) & (place > 0)).nonzero()[:, 0]
    before = torch.where(place[written] > first[written], written - 1, _ends(branch_, twig_)[written])
    return Pack(text.tokens[row, place], row, place, sees, written, before)


def _ends(branch: Tensor, twig: Tensor) -> Tensor:
    """(n,) the last token that its branch shares."""
    shared = torch.where(twig == 0, torch.arange(len(twig)), -1)
    last = torch.full((int(branch.max()) + 1,), -1).scatter_reduce(0, branch, shared, "amax")
    return last[branch]


def _likelihood(hidden: Tensor, before: Tensor, said: Tensor, output: Tensor) -> Tensor:
    """(m,) log-probabilities of the tokens `said` behind the hidden states (n, D) number `before`."""
    which, back = before.unique(return_inverse=True)
    logits = hidden[which] @ output.to(hidden).T
    return logits[back, said] - logits.logsumexp(-1)[back]


def _placed(found: list[tuple[Tensor, Tensor, Tensor]], text: Text, output: Tensor) -> Tensor:
    """(B, S) of (rows, columns, values); zeros elsewhere; where the text lies."""
    if not found:
        return torch.zeros(text.tokens.shape, dtype=output.dtype)
    row, column, value = (torch.cat(parts).to(text.tokens.device) for parts in zip(*found, strict=True))
    return torch.zeros(text.tokens.shape, dtype=value.dtype).index_put((row, column), value)
