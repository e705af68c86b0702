"""Makes strings safe to store and to compare: control characters, Unicode forms, spelling of labels."""

import re
import unicodedata
from typing import Any

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ufeff\ud800-\udfff]")


def clean(text: str) -> str:
    """NFC, line ends as \\n; without control characters (\\n and \\t stay), byte-order marks and lone
    surrogates."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return unicodedata.normalize("NFC", _CONTROL.sub("", text))


def clean_value(value: Any) -> Any:
    """`clean` on every string inside a JSON-like value."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [clean_value(part) for part in value]
    if isinstance(value, dict):
        return {clean(str(key)): clean_value(part) for key, part in value.items()}
    return value


def clean_label(label: str) -> str:
    """Without outer spaces, and every inner run of spaces as one."""
    return " ".join(clean(label).split())


def spelling_key(label: str) -> str:
    """Equal for labels that differ only in case or spaces."""
    return unicodedata.normalize("NFKC", "".join(label.split())).casefold()


class _Letters(dict[int, str | None]):
    """A table for str.translate that keeps whatever is no punctuation, space or control; filled as asked."""

    def __missing__(self, code: int) -> str | None:
        char = chr(code)
        dropped = char in "$+<=>^`|~" or unicodedata.category(char)[0] in "PZC"
        self[code] = None if dropped else char
        return self[code]


_LETTERS = _Letters()


def normalised(text: str) -> str:
    """NFKC, lower case, no punctuation or spaces: what two texts share that differ only in how they are
    typed.

    Symbols such as emoji stay, since they may be all that a text has; the symbols of a keyboard go."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFKC", folded).translate(_LETTERS)


def normalised_key(texts: tuple[str, ...]) -> str:
    """The texts of one example as one comparable string."""
    return "\x1f".join(normalised(text) for text in texts)
