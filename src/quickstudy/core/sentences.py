"""Where the sentences of a text stand."""

import re

_SENTENCE = re.compile(r".+?(?:[.!?]+[\"')\]]*(?=\s|$)|[。！？]+[”』」）]*|\n|$)", re.DOTALL)


def sentences(text: str) -> list[tuple[int, int]]:
    """Half-open character ranges: a sentence ends at . ! ? before a space, at 。！？, and at a line's end."""
    found = []
    for match in _SENTENCE.finditer(text):
        said = match.group().strip()
        if said:
            start = match.start() + match.group().index(said)
            found.append((start, start + len(said)))
    return found
