"""One document cleaned: letters mended, filters, sentences. What was done or dropped is counted by name."""

import unicodedata
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from quickstudy.corpus import languages, private, quality, repairing, structure
from quickstudy.corpus.letters import outside
from quickstudy.corpus.settings import Settings
from quickstudy.episodes.cleaning import normalised

_DROPPED = bytes(each for each in range(128) if not chr(each).isalnum())


class Cleaned(NamedTuple):
    """A document as it goes into a shard."""

    lines: list[str]
    """marked sentences, as `structure` makes them"""
    key: bytes
    """UTF-8 of what is compared with other documents: no case, no punctuation, no spaces"""


def cleaned(text: str, title: str, settings: Settings, counts: Counter[str]) -> Iterator[Cleaned]:
    """The document, or several where it is longer than it may be; nothing where a filter drops it."""
    mended, done = repairing.repaired(text)
    if done:
        counts[f"mended {done}"] += 1
    pieces = list(_cut(mended, settings.longest))
    counts["cut"] += len(pieces) - 1
    heading = _scrubbed(repairing.repaired(title)[0], settings, counts)
    for piece in pieces:
        found = _piece(piece, heading, settings, counts)
        if found is not None:
            yield found


def key(text: str) -> bytes:
    """What two texts share that differ only in how they are typed: `episodes.cleaning.normalised`, at the speed of the
    few different letters that a text has."""
    if text.isascii():
        return text.encode().lower().translate(None, _DROPPED)
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    for letter in outside(folded):
        if not normalised(letter):
            folded = folded.replace(letter, "")
    return folded.encode("utf-8", "surrogatepass").translate(None, _DROPPED)


def _piece(text: str, title: str, settings: Settings, counts: Counter[str]) -> Cleaned | None:
    if len(text) < settings.shortest and len(text.strip().encode("utf-8", "replace")) < settings.shortest:
        counts["dropped: too short"] += 1
        return None
    text = _scrubbed(text, settings, counts)
    lines = structure.sentences(text, title)
    if fault := quality.fault(text, lines):
        counts[f"dropped: {fault}"] += 1
        return None
    if not languages.wanted(text, settings.languages):
        counts["dropped: another language"] += 1
        return None
    if not lines:
        counts["dropped: too short"] += 1
        return None
    return Cleaned(lines, key(structure.bare(lines)))


def _scrubbed(text: str, settings: Settings, counts: Counter[str]) -> str:
    if not settings.scrub:
        return text
    text = private.scrubbed(text, settings.scrub, scrubs := Counter[str]())
    counts.update({f"scrubbed: {kind}": count for kind, count in scrubs.items()})
    return text


def _cut(text: str, longest: int) -> Iterator[str]:
    """At a blank line, else a line's end, else a sentence's, else a space, in the second half of what is allowed."""
    start = 0
    while len(text) - start > longest:
        ends = (text.rfind(mark, start + longest // 2, start + longest) for mark in ("\n\n", "\n", ". ", " "))
        at = next((end + 1 for end in ends if end >= 0), start + longest)
        yield text[start:at]
        start = at
    yield text[start:]
