"""The folder of a compiled corpus: numpy arrays that are memory-mapped, and JSON. Nothing in it is ever pickled.

manifest.json       format, version, seed, sources, cleaning and its counts, tokenizer, splits, proof of no leaks
tokenizer.json      the file of `tokenizers` that the ids belong to
tokens.npy          (T,) uint16 or uint32: the sentences' ids one after another, without special tokens
sentences.npy       (n + 1,) int64: where each sentence begins in tokens
flags.npy           (n,) uint8: PLAIN, HEADING or KEY_VALUE
documents.npy       (m + 1,) int64: where each document begins in sentences
split.npy           (m,) uint8: TRAIN, VALIDATION or TEST
source.npy          (m,) uint16: number of the source in the manifest
group.npy           (m,) int32: number of the group (domain, author, language) in the manifest
origin.npy          (m,) int64, optional: number of the document as it was read; the pieces of a long one share it
words.json          what may be masked: [{"word", "count", "band", "split"}, …]
uses.npy            (W + 1,) int64: where each word's uses begin in the next two
use_sentence.npy    (K,) int64      use_span.npy    (K, 2) uint16: half-open token range within the sentence
links.npy           (L, 4) int64, optional: sentence, start, end (tokens within it), number of the target
targets.json        optional: the links' targets, as written
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from quickstudy.core.files import shown, write_whole
from quickstudy.core.types import QuickstudyError

FORMAT, VERSION = "quickstudy.corpus", 1
TRAIN, VALIDATION, TEST = PARTS = 0, 1, 2
PART_NAMES = ("train", "validation", "test")
PLAIN, HEADING, KEY_VALUE = 0, 1, 2
"""a sentence; the heading or title of what follows it in its document; a line "key: value" """
ARRAYS = {
    "tokens": ("uint16", "uint32"),
    "sentences": ("int64",),
    "flags": ("uint8",),
    "documents": ("int64",),
    "split": ("uint8",),
    "source": ("uint16",),
    "group": ("int32",),
    "uses": ("int64",),
    "use_sentence": ("int64",),
    "use_span": ("uint16",),
}


@dataclass(frozen=True, slots=True)
class Word:
    """A word that may be masked."""

    word: str
    """lower-cased"""
    count: int
    """how often it stands in documents of its own part, in sentences in which it stands once; `uses` are some of them,
    no sentence twice"""
    band: int
    """floor(log2) of how often it stands among a million words of the corpus"""
    split: int
    """TRAIN, VALIDATION or TEST: its uses lie in documents of this part only"""


@dataclass(frozen=True, eq=False)
class Corpus:
    """A corpus that lies on disk: n sentences, m documents, W words, K uses. Arrays are read as they are touched."""

    folder: Path
    manifest: Mapping[str, Any]
    tokens: NDArray[Any]
    sentences: NDArray[np.int64]
    flags: NDArray[np.uint8]
    documents: NDArray[np.int64]
    split: NDArray[np.uint8]
    source: NDArray[np.uint16]
    group: NDArray[np.int32]
    words: tuple[Word, ...]
    uses: NDArray[np.int64]
    use_sentence: NDArray[np.int64]
    use_span: NDArray[np.uint16]
    links: NDArray[np.int64]
    """(L, 4); L = 0 where the corpus has none"""
    origin: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    """(m,), or (0,) where nobody says"""
    targets: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def open(cls, folder: str | Path) -> "Corpus":
        """Errors: QuickstudyError for a folder that is missing, is no corpus, or whose files do not fit together."""
        place = Path(folder)
        manifest = _manifest(place)
        arrays = {name: _array(place, name, kinds) for name, kinds in ARRAYS.items()}
        links = _array(place, "links", ("int64",)) if (place / "links.npy").is_file() else np.zeros((0, 4), np.int64)
        origin = _array(place, "origin", ("int64",)) if (place / "origin.npy").is_file() else np.zeros(0, np.int64)
        targets = tuple(_json(place, "targets.json")) if (place / "targets.json").is_file() else ()
        try:
            words = tuple(
                Word(str(each["word"]), int(each["count"]), int(each["band"]), int(each["split"]))
                for each in _json(place, "words.json")
            )
        except (KeyError, TypeError, ValueError):
            raise _damaged(place, "words.json") from None
        corpus = cls(place, manifest, words=words, links=links, origin=origin, targets=targets, **arrays)
        _fitting(corpus)
        return corpus

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """What the ids belong to."""
        try:
            return Tokenizer.from_file(str(self.folder / "tokenizer.json"))
        except Exception:  # the library raises nothing more specific
            raise _damaged(self.folder, "tokenizer.json") from None

    def rows(self, sentence_ids: Sequence[int] | NDArray[Any], limit: int) -> list[NDArray[Any]]:
        """The first `limit` tokens of each of these sentences."""
        begin = self.sentences[np.asarray(sentence_ids, np.int64)]
        end = np.minimum(self.sentences[np.asarray(sentence_ids, np.int64) + 1], begin + limit)
        return [self.tokens[a:b] for a, b in zip(begin.tolist(), end.tolist(), strict=True)]

    def document_of(self, sentence_ids: Sequence[int] | NDArray[Any]) -> NDArray[np.int64]:
        """The document that each of these sentences stands in."""
        return np.searchsorted(self.documents, np.asarray(sentence_ids, np.int64), side="right") - 1

    def documents_of(self, part: int) -> NDArray[np.int64]:
        """The documents of TRAIN, VALIDATION or TEST."""
        return np.flatnonzero(np.asarray(self.split) == part)

    def words_of(self, part: int) -> NDArray[np.int64]:
        """The numbers of the words of TRAIN, VALIDATION or TEST."""
        return np.flatnonzero(np.fromiter((word.split for word in self.words), np.int64, len(self.words)) == part)

    def text(self, sentence: int) -> str:
        """A sentence as the tokenizer gives it back, for people."""
        return str(self.tokenizer.decode(self.rows([sentence], 1 << 16)[0].tolist()))


def write(
    folder: Path,
    arrays: Mapping[str, NDArray[Any]],
    words: Sequence[Word],
    tokenizer: str,
    manifest: Mapping[str, Any],
    targets: Sequence[str] = (),
) -> None:
    """A small corpus out of arrays in memory (names as in ARRAYS, and "links"), whole or not at all.

    `tokenizer`: the JSON of a `tokenizers.Tokenizer`. Errors: QuickstudyError where the folder exists already."""
    beside = folder.with_name(folder.name + ".building")
    beside.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        with (beside / f"{name}.npy").open("wb") as file:
            np.save(file, array, allow_pickle=False)
    write_rest(beside, words, tokenizer, manifest, targets)
    settle(beside, folder)


def write_rest(
    folder: Path, words: Sequence[Word], tokenizer: str, manifest: Mapping[str, Any], targets: Sequence[str] = ()
) -> None:
    """Everything but the arrays."""
    named = [{"word": each.word, "count": each.count, "band": each.band, "split": each.split} for each in words]
    write_whole(folder / "words.json", _dumped(named))
    write_whole(folder / "tokenizer.json", tokenizer.encode())
    if targets:
        write_whole(folder / "targets.json", _dumped(list(targets)))
    write_whole(folder / "manifest.json", _dumped({"format": FORMAT, "version": VERSION, **manifest}, 1))


def settle(made: Path, folder: Path) -> None:
    """Moves a finished folder to where it belongs, in one step. Errors: QuickstudyError where something is there."""
    if folder.exists():
        raise QuickstudyError(f"{shown(folder)}: this exists already; name another folder or remove it.")
    for path in made.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    made.rename(folder)


def _dumped(value: Any, indent: int | None = None) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=indent).encode("utf-8", "backslashreplace")


def _manifest(folder: Path) -> Mapping[str, Any]:
    if not (folder / "manifest.json").is_file():
        raise QuickstudyError(
            f"{shown(folder)}: no corpus is here; make one with: quickstudy corpus build FILES -o FOLDER"
        )
    manifest = _json(folder, "manifest.json")
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise _damaged(folder, "manifest.json")
    if manifest.get("version") != VERSION:
        raise QuickstudyError(
            f"{shown(folder)}: a corpus of version {manifest.get('version')}; this program reads {VERSION}: build anew."
        )
    return manifest


def _json(folder: Path, name: str) -> Any:
    try:
        return json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        raise _damaged(folder, name) from None


def _array(folder: Path, name: str, kinds: tuple[str, ...]) -> Any:
    try:
        found = np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        raise _damaged(folder, f"{name}.npy") from None
    if not isinstance(found, np.ndarray) or not found.ndim or str(found.dtype) not in kinds:  # (a zip is none)
        raise _damaged(folder, f"{name}.npy")
    return found


def _fitting(corpus: Corpus) -> None:
    """Shapes and ends only: whoever looks at every number of a large corpus waits for minutes."""
    n, m, words, uses = len(corpus.flags), len(corpus.split), len(corpus.words), len(corpus.use_sentence)
    fits = {
        "sentences": len(corpus.sentences) == n + 1 and int(corpus.sentences[-1]) == len(corpus.tokens),
        "documents": len(corpus.documents) == m + 1 and int(corpus.documents[-1]) == n,
        "source": len(corpus.source) == m,
        "group": len(corpus.group) == m,
        "origin": len(corpus.origin) in (0, m),
        "uses": len(corpus.uses) == words + 1 and int(corpus.uses[-1]) == uses,
        "use_span": corpus.use_span.shape == (uses, 2),
        "links": corpus.links.ndim == 2 and corpus.links.shape[1] == 4,
    }
    for name, fine in fits.items():
        if not fine:
            raise _damaged(corpus.folder, f"{name}.npy")


def _damaged(folder: Path, name: str) -> QuickstudyError:
    return QuickstudyError(f"{shown(folder / name)}: damaged or missing; build the corpus anew.")
