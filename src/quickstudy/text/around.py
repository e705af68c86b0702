"""What is read of a text that is too long: the pieces around two places in it."""

from quickstudy.text.reader import CHARACTERS_A_TOKEN, Reader
from quickstudy.text.words import Range


def around(reader: Reader, text: str, places: tuple[Range, Range], room: int) -> list[Range]:
    """Character ranges of a text that together fit into `room` tokens and hold both places: one if there is room for
    what lies between them, else one around each, each with half the room. What is too long itself is cut at its end."""
    low, high = sorted(places)
    [*rough] = _pieces(len(text), low, high, room * CHARACTERS_A_TOKEN)  # no tokenizer looks at more of a long text
    if len(rough) == 1:
        return _by_tokens(reader, text, rough[0], low, high, room)
    return [
        piece
        for one, own in zip(rough, (low, high), strict=True)
        for piece in _by_tokens(reader, text, one, own, own, room // 2)
    ]


def _by_tokens(reader: Reader, text: str, piece: Range, low: Range, high: Range, room: int) -> list[Range]:
    whole = reader.tokenizer.encode(text[slice(*piece)], add_special_tokens=False)
    offsets = [(a + piece[0], b + piece[0]) for part in (whole, *whole.overflowing) for a, b in part.offsets if a < b]
    if len(offsets) <= room:
        return [piece]
    found = _pieces(len(offsets), _tokens(offsets, low), _tokens(offsets, high), room)
    return [(offsets[start][0], offsets[end - 1][1]) for start, end in found]


def _tokens(offsets: list[Range], place: Range) -> Range:
    """The tokens that overlap a range of characters."""
    within = [number for number, (start, end) in enumerate(offsets) if start < place[1] and end > place[0]]
    return (within[0], within[-1] + 1) if within else (0, 0)


def _pieces(length: int, low: Range, high: Range, room: int) -> list[Range]:
    """Of `length` things, the `room` around two ranges: in one piece, or in two of half the room."""
    start, end = low[0], max(low[1], high[1])
    if end - start <= room:
        return [_widened(length, start, end, room)]
    first, second = _widened(length, *low, room // 2), _widened(length, *high, room // 2)
    if second[0] < first[1]:  # one of them is long, and they meet
        return [(first[0], min(first[0] + room, length))]
    return [first, second]


def _widened(length: int, start: int, end: int, room: int) -> Range:
    begin = max(0, min(start - max(0, room - (end - start)) // 2, length - room))
    return begin, min(begin + room, length)
