"""Class names as words: `card_arrival` and `cardArrival` are read as "card arrival"; codes are read as nothing."""

import re
import unicodedata
from collections.abc import Mapping

_PREFIX = re.compile(r"(?:class|label|category|cat|cls|topic|intent|type|tag|group|类别?|标签)[\s_\-.:#]*\d+", re.I)
_NOT = re.compile(r"(?:not|no|non) |(?P<zh>不是|非(?=..))")
_CODE = re.compile(r"[\W_]*(?:[A-Za-z]?\d+|[A-Za-z])[\W_]*")


def readable(name: str) -> str:
    """A label as a person would say it: separators and humps become spaces, capitals lower case."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", " ", name)
    spaced = re.sub(r"[_\-./\\|:]+", " ", spaced)
    return " ".join(spaced.split()).lower()


def has_meaning(name: str) -> bool:
    """Whether a label says anything: not `3`, `A`, `c12`, `LABEL_0`, `class 7`, nor mere punctuation."""
    name = unicodedata.normalize("NFKC", name).strip()
    if not any(unicodedata.category(letter)[0] == "L" or _is_symbol(letter) for letter in name):
        return False
    return not (_PREFIX.fullmatch(name) or _CODE.fullmatch(name))


def named(name: str, description: str) -> str:
    """What stands for a class when it is read: its name, its description, both, or "" when neither says anything."""
    words = readable(name) if has_meaning(name) else ""
    description = " ".join(description.split())
    return f"{words}: {description}" if words and description else words or description


def denied(classes: Mapping[str, str]) -> list[str]:
    """For each class, name -> description, what it is besides its name: of two classes, "other" (or "其他") for one
    whose name denies that of the other and nothing more, as in "refund" and "not refund"; else ""."""
    words = [readable(name) for name in classes]
    found = []
    for own, description in zip(words, classes.values(), strict=True):
        match = _NOT.match(own)
        denies = match is not None and len(words) == 2 and own[match.end() :] in words and not description.strip()
        found.append("" if match is None or not denies else "其他" if match["zh"] else "other")
    return found


def _is_symbol(letter: str) -> bool:
    return unicodedata.category(letter) == "So"  # an emoji is a name, too
