"""What a corpus says about itself: where it comes from, what was done to it, what it holds."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from tokenizers import Tokenizer

import quickstudy
from quickstudy.core.types import QuickstudyError
from quickstudy.corpus import vocabularies
from quickstudy.corpus.assembling import Sizes
from quickstudy.corpus.deciding import Decided
from quickstudy.corpus.places import Place, fingerprint
from quickstudy.corpus.settings import Settings
from quickstudy.corpus.store import PART_NAMES
from quickstudy.episodes.records import Problems

_HEADINGS = ("dropped", "scrubbed", "language")


def about(
    found: Sequence[Place],
    decided: Decided,
    sizes: Sizes,
    settings: Settings,
    problems: Problems,
    tokenizer: Tokenizer,
    apart: tuple[bool, int],
) -> dict[str, Any]:
    """Everything but the format and the proof. `apart`: whether pieces were read apart, and on how many sentences
    that was found to be the same."""
    split, group = decided.split[decided.kept], decided.group[decided.kept]
    return {
        "quickstudy": quickstudy.__version__,
        "seed": settings.seed,
        "sources": _sources(found, decided, settings),
        "groups": [
            {"name": name, "documents": int(count)}
            for name, count in zip(decided.groups, np.bincount(group, minlength=len(decided.groups)), strict=True)
        ],
        "settings": asdict(settings),
        "cleaning": _cleaning(decided.counts),
        "problems": [str(problem) for problem in problems.all("corpus")],
        "tokenizer": {
            "name": settings.tokenizer,
            "fingerprint": vocabularies.fingerprint(tokenizer),
            "pieces": tokenizer.get_vocab_size(),
            "read": "by pieces between spaces" if apart[0] else "by sentences",
            "checked on sentences": apart[1],
        },
        "documents": int(sizes.documents.sum()),
        "sentences": int(sizes.sentences.sum()),
        "tokens": int(sizes.tokens.sum()),
        "splits": {name: int((split == part).sum()) for part, name in enumerate(PART_NAMES)},
    }


def licences(settings: Settings, sources: int) -> list[str]:
    """One a source. Errors: QuickstudyError for another number of them."""
    if len(settings.licence) in (0, 1):
        return [*settings.licence, ""][:1] * sources
    if len(settings.licence) != sources:
        raise QuickstudyError(f"licence: {len(settings.licence)} for {sources} sources; give one, or one a source.")
    return list(settings.licence)


def _sources(found: Sequence[Place], decided: Decided, settings: Settings) -> list[dict[str, Any]]:
    documents = np.bincount(decided.source[decided.kept], minlength=len(found))
    return [
        {
            "path": place.name,
            "sha256": "" if place.changed else fingerprint(place),
            "licence": licence,
            "documents": int(count),
            "bytes": place.size,
        }
        for place, licence, count in zip(found, licences(settings, len(found)), documents, strict=True)
    ]


def _cleaning(counts: Counter[str]) -> dict[str, Any]:
    told: dict[str, Any] = {name: count for name, count in sorted(counts.items()) if ": " not in name}
    for heading in _HEADINGS:
        told[heading] = {
            name.removeprefix(f"{heading}: "): count
            for name, count in sorted(counts.items())
            if name.startswith(f"{heading}: ")
        }
    return told
