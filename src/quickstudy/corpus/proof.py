"""That the parts share nothing, looked up in the finished corpus and in an index of its own, not taken from how it was
made."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quickstudy.core.types import QuickstudyError
from quickstudy.corpus.duplicates import Index, Texts, between
from quickstudy.corpus.fingerprints import bands, joined
from quickstudy.corpus.store import PARTS, Corpus
from quickstudy.corpus.workers import spread

_BLOCK = 1 << 20
_WHOLE = 1 << 20
"""tokens of a document beyond which it is looked at in several ranges: it may be as long as its file"""
_AT_ONCE, _LEAST = 1 << 22, 1 << 9
"""tokens that are sketched in one job; as many as a document counts for at least"""


class Strayed(NamedTuple):
    """Documents, by their numbers, that must go: the parts would share them."""

    near: list[int]
    """near one of another part"""
    same: list[int]
    """the same tokens as an earlier one, and not all that are lie in one part"""
    compared: int
    """pairs of two parts that met, and whose texts were compared"""

    @property
    def all(self) -> list[int]:
        return sorted({*self.near, *self.same})


def proof(corpus: Corpus, strayed: Strayed) -> dict[str, Any]:
    """What was counted, for the manifest. `strayed`: what `near_between` found in this corpus.

    Errors: QuickstudyError where anything is shared: this program's own fault."""
    found = {
        "words in two parts": _shared_words(corpus),
        "uses outside the word's part": _strayed(corpus),
        "documents whose pieces lie in two parts": _torn(corpus),
        "documents with the same tokens in two parts": len(strayed.same),
        "near-duplicates in two parts": len(strayed.near),
    }
    if wrong := [name for name, count in found.items() if count]:
        raise QuickstudyError(f"corpus: {found[wrong[0]]} {wrong[0]}; this is a fault of quickstudy's: report it.")
    return {
        **found,
        "pairs of two parts compared": strayed.compared,
        "words a part": _by_part([word.split for word in corpus.words]),
    }


def near_between(
    made: Path, texts: Texts, numbers: NDArray[np.int64], near: float, folder: Path, workers: int
) -> Strayed:
    """Documents that are near one of another part, by an index with hashes of its own, and those that are the same
    tokens, as texts that a tokenizer cannot read may be: of what the finished corpus in `made` holds, its documents,
    and those that were cut as a whole. `numbers`: of its documents among `texts`."""
    corpus = Corpus.open(made)
    split, seed = np.asarray(corpus.split), int(corpus.manifest["seed"])
    begins = corpus.sentences[np.asarray(corpus.documents)]
    units = _units(np.asarray(corpus.origin), begins)
    jobs = _jobs(units, begins)
    index, hashes = Index(folder), [np.zeros(0, np.uint64)]
    for found, own in spread(Sketch(made, seed + 2), jobs, workers):
        index.add(found)
        hashes.append(own)

    def runs_of(unit: int) -> NDArray[np.uint64]:
        return joined([texts.runs(int(numbers[document])) for document in range(*units[unit].tolist())])

    parts = split[units[:, 0]]

    def documents(found: Sequence[int]) -> list[int]:
        gone = {document for unit in found for document in range(*units[unit].tolist())}
        return [int(number) for number in numbers[sorted(gone)]]

    strayed, compared = between(index, runs_of, parts, near)
    return Strayed(documents(strayed), documents(_same(np.concatenate(hashes), parts).tolist()), compared)


@dataclass(frozen=True)
class Sketch:
    """Work for `workers.spread`: of ranges of documents, what an index takes, and a hash of their tokens. The corpus is
    opened for each job: pages of a map count as memory as long as it is open."""

    made: Path
    seed: int

    def __call__(self, units: NDArray[np.int64]) -> tuple[NDArray[np.uint32], NDArray[np.uint64]]:
        tokens, sentences, documents = (
            np.load(self.made / f"{name}.npy", mmap_mode="r") for name in ("tokens", "sentences", "documents")
        )
        ends = sentences[documents[units.ravel()]].reshape(-1, 2).tolist()
        said = [tokens[start:end].tobytes() for start, end in ends]
        digests = (hashlib.blake2b(each, digest_size=8).digest() for each in said)
        hashes = np.frombuffer(b"".join(digests), np.dtype("<u8")).astype(np.uint64)
        return bands(said, self.seed), hashes


def _units(origin: NDArray[np.int64], begins: NDArray[np.int64]) -> NDArray[np.int64]:
    """(U, 2) ranges of documents: each one alone; then those that were cut, wholly or in ranges of about _WHOLE tokens.
    `begins`: (m + 1,) the first token of each, and behind the last."""
    alone = np.arange(len(origin))
    fresh = np.append(True, origin[1:] != origin[:-1])[: len(origin)]
    first = np.maximum.accumulate(np.where(fresh, alone, 0))
    block = (begins[:-1] - begins[first]) // _WHOLE
    fresh[1:] |= block[1:] != block[:-1]
    starts = np.flatnonzero(fresh)
    ends = np.append(starts[1:], len(origin))
    cut = ends - starts > 1
    return np.concatenate([np.stack([alone, alone + 1], axis=1), np.stack([starts[cut], ends[cut]], axis=1)])


def _jobs(units: NDArray[np.int64], begins: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Some units each."""
    sizes = np.maximum(begins[units[:, 1]] - begins[units[:, 0]], _LEAST)
    return np.split(units, np.flatnonzero(np.diff(np.cumsum(sizes) // _AT_ONCE)) + 1)


def _shared_words(corpus: Corpus) -> int:
    return len(corpus.words) - len({word.word for word in corpus.words})


def _strayed(corpus: Corpus) -> int:
    strayed = 0
    parts = np.fromiter((word.split for word in corpus.words), np.int64, len(corpus.words))
    owners = np.repeat(parts, np.diff(corpus.uses))
    for start in range(0, len(owners), _BLOCK):
        part = corpus.split[corpus.document_of(corpus.use_sentence[start : start + _BLOCK])]
        strayed += int((part != owners[start : start + _BLOCK]).sum())
    return strayed


def _torn(corpus: Corpus) -> int:
    """Pieces that lie in another part than the piece before them."""
    origin, split = np.asarray(corpus.origin), np.asarray(corpus.split)
    return int(((origin[1:] == origin[:-1]) & (split[1:] != split[:-1])).sum())


def _same(hashes: NDArray[np.uint64], parts: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Of the units of the same tokens all but the first, where they do not all lie in one part: those that do may not
    the next time."""
    order = np.argsort(hashes, kind="stable")
    again = np.append(False, hashes[order[1:]] == hashes[order[:-1]]) if len(order) else np.zeros(0, bool)
    first = order[np.maximum.accumulate(np.where(again, 0, np.arange(len(order))))]
    group = np.cumsum(~again) - 1
    torn = np.bincount(group, parts[first] != parts[order]) > 0
    return np.sort(order[again & torn[group]])


def _by_part(parts: Sequence[int]) -> list[int]:
    return np.bincount(np.array(parts, np.int64), minlength=len(PARTS)).tolist()
