"""Whether every part has words enough for N ways; if not, the numbers that would do."""

import heapq
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from quickstudy.core.types import QuickstudyError
from quickstudy.corpus import words
from quickstudy.corpus.settings import Settings
from quickstudy.corpus.store import PART_NAMES
from quickstudy.corpus.words import Candidate

_LOOKED = 5000
_SPARE = 4.0
"""how often a word has to stand in its part for each use: some stand twice in a sentence, or in short ones"""


class Remedy(NamedTuple):
    """What would give every part `ways` words."""

    times: int
    """as much text"""
    most_frequent: float
    """and this setting; 0: as it is"""


def remedy(counts: Mapping[str, int], settings: Settings) -> Remedy:
    """`counts`: how often each word stands in the whole corpus, however common."""
    whole = sum(counts.values())
    shared = zip(settings.word_shares, settings.shares, strict=True)
    own: dict[int, list[int]] = {part: [] for part, (of_words, of_texts) in enumerate(shared) if of_words and of_texts}
    for word in heapq.nlargest(_LOOKED, counts, key=counts.__getitem__):
        if words.fit(word) and words.part(word, settings) in own:
            own[words.part(word, settings)].append(counts[word])
    found = [_of_part(own[part], settings.shares[part], whole, settings) for part in own]
    return Remedy(
        max((each.times for each in found), default=1), max((each.most_frequent for each in found), default=0.0)
    )


def _of_part(counts: Sequence[int], share: float, whole: int, settings: Settings) -> Remedy:
    """`counts`: of its words, the most frequent first."""
    ways, needed = settings.ways, settings.least_uses * _SPARE / max(share, 1e-9)
    enough = [count for count in counts if count >= needed]
    usual = [count for count in enough if count <= settings.most_frequent * whole]
    if len(usual) >= ways:
        return Remedy(1, 0.0)
    if len(enough) >= ways:
        return Remedy(1, _rounded_up(enough[-ways] / whole))
    least = counts[min(ways, len(counts)) - 1] if counts else 1
    rate = least / max(whole, 1)
    return Remedy(max(math.ceil(needed / least), 2), _rounded_up(rate) if rate > settings.most_frequent else 0.0)


def check(candidates: Sequence[Candidate], counts: Sequence[int], advice: Remedy, settings: Settings) -> None:
    """Errors: QuickstudyError, with the settings that would work, where a part has too few words for `ways`.

    `counts`: how often each may be masked, before the seldom ones were passed over."""
    parts = [number for number, share in enumerate(settings.word_shares) if share]
    own = {
        part: sorted((n for each, n in zip(candidates, counts, strict=True) if each.part == part), reverse=True)
        for part in parts
    }
    there = {part: sum(count >= settings.least_uses for count in own[part]) for part in parts}
    worst = min(parts, key=lambda part: there[part])
    if there[worst] >= settings.ways:
        return
    if not settings.shares[worst] and not settings.held_out:
        raise QuickstudyError(
            f"corpus: {PART_NAMES[worst]} has a share of the words and none of the documents; give it one in shares, "
            "or none in word_shares."
        )
    would = min(own[part][settings.ways - 1] if len(own[part]) >= settings.ways else 0 for part in parts)
    raise QuickstudyError(
        f"corpus: {settings.ways}-way tasks need {settings.ways} words with {settings.least_uses} uses in each part, "
        f"and {PART_NAMES[worst]} has {there[worst]}; {_advised(advice, would, there[worst], settings)}."
    )


def _advised(advice: Remedy, would: int, there: int, settings: Settings) -> str:
    times = max(advice.times, math.ceil(settings.least_uses / would) if would else 1)
    frequent = f"most_frequent to {advice.most_frequent:g}" if advice.most_frequent else ""
    steps = [f"give about {times} times as much text"] if times > 1 else []
    if would:
        return " or ".join([*steps, f"set least_uses to {would}"])
    other = f"ways to {there}" if there else "ways to 0, for tasks without words to mask"
    return " and ".join([*steps, *([f"set {frequent}"] if frequent else [])] or ["give twice as much text"]) + (
        f", or set {other}"
    )


def _rounded_up(rate: float) -> float:
    """To two digits."""
    digits = 1 - math.floor(math.log10(rate))
    return min(math.ceil(rate * 10**digits) / 10**digits, 1.0)
