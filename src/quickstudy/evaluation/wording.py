"""Numbers and names as a reader sees them: no more digits than the interval justifies, nothing that hides."""

import unicodedata

from quickstudy.evaluation.statistics import Interval

UNKNOWN = "–"


def percent(interval: Interval) -> str:
    """A mean in percent: "74.3", or "74" where the interval is wider than 20 points or unknown."""
    return f"{100 * interval.mean:.{_digits(interval)}f}"


def bounds(interval: Interval) -> str:
    """The interval in percent, between 0 and 100: "71.0 to 77.6"."""
    if interval.low is None or interval.high is None:
        return UNKNOWN
    digits = _digits(interval)
    return f"{100 * max(0.0, interval.low):.{digits}f} to {100 * min(1.0, interval.high):.{digits}f}"


def estimate(interval: Interval) -> str:
    """Mean and interval in percent: "74.3 (71.0 to 77.6)"."""
    found = bounds(interval)
    return percent(interval) if found == UNKNOWN else f"{percent(interval)} ({found})"


def difference(interval: Interval) -> str:
    """A signed difference in points: "+3.2"."""
    return _signed(interval.mean, _digits(interval))


def difference_bounds(interval: Interval) -> str:
    """The interval of a difference in points, between −100 and 100: "−0.4 to +6.1"."""
    if interval.low is None or interval.high is None:
        return UNKNOWN
    digits = _digits(interval)
    return f"{_signed(max(-1.0, interval.low), digits)} to {_signed(min(1.0, interval.high), digits)}"


def p_value(p: float | None) -> str:
    """Two significant digits, "< 0.001" below that."""
    if p is None:
        return UNKNOWN
    if p < 0.001:
        return "< 0.001"
    return f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def seconds(value: float) -> str:
    """Two significant digits: "0.0012", "0.41", "12"."""
    return f"{value:.2g}" if value < 10 else f"{value:.0f}"


def count(number: int, noun: str) -> str:
    """ "1 task", "2 tasks"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def listed(names: tuple[str, ...]) -> str:
    """ "a, b and c"."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def shown(text: str) -> str:
    """Text of a user's on one line, without what would break a page or turn its order round: control
    characters, halves of surrogate pairs and marks that override the direction of writing become U+FFFD."""
    return "".join(_character(character) for character in text)


def shortened(text: str, most: int) -> str:
    """At most about `most` narrow characters wide; what is cut is marked by an ellipsis."""
    text = shown(text)
    if width(text) <= most:
        return text
    kept = ""
    for character in text:
        if width(kept + character) > most - 1:
            break
        kept += character
    return f"{kept.rstrip()}…"


def width(text: str) -> int:
    """In narrow characters: a Chinese character is two wide, a combining mark none."""
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


def _character(character: str) -> str:
    if character in "\t\n\r\u2028\u2029":
        return " "
    if character in _DIRECTIONS or unicodedata.category(character) in ("Cc", "Cs") or ord(character) & 0xFFFE == 0xFFFE:
        return "\N{REPLACEMENT CHARACTER}"
    return character


_DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def _digits(interval: Interval) -> int:
    if interval.low is None or interval.high is None:
        return 0
    return int(interval.high - interval.low < 0.2)


def _signed(value: float, digits: int) -> str:
    text = f"{100 * value:+.{digits}f}"
    return text.lstrip("+-") if float(text) == 0 else text.replace("-", "\N{MINUS SIGN}")
