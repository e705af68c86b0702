"""Drops meta-training rows that stand, or all but stand, in the tasks a model will be judged on.

Candidates come from MinHash with locality-sensitive hashing (Broder 1997; Leskovec et al., Mining of Massive
Datasets, ch. 3) over runs of five characters; each is then confirmed by its exact Jaccard similarity."""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from datasketch import MinHash, MinHashLSH

from quickstudy.core.protocols import TaskKind
from quickstudy.core.types import QuickstudyError
from quickstudy.episodes.cleaning import normalised, spelling_key
from quickstudy.episodes.sources import Source, class_names

SHINGLE = 5
SHORT = 20
"""normalised characters below which only an equal text counts, since a few shared runs mean little there"""
_PERMUTATIONS = 64
_EXAMPLES = 5


class Leak(NamedTuple):
    """One row that was dropped, for people to look at."""

    source: str
    reason: str
    """"same" or "near" """
    text: str
    evaluation: str


class LeakCount(NamedTuple):
    rows: int
    same: int
    near: int


@dataclass(frozen=True)
class LeakReport:
    counts: Mapping[str, LeakCount]
    """source -> rows looked at, and dropped for each reason"""
    examples: tuple[Leak, ...]
    """up to five a source and reason"""

    @property
    def dropped(self) -> int:
        return sum(count.same + count.near for count in self.counts.values())

    def __str__(self) -> str:
        rows = sum(count.rows for count in self.counts.values())
        near = sum(count.near for count in self.counts.values())
        return (
            f"{self.dropped} of {rows} training rows stand in an evaluation task and were dropped "
            f"({near} of them nearly)"
        )


def without_leaks(
    train_sources: Iterable[Source],
    evaluation_texts: Iterable[str | Sequence[str]],
    kind: TaskKind,
    threshold: float = 0.8,
) -> tuple[tuple[Source, ...], LeakReport]:
    """The sources without rows whose normalised text is, or nearly is, one of the evaluation's.

    `evaluation_texts`: a text, or an example's several texts as `kind.texts` gives them. An example of
    several texts is compared whole, and each of its texts of SHORT characters or more by itself.
    `threshold`: Jaccard similarity from which two texts of SHORT characters or more are near. A pair that is
    near escapes the search about once in a thousand times; none that is dropped is less near.
    A source that loses every row is left out. Errors: QuickstudyError for a threshold outside (0, 1]."""
    if not 0 < threshold <= 1:
        raise QuickstudyError(f"leak check: the threshold is {threshold}; give a number above 0 and up to 1.")
    search = _Search(evaluation_texts, threshold)
    kept: list[Source] = []
    counts: dict[str, LeakCount] = {}
    leaks: list[Leak] = []
    for source in train_sources:
        texts = source.of(kind).texts
        found = search.leaks([texts(example) for example in source.examples])
        for reason in ("same", "near"):
            some = [(number, match) for number, (why, match) in found.items() if why == reason][:_EXAMPLES]
            leaks += [
                Leak(source.name, reason, " | ".join(texts(source.examples[number])), match) for number, match in some
            ]
        same = sum(reason == "same" for reason, _ in found.values())
        counts[source.name] = LeakCount(len(source.examples), same, len(found) - same)
        rest = tuple(example for number, example in enumerate(source.examples) if number not in found)
        if rest:
            kept.append(replace(source, examples=rest) if found else source)
    return tuple(kept), LeakReport(counts, tuple(leaks))


def shared_classes(
    train_sources: Iterable[Source], evaluation_sources: Iterable[Source], kind: TaskKind
) -> dict[str, tuple[str, ...]]:
    """{training source: its class names that an evaluation source has too}, case and spaces apart; sources
    without any are not listed. Such classes are no fault, but a task with them is not wholly unseen."""
    judged = {spelling_key(name) for source in evaluation_sources for name in class_names(source, kind)}
    shared = {
        source.name: tuple(name for name in class_names(source, kind) if spelling_key(name) in judged)
        for source in train_sources
    }
    return {name: found for name, found in shared.items() if found}


class _Search:
    """The evaluation's texts, ready to be asked for ones like them."""

    def __init__(self, texts: Iterable[str | Sequence[str]], threshold: float) -> None:
        self._threshold = threshold
        self._raw: dict[str, str] = {}
        for text in texts:
            for key, raw in _units((text,) if isinstance(text, str) else tuple(text)):
                self._raw.setdefault(key, raw)
        self._lsh = MinHashLSH(num_perm=_PERMUTATIONS, params=_bands(threshold))
        self._keys = [key for key in self._raw if len(key) >= SHORT]
        for number, sketch in enumerate(_sketches(self._keys)):
            self._lsh.insert(number, sketch, check_duplication=False)

    def leaks(self, rows: Sequence[tuple[str, ...]]) -> dict[int, tuple[str, str]]:
        """{number of a row: (reason, the evaluation's text)}"""
        found: dict[int, tuple[str, str]] = {}
        rest: dict[str, list[int]] = {}
        for number, texts in enumerate(rows):
            units = _units(texts)
            same = next((self._raw[key] for key, _ in units if key in self._raw), None)
            if same is not None:
                found[number] = "same", same
                continue
            for key, _ in units:
                if len(key) >= SHORT:
                    rest.setdefault(key, []).append(number)
        for key, sketch in zip(rest, _sketches(rest), strict=True):
            match = self._near(key, sketch)
            if match is not None:
                for number in rest[key]:
                    found.setdefault(number, ("near", match))
        return found

    def _near(self, key: str, sketch: MinHash) -> str | None:
        candidates = sorted(self._lsh.query(sketch))
        if not candidates:
            return None
        own = _shingles(key)
        for number in candidates:
            other = _shingles(self._keys[number])
            shared = len(own & other)
            if shared >= self._threshold * (len(own) + len(other) - shared):
                return self._raw[self._keys[number]]
        return None


def _units(texts: tuple[str, ...]) -> list[tuple[str, str]]:
    """(normalised, as written) of what is compared; nothing for texts of punctuation alone."""
    parts = [(normalised(text), text) for text in texts]
    if len(parts) > 1:
        whole = "\x1f".join(key for key, _ in parts), " | ".join(texts)
        parts = [whole, *(part for part in parts if len(part[0]) >= SHORT)]
    return [(key, raw) for key, raw in parts if key.strip("\x1f")]


def _shingles(key: str) -> set[str]:
    return {key[start : start + SHINGLE] for start in range(len(key) - SHINGLE + 1)}


def _sketches(keys: Iterable[str]) -> Iterable[MinHash]:
    shingled = ([part.encode("utf-8", "surrogatepass") for part in _shingles(key)] for key in keys)
    return MinHash.generator(shingled, num_perm=_PERMUTATIONS, hashfunc=zlib.crc32)


def _bands(threshold: float) -> tuple[int, int]:
    """(bands, rows a band): the longest bands with which a pair at the threshold is found 999 times in
    1000."""
    for size in (16, 8, 4, 2):
        bands = _PERMUTATIONS // size
        if 1 - (1 - threshold**size) ** bands >= 0.999:
            return bands, size
    return _PERMUTATIONS, 1
