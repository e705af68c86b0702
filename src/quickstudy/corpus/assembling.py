"""Shards of ids put together to the arrays of a corpus, one shard in memory at a time."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from quickstudy.corpus import words as wording
from quickstudy.corpus.settings import Settings
from quickstudy.corpus.shards import Shards, unpacked
from quickstudy.corpus.store import Word
from quickstudy.corpus.words import Candidate

_AT_ONCE = 4000
"""words whose uses are gathered at once"""


class Sizes(NamedTuple):
    """How much there is: of each shard (S,), or of them all."""

    tokens: NDArray[np.int64]
    sentences: NDArray[np.int64]
    documents: NDArray[np.int64]


def sizes(shards: Shards, count: int) -> Sizes:
    found = [(int(each["lengths"].sum()), len(each["lengths"]), len(each["documents"])) for each in _all(shards, count)]
    return Sizes(*np.array(found, np.int64).reshape(-1, 3).T)


def texts(shards: Shards, count: int, sizes: Sizes, dtype: np.dtype[Any], out: Path) -> list[str]:
    """Writes tokens, sentences, flags, documents and links. Gives the links' targets."""
    tokens = _made(out, "tokens", dtype, (int(sizes.tokens.sum()),))
    sentences = _made(out, "sentences", np.dtype(np.int64), (int(sizes.sentences.sum()) + 1,))
    flags = _made(out, "flags", np.dtype(np.uint8), (int(sizes.sentences.sum()),))
    documents = _made(out, "documents", np.dtype(np.int64), (int(sizes.documents.sum()) + 1,))
    sentences[0] = documents[0] = 0
    links: list[NDArray[np.int64]] = []
    targets: dict[str, int] = {}
    token = sentence = document = 0
    for shard in _all(shards, count):
        ends = np.cumsum(shard["lengths"]) + token
        tokens[token : token + len(shard["tokens"])] = shard["tokens"]
        sentences[sentence + 1 : sentence + 1 + len(ends)] = ends
        flags[sentence : sentence + len(ends)] = shard["flags"]
        documents[document + 1 : document + 1 + len(shard["documents"])] = np.cumsum(shard["documents"]) + sentence
        numbers = [targets.setdefault(name, len(targets)) for name in unpacked(shard["targets"])]
        if len(shard["links"]):
            found = shard["links"] + np.array([sentence, 0, 0, 0])
            found[:, 3] = np.array(numbers)[shard["links"][:, 3]]
            links.append(found)
        token, sentence, document = (
            token + len(shard["tokens"]),
            sentence + len(ends),
            document + len(shard["documents"]),
        )
    if links:
        np.save(out / "links.npy", np.concatenate(links), allow_pickle=False)
    return list(targets)


class Uses(NamedTuple):
    """Of every candidate, in the order of the corpus."""

    starts: NDArray[np.int64]
    """(candidates + 1,)"""
    sentence: NDArray[np.int64]
    span: NDArray[np.uint16]
    """(K,) and (K, 2)"""
    counts: NDArray[np.int64]
    """(candidates,) how often each stands where it may be masked, the same sentence counted again"""


def uses(shards: Shards, count: int, sizes: Sizes, candidates: int, settings: Settings) -> Uses:
    """Of each candidate the `uses` with the lowest priority. A sentence that stands several times is one use: the
    first, else support and query would share it."""
    first = np.concatenate([[0], np.cumsum(sizes.sentences)])
    lengths, sentences, spans = [], [np.zeros(0, np.int64)], [np.zeros((0, 2), np.uint16)]
    for low in range(0, candidates, _AT_ONCE):
        high = min(low + _AT_ONCE, candidates)
        parts = [np.zeros((0, 5), np.int64)]
        for number in range(count):
            found = shards.arrays(number)["uses"]
            found = found[(found[:, 1] >= low) & (found[:, 1] < high)]
            found[:, 2] += first[number]
            parts.append(found)
        gathered = np.concatenate(parts)
        gathered = gathered[np.lexsort((gathered[:, 2], gathered[:, 0], gathered[:, 1]))]
        fresh = np.ones(len(gathered), bool)
        fresh[1:] = (gathered[1:, :2] != gathered[:-1, :2]).any(axis=1)
        gathered = gathered[fresh]
        at = np.searchsorted(gathered[:, 1], np.arange(low, high + 1))
        rank = np.arange(len(gathered)) - np.repeat(at[:-1], np.diff(at))
        gathered = gathered[rank < settings.uses]
        gathered = gathered[np.lexsort((gathered[:, 2], gathered[:, 1]))]
        lengths.append(np.bincount(gathered[:, 1] - low, minlength=high - low))
        sentences.append(gathered[:, 2])
        spans.append(gathered[:, 3:].astype(np.uint16))
    starts = np.concatenate([[0], np.cumsum(np.concatenate([np.zeros(0, np.int64), *lengths]))]).astype(np.int64)
    counts = sum((shard["count"] for shard in _all(shards, count)), np.zeros(candidates, np.int64))
    return Uses(starts, np.concatenate(sentences), np.concatenate(spans), counts)


def words(found: Uses, candidates: Sequence[Candidate], whole: int, settings: Settings, out: Path) -> list[Word]:
    """Writes the uses of those candidates that are words of the corpus: with `least_uses`, and among the `vocabulary`
    most frequent. `whole`: words in the corpus."""
    lengths = np.diff(found.starts)
    order = np.lexsort((np.arange(len(lengths)), -found.counts))
    chosen = np.sort([at for at in order.tolist() if lengths[at] >= settings.least_uses][: settings.vocabulary])
    chosen = chosen.astype(np.int64)
    kept = np.repeat(np.isin(np.arange(len(lengths)), chosen), lengths)
    np.save(out / "uses.npy", np.concatenate([[0], np.cumsum(lengths[chosen])]).astype(np.int64), allow_pickle=False)
    np.save(out / "use_sentence.npy", found.sentence[kept], allow_pickle=False)
    np.save(out / "use_span.npy", found.span[kept], allow_pickle=False)
    return [
        Word(candidates[at].word, int(found.counts[at]), wording.band(candidates[at].count, whole), candidates[at].part)
        for at in chosen.tolist()
    ]


def _all(shards: Shards, count: int) -> Iterator[dict[str, NDArray[Any]]]:
    return map(shards.arrays, range(count))


def _made(out: Path, name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """A file to be filled; numpy cannot map one without any numbers."""
    if 0 in shape:
        np.save(out / f"{name}.npy", np.zeros(shape, dtype), allow_pickle=False)
        return np.zeros(shape, dtype)
    return open_memmap(out / f"{name}.npy", "w+", dtype, shape)
