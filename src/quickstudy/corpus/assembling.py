"""Shards of ids put together to the arrays of a corpus, one shard in memory at a time."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.lib.format import dtype_to_descr, write_array_header_1_0
from numpy.typing import NDArray

from quickstudy.corpus import words as wording
from quickstudy.corpus.settings import Settings
from quickstudy.corpus.shards import Shards, unpacked
from quickstudy.corpus.store import Word
from quickstudy.corpus.words import Candidate

MOST_TARGETS = 1_000_000
"""different targets of links that are kept"""
_AT_ONCE = 1 << 21
"""uses that are gathered at once, of some of the words"""


class Sizes(NamedTuple):
    """How much there is of each shard, (S,): in memory nothing else is of the size of the corpus."""

    tokens: NDArray[np.int64]
    sentences: NDArray[np.int64]
    documents: NDArray[np.int64]
    uses: NDArray[np.int64]


def sizes(shards: Shards, count: int) -> Sizes:
    found = [shards.arrays(number, ["sizes"])["sizes"] for number in range(count)]
    return Sizes(*np.array(found, np.int64).reshape(-1, 4).T)


def texts(shards: Shards, count: int, sizes: Sizes, dtype: np.dtype[Any], out: Path) -> list[str]:
    """Writes tokens, sentences, flags, documents and links. Gives the links' targets.

    Files are written from front to back: pages of a map would count as memory as long as it is open."""
    targets: dict[str, int] = {}
    links = sentence = 0
    token = np.zeros(1, np.int64)
    with ExitStack() as stack:
        tokens = stack.enter_context(_file(out, "tokens", dtype, (int(sizes.tokens.sum()),)))
        sentences = stack.enter_context(_file(out, "sentences", np.int64, (int(sizes.sentences.sum()) + 1,)))
        flags = stack.enter_context(_file(out, "flags", np.uint8, (int(sizes.sentences.sum()),)))
        documents = stack.enter_context(_file(out, "documents", np.int64, (int(sizes.documents.sum()) + 1,)))
        linked = stack.enter_context((out / "links.raw").open("wb"))
        for file in (sentences, documents):
            file.write(np.zeros(1, np.int64).tobytes())
        for number in range(count):
            shard = shards.arrays(number, ["tokens", "lengths", "flags", "documents", "links", "targets"])
            ends = np.cumsum(shard["lengths"]) + token
            tokens.write(shard["tokens"].astype(dtype, copy=False).tobytes())
            sentences.write(ends.tobytes())
            flags.write(shard["flags"].tobytes())
            documents.write((np.cumsum(shard["documents"]) + sentence).tobytes())
            found = _links(shard, sentence, targets)
            linked.write(found.tobytes())
            links += len(found)
            token, sentence = token + shard["lengths"].sum(), sentence + len(ends)
    _settled(out, links)
    return list(targets)


def _links(shard: dict[str, NDArray[Any]], sentence: int, targets: dict[str, int]) -> NDArray[np.int64]:
    """Those of a shard, by the numbers that their targets have in the corpus; beyond MOST_TARGETS, new ones are left
    out."""
    numbers = np.array(
        [
            targets.setdefault(name, len(targets)) if len(targets) < MOST_TARGETS else targets.get(name, -1)
            for name in unpacked(shard["targets"])
        ],
        np.int64,
    )
    found: NDArray[np.int64] = shard["links"] + np.array([sentence, 0, 0, 0])
    if len(found):
        found[:, 3] = numbers[shard["links"][:, 3]]
    return found[found[:, 3] >= 0]


def _settled(out: Path, links: int) -> None:
    """The links under their name, if there are any, now that their number is known."""
    raw = out / "links.raw"
    if links:
        with _file(out, "links", np.int64, (links, 4)) as file, raw.open("rb") as rows:
            shutil.copyfileobj(rows, file)
    raw.unlink()


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
    step = max(candidates // max(-(-int(sizes.uses.sum()) // _AT_ONCE), 1), 1)
    for low in range(0, candidates, step):
        high = min(low + step, candidates)
        parts = [np.zeros((0, 5), np.int64)]
        for number in range(count):
            found = shards.arrays(number, ["uses"])["uses"]
            found = found[(found[:, 1] >= low) & (found[:, 1] < high)]
            found[:, 2] += first[number]
            parts.append(found)
        gathered = np.concatenate(parts)
        word, priority = gathered[:, 1].copy(), gathered[:, 0].copy()
        order = np.lexsort((priority, word))  # and by sentence, as they lie
        word, priority = word[order], priority[order]
        fresh = np.append(True, (word[1:] != word[:-1]) | (priority[1:] != priority[:-1]))[: len(order)]
        order, word = order[fresh], word[fresh]
        at = np.searchsorted(word, np.arange(low, high + 1))
        rank = np.arange(len(order)) - np.repeat(at[:-1], np.diff(at))
        chosen = np.sort(order[rank < settings.uses])
        gathered = gathered[chosen[np.argsort(gathered[chosen, 1], kind="stable")]]
        lengths.append(np.bincount(gathered[:, 1] - low, minlength=high - low))
        sentences.append(gathered[:, 2])
        spans.append(gathered[:, 3:].astype(np.uint16))
    starts = np.concatenate([[0], np.cumsum(np.concatenate([np.zeros(0, np.int64), *lengths]))]).astype(np.int64)
    counts = np.zeros(candidates, np.int64)
    for number in range(count):
        counts += shards.arrays(number, ["count"])["count"]
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


@contextmanager
def _file(out: Path, name: str, dtype: Any, shape: tuple[int, ...]) -> Iterator[BinaryIO]:
    """An array's file, to be filled from front to back."""
    with (out / f"{name}.npy").open("wb") as file:
        about = {"descr": dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
        write_array_header_1_0(file, about)
        yield file
