"""One document cleaned: letters mended, filters, sentences. What was done or dropped is counted by name."""

import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from quickstudy.corpus import languages, private, quality, repairing, structure
from quickstudy.corpus.letters import outside
from quickstudy.corpus.settings import Settings
from quickstudy.episodes.cleaning import normalised

_ABOUT = 16
"""letters before and behind a place where a text may be cut"""
_DROPPED = bytes(each for each in range(128) if not chr(each).isalnum())


class Cleaned(NamedTuple):
    """A document as it goes into a shard."""

    lines: list[str]
    """marked sentences, as `structure` makes them"""
    key: bytes
    """UTF-8 of what is compared with other documents: no case, no punctuation, no spaces"""
    pieces: int = 0
    """0; of one that only stands for so many pieces before it, with no lines of its own: how many"""


def cleaned(text: str, title: str, settings: Settings, counts: Counter[str]) -> Iterator[Cleaned]:
    """The document; where it is longer than it may be, its pieces, and one that stands for them all together; nothing
    where a filter drops it."""
    mended, done = repairing.repaired(text)
    if done:
        counts[f"mended {done}"] += 1
    pieces = list(_cut(mended, settings.longest))
    counts["cut"] += len(pieces) - 1
    heading = _scrubbed(repairing.repaired(title)[0], settings, counts)
    keys = []
    for piece in pieces:
        found = _piece(piece, heading, settings, counts)
        if found is not None:
            keys.append(found.key)
            yield found
    if len(keys) > 1:
        yield Cleaned([], b"".join(keys), len(keys))


def key(text: str) -> bytes:
    """What two texts share that differ only in how they are typed: `episodes.cleaning.normalised`, at the speed of the
    few different letters that a text has."""
    for letter in () if text.isascii() else outside(text):
        alone = _alone(letter)
        if alone is None:
            return normalised(text).encode("utf-8", "surrogatepass")
        if alone != letter:
            text = text.replace(letter, alone)
    return text.encode("utf-8", "surrogatepass").lower().translate(None, _DROPPED)


@lru_cache(maxsize=1 << 16)
def _alone(letter: str) -> str | None:
    """What becomes of a letter in `normalised`; None if that hangs on those before it: marks, parts of Hangul."""
    folded = unicodedata.normalize("NFKC", letter)
    joins = any(unicodedata.category(each)[0] == "M" or "\u1100" <= each <= "\u11ff" for each in folded)
    return None if joins else normalised(letter)


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
    """At a blank line, else a line's end, else a sentence's, else a space, in the second half of what is allowed. Which
    of these hangs on the letters about it, so that a copy with a longer beginning is soon cut at the same places."""
    start = 0
    while len(text) - start > longest:
        window = (start + longest // 2, start + longest)
        ends = (_found(text, mark, *window) for mark in ("\n\n", "\n", ". ", " "))
        at = next((min(found, key=lambda end: _drawn(text, end)) for found in ends if found), start + longest)
        yield text[start:at]
        start = at
    yield text[start:]


def _found(text: str, mark: str, start: int, end: int) -> list[int]:
    return [match.start() + 1 for match in re.compile(re.escape(mark)).finditer(text, start, end)]


def _drawn(text: str, at: int) -> int:
    return zlib.crc32(text[at - _ABOUT : at + _ABOUT].encode("utf-8", "surrogatepass"))
