"""The letters of a text outside ASCII. A text has few different ones, so rules about them cost next to nothing."""

import re

_OUTSIDE = re.compile("[^\x00-\x7f]+")


def outside(text: str) -> frozenset[str]:
    return frozenset("".join(_OUTSIDE.findall(text)))
