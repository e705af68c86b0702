"""Sentences to token ids, fast: what lies between two spaces is read once and remembered.

That is exact where a tokenizer never joins anything across a space, which nearly all do not; `exact` finds out on a
sample, and where it is not so, whole sentences are read. Words are found in the same pieces, with their tokens."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from quickstudy.corpus import words
from quickstudy.corpus.memory import LONGEST, Memory, hashed

MOST = 300_000
"""pieces that are remembered"""
MOST_IDS = 1 << 23
"""token ids of them: where nothing lies between spaces, a piece is a whole sentence"""
_SPACE, _NEWLINE = b" \n"
_AT_ONCE, _CACHED = 1 << 20, 1 << 16
"""characters whose new pieces are read together; and that stay in a processor's cache"""


class Encoded(NamedTuple):
    """n sentences with T tokens, in which K words stand that were asked for."""

    tokens: NDArray[np.uint32]
    lengths: NDArray[np.int64]
    """(n,)"""
    spoken: NDArray[np.int64]
    """(K, 4): sentence, number of the word, token range within the sentence"""


class Cut(NamedTuple):
    """Some sentences in pieces."""

    data: NDArray[np.uint8]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    """of the pieces, in bytes"""
    firsts: NDArray[np.int64]
    """number of each sentence's first piece"""


_NOTHING = Encoded(np.zeros(0, np.uint32), np.zeros(0, np.int64), np.zeros((0, 4), np.int64))


class Pieces:
    """A tokenizer with its memory."""

    def __init__(self, tokenizer: Tokenizer, wanted: Mapping[str, int], apart: bool) -> None:
        """`wanted`: the words that are noted, with their numbers. `apart`: pieces are read apart; else sentences."""
        self._tokenizer, self._wanted, self._apart = tokenizer, wanted, apart
        self._forget()

    def encode(self, sentences: Sequence[str]) -> Encoded:
        """Sentences hold single spaces and no line breaks."""
        read = [_NOTHING]
        for begin, end in _blocks(sentences, _AT_ONCE):
            group = sentences[begin:end]
            cuts = [_cut(group[first:last], self._apart) for first, last in _blocks(group, _CACHED)]
            numbers = self._numbers(cuts)
            offset = begin
            for cut, own in zip(
                cuts, np.split(numbers, np.cumsum([len(cut.starts) for cut in cuts])[:-1]), strict=True
            ):
                found = self._read(own, cut.firsts)
                read.append(found._replace(spoken=found.spoken + np.array([offset, 0, 0, 0])))
                offset += len(cut.firsts)
        return Encoded(*map(np.concatenate, zip(*read, strict=True)))

    def _read(self, numbers: NDArray[np.int64], firsts: NDArray[np.int64]) -> Encoded:
        """Of pieces that are known; each sentence begins with the piece that `firsts` says."""
        lengths = self._starts[numbers + 1] - self._starts[numbers]
        tokens = self._ids[_ranges(self._starts[numbers], lengths)]
        before = np.concatenate([[0], np.cumsum(lengths)])
        begins = before[firsts]
        many = self._said_starts[numbers + 1] - self._said_starts[numbers]
        chunk = np.repeat(np.arange(len(numbers)), many)
        said = self._said[_ranges(self._said_starts[numbers], many)]
        sentence = np.searchsorted(firsts, chunk, side="right") - 1
        offset = before[chunk] - begins[sentence]
        spoken = np.stack([sentence, said[:, 0], said[:, 1] + offset, said[:, 2] + offset], axis=1)
        return Encoded(tokens, np.diff(np.append(begins, len(tokens))), spoken)

    def _numbers(self, cuts: Sequence[Cut]) -> NDArray[np.int64]:
        """Of all their pieces; those that are new are read first."""
        hashes = np.concatenate([hashed(cut.data, cut.starts, cut.ends) for cut in cuts])
        sizes = np.concatenate([cut.ends - cut.starts for cut in cuts])
        numbers = np.where(sizes <= LONGEST, self._memory.numbers(hashes), -1)
        said = {at: _text(cuts, at) for at in np.flatnonzero(sizes > LONGEST).tolist()}
        short = np.flatnonzero((numbers < 0) & (sizes <= LONGEST))
        fresh, first, which = np.unique(hashes[short], return_index=True, return_inverse=True)
        long = [text for text in dict.fromkeys(said.values()) if text not in self._long]
        known = len(self._starts) - 1
        if known and (known + len(fresh) + len(long) > MOST or len(self._ids) > MOST_IDS):
            self._forget()
            return self._numbers(cuts)
        self._learn([*(_text(cuts, at) for at in short[first].tolist()), *long])
        self._memory.add(fresh, known)
        self._long.update(zip(long, range(known + len(fresh), len(self._starts) - 1), strict=True))
        numbers[short] = known + which
        for at, text in said.items():
            numbers[at] = self._long[text]
        return numbers

    def _forget(self) -> None:
        self._memory, self._long = Memory(), dict[str, int]()
        self._ids = np.zeros(0, np.uint32)
        self._starts = np.zeros(1, np.int64)
        self._said = np.zeros((0, 3), np.int64)
        self._said_starts = np.zeros(1, np.int64)

    def _learn(self, new: Sequence[str]) -> None:
        read = self._tokenizer.encode_batch(new, add_special_tokens=False)
        said = [self._spoken(chunk, encoding) for chunk, encoding in zip(new, read, strict=True)]
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


def _cut(sentences: Sequence[str], apart: bool) -> Cut:
    """A piece begins with a sentence or, read apart, with a space."""
    data = np.frombuffer("\n".join(sentences).encode(), np.uint8)
    begins = np.concatenate([[0], np.flatnonzero(data == _NEWLINE) + 1])
    if not apart:
        return Cut(data, begins, np.append(begins[1:] - 1, len(data)), np.arange(len(begins)))
    starts = np.sort(np.concatenate([begins, np.flatnonzero(data == _SPACE)]), kind="stable")
    firsts = np.searchsorted(starts, begins)
    ends = np.append(starts[1:], len(data))
    ends[firsts[1:] - 1] -= 1
    return Cut(data, starts, ends, firsts)


def _text(cuts: Sequence[Cut], at: int) -> str:
    """The text of a piece."""
    for cut in cuts:
        if at < len(cut.starts):
            return cut.data[cut.starts[at] : cut.ends[at]].tobytes().decode()
        at -= len(cut.starts)
    raise IndexError(at)


def _blocks(sentences: Sequence[str], size: int) -> Iterator[tuple[int, int]]:
    """Ranges of about so many characters."""
    begin = gathered = 0
    for at, sentence in enumerate(sentences, 1):
        gathered += len(sentence)
        if gathered >= size or at == len(sentences):
            yield begin, at
            begin, gathered = at, 0


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
