"""From hidden states to units: pool each part of a unit, then join the parts."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Pooling = Literal["mean", "first", "last"]


def pool(hidden: Tensor, spans: Tensor, how: Pooling, normalise: bool) -> Tensor:
    """(B, S, D) hidden states and (B, U, P, 2) spans -> (B, U, P, D); an empty span gives zeros."""
    start, end = spans.unbind(-1)
    if how == "mean":
        place = torch.arange(hidden.shape[1], device=hidden.device)
        inside = (place >= start[..., None]) & (place < end[..., None])  # (B, U, P, S)
        total = torch.einsum("bups,bsd->bupd", inside.to(hidden.dtype), hidden)
        found = total / (end - start).clamp(min=1)[..., None]
    else:
        at = start if how == "first" else (end - 1).clamp(min=0)
        row = torch.arange(len(hidden), device=hidden.device)[:, None, None]
        found = hidden[row, at.clamp(max=hidden.shape[1] - 1)] * (end > start)[..., None]
    if not normalise:
        return found
    there = (end > start)[..., None]  # a second derivative of the length of zeros is no number
    return F.normalize(torch.where(there, found, 1.0), dim=-1) * there


def join(parts: Tensor) -> Tensor:
    """(B, U, P, D) -> (B, U, W): itself for one part (W = D); mean, difference, its size, and likeness for two
    (W = 3 D + 1); three side by side (W = 3 D), whose first is what names are compared with.

    The difference keeps the order that a relation needs, its size tells two alike texts from two unlike ones
    (after InferSent, Conneau et al. 2017), and the cosine says so in one number that a few examples suffice to
    weigh. A class name, whose two parts are the same text, becomes (name, 0, 0, LIKENESS / 2): names stay comparable
    with units of any number of parts.
    """
    if parts.shape[2] == 1:
        return parts[:, :, 0]
    if parts.shape[2] == 3:
        return parts.flatten(2)
    if parts.shape[2] != 2:
        raise ValueError(f"a unit joins one part, two or three, not {parts.shape[2]}")
    first, second = parts.unbind(2)
    said = (parts.detach() != 0).any(-1).any(-1, keepdim=True)  # nothing there stays nothing
    likeness = LIKENESS * (F.cosine_similarity(first, second, dim=-1)[..., None] - 0.5) * said
    return torch.cat([(first + second) / 2, first - second, (first - second).abs(), likeness], dim=-1)


def joined_width(width: int, parts: int) -> int:
    """W of units of so many parts."""
    return {1: width, 2: 3 * width + 1, 3: 3 * width}[parts]


LIKENESS = 8.0
"""How much longer the cosine's axis is than the others, since one number stands against 3 D; it is counted from one
half, which leaves it small enough for gradient descent."""
