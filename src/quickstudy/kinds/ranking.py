"""How good a ranking is, for one query with one right candidate or several.

`ranked` holds candidates from best to worst, `right` those that answer the query. Equal to ranx's recall@k, mrr and
ndcg@k (binary relevance), which a test checks.
"""

import math
from collections.abc import Collection, Sequence


def recall(ranked: Sequence[str], right: Collection[str], most: int) -> float:
    """The share of the right candidates that stand among the first `most`."""
    return sum(one in right for one in ranked[:most]) / len(right)


def reciprocal_rank(ranked: Sequence[str], right: Collection[str]) -> float:
    """1 / the place of the first right candidate, counted from 1; 0 where none is ranked."""
    return next((1 / place for place, one in enumerate(ranked, start=1) if one in right), 0.0)


def ndcg(ranked: Sequence[str], right: Collection[str], most: int) -> float:
    """Discounted gain over the best there could be (Järvelin & Kekäläinen 2002), gains 0 or 1, over the first
    `most`."""
    gain = sum(1 / math.log2(place + 2) for place, one in enumerate(ranked[:most]) if one in right)
    return gain / sum(1 / math.log2(place + 2) for place in range(min(len(right), most)))
