"""Search among many vectors for those with the highest inner product with a query.

Vectors are sorted into lists by the nearest of some centres, which k-means finds; a query looks only into the lists
whose centres score highest (an inverted file: Jégou et al. 2011). There it scores vectors by their SHORT first
principal components, and the best SHORTLIST of them by all. So scores are exact, and only what is looked at is not. Of
up to EXACT vectors all are looked at. An index is data, a few tensors, as everything is here that lasts;
`bench/index.py` sets it beside faiss and usearch.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from quickstudy.core.tensors import load_tensors, save_tensors
from quickstudy.core.types import Params, QuickstudyError

EXACT = 20_000
"""vectors up to which there is one list"""
SHORT = 96
SHORTLIST = 2000
SAMPLE = 50
"""vectors a list that k-means sees"""
ROUNDS = 8
_TENSORS = ("vectors", "place", "starts", "centres", "turn")
_FORMAT = "quickstudy.index"
_ROWS = 16_384


class Found(NamedTuple):
    """What was found for B queries, the best first."""

    places: Tensor
    """(B, k) long: numbers of vectors; -1 behind the last where fewer were looked at"""
    scores: Tensor
    """(B, k) inner products; -inf there"""


@dataclass(frozen=True, eq=False)
class Index:
    """N vectors of width W in L lists."""

    vectors: Tensor
    """(N, W), list after list, turned"""
    place: Tensor
    """(N,) the number that each had"""
    starts: Tensor
    """(L + 1,) where each list begins"""
    centres: Tensor
    """(L, W), turned"""
    turn: Tensor
    """(W, W) orthogonal: what turns a vector so that its first columns are the principal components"""
    probes: int = 32
    """lists that a query looks into"""

    def search(self, queries: Tensor, k: int = 10) -> Found:
        """The k best for each of (B, W) queries."""
        if queries.ndim != 2 or queries.shape[1] != self.vectors.shape[1]:
            raise ValueError(f"queries are {tuple(queries.shape)}, and the vectors {tuple(self.vectors.shape)}")
        turned = queries.to(self.vectors) @ self.turn
        k = min(k, len(self.vectors))
        near = (turned @ self.centres.T).topk(min(self.probes, len(self.centres)), dim=-1).indices.tolist()
        starts = self.starts.tolist()
        ranges = [[(starts[n], starts[n + 1]) for n in sorted(own)] for own in near]
        found = [self._best(one, own, k) for one, own in zip(turned, ranges, strict=True)]
        if not found:
            return Found(torch.empty(0, k, dtype=torch.long), torch.empty(0, k))
        return Found(torch.stack([places for places, _ in found]), torch.stack([scores for _, scores in found]))

    def scores(self, query: Tensor, places: Tensor) -> Tensor:
        """(n,) of one query (W,) with the vectors of these numbers (n,)."""
        return self.vectors[self._at[places]] @ (query.to(self.vectors) @ self.turn)

    def _best(self, query: Tensor, ranges: Sequence[tuple[int, int]], k: int) -> tuple[Tensor, Tensor]:
        rows = torch.cat([torch.arange(start, end) for start, end in ranges])
        if len(rows) > max(SHORTLIST, 4 * k):
            short = query[: self._short.shape[1]]
            rough = torch.cat([self._short[start:end] @ short for start, end in ranges])
            rows = rows[rough.topk(max(SHORTLIST, 4 * k)).indices]
        best, order = (self.vectors[rows] @ query).topk(min(k, len(rows)))
        missing = k - len(order)
        if missing:
            best = torch.cat([best, best.new_full((missing,), -math.inf)])
        return torch.cat([self.place[rows[order]], rows.new_full((missing,), -1)]), best

    @cached_property
    def _short(self) -> Tensor:
        return self.vectors[:, :SHORT].contiguous()

    @cached_property
    def _at(self) -> Tensor:
        """(N,) the row of each number."""
        found = torch.empty_like(self.place)
        found[self.place] = torch.arange(len(found))
        return found

    def tuned(self, queries: Tensor, k: int = 10, recall: float = 0.95) -> "Index":
        """The same with as few probes as find `recall` of the k best of some queries, a few dozen, like those to
        come."""
        turned = queries.to(self.vectors) @ self.turn
        best = [(self.vectors @ one).topk(min(k, len(self.vectors))).indices for one in turned]
        exact = [set(self.place[one].tolist()) for one in best]
        probes = 1
        while True:
            tried = replace(self, probes=probes)
            found = tried.search(queries, k).places.tolist()
            hits = sum(len(own & set(got)) for own, got in zip(exact, found, strict=True))
            if probes >= len(self.centres) or hits >= recall * sum(map(len, exact)):
                return tried
            probes = min(len(self.centres), 2 * probes)

    def save(self, path: str | Path) -> None:
        save_tensors(path, self.tensors(), {"format": _FORMAT, "probes": str(self.probes)})

    def tensors(self) -> Params:
        return {name: getattr(self, name) for name in _TENSORS}


def build(vectors: Tensor, lists: int = 0, seed: int = 0) -> Index:
    """An index over (N, W). `lists`: 0 for about the root of N. Takes N x lists x W multiplications twice; the same
    arguments give the same index on the same machine."""
    if vectors.ndim != 2 or not len(vectors):
        raise ValueError(f"{tuple(vectors.shape)} vectors cannot be indexed")
    vectors = vectors.detach().float().contiguous()
    lists = lists or (1 if len(vectors) <= EXACT else 2 ** round(math.log2(math.sqrt(len(vectors)))))
    if lists == 1:
        whole = torch.tensor([0, len(vectors)])
        same = torch.eye(vectors.shape[1])
        return Index(vectors, torch.arange(len(vectors)), whole, vectors.mean(0, keepdim=True), same, 1)
    rng = torch.Generator().manual_seed(seed)
    some = vectors[torch.randperm(len(vectors), generator=rng)[: SAMPLE * lists]]
    turn = torch.linalg.eigh(some.T @ some).eigenvectors.flip(1).contiguous()
    centres = _centres(some, lists, rng)
    home = _nearest(vectors, centres)
    order = home.argsort(stable=True)
    starts = torch.cat([torch.zeros(1, dtype=torch.long), torch.bincount(home, minlength=lists).cumsum(0)])
    turned = torch.cat([vectors[part] @ turn for part in order.split(_ROWS)])
    return Index(turned, order, starts, centres @ turn, turn)


def load(path: str | Path) -> Index:
    """What `save` wrote. QuickstudyError where the file is missing, damaged or something else."""
    tensors, about = load_tensors(path)
    probes = about.get("probes", "")
    if about.get("format") != _FORMAT or not (probes.isascii() and probes.isdigit() and 0 < len(probes) < 10):
        raise QuickstudyError(f"{path} holds no index; name a file that Index.save wrote")
    return checked(tensors, int(probes), path)


def checked(tensors: Params, probes: int, path: str | Path) -> Index:
    """The index of these tensors, which came out of a file."""
    try:
        vectors, place, starts, centres, turn = (tensors[name] for name in _TENSORS)
    except KeyError as missing:
        raise QuickstudyError(f"{path} holds no whole index: {missing} is not there; build it anew") from None
    whole = (
        vectors.ndim == 2
        and vectors.is_floating_point()
        and bool(vectors.isfinite().all())
        and place.dtype == starts.dtype == torch.long
        and place.shape == vectors.shape[:1]
        and bool((place.sort().values == torch.arange(len(vectors))).all())
        and starts.shape == (len(centres) + 1,)
        and centres.dtype == turn.dtype == vectors.dtype
        and centres.ndim == 2
        and turn.shape == (vectors.shape[1], vectors.shape[1])
        and centres.shape[1:] == vectors.shape[1:]
        and int(starts[0]) == 0
        and int(starts[-1]) == len(vectors)
        and bool((starts.diff() >= 0).all())
        and probes > 0
    )
    if not whole:
        raise QuickstudyError(f"{path} holds an index whose parts do not fit together; build it anew")
    return Index(vectors, place, starts, centres, turn, probes)


def _centres(some: Tensor, lists: int, rng: torch.Generator) -> Tensor:
    """(lists, W) by k-means; a centre that loses all its vectors moves onto one of them."""
    centres = some[torch.randperm(len(some), generator=rng)[:lists]].clone()
    for _ in range(ROUNDS):
        home = _nearest(some, centres)
        count = torch.bincount(home, minlength=lists)
        total = torch.zeros_like(centres).index_add_(0, home, some)
        centres = total / count.clamp(min=1)[:, None].to(total)
        empty = (count == 0).nonzero().flatten()
        centres[empty] = some[torch.randint(len(some), (len(empty),), generator=rng)]
    return centres


def _nearest(vectors: Tensor, centres: Tensor) -> Tensor:
    """(N,) the centre that is nearest to each vector."""
    half = centres.square().sum(-1) / 2
    return torch.cat([(part @ centres.T - half).argmax(-1) for part in vectors.split(_ROWS)])
