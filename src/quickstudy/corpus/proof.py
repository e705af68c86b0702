"""That the parts share nothing, looked up in the finished corpus and in an index of its own, not taken from how it was
made."""

import hashlib
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quickstudy.core.types import QuickstudyError
from quickstudy.corpus.duplicates import Index, Texts, between
from quickstudy.corpus.fingerprints import bands
from quickstudy.corpus.store import PARTS, Corpus

_BLOCK, _DOCUMENTS = 1 << 20, 1 << 14


def proof(corpus: Corpus, compared: int) -> dict[str, Any]:
    """What was counted, for the manifest. `compared`: pairs of documents of different parts that a third index, of runs
    of tokens of the finished corpus, brought together, and whose texts were then not near.

    Errors: QuickstudyError where anything is shared: this program's own fault."""
    found = {
        "words in two parts": _shared_words(corpus),
        "uses outside the word's part": _strayed(corpus),
        "documents with the same tokens in two parts": len(_same(corpus)),
        "near-duplicates in two parts": 0,
    }
    if wrong := [name for name, count in found.items() if count]:
        raise QuickstudyError(f"corpus: {found[wrong[0]]} {wrong[0]}; this is a fault of quickstudy's: report it.")
    return {
        **found,
        "pairs of two parts compared": compared,
        "words a part": _by_part([word.split for word in corpus.words]),
    }


def near_between(
    corpus: Corpus, texts: Texts, numbers: NDArray[np.int64], near: float, folder: Path
) -> tuple[list[int], int]:
    """(numbers of documents that are near one of another part or are the same tokens, as texts that a tokenizer cannot
    read may be; pairs compared), by an index with hashes of its own over what the finished corpus holds. `numbers`: of
    its documents among `texts`."""
    index = Index(folder)
    starts = corpus.sentences[np.asarray(corpus.documents)]
    for begin in range(0, len(numbers), _DOCUMENTS):
        ends = starts[begin : begin + _DOCUMENTS + 1].tolist()
        said = [corpus.tokens[a:b].tobytes() for a, b in itertools.pairwise(ends)]
        index.add(bands(said, int(corpus.manifest["seed"]) + 2))
    strayed, compared = between(index, texts, numbers, np.asarray(corpus.split), near)
    return sorted({*strayed, *numbers[_same(corpus)].tolist()}), compared


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


def _same(corpus: Corpus) -> NDArray[np.int64]:
    """The documents whose tokens are those of an earlier one of another part, by a hash of them all."""
    starts = corpus.sentences[np.asarray(corpus.documents)]
    hashes = np.fromiter(
        (
            int.from_bytes(hashlib.blake2b(corpus.tokens[a:b].tobytes(), digest_size=8).digest(), "little")
            for a, b in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)
        ),
        np.uint64,
        len(starts) - 1,
    )
    _, first, which = np.unique(hashes, return_index=True, return_inverse=True)
    split = np.asarray(corpus.split)
    return np.flatnonzero(split[first[which]] != split)


def _by_part(parts: Sequence[int]) -> list[int]:
    return np.bincount(np.array(parts, np.int64), minlength=len(PARTS)).tolist()
