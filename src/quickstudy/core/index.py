"""Search among many vectors for those with the highest inner product with a query.

Of up to EXACT vectors all are looked at. More are sorted by faiss (https://faiss.ai) into lists by the nearest of some
centres, in 8 bits a number; a query looks into the lists whose centres score highest (an inverted file: Jégou et al.
2011), and the best there are scored exactly. An index is not kept: the vectors are, and it is built from them.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from quickstudy.core.types import QuickstudyError

EXACT = 20_000
_SURPLUS = 4  # times as many as are asked for are scored anew


class Found(NamedTuple):
    """What was found for B queries, the best first; -1 and -inf behind the last where fewer were looked at."""

    places: Tensor  # (B, k) long: numbers of vectors
    scores: Tensor  # (B, k) inner products


@dataclass(frozen=True, eq=False)
class Index:
    """N vectors (N, W), faiss's lists of them (None: all are looked at), and how many of these a query looks into."""

    vectors: Tensor
    lists: Any = None
    probes: int = 1

    def search(self, queries: Tensor, k: int = 10) -> Found:
        """The k best, or all N where there are fewer, for each of (B, W) queries."""
        queries, k = queries.detach().to(self.vectors), min(k, len(self.vectors))
        if self.lists is None:
            return Found(*reversed((queries @ self.vectors.T).topk(k)))
        self.lists.nprobe = self.probes
        near = torch.from_numpy(self.lists.search(queries.numpy(), min(_SURPLUS * k, len(self.vectors)))[1])
        scores = torch.empty(near.shape)
        for row, query in enumerate(queries):
            scores[row] = self.scores(query, near[row])
        best, order = scores.masked_fill(near < 0, -math.inf).topk(k)
        return Found(near.gather(1, order), best)

    def scores(self, query: Tensor, places: Tensor) -> Tensor:
        """(n,) of one query (W,) with the vectors of these numbers (n,)."""
        return self.vectors[places] @ query.to(self.vectors)


def build(vectors: Tensor, lists: int = 0) -> Index:
    """An index over (N, W), the same for the same arguments. `lists`: 0 for about the root of N, or none of up to
    EXACT. A query looks into a quarter of them, or as many as `dataclasses.replace(index, probes=…)` says.

    Errors: QuickstudyError without faiss."""
    vectors = vectors.detach().float().cpu().contiguous()
    if not lists and len(vectors) <= EXACT:
        return Index(vectors)
    try:
        import faiss
    except ImportError:
        raise QuickstudyError(f"over {EXACT:,} candidates take faiss; run: pip install 'quickstudy[index]'") from None
    lists = lists or 2 ** round(math.log2(len(vectors)) / 2)
    made: Any = faiss.index_factory(vectors.shape[1], f"IVF{lists},SQ8", faiss.METRIC_INNER_PRODUCT)
    made.cp.min_points_per_centroid, made.cp.max_points_per_centroid = 1, 50
    made.train(vectors.numpy())
    made.add(vectors.numpy())
    return Index(vectors, made, max(1, lists // 4))
