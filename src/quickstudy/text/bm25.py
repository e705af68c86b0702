"""BM25: how well candidates match a query by the words that they share (Robertson et al. 1994).

    idf(t) = ln(1 + (N - n_t + 1/2) / (n_t + 1/2))
    score  = sum over the query's terms t of idf(t) f (k1 + 1) / (f + k1 (1 - b + b length / mean length))

with f how often t stands in the candidate; as Lucene has it. Terms are whatever can be compared: words, or tokens.
"""

import unicodedata
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from quickstudy.text.words import words

K1, B = 1.5, 0.75


class BM25:
    """Candidates, ready to be asked for; what is slow is done once."""

    def __init__(self, candidates: Iterable[Sequence[Hashable]], k1: float = K1, b: float = B) -> None:
        counts = [Counter(terms) for terms in candidates]
        self._place: dict[Hashable, int] = {}
        columns = [self._place.setdefault(term, len(self._place)) for count in counts for term in count]
        sizes = np.array([len(count) for count in counts])
        often = np.array([times for count in counts for times in count.values()], dtype=np.float64)
        length = np.array([count.total() for count in counts], dtype=np.float64)
        row = np.repeat(np.arange(len(counts)), sizes)
        holding = np.bincount(np.array(columns, dtype=int), minlength=len(self._place))
        idf = np.log1p((len(counts) - holding + 0.5) / (holding + 0.5))
        norm = k1 * (1 - b + b * length / max(length.mean() if len(length) else 0.0, 1e-9))
        weight = idf[columns] * often * (k1 + 1) / (often + norm[row]) if columns else often
        self._weights = csr_matrix((weight, (row, columns)), shape=(len(counts), len(self._place))).T.tocsr()

    def scores(self, queries: Sequence[Sequence[Hashable]]) -> NDArray[np.float32]:
        """(queries, candidates); a term that a query repeats counts as often. Terms that no candidate has say
        nothing."""
        counts = [Counter(place for term in terms if (place := self._place.get(term)) is not None) for terms in queries]
        columns = [place for count in counts for place in count]
        row = np.repeat(np.arange(len(counts)), [len(count) for count in counts])
        often = [times for count in counts for times in count.values()]
        asked = csr_matrix((often, (row, columns)), shape=(len(counts), len(self._place)), dtype=np.float64)
        return (asked @ self._weights).toarray().astype(np.float32)


def terms(text: str) -> list[str]:
    """Words in lower case, without punctuation; Chinese and Japanese character by character."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return [folded[start:end] for start, end in words(folded) if folded[start].isalnum()]
