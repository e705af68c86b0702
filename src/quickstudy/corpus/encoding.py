"""The second pass, of one worker: the documents of a shard that stay, as token ids, and where words stand in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from quickstudy.corpus import structure, vocabulary
from quickstudy.corpus.pieces import Encoded, Pieces
from quickstudy.corpus.shards import Shards, packed, unpacked
from quickstudy.corpus.store import PLAIN

CHOICE = "choice.npz"
"""what the workers need to know: who stays, which words are wanted, how the tokenizer is read"""
LEAST = 6
"""tokens of a sentence in which a word may be masked"""
_CUT = 1 << 16


@dataclass(frozen=True)
class Encode:
    """Work for `workers.spread`: a shard's number and the number of its first document."""

    texts: Path
    tokens: Path
    key: str
    """of the build, so that nothing of another one in this process is remembered"""

    def __call__(self, job: tuple[int, int]) -> int:
        number, first = job
        made = Shards(self.tokens)
        if not made.there(number):
            made.write(number, self._encoded(number, first))
        return number

    def _encoded(self, number: int, first: int) -> dict[str, NDArray[Any]]:
        shards, choice = Shards(self.texts), _choice(self.tokens, self.key)
        stays = choice["kept"][first : first + len(shards.arrays(number, ["pieces"])["pieces"])]
        lines: list[str] = []
        lengths: list[int] = []
        for document in shards.documents(number, stays):
            lines += document
            lengths.append(len(document))
        flagged = [structure.flag(line) for line in lines]
        flags = np.array([each for each, _ in flagged], np.uint8)
        texts = [structure.plain(text) for _, text in flagged]
        pieces = _pieces(self.tokens, self.key)
        encoded = pieces.encode(texts)
        links, targets = _links(_tokenizer(self.tokens, self.key), [text for _, text in flagged])
        sentences = np.repeat(np.arange(len(lengths)), lengths)
        part = choice["split"][first : first + len(stays)][stays]
        kept, count = _uses(encoded, flags, part[sentences], choice)
        return {
            "sizes": np.array([len(encoded.tokens), len(lines), len(lengths), len(kept)], np.int64),
            "tokens": encoded.tokens.astype(choice["dtype"].dtype),
            "lengths": encoded.lengths,
            "flags": flags,
            "documents": np.array(lengths, np.int64),
            "count": count,
            "uses": kept,
            "links": links,
            "targets": packed(targets),
        }


def _uses(
    encoded: Encoded,
    flags: NDArray[np.uint8],
    part: NDArray[np.uint8],
    choice: dict[str, NDArray[Any]],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """((K, 5) priority, word, sentence, token range; (candidates,) how many there were before most were passed over).

    Plain sentences of LEAST tokens in documents of the word's own part, in which it stands once. The priority is of the
    sentence and the word, so that the same sentence elsewhere has the same."""
    sentence, word = encoded.spoken[:, 0], encoded.spoken[:, 1]
    fine = (flags[sentence] == PLAIN) & (encoded.lengths[sentence] >= LEAST) & (part[sentence] == choice["part"][word])
    spoken = encoded.spoken[fine]
    spoken = spoken[_once(spoken[:, 0] * len(choice["part"]) + spoken[:, 1]) & (spoken[:, 3] < _CUT)]
    count = np.bincount(spoken[:, 1], minlength=len(choice["part"]))
    priority = _mixed(_identities(encoded)[spoken[:, 0]], spoken[:, 1])
    chosen = priority <= choice["limit"][spoken[:, 1]]
    return np.concatenate([(priority >> np.uint64(1)).astype(np.int64)[:, None], spoken[:, [1, 0, 2, 3]]], 1)[
        chosen
    ], count


def _once(numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of them stand once. (np.unique takes three times as long.)"""
    order = np.argsort(numbers)
    again = numbers[order[1:]] == numbers[order[:-1]]
    found = np.ones(len(numbers), bool)
    found[order[1:][again]] = found[order[:-1][again]] = False
    return found


def _identities(encoded: Encoded) -> NDArray[np.uint64]:
    """(n,) of each sentence: equal where it stands again, in whatever document."""
    starts = np.cumsum(encoded.lengths) - encoded.lengths
    place = np.arange(len(encoded.tokens)) - np.repeat(starts, encoded.lengths)
    scattered = _mixed(encoded.tokens.astype(np.uint64), place)
    return np.add.reduceat(np.append(scattered, np.uint64(0)), starts) if len(starts) else np.zeros(0, np.uint64)


def _mixed(numbers: NDArray[np.uint64], word: NDArray[np.int64]) -> NDArray[np.uint64]:
    numbers = numbers ^ (word.astype(np.uint64) * np.uint64(0xD6E8FEB86659FD93))
    numbers = (numbers ^ (numbers >> np.uint64(32))) * np.uint64(0x94D049BB133111EB)
    return (numbers ^ (numbers >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)


def _links(tokenizer: Tokenizer, texts: Sequence[str]) -> tuple[NDArray[np.int64], list[str]]:
    """((L, 4) sentence, token range, number of the target; the targets)"""
    links: list[tuple[int, int, int, int]] = []
    targets: dict[str, int] = {}
    for sentence, text in enumerate(texts):
        if structure.LINK not in text:
            continue
        bare, found = structure.links(text)
        offsets = tokenizer.encode(bare, add_special_tokens=False).offsets
        for start, end, target in found:
            inside = [at for at, (begin, stop) in enumerate(offsets) if begin < end and stop > start]
            if inside:
                links.append((sentence, inside[0], inside[-1] + 1, targets.setdefault(target, len(targets))))
    return np.array(links, np.int64).reshape(-1, 4), list(targets)


@lru_cache(maxsize=1)
def _choice(folder: Path, key: str) -> dict[str, NDArray[Any]]:
    with np.load(folder / CHOICE, allow_pickle=False) as found:
        return {name: found[name] for name in found.files}


@lru_cache(maxsize=1)
def _tokenizer(folder: Path, key: str) -> Tokenizer:
    return vocabulary.plain(Tokenizer.from_str(_choice(folder, key)["tokenizer"].tobytes().decode()))


@lru_cache(maxsize=1)
def _pieces(folder: Path, key: str) -> Pieces:
    choice = _choice(folder, key)
    wanted = {word: number for number, word in enumerate(unpacked(choice["words"]))}
    return Pieces(_tokenizer(folder, key), wanted, bool(choice["apart"]))
