"""Whether a backbone was made for the language of texts, and which packaged one would serve them better."""

import math
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

from quickstudy.backbones.catalogue import PACKAGED

SAMPLE = 200
CHARACTERS = 2000
"""no more of a text than this is looked at"""
LEAST_LETTERS = {"CJK": 2, "HIRAGANA": 2, "KATAKANA": 2, "HANGUL": 2}
"""fewer letters are a code or a name, not a text; 4 in the scripts that are not listed"""
LEAST_LATIN = 200
"""letters in the whole sample before its language is guessed at"""
SURE = 0.99

WRITTEN_IN = {  # script (the first word of its letters' Unicode names) -> languages; others write LATIN
    "CJK": "zh ja",
    "HIRAGANA": "ja",
    "KATAKANA": "ja",
    "HANGUL": "ko",
    "CYRILLIC": "be bg kk ky mk mn ru sr uk",
    "ARABIC": "ar fa ku ps sd ug ur",
    "HEBREW": "he yi",
    "GREEK": "el",
    "DEVANAGARI": "hi mr ne sa",
    "BENGALI": "as bn",
    "GURMUKHI": "pa",
    "GUJARATI": "gu",
    "ORIYA": "or",
    "TAMIL": "ta",
    "TELUGU": "te",
    "KANNADA": "kn",
    "MALAYALAM": "ml",
    "SINHALA": "si",
    "THAI": "th",
    "LAO": "lo",
    "MYANMAR": "my",
    "KHMER": "km",
    "GEORGIAN": "ka",
    "ARMENIAN": "hy",
    "ETHIOPIC": "am",
}
NAMES = {
    "CJK": "in Chinese",
    "HIRAGANA": "in Japanese",
    "KATAKANA": "in Japanese",
    "HANGUL": "in Korean",
    "LATIN": "in Latin letters",
}


def warn_about(texts: Sequence[str], languages: tuple[str, ...]) -> str | None:
    """One sentence when most of the texts are in a language or script that is not among `languages`.

    None when they are fine, when too little can be told, or when `languages` is empty (unknown).
    """
    if not languages or not texts:
        return None
    step = -(-len(texts) // SAMPLE)
    sample = [text[:CHARACTERS] for text in texts[::step]]
    scripts = [script for text in sample if (script := _script(text))]
    if not scripts:
        return None
    script, count = Counter(scripts).most_common(1)[0]
    if 2 * count <= len(scripts):
        return None
    if script not in _scripts(languages):
        name = NAMES.get(script, f"in {script.capitalize()} letters")
        return _sentence(name, languages, _better(script, WRITTEN_IN.get(script, "").split()))
    if script == "LATIN":
        latin = [text for text in sample if _script(text) == "LATIN"]
        found = _latin(latin)
        if found and found not in languages:
            return _sentence(f"in another language ({found})", languages, _better("LATIN", [found]))
    return None


def _sentence(what: str, languages: tuple[str, ...], better: str | None) -> str:
    named = ", ".join(languages[:5]) + (f" and {len(languages) - 5} more" if len(languages) > 5 else "")
    advice = f"use {better!r} (quickstudy models get {better})" if better else "look for one that was on the hub"
    made = f"for which this backbone was not made (it was made for {named})"
    return f"most of the texts are {what}, {made}: {advice}"


def _better(script: str, wanted: Iterable[str]) -> str | None:
    wanted = set(wanted)
    for packaged in PACKAGED.values():
        if wanted & set(packaged.languages) or (not wanted and script in _scripts(packaged.languages)):
            return packaged.name
    return None


@lru_cache(maxsize=64)
def _scripts(languages: tuple[str, ...]) -> frozenset[str]:
    found = {script for script, codes in WRITTEN_IN.items() if set(codes.split()) & set(languages)}
    others = set(languages) - set(" ".join(WRITTEN_IN.values()).split())
    return frozenset(found | ({"LATIN"} if others or {"sr", "ku"} & set(languages) else set()))


def _script(text: str) -> str | None:
    """The script that most of a text's letters are of; None for numbers, emoji, codes and names."""
    counts = Counter(_script_of(letter) for letter in text if letter.isalpha())
    counts.pop("", None)
    if not counts:
        return None
    if "CJK" in counts and counts["HIRAGANA"] + counts["KATAKANA"]:
        counts["HIRAGANA"] += counts.pop("CJK") + counts.pop("KATAKANA", 0)  # Japanese writes in all three
    script, count = counts.most_common(1)[0]
    return script if count >= LEAST_LETTERS.get(script, 4) else None


@lru_cache(maxsize=1 << 16)
def _script_of(letter: str) -> str:
    words = unicodedata.name(letter, "").split()
    known = next((word for word in words[:2] if word in WRITTEN_IN or word == "LATIN"), "")
    return known or (words[0] if words and words[0] not in ("MODIFIER", "MATHEMATICAL", "FULLWIDTH") else "")


def _latin(texts: Sequence[str]) -> str | None:
    """The language of texts in Latin letters, when py3langid is there and sure of all and of most."""
    try:
        from py3langid import classify, rank
    except ImportError:
        return None
    whole = " ".join(texts)[:20_000]
    if sum(letter.isalpha() for letter in whole) < LEAST_LATIN:
        return None
    scores = rank(whole)  # log-probabilities but for a constant, the best first
    certain = 1 / sum(math.exp(score - scores[0][1]) for _, score in scores)
    agree = sum(classify(text)[0] == scores[0][0] for text in texts)
    return str(scores[0][0]) if certain >= SURE and 2 * agree > len(texts) else None
