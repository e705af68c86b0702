"""The letters of a text outside ASCII. A text has few different ones, so rules about them cost next to nothing."""

_INSIDE = bytes(range(128))


def outside(text: str) -> frozenset[str]:
    """By way of bytes, five times as fast as a pattern."""
    rest = text.encode("utf-8", "surrogatepass").translate(None, _INSIDE)
    return frozenset(rest.decode("utf-8", "surrogatepass"))
