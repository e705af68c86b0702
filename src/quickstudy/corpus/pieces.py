"""Sentences to token ids, fast: what lies between two spaces is read once and remembered.

That is exact where a tokenizer never joins anything across a space, which nearly all do not; `exact` finds out on a
sample, and where it is not so, whole sentences are read. Words are found in the same pieces, with their tokens."""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from quickstudy.corpus import words

MOST = 300_000
"""pieces that are remembered"""


class Encoded(NamedTuple):
    """n sentences with T tokens, in which K words stand that were asked for."""

    tokens: NDArray[np.uint32]
    lengths: NDArray[np.int64]
    """(n,)"""
    spoken: NDArray[np.int64]
    """(K, 4): sentence, number of the word, token range within the sentence"""


class Pieces:
    """A tokenizer with its memory."""

    def __init__(self, tokenizer: Tokenizer, wanted: Mapping[str, int], apart: bool) -> None:
        """`wanted`: the words that are noted, with their numbers. `apart`: pieces are read apart; else sentences."""
        self._tokenizer, self._wanted, self._apart = tokenizer, wanted, apart
        self._forget()

    def encode(self, sentences: Sequence[str]) -> Encoded:
        """Sentences hold single spaces and no line breaks."""
        if self._apart:
            chunks = "\n".join(sentences).replace(" ", "\n ").split("\n") if sentences else []
            counts = np.fromiter((sentence.count(" ") + 1 for sentence in sentences), np.int64, len(sentences))
        else:
            chunks, counts = list(sentences), np.ones(len(sentences), np.int64)
        self._learn(chunks)
        numbers = self._numbers(chunks)
        lengths = self._starts[numbers + 1] - self._starts[numbers]
        tokens = self._ids[_ranges(self._starts[numbers], lengths)]
        ends = np.concatenate([[0], np.cumsum(counts)])
        before = np.concatenate([[0], np.cumsum(lengths)])
        starts = before[ends]
        many = self._said_starts[numbers + 1] - self._said_starts[numbers]
        chunk = np.repeat(np.arange(len(chunks)), many)
        said = self._said[_ranges(self._said_starts[numbers], many)]
        sentence = np.searchsorted(ends, chunk, side="right") - 1
        offset = before[chunk] - starts[sentence]
        spoken = np.stack([sentence, said[:, 0], said[:, 1] + offset, said[:, 2] + offset], axis=1)
        return Encoded(tokens, np.diff(starts), spoken)

    def _numbers(self, chunks: Sequence[str]) -> NDArray[np.int64]:
        """Of known pieces. An itemgetter looks all of them up in one go, twice as fast as a loop."""
        found = itemgetter(*chunks)(self._number) if len(chunks) > 1 else tuple(self._number[chunk] for chunk in chunks)
        return np.array(found, np.int64)

    def _forget(self) -> None:
        self._number: dict[str, int] = {}
        self._ids = np.zeros(0, np.uint32)
        self._starts = np.zeros(1, np.int64)
        self._said = np.zeros((0, 3), np.int64)
        self._said_starts = np.zeros(1, np.int64)

    def _learn(self, chunks: Sequence[str]) -> None:
        new = sorted(set(chunks).difference(self._number))
        if len(self._number) + len(new) > MOST:
            self._forget()
            new = sorted(set(chunks))
        read = self._tokenizer.encode_batch(new, add_special_tokens=False)
        said = [self._spoken(chunk, encoding) for chunk, encoding in zip(new, read, strict=True)]
        self._number.update(zip(new, range(len(self._number), len(self._number) + len(new)), strict=True))
        self._starts = _extended(self._starts, [len(encoding.ids) for encoding in read])
        self._said_starts = _extended(self._said_starts, list(map(len, said)))
        ids = np.array([each for encoding in read for each in encoding.ids], np.uint32)
        self._ids = np.concatenate([self._ids, ids])
        entries = [entry for each in said for entry in each]
        self._said = np.concatenate([self._said, np.array(entries, np.int64).reshape(-1, 3)])

    def _spoken(self, chunk: str, encoding: Encoding) -> list[tuple[int, int, int]]:
        """(number, first token, behind the last) of wanted words that begin and end where tokens do."""
        if not self._wanted:
            return []
        spoken = []
        begins: dict[int, int] | None = None
        ends: dict[int, int] = {}
        for word, start, end in words.found(chunk):
            number = self._wanted.get(word)
            if number is None:
                continue
            if begins is None:
                begins, ends = _edges(chunk, encoding)
            if start in begins and end in ends:
                spoken.append((number, begins[start], ends[end] + 1))
        return spoken


def exact(tokenizer: Tokenizer, sentences: Sequence[str]) -> bool:
    """Whether reading pieces apart gives every one of these sentences the very ids that it has as a whole."""
    whole = tokenizer.encode_batch(list(sentences), add_special_tokens=False)
    apart = Pieces(tokenizer, {}, True).encode(sentences)
    ends = np.cumsum(apart.lengths)[:-1]
    return all(
        np.array_equal(ids, np.array(encoding.ids, np.uint32))
        for ids, encoding in zip(np.split(apart.tokens, ends), whole, strict=True)
    )


def _edges(chunk: str, encoding: Encoding) -> tuple[dict[int, int], dict[int, int]]:
    """Character -> the first token that begins there; character -> the last that ends there."""
    begins: dict[int, int] = {}
    ends: dict[int, int] = {}
    for number, (start, end) in enumerate(encoding.offsets):
        while start < end and chunk[start] == " ":  # some tokenizers count the space before a word as its own
            start += 1
        if start < end:
            begins.setdefault(start, number)
            ends[end] = number
    return begins, ends


def _extended(starts: NDArray[np.int64], lengths: list[int]) -> NDArray[np.int64]:
    return np.concatenate([starts, starts[-1] + np.cumsum(np.array(lengths, np.int64))])


def _ranges(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """start, start + 1, … of each, one after another."""
    ends = np.cumsum(lengths)
    whole = int(ends[-1]) if len(ends) else 0
    return np.arange(whole) + np.repeat(starts - (ends - lengths), lengths)
