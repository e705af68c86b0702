"""Where the results of bench/kinds.py's benchmarks hold the interval of a bar's figure."""

from collections.abc import Mapping
from typing import Any

Ends = tuple[float, float]
NOTES = (
    "tagging, relation, summary: the interval of the difference. answering: that of the F1 above, over the mean of the",
    "baseline. matching: paired differences of recall@1 in points; the figure is the interval's low end. writing: the",
    "figure is the low end of the meta-trained arm's interval less the high end of plain transfer's; the interval is",
    "that of their paired difference. index: lowest and highest of its query sets. extracting: a low end.",
)


def of(part: str, bar: str, found: Mapping[str, Any]) -> Ends | None:
    """(low, high) in the bar's units; None where the result holds none."""
    reads = READERS.get(part)
    try:
        ends = None if reads is None else reads(bar, found)
    except KeyError:
        return None
    return None if ends is None or None in ends else ends


def told(part: str, bar: str, found: Mapping[str, Any]) -> str:
    ends = of(part, bar, found)
    return "–" if ends is None else f"{ends[0]:.3g} to {ends[1]:.3g}"


def mixed(found: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """learner and kind, difference, interval, of bench/mixing.py."""
    return [
        (name, f"{100 * gap['difference']:+.1f}", f"{100 * gap['low']:+.1f} to {100 * gap['high']:+.1f}")
        for name, gap in found.items()
        if isinstance(gap, Mapping) and "difference" in gap
    ]


def _tagging(bar: str, found: Mapping[str, Any]) -> Ends:
    other = {"linear": "frozen + linear", "nearest": "frozen + nearest (StructShot's idea)"}[bar.split("_")[1]]
    return _points(found["figures"][f"minus {other} at {bar.rpartition('_')[2]}"])


def _relation(bar: str, found: Mapping[str, Any]) -> Ends:
    return _points(found["differences"][f"frozen + LR, {bar.rpartition('_')[2]} shot"])


def _answering(bar: str, found: Mapping[str, Any]) -> Ends:
    language, shots = bar.split("_")[:2]
    ours, sentence = (found[language][name] for name in (f"quickstudy at {shots}", "best sentence at 0"))
    return ours["low"] / sentence["f1"], ours["high"] / sentence["f1"]


def _matching(bar: str, found: Mapping[str, Any]) -> Ends:
    before, _, other = bar.partition("_over_")
    name, pairs = before.rsplit("_", 1)
    return _points(found["differences"][name][f"meta-trained + BM25 at {pairs} - {other.replace('_', ' ')} at 0"])


def _index(bar: str, found: Mapping[str, Any]) -> Ends:
    values = found["found"]["quickstudy"]["ms" if bar.startswith("ms") else "recall"]
    return min(values), max(values)


def _summary(bar: str, found: Mapping[str, Any]) -> Ends:
    return found["gap"]["low"], found["gap"]["high"]


def _writing(bar: str, found: Mapping[str, Any]) -> Ends:
    gap = found["en-cs"]["gaps"][" ".join(bar.split("_")[:3])]
    return gap["low"], gap["high"]


def _points(gap: Mapping[str, float]) -> Ends:
    return 100 * gap["low"], 100 * gap["high"]


READERS = {
    "tagging": _tagging,
    "tagging_zh": _tagging,
    "relation": _relation,
    "answering": _answering,
    "matching": _matching,
    "index": _index,
    "summary": _summary,
    "writing": _writing,
}
