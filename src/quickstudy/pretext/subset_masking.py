"""Subset masking: some words are chosen; each stood in one of the sentences, where now a mask stands; which was it?

SMLMT (Bansal et al. 2020, "Self-supervised meta-learning for few-shot natural language classification tasks"). A task
is a set of words, and another set is another task: words are drawn from one part of the corpus, each by the same chance
among words that are about as frequent, and a label is a place in that set. Hard tasks are of words that stand among
like neighbours, which are mostly of the same part of speech and topic.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from quickstudy.core.types import Episode, QuickstudyError
from quickstudy.corpus.store import PART_NAMES
from quickstudy.pretext import words
from quickstudy.pretext.drawn import Drawn, choosing
from quickstudy.pretext.frame import Frame
from quickstudy.pretext.luck import Luck
from quickstudy.pretext.ragged import Ids, Ragged, chosen, gathered, looks, masked
from quickstudy.pretext.sides import Sizes, settled, several

CROWD = 4
"""times `ways`: how many words the hardest tasks choose theirs from"""


class Found(NamedTuple):
    """Sentences in which exactly one of an episode's words stands."""

    words: Ids
    """(ways,) numbers of the words"""
    rows: Ragged
    """the word masked, wherever it stands"""
    place: Ids
    """(B,) where the mask stands first"""
    gold: Ids
    """(B,) which word it was"""
    look: Ids
    document: Ids


@dataclass(frozen=True)
class SubsetMasking:
    """`shots` and `queries` are sentences a word. No sentence and no document is in both support and query."""

    ways: int = 5
    shots: int = 5
    queries: int = 5
    unit: Literal["text", "mask"] = "text"
    """what is judged: the whole sentence, or the masked place in it"""
    bands: tuple[int, ...] = ()
    """frequency bands that words are drawn from; empty: all"""
    near: Literal["context", "embedding"] = "context"
    """what makes words alike: their neighbours in the corpus, or the model's word embeddings"""
    fewest: int = 5
    """tokens that a sentence has beside the mask, at least"""

    def episode(self, frame: Frame, part: int, seed: int, hardness: float = 0.0) -> Episode:
        return self.drawn(frame, part, seed, hardness).episode

    def drawn(self, frame: Frame, part: int, seed: int, hardness: float = 0.0) -> Drawn:
        luck, sizes = Luck("subset_masking", self, part, seed), Sizes(self.ways, self.shots, self.queries)
        pool = self._pool(frame, part, sizes.each)

        def draw(count: int) -> Found:
            return self._found(frame, self._words(frame, part, pool, luck, hardness), count, luck)

        found, sides = settled(frame, part, luck, sizes, draw, "the same words")
        texts = [
            frame.texts(chosen(found.rows, side), found.place[side] if self.unit == "mask" else None) for side in sides
        ]
        golds, documents = ([of[side] for side in sides] for of in (found.gold, found.document))
        classes = [frame.corpus.words[word].word for word in found.words.tolist()]
        return choosing(frame, texts, golds, frame.silent(self.ways), documents, classes)

    def _pool(self, frame: Frame, part: int, least: int) -> words.Pool:
        """The words to choose from. QuickstudyError where there are too few, with what would do."""
        pool = words.pool(frame, part, self.ways, least, self.bands)
        if not pool.bands:
            there = pool.size
            would = f"ask for {there} ways" if there > 1 else f"ask for fewer than {least} sentences a word"
            raise QuickstudyError(
                f"{frame.corpus.folder}: {there} words of the {PART_NAMES[part]} part stand in {least} sentences or "
                f"more{' in these bands' if self.bands else ''}, and {self.ways} are needed; {would}, or give more text"
            )
        return pool

    def _words(self, frame: Frame, part: int, pool: words.Pool, luck: Luck, hardness: float) -> Ids:
        """(ways,) numbers of words that are about as frequent as each other; the harder, the more alike."""
        ends = np.cumsum([len(places) for places in pool.bands])
        band = pool.bands[int(np.searchsorted(ends, luck.below(int(ends[-1])), side="right"))]
        if hardness <= 0:
            return band[luck.some(len(band), self.ways)]
        anchor, others = luck.below(len(band)), len(band) - 1
        count = max(self.ways - 1, round(others ** (1 - hardness) * min(others, CROWD * self.ways) ** hardness))
        close = words.near(frame, part, band, anchor, count, self.near)
        picked = np.append(close[luck.some(len(close), self.ways - 1)], anchor)
        return band[picked[luck.order(self.ways)]]

    def _found(self, frame: Frame, which: Ids, count: int, luck: Luck) -> Found:
        """Up to `count` sentences of each word, without those in which another one stands, too."""
        corpus = frame.corpus
        use, gold = several(luck, corpus.uses[which], corpus.uses[which + 1], count)
        sentence = np.asarray(corpus.use_sentence)[use]
        rows = _windows(frame, sentence, np.asarray(corpus.use_span)[use, 0].astype(np.int64))
        hits = words.places(frame, rows, which.tolist())
        stands = np.logical_or.reduceat(hits, rows.starts, axis=1)  # (ways, B)
        mine = hits[gold[rows.row], np.arange(len(rows.flat))]
        rest = rows.lengths - np.add.reduceat(mine, rows.starts, dtype=np.int64)
        fits = (stands.sum(0) == 1) & stands[gold, np.arange(len(gold))] & (rest >= self.fewest)
        some = np.flatnonzero(fits)
        shown, place = masked(chosen(rows, some), mine[fits[rows.row]], frame.mask)
        return Found(which, shown, place, gold[some], looks(shown), frame.document_of(sentence[some]))


def _windows(frame: Frame, sentence: Ids, place: Ids) -> Ragged:
    """The sentences, or as much of them about a place as a row holds."""
    first, last = (np.asarray(frame.corpus.sentences)[sentence + more] for more in (0, 1))
    begin = np.minimum(first + np.maximum(place - frame.room // 2, 0), np.maximum(last - frame.room, first))
    return gathered(frame.corpus.tokens, begin, np.minimum(last, begin + frame.room))
