"""Words of a text: runs of letters, and of Chinese what jieba's segmenter finds (`rjieba`; without it, characters)."""

import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from quickstudy.corpus.settings import Settings

_LEAST = 2
MOST = 2_000_000
"""different words that are counted at once; the rarest are forgotten beyond"""
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]+")
_LETTERS = re.compile("[\u3040-\u30ff\u0e00-\u0e7f]")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A word that will be looked for."""

    word: str
    count: int
    """in the whole corpus, before duplicates went"""
    part: int


def found(text: str) -> Iterator[tuple[str, int, int]]:
    """(lower-cased word, start, end) in characters. Scripts without spaces other than Chinese: letter by letter."""
    for match in _WORD.finditer(text):
        said = match[0]
        if said.isascii():
            yield said.lower(), match.start(), match.end()
        elif _HAN.search(said):
            yield from _segments(said, match.start())
        elif _LETTERS.search(said):
            yield from ((letter, at, at + 1) for at, letter in enumerate(said, match.start()))
        else:
            yield said.lower().replace("\u2019", "'"), match.start(), match.end()


def counted(texts: Iterable[str]) -> Counter[str]:
    """How often each word stands in texts. What lies between spaces is taken apart once."""
    pieces = Counter("\n".join(texts).split())
    counts: Counter[str] = Counter()
    for piece, count in pieces.items():
        for word, _, _ in found(piece):
            counts[word] += count
    return counts


def merged(total: Counter[str], more: Mapping[str, int]) -> None:
    """Adds up; beyond MOST words the rarer half is forgotten, which no frequent word comes near."""
    total.update(more)
    if len(total) > MOST:
        kept = total.most_common(MOST // 2)
        total.clear()
        total.update(dict(kept))


def candidates(counts: Mapping[str, int], settings: Settings) -> list[Candidate]:
    """The most frequent words below `most_frequent`, each with its part, which hangs on the word and the seed only."""
    whole = sum(counts.values())
    allowed = [
        (word, count)
        for word, count in counts.items()
        if count >= min(settings.least_uses, _LEAST) and count <= settings.most_frequent * whole and fit(word)
    ]
    allowed.sort(key=lambda each: (-each[1], each[0]))
    return [Candidate(word, count, part(word, settings)) for word, count in allowed[: 2 * settings.vocabulary]]


def part(word: str, settings: Settings) -> int:
    """TRAIN, VALIDATION or TEST."""
    digest = hashlib.blake2b(f"{settings.seed} {word}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    drawn = int.from_bytes(digest, "little") / 2**64
    train, validation, _ = settings.word_shares
    return 0 if drawn < train else 1 if drawn < train + validation else 2


def band(count: int, whole: int) -> int:
    """floor(log2) of how often it stands among a million words; 0 for less than twice."""
    return max(0, math.floor(math.log2(max(count * 1e6 / max(whole, 1), 1))))


def fit(word: str) -> bool:
    """No single letter, but for Chinese."""
    return len(word) > 1 or bool(_HAN.match(word))


def _segments(said: str, start: int) -> Iterator[tuple[str, int, int]]:
    cut = _segmenter()
    for word in cut(said):
        end = start + len(word)
        yield word.lower(), start, end
        start = end


def _segmenter():  # type: ignore[no-untyped-def]
    try:
        from rjieba import cut
    except ImportError:
        return list
    return lambda said: cut(said, False)
