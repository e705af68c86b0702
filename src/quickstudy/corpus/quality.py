"""Whether a document reads like text: a few cheap measures after those of C4 and Gopher (Raffel et al. 2020; Rae et
al. 2021), none of which needs a model."""

import re
from collections import Counter
from collections.abc import Sequence

from quickstudy.corpus.letters import outside

LETTERS = 0.6
"""share of what is no space that has to be letters (or marks of a script)"""
WORD = (1.5, 20.0)
"""characters a word on average, in scripts with spaces"""
REPEATED = 0.5
"""share of the characters that may lie in lines which stand more than once"""
BROKEN = 0.01
"""share of characters that may be unreadable"""
DISTINCT = 0.1
"""different words among all, from 100 words on"""
_OTHERS = bytes(each for each in range(128) if not chr(each).isalpha())
_HIGH = bytes(range(128, 256))
_SPACES = b" \t\n\r\x0b\x0c"
_WIDE = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\u0e00-\u0e7f]")


def fault(text: str, lines: Sequence[str]) -> str:
    """The name of the first rule that a document breaks, for the report; "" for none. `lines`: its sentences."""
    if "\ufffd" in text and text.count("\ufffd") > BROKEN * len(text):
        return "unreadable characters"
    letters, solid, wide = _letters(text)
    if letters < LETTERS * solid:
        return "few letters"
    words = sum(line.count(" ") + 1 for line in lines)
    if not wide and not WORD[0] <= solid / max(words, 1) <= WORD[1]:
        return "no words"
    if words >= 100 and _fewer(text[: len(text) // 4], DISTINCT * words) and _fewer(text, DISTINCT * words):
        return "few different words"
    if len(lines) >= 4 and _repeated(lines) > REPEATED * solid:
        return "repeated lines"
    return ""


def _letters(text: str) -> tuple[int, int, bool]:
    """Letters, characters that are no space, and whether words are written without spaces."""
    if text.isascii():
        raw = text.encode()
        return len(raw.translate(None, _OTHERS)), len(raw.translate(None, _SPACES)), False
    spaces = others = wide = 0
    for letter in outside(text):
        count = text.count(letter)
        if letter.isspace():
            spaces += count
        elif not letter.isalpha():
            others += count
        if _WIDE.match(letter):
            wide += count
    raw = text.encode("utf-8", "replace")
    inside = len(raw.translate(None, _HIGH))
    letters = len(raw.translate(None, _OTHERS + _HIGH)) + len(text) - inside - spaces - others
    solid = len(text) - spaces - (inside - len(raw.translate(None, _SPACES + _HIGH)))
    return letters, solid, wide > 0.3 * solid


def _fewer(text: str, words: float) -> bool:
    """Whether it has fewer different ones. (A quarter of a text mostly has more already.)"""
    return len(set(text.split())) < words


def _repeated(lines: Sequence[str]) -> int:
    counts = Counter(lines)
    return sum(len(line) * count for line, count in counts.items() if count > 1) if len(counts) < len(lines) else 0
