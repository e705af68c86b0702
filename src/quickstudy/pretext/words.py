"""The words of one part of a corpus: which may be classes, what they look like in token ids, and which are alike."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quickstudy.core.types import QuickstudyError
from quickstudy.pretext.frame import Frame
from quickstudy.pretext.ragged import Ids, Ragged, chosen, gathered, looks, standing

WIDE = 0x2E80
"""From this code point on scripts write words without spaces: a word may stand inside a longer token."""
LOOKED_AT = 48
"""uses of a word that its likeness to others is taken from"""
SKETCH = 128
"""numbers that sum up a word's neighbours"""


class Pool(NamedTuple):
    """Words that have enough uses."""

    size: int
    """how many there are"""
    bands: tuple[Ids, ...]
    """numbers of words of the corpus that are about equally frequent, enough for an episode each"""


def pool(frame: Frame, part: int, ways: int, uses: int, wanted: tuple[int, ...] = ()) -> Pool:
    """The words of a part with at least so many uses. Bands with fewer than `ways` of them are joined to the next more
    frequent one. `wanted`: bands that may be drawn from; empty: all."""
    key = "pool", part, ways, uses, wanted
    if key not in frame.memo:
        corpus = frame.corpus
        number = corpus.words_of(part)
        number = number[np.diff(corpus.uses)[number] >= uses]
        band = np.array([corpus.words[each].band for each in number.tolist()], dtype=np.int64)
        if wanted:
            number, band = number[np.isin(band, wanted)], band[np.isin(band, wanted)]
        frame.memo[key] = Pool(len(number), tuple(number[places] for places in _banded(band, ways)))
    return frame.memo[key]


def _banded(band: Ids, ways: int) -> tuple[Ids, ...]:
    order, found, open_ = np.argsort(band, kind="stable"), [], np.empty(0, dtype=np.int64)
    for each in np.unique(band).tolist():
        open_ = np.concatenate([open_, order[band[order] == each]])
        if len(open_) >= ways:
            found.append(open_)
            open_ = np.empty(0, dtype=np.int64)
    if found and len(open_):
        found[-1] = np.concatenate([found[-1], open_])
    return tuple(np.sort(places) for places in found)


def forms(frame: Frame, word: int) -> tuple[tuple[int, ...], ...]:
    """Every row of token ids that the word stands as: where it is used, and as the tokenizer has it with a capital
    and without, behind a space and without. Of a script without spaces also each token that holds it."""
    key = "forms", word
    if key not in frame.memo:
        corpus = frame.corpus
        some = slice(int(corpus.uses[word]), int(corpus.uses[word + 1]))
        begin = corpus.sentences[corpus.use_sentence[some]]
        span = corpus.use_span[some].astype(np.int64)
        said = gathered(corpus.tokens, begin + span[:, 0], begin + span[:, 1])
        used = chosen(said, np.unique(looks(said), return_index=True)[1]).lists()
        name = corpus.words[word].word
        cases = dict.fromkeys((name, name.capitalize(), name.upper()))
        made = [frame.ids(lead + each) for each in cases for lead in ("", " ")]
        inside = _holding(frame, name) if ord(name[0]) >= WIDE else []
        frame.memo[key] = tuple(sorted({tuple(ids) for ids in (*used, *made, *inside) if ids}))
    return frame.memo[key]


def places(frame: Frame, rows: Ragged, words: Sequence[int]) -> NDArray[np.bool_]:
    """(words, tokens) where each word stands."""
    return np.stack([standing(rows, forms(frame, word)) for word in words])


def near(frame: Frame, part: int, among: Ids, anchor: int, count: int, by: str) -> Ids:
    """The places in `among` (words of one band of a pool) of the `count` words that are most like word
    `among[anchor]`, itself left out."""
    key = "near", by, id(among)  # a pool lasts as long as the memo
    if key not in frame.memo:
        table, row = likeness(frame, part, by)
        frame.memo[key] = table[row[among]]
    table = frame.memo[key]
    like = table @ table[anchor]
    like[anchor] = -np.inf
    count = min(count, len(among) - 1)
    return np.sort(np.argpartition(-like, count - 1)[:count])


def likeness(frame: Frame, part: int, by: str) -> tuple[NDArray[np.float32], Ids]:
    """(n, d) unit vectors of a part's words, and which row is each word's of the corpus; words are alike whose
    vectors are near."""
    key = "likeness", part, by
    if key not in frame.memo:
        words = frame.corpus.words_of(part)
        table = _embedded(frame, words) if by == "embedding" else _sketched(frame, words)
        table = table - table.mean(0)
        table /= np.maximum(np.linalg.norm(table, axis=1, keepdims=True), 1e-9)
        row = np.full(len(frame.corpus.words), -1, dtype=np.int64)
        row[words] = np.arange(len(words))
        frame.memo[key] = table.astype(np.float32), row
    return frame.memo[key]


def _sketched(frame: Frame, words: Ids) -> NDArray[np.floating]:
    """What stands before and behind the words' uses, counted into few numbers by a random sign each (count sketch,
    Charikar et al. 2002): words of one part of speech and one topic have like neighbours."""
    corpus = frame.corpus
    begin = np.asarray(corpus.uses)[words]
    each = np.minimum(np.asarray(corpus.uses)[words + 1] - begin, LOOKED_AT)
    use = np.arange(int(each.sum())) + np.repeat(begin - (np.cumsum(each) - each), each)
    owner = np.repeat(np.arange(len(words)), each)
    sentence = corpus.use_sentence[use]
    first, last = corpus.sentences[sentence], corpus.sentences[sentence + 1]
    span = corpus.use_span[use].astype(np.int64)
    table = np.zeros(len(words) * SKETCH)
    for side, at in enumerate((first + span[:, 0] - 1, first + span[:, 1])):
        there = (at >= first) & (at < last)
        token = corpus.tokens[at[there]].astype(np.uint64) * np.uint64(2) + np.uint64(side)
        mixed = (token + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        bucket, sign = (
            (mixed >> np.uint64(40)) % np.uint64(SKETCH),
            1.0 - 2.0 * ((mixed >> np.uint64(33)) & np.uint64(1)),
        )
        place = owner[there] * SKETCH + bucket.astype(np.int64)
        table += np.bincount(place, weights=sign, minlength=len(table))
    return np.sign(table).reshape(-1, SKETCH) * np.sqrt(np.abs(table)).reshape(-1, SKETCH)


def _embedded(frame: Frame, words: Ids) -> NDArray[np.floating]:
    """The mean of the embeddings of the tokens that each word stands as in its first use."""
    if frame.vectors is None:
        raise QuickstudyError(
            'near = "embedding" needs the word embeddings of a model, and none were given; give the frame some, or say '
            'near = "context"'
        )
    corpus = frame.corpus
    use = np.asarray(corpus.uses)[words]
    begin = corpus.sentences[corpus.use_sentence[use]]
    span = corpus.use_span[use].astype(np.int64)
    rows = gathered(corpus.tokens, begin + span[:, 0], begin + span[:, 1])
    return np.add.reduceat(frame.vectors[rows.flat].astype(np.float64), rows.starts, axis=0) / rows.lengths[:, None]


def _holding(frame: Frame, word: str) -> list[tuple[int, ...]]:
    """The single tokens in whose text the word stands."""
    if "vocabulary" not in frame.memo:
        size = frame.tokenizer.get_vocab_size()
        said = {token: frame.tokenizer.decode([token]).replace("\n", " ") for token in range(size)}
        wide = {token: text for token, text in said.items() if any(ord(each) >= WIDE for each in text)}
        ends = np.cumsum([len(text) + 1 for text in wide.values()])
        frame.memo["vocabulary"] = "\n".join(wide.values()), ends, list(wide)
    text, ends, tokens = frame.memo["vocabulary"]
    found: list[tuple[int, ...]] = []
    at = text.find(word)
    while at >= 0:
        found.append((tokens[int(np.searchsorted(ends, at, side="right"))],))
        at = text.find(word, at + 1)
    return found
