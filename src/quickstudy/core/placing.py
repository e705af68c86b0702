"""Where a piece of a text stands that should begin at a certain character."""


def placed(text: str, piece: str, start: int | None = None) -> int | None:
    """The character at which `piece` begins: `start` where it is there, else the nearest place to it (the first, where
    nothing says where to look); None where it stands nowhere in the text, or is empty."""
    if not piece:
        return None
    if start is None:
        first = text.find(piece)
        return first if first >= 0 else None
    start = min(max(start, 0), len(text))
    if text.startswith(piece, start):
        return start
    before = text.rfind(piece, 0, start + len(piece) - 1)
    after = text.find(piece, start)
    found = [place for place in (before, after) if place >= 0]
    return min(found, key=lambda place: abs(place - start), default=None)
