"""A corpus as a model wants to read it: rows made straight out of token ids, a whole batch at once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from quickstudy.core.types import APART, GIVEN, IGNORE, MASKED, PADDING, WIDTH_STEP, WRITTEN, QuickstudyError, Text
from quickstudy.corpus.store import Corpus
from quickstudy.pretext.ragged import Ids, Ragged, cut, gathered, joined, padded, ragged
from quickstudy.text import frames
from quickstudy.text.reader import Reader

MASKS = ("[MASK]", "<mask>", "[mask]", "<unk>", "[UNK]", "<|endoftext|>", "<s>", "</s>")
"""what may stand for hidden words, the best first"""
STRIDE = 1024
SPACE = "▁"
"""what stands for a space in the pieces of some tokenizers, not all of which take it back"""


@dataclass(frozen=True, eq=False)
class Frame:
    """Where a name says rows, they are `Ragged` token ids without anything around them; each is cut to fit."""

    corpus: Corpus
    reader: Reader
    vectors: NDArray[np.floating] | None = None
    """(V, D) the model's word embeddings, for tasks that look for near words by them"""
    memo: dict[Any, Any] = field(default_factory=dict, repr=False)
    """what tasks have worked out of the corpus and will want again"""

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """Cuts nothing, puts nothing around a text, and takes no mark in a text for one."""
        return self.writing.tokenizer

    @cached_property
    def writing(self) -> frames.Frame:
        """What stands around rows that are written."""
        return frames.framed(self.reader)

    @cached_property
    def around(self) -> tuple[Ids, Ids]:
        """The tokens before each text, the prompt's included, and behind it."""
        first, last = frames.around(self.tokenizer)
        prompt = self.ids(self.reader.prompt.strip())
        return np.array([*first, *prompt], dtype=np.int64), np.array(last, dtype=np.int64)

    @cached_property
    def mask(self) -> int:
        """The token that stands for a hidden word. QuickstudyError where the tokenizer has none that could."""
        for name in MASKS:
            if (found := self.tokenizer.token_to_id(name)) is not None:
                return found
        raise QuickstudyError(
            "the model's tokenizer has neither a mask nor an unknown token that could stand for a hidden word; name "
            "another model"
        )

    @cached_property
    def specials(self) -> Ids:
        """The ids of marks, which no text holds."""
        return np.array(sorted(self.tokenizer.get_added_tokens_decoder()), dtype=np.int64)

    @property
    def room(self) -> int:
        """Tokens of a text that a row holds."""
        return max(1, self.reader.limit - sum(map(len, self.around)))

    def sentences(self, which: Ids) -> Ragged:
        """Rows, one a sentence."""
        return gathered(self.corpus.tokens, self.corpus.sentences[which], self.corpus.sentences[which + 1])

    @cached_property
    def between(self) -> Ids:
        """What stands between two sentences of a text: a line's end, where else their words would run together."""
        joined = self.tokenizer.decode([*self.ids("one"), *self.ids("two")])
        return np.array(self.ids("\n") if "onetwo" in joined else [], dtype=np.int64)

    def document_of(self, sentences: Ids) -> Ids:
        """(B,) the document that each sentence stands in: a search in two steps, of which the first stays in a small
        table, so that it costs hardly more in a large corpus."""
        documents = self.corpus.documents
        low = (np.searchsorted(self._every, sentences, side="right") - 1) * STRIDE
        high = np.minimum(low + STRIDE, len(documents) - 1)
        for _ in range(STRIDE.bit_length()):
            middle = (low + high) // 2
            behind = np.asarray(documents)[middle] <= sentences
            low, high = np.where(behind, middle, low), np.where(behind, high, middle)
        return low

    @cached_property
    def _every(self) -> Ids:
        """Where every so many documents begin."""
        return np.array(np.asarray(self.corpus.documents)[:-1:STRIDE])

    def runs(self, begin: Ids, end: Ids) -> Ragged:
        """Rows, one a half-open range of the corpus' tokens, over as many sentences as it holds."""
        corpus = self.corpus
        rows = gathered(corpus.tokens, begin, end)
        if not len(self.between):
            return rows
        first = np.searchsorted(corpus.sentences, begin, side="right")
        last = np.searchsorted(corpus.sentences, end, side="left")
        bounds = gathered(corpus.sentences, first, last)
        at = bounds.flat + (rows.starts - begin)[bounds.row]
        size = len(self.between)
        flat = np.insert(rows.flat, np.repeat(at, size), np.tile(self.between, len(at)))
        return Ragged(flat, rows.lengths + size * bounds.lengths)

    def texts(self, rows: Ragged, places: Ids | None = None) -> Text:
        """One unit a row: the whole text, or the token at `places` (B,) of it."""
        count, (first, last) = len(rows.lengths), self.around
        rows = cut(rows, self.room)
        whole = joined(count, first, rows, last)
        end = whole.lengths
        span = np.stack([np.zeros_like(end), end], -1)
        if places is not None:
            at = len(first) + np.minimum(places, np.maximum(rows.lengths - 1, 0))
            span = np.stack([at, at + 1], -1)
        return self._text(whole, [(end, GIVEN)], span[:, None, None])

    def pairs(self, one: Ragged, other: Ragged) -> Text:
        """One unit of two parts a row; the second text stands behind the first, to be read apart from it."""
        count, (first, last) = len(one.lengths), self.around
        sides = [joined(count, first, cut(side, self.room), last) for side in (one, other)]
        middle, end = sides[0].lengths, sides[0].lengths + sides[1].lengths
        spans = np.stack([np.stack([np.zeros_like(middle), middle], -1), np.stack([middle, end], -1)], 1)
        return self._text(joined(count, *sides), [(middle, GIVEN), (end, APART)], spans[:, None])

    def hidden(self, rows: Ragged, places: NDArray[np.bool_], truth: Ids) -> tuple[Text, Ids]:
        """Rows some of whose tokens, `places` (tokens,), are asked for: one unit each, and gold (B, U) from `truth`
        (tokens,). Rows must fit already."""
        count, (first, last) = len(rows.lengths), self.around
        whole = joined(count, first, rows, last)
        text = self._text(whole, [(whole.lengths, GIVEN)], np.zeros((count, 1, 1, 2), dtype=np.int64))
        row, at = rows.row[places], len(first) + rows.column[places]
        each = np.bincount(row, minlength=count)
        unit = np.arange(len(row)) - np.repeat(np.cumsum(each) - each, each)
        units = max(1, int(each.max(initial=0)))
        gold = np.full((count, units), IGNORE, dtype=np.int64)
        spans = np.zeros((count, units, 1, 2), dtype=np.int64)
        gold[row, unit] = truth[places]
        spans[row, unit, 0] = np.stack([at, at + 1], -1)
        text.role[torch.from_numpy(row), torch.from_numpy(at)] = MASKED
        return text._replace(spans=torch.from_numpy(spans)), gold

    def written(self, given: Ragged, written: Ragged) -> tuple[Text, Ids]:
        """Rows that are read and then written, as text.frames has them: one unit before each written token, and gold
        (B, U). Nothing is put around or cut: the caller knows what belongs there and how much fits."""
        count, middle = len(given.lengths), given.lengths
        end, units = middle + written.lengths, max(1, int(written.lengths.max(initial=0)))
        gold = padded(written, units, IGNORE)
        before = np.where(gold != IGNORE, middle[:, None] - 1 + np.arange(units), 0)
        spans = np.stack([before, before + (gold != IGNORE)], -1)[:, :, None]
        return self._text(joined(count, given, written), [(middle, GIVEN), (end, WRITTEN)], spans), gold

    def names(self, words: Sequence[str], parts: int = 1) -> Text:
        """Names of classes, one a row, each part of whose unit is the whole name; one that is empty says nothing."""
        text = self.texts(ragged([self.ids(word) for word in words]))
        said = torch.tensor([bool(word) for word in words], dtype=torch.bool)
        return text._replace(spans=text.spans.expand(-1, -1, parts, -1) * said[:, None, None, None])

    def silent(self, count: int) -> Text:
        """Names of so many classes that say nothing."""
        if ("silent", count) not in self.memo:
            self.memo["silent", count] = self.names([""] * count)
        return self.memo["silent", count]

    def ids(self, text: str) -> list[int]:
        """Without anything around them."""
        return self.tokenizer.encode(text, add_special_tokens=False).ids if text else []

    def said(self, sentence: int) -> str:
        """A sentence as a person reads it."""
        return self.decoded(self.sentences(np.array([sentence])).flat.tolist())

    def decoded(self, tokens: Sequence[int]) -> str:
        """As a person reads it; a hidden word is a line."""
        kept = [token for token in tokens if token == self.mask or token not in self.specials]
        pieces: list[list[int]] = [[]]
        for token in kept:
            pieces[-1].append(token) if token != self.mask else pieces.append([])
        return " ____ ".join(map(self._said, pieces)).strip()

    def _said(self, tokens: list[int]) -> str:
        told = self.tokenizer.decode(tokens, skip_special_tokens=False)
        return (told.replace(" ", "").replace(SPACE, " ") if self._in_pieces else told).strip()

    @cached_property
    def _in_pieces(self) -> bool:
        """Whether decoding leaves the pieces as they are, with spaces between them."""
        return SPACE in self.tokenizer.decode(self.ids("one two"))

    def _text(self, rows: Ragged, ends: Sequence[tuple[Ids, int]], spans: Ids) -> Text:
        """`ends`: where each role ends, in the order in which they stand."""
        longest = int(rows.lengths.max(initial=1))
        width = max(longest, min(self._widest(longest), -(-longest // WIDTH_STEP) * WIDTH_STEP))
        place = np.arange(width)
        role = np.full((len(rows.lengths), width), PADDING, dtype=np.uint8)
        for end, what in reversed(ends):
            role[place < end[:, None]] = what
        role[rows.lengths == 0, 0] = GIVEN  # an empty row still needs something to attend to
        tokens = padded(rows, width, self.reader.filler)
        return Text(torch.from_numpy(tokens), torch.from_numpy(role), torch.from_numpy(spans))

    def _widest(self, longest: int) -> int:
        """Of a row that is no longer than the model reads, that; a pair may have it twice."""
        return self.reader.limit * (1 + (longest > self.reader.limit))


def framed(corpus: Corpus, reader: Reader, vectors: NDArray[np.floating] | None = None) -> Frame:
    """QuickstudyError where the corpus' token ids are not those of the reader's tokenizer."""
    ours, theirs = (
        reader.tokenizer.get_vocab(with_added_tokens=False),
        corpus.tokenizer.get_vocab(with_added_tokens=False),
    )
    if ours != theirs:
        raise QuickstudyError(
            f"{corpus.folder}: this corpus holds the token ids of another tokenizer than the model's; build it again "
            "with the model's: quickstudy corpus build … --tokenizer NAME"
        )
    return Frame(corpus, reader, vectors)
