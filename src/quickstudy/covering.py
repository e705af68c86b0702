"""Which of many vectors stand best for all of them, by how much each one matters.

`clustered` is weighted k-means with the vector nearest to each centre (as in active learning with weighted clusters:
Zhdanov 2019); `covering` is greedy facility location (Mirzasoleiman et al. 2020; Wei et al. 2015): each step takes the
vector that makes the most weight more like its nearest choice. Both are deterministic. Vectors are of unit length."""

import torch
from torch import Tensor

ROUNDS = 12
"""of k-means"""


def clustered(vectors: Tensor, weight: Tensor, count: int) -> list[int]:
    """The places of `count` of the vectors (n, W), the heaviest cluster's first; `weight` (n,) is positive."""
    count = min(count, len(vectors))
    centres = vectors[_apart(vectors, weight, count)]
    for _ in range(ROUNDS):
        member = (
            torch.nn.functional.one_hot(torch.cdist(vectors, centres).argmin(1), count).to(vectors) * weight[:, None]
        )
        total = member.sum(0)[:, None]
        centres = torch.where(total > 0, member.T @ vectors / total.clamp(min=1e-30), centres)
    distance = torch.cdist(vectors, centres)
    nearest = distance.argmin(1)
    size = torch.zeros(count).to(weight).index_add(0, nearest, weight)
    found = []
    for cluster in size.argsort(descending=True, stable=True).tolist():
        own = (nearest == cluster).nonzero()[:, 0]
        if len(own):
            found.append(int(own[distance[own, cluster].argmin()]))
    return found


def covering(vectors: Tensor, weight: Tensor, known: Tensor, count: int) -> list[int]:
    """The places of `count` of the vectors (n, W), the most useful first, where `known` (m, W) are there already."""
    like = (vectors @ vectors.T).clamp(min=0)  # (n, n)
    best = torch.zeros(len(vectors)).to(vectors)
    if len(known):
        best = (vectors @ known.T).clamp(min=0).max(1).values
    found: list[int] = []
    for _ in range(min(count, len(vectors))):
        gain = weight @ (like - best[:, None]).clamp(min=0)
        gain[found] = -1.0
        found.append(int(gain.argmax()))
        best = torch.maximum(best, like[:, found[-1]])
    return found


def shortlist(weight: Tensor, most: int) -> Tensor:
    """At most `most` places, evenly spaced along the weights (n,) laid end to end: who weighs more stands more
    surely in it. Every place where there are no more than that."""
    if len(weight) <= most:
        return torch.arange(len(weight))
    ends = weight.double().cumsum(0)
    points = (torch.arange(most, dtype=torch.float64) + 0.5) / most * ends[-1]
    return torch.searchsorted(ends, points).clamp(max=len(weight) - 1).unique()


def _apart(vectors: Tensor, weight: Tensor, count: int) -> list[int]:
    """Where k-means starts: the heaviest, then always the one that is heaviest times its squared distance."""
    found = [int(weight.argmax())]
    distance = (vectors - vectors[found[0]]).square().sum(-1)
    while len(found) < count:
        found.append(int((distance * weight).argmax()))
        distance = torch.minimum(distance, (vectors - vectors[found[-1]]).square().sum(-1))
    return found
