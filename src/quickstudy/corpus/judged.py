"""Texts that models will be judged on: documents that are one, nearly are, or hold one as a sentence stay out."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quickstudy.corpus import fingerprints, private, repairing, structure
from quickstudy.corpus.cleaning import Cleaned, key
from quickstudy.episodes.files import rows

FILE = "judged.npz"


class Judged(NamedTuple):
    """Their keys: R of them."""

    keys: tuple[bytes, ...]
    identities: frozenset[int]
    bands: NDArray[np.uint32]
    """(R, BANDS)"""


def gather(files: Sequence[str], folder: Path, seed: int, scrub: Sequence[str] = ()) -> int:
    """Writes every text of these files of rows into `folder`, for the workers, as it stands and as it would stand in a
    corpus from which `scrub` was taken; how many there are."""
    texts = {text for name in files for row in rows(name) for text in _texts(row.fields.values())}
    keys = sorted({key(form) for text in texts for form in (text, _compiled(text, scrub))} - {b""})
    if keys:
        lengths = np.array([len(each) for each in keys], np.int64)
        text = np.frombuffer(b"".join(keys), np.uint8)
        np.savez(folder / FILE, text=text, lengths=lengths, bands=fingerprints.bands(keys, seed))
    return len(keys)


def opened(folder: Path) -> Judged | None:
    """What `gather` wrote; None if there was nothing."""
    if not (folder / FILE).is_file():
        return None
    with np.load(folder / FILE, allow_pickle=False) as found:
        text, ends = found["text"].tobytes(), np.cumsum(found["lengths"]).tolist()
        keys = tuple(text[start:end] for start, end in zip([0, *ends], ends, strict=False))
        return Judged(keys, frozenset(map(fingerprints.identity, keys)), found["bands"])


def leaks(documents: Sequence[Cleaned], bands: NDArray[np.uint32], judged: Judged, near: float) -> list[str]:
    """Of each document: "", "same", "holds" (a sentence of SHORT bytes or more) or "near"."""
    found = [_held(document, judged) for document in documents]
    for band in range(bands.shape[1]):
        order = np.argsort(judged.bands[:, band], kind="stable")
        sorted_band = judged.bands[order, band]
        at = np.searchsorted(sorted_band, bands[:, band])
        ends = np.searchsorted(sorted_band, bands[:, band], side="right")
        for document in np.flatnonzero(ends > at).tolist():
            if not found[document]:
                others = (judged.keys[each] for each in order[at[document] : ends[document]].tolist())
                found[document] = _near(documents[document].key, others, near)
    return found


def _held(document: Cleaned, judged: Judged) -> str:
    if fingerprints.identity(document.key) in judged.identities:
        return "same"
    for line in document.lines:
        said = key(structure.plain(structure.flag(line)[1]))
        if len(said) >= fingerprints.SHORT and fingerprints.identity(said) in judged.identities:
            return "holds"
    return ""


def _near(said: bytes, others: Iterable[bytes], threshold: float) -> str:
    if len(said) < fingerprints.SHORT:
        return ""
    own = fingerprints.runs(said)
    return (
        "near" if any(fingerprints.similarity(own, fingerprints.runs(other)) >= threshold for other in others) else ""
    )


def _compiled(text: str, scrub: Sequence[str]) -> str:
    return private.scrubbed(repairing.repaired(text)[0], scrub, Counter())


def _texts(values: Iterable[Any]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, list | dict):
            yield from _texts(value if isinstance(value, list) else value.values())
