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

EVERY, FULLY = 8, 2
SAMPLE = 4
"""documents of a shard whose language is told for the report"""


class Batch(NamedTuple):
    """What becomes a shard."""

    number: int
    documents: list[Raw]
    """() where the shard is there already"""
    characters: int
    before: int = 0
    """whole documents that were read before it"""


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
        origin: list[int] = []
        number = batch.before - 1
        for raw in batch.documents:
            counts["read"] += not raw.goes_on
            number += not raw.goes_on
            for document in cleaned(raw.text, raw.title, self.settings, counts):
                kept.append(document)
                source.append(raw.source)
                group.append(groups.setdefault(raw.group, len(groups)) if raw.group else -1)
                origin.append(number)
        keys = [document.key for document in kept]
        bands = fingerprints.bands(keys, self.settings.seed)
        leaks = self._leaks(kept, bands)
        counts.update(f"dropped: judged ({why})" for why, each in zip(leaks, kept, strict=True) if why and each.lines)
        real = [document for document in kept if document.lines]
        step = max(len(real) // SAMPLE, 1)
        shards.write(
            batch.number,
            {
                "identity": fingerprints.identities(keys),
                "bands": bands,
                "source": np.array(source, np.uint16),
                "group": np.array(group, np.int32),
                "origin": np.array(origin, np.int64),
                "pieces": np.array([document.pieces for document in kept], np.uint16),
                "groups": packed(list(groups)),
                "kept": np.array([not why for why in leaks], bool),
                "counts": packed(counts),
                "heads": packed([" ".join(document.lines)[: languages.HEAD] for document in real[::step][:SAMPLE]]),
                "words": packed(self._words(batch.number, real)),
            },
            [document.lines for document in kept],
        )

    def _words(self, number: int, kept: list[Cleaned]) -> dict[str, int]:
        """Counts; from shard FULLY on of every EVERY-th document, as if they stood for all: to choose words, that is as
        good."""
        step = EVERY if number >= FULLY else 1
        texts = (structure.plain(structure.flag(line)[1]) for document in kept[::step] for line in document.lines)
        return {word: step * count for word, count in words.counted(texts).items()}

    def _leaks(self, kept: list[Cleaned], bands: np.ndarray) -> list[str]:
        found = _judged(self.folder, self.key)
        if not found:
            return [""] * len(kept)
        why = judged.leaks(kept, bands, found, self.settings.near)
        for at, document in enumerate(kept):
            if document.pieces and why[at]:  # with the whole, its pieces
                first = at - document.pieces
                why[first:at] = [each or why[at] for each in why[first:at]]
        return why


def batches(documents: Iterable[Raw], shards: Shards) -> Iterator[Batch]:
    """Documents gathered to shards of about SIZE characters. What is there already is not sent again."""
    gathered: list[Raw] = []
    size = number = before = read = 0
    for document in documents:
        gathered.append(document)
        size += len(document.text)
        read += not document.goes_on
        if size >= SIZE:
            yield Batch(number, [] if shards.there(number) else gathered, size, before)
            gathered, size, number, before = [], 0, number + 1, read
    if gathered:
        yield Batch(number, [] if shards.there(number) else gathered, size, before)


@lru_cache(maxsize=1)
def _judged(folder: Path, key: str) -> judged.Judged | None:
    return judged.opened(folder)
