"""The first pass, of one worker: raw documents to a shard of cleaned ones, with what is asked about them later."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from quickstudy.corpus import fingerprints, judged, languages, structure, words
from quickstudy.corpus.cleaning import Cleaned, cleaned
from quickstudy.corpus.reading import Raw
from quickstudy.corpus.settings import Settings
from quickstudy.corpus.shards import SIZE, Shards, packed

EVERY = 8
SAMPLE = 4
"""documents of a shard whose language is told for the report"""


class Batch(NamedTuple):
    """What becomes a shard."""

    number: int
    documents: list[Raw]
    """() where the shard is there already"""
    characters: int


@dataclass(frozen=True)
class Sift:
    """Work for `workers.spread`."""

    folder: Path
    settings: Settings
    key: str
    """of the build, so that nothing of another one in this process is remembered"""

    def __call__(self, batch: Batch) -> Batch:
        shards = Shards(self.folder)
        if not shards.there(batch.number):
            self._write(shards, batch)
        return Batch(batch.number, [], batch.characters)

    def _write(self, shards: Shards, batch: Batch) -> None:
        counts: Counter[str] = Counter()
        kept: list[Cleaned] = []
        source: list[int] = []
        groups: dict[str, int] = {}
        group: list[int] = []
        for raw in batch.documents:
            counts["read"] += 1
            for document in cleaned(raw.text, raw.title, self.settings, counts):
                kept.append(document)
                source.append(raw.source)
                group.append(groups.setdefault(raw.group, len(groups)) if raw.group else -1)
        keys = [document.key for document in kept]
        bands = fingerprints.bands(keys, self.settings.seed)
        leaks = self._leaks(kept, bands)
        counts.update(f"dropped: judged ({why})" for why in leaks if why)
        step = max(len(kept) // SAMPLE, 1)
        counts.update(f"language: {name}" for name in _languages(kept[::step][:SAMPLE]))
        shards.write(
            batch.number,
            {
                "identity": fingerprints.identities(keys),
                "bands": bands,
                "source": np.array(source, np.uint16),
                "group": np.array(group, np.int32),
                "groups": packed(list(groups)),
                "kept": np.array([not why for why in leaks], bool),
                "counts": packed(counts),
                "words": packed(self._words(batch.number, kept)),
            },
            [document.lines for document in kept],
        )

    def _words(self, number: int, kept: list[Cleaned]) -> dict[str, int]:
        """Counts; from shard EVERY on of every EVERY-th document, as if they stood for all: to choose words, that is as
        good."""
        step = EVERY if number >= EVERY else 1
        texts = (structure.plain(structure.flag(line)[1]) for document in kept[::step] for line in document.lines)
        return {word: step * count for word, count in words.counted(texts).items()}

    def _leaks(self, kept: list[Cleaned], bands: np.ndarray) -> list[str]:
        found = _judged(self.folder, self.key)
        return judged.leaks(kept, bands, found, self.settings.near) if found else [""] * len(kept)


def batches(documents: Iterable[Raw], shards: Shards) -> Iterator[Batch]:
    """Documents gathered to shards of about SIZE characters. What is there already is not sent again."""
    gathered: list[Raw] = []
    size = number = 0
    for document in documents:
        gathered.append(document)
        size += len(document.text)
        if size >= SIZE:
            yield Batch(number, [] if shards.there(number) else gathered, size)
            gathered, size, number = [], 0, number + 1
    if gathered:
        yield Batch(number, [] if shards.there(number) else gathered, size)


@lru_cache(maxsize=1)
def _judged(folder: Path, key: str) -> judged.Judged | None:
    return judged.opened(folder)


def _languages(documents: Iterable[Cleaned]) -> Iterator[str]:
    for document in documents:
        found = languages.told(" ".join(document.lines))
        if found:
            yield found
