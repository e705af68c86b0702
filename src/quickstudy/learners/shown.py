"""Examples of writing, put before the text that is asked: each a row as it was learned from, one behind the other."""

from typing import NamedTuple

import torch
from torch import Tensor

from quickstudy.core.types import GIVEN, PADDING, Adapted, Batch, Text


class Shown(NamedTuple):
    """Tokens of examples, and where each begins."""

    tokens: Tensor
    starts: Tensor


def shown(support: Batch, room: int) -> tuple[Shown, int]:
    """As many examples as fit into `room` tokens, the first ones first; and how many do."""
    rows = [tokens[role != PADDING] for tokens, role in zip(support.text.tokens, support.text.role, strict=True)]
    fit: list[Tensor] = []
    starts = []
    length = 0
    for row in rows:
        if length + len(row) <= room:
            starts.append(length)
            fit.append(row)
            length += len(row)
    tokens = torch.cat(fit) if fit else torch.zeros(0, dtype=torch.long)
    return Shown(tokens, torch.tensor(starts, dtype=torch.long)), len(fit)


def of(adapted: Adapted) -> Shown:
    """From what adaptation made."""
    return Shown(adapted["context.tokens"], adapted["context.starts"])


def behind(examples: Shown, text: Text, limit: int) -> Text:
    """The rows behind the examples, of which the first are left out where a row would be longer than `limit`."""
    longest = int((text.role != PADDING).sum(1).max()) if len(text.tokens) else 0
    room = limit - longest
    kept = [int(start) for start in examples.starts if len(examples.tokens) - int(start) <= room]
    before = examples.tokens[min(kept) :] if kept else examples.tokens[:0]
    count = len(text.tokens)
    there = (text.spans[..., 1:] > text.spans[..., :1]).to(text.spans)
    return Text(
        torch.cat([before.expand(count, -1), text.tokens], 1),
        torch.cat([torch.full((count, len(before)), GIVEN, dtype=text.role.dtype), text.role], 1),
        text.spans + len(before) * there,
    )
