"""A text's words, as character ranges; Chinese and Japanese character by character."""

import re
from collections.abc import Sequence

Range = tuple[int, int]
_ALONE = "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3040-\u30ff\u31c0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff" + (
    "\U0001b000-\U0001b16f\U00020000-\U000323af"
)
"""Han and kana, between which no spaces are written"""
_WORD = re.compile(rf"[{_ALONE}]|(?:(?![{_ALONE}_])[\w\u0300-\u036f\u0900-\u0dff\u0e00-\u0eff])+|\S")


def words(text: str) -> list[Range]:
    """Where each word stands: a run of letters and digits, a Chinese or Japanese character, or any other character
    that is no space."""
    return [match.span() for match in _WORD.finditer(text)]


def joined(tokens: Sequence[str]) -> tuple[str, list[Range]]:
    """Tokens as one text, with a space between two unless both ends are Chinese or Japanese, and where each stands."""
    text, places = "", []
    parts: list[str] = []
    length = 0
    for token in tokens:
        if text and token and not (_alone(text[-1]) and _alone(token[0])):
            parts.append(" ")
            length += 1
        parts.append(token)
        places.append((length, length + len(token)))
        length += len(token)
        text = token or text
    return "".join(parts), places


def _alone(letter: str) -> bool:
    return _SINGLE.match(letter) is not None


_SINGLE = re.compile(rf"[{_ALONE}\u3000-\u303f\uff00-\uffef]")
