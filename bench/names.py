"""What the writing of class names costs: as words, with separators, abbreviated, as codes that say nothing.

The same six sets, supports and questions, learned once for each way of writing their classes; MiniLM and what ships.
`./dev bench names` needs QUICKSTUDY_DATA.
"""

import argparse
import dataclasses
import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.shared.data import data_folder
from bench.shared.machine import described, limited_to
from bench.shared.options import add_data, options
from bench.shared.result import RESULTS, Bar, Output

SETS = ("hint3", "bitext", "amazon_cells", "tfns", "airline", "political_message")
"""whose classes are called by words"""
SHOTS = (0, 1, 4, 16)
OWN, CODES, SEPARATED, SHORT = "their own", "codes", ("snake_case", "camelCase"), ("first four letters", "no vowels")
LEARNS_AT = 4
"""examples a class with which short names are to be no worse than no names at all"""


def _words(name: str) -> list[str]:
    return re.findall(r"[A-Za-z]+|\d+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name))


def _without_vowels(word: str) -> str:
    return word[0] + re.sub("[aeiou]", "", word[1:])


WRITINGS: dict[str, Callable[[str], str]] = {
    OWN: str,
    SEPARATED[0]: lambda name: "_".join(_words(name)).lower(),
    SEPARATED[1]: lambda name: "".join(word.capitalize() for word in _words(name)),
    "behind a prefix": lambda name: ".".join(("support", *_words(name))).lower(),
    SHORT[0]: lambda name: "_".join(word[:4] for word in _words(name)).upper(),
    SHORT[1]: lambda name: "_".join(_without_vowels(word.lower()) for word in _words(name)).upper(),
    CODES: lambda _name: "class",
}
"""how names are written: "late flight" as "LATE_FLIG", "LT_FLGHT" """


def main() -> None:
    asked = _asked()
    cores = limited_to(asked.cores)
    folder = data_folder(asked.data)
    machine = described()
    import torch

    torch.set_num_threads(cores)
    from bench.contest import tables
    from bench.contest.arms import LR, arms
    from bench.contest.judging import means

    out = Output("names")
    results = _contest(
        asked, folder, [arm for arm in arms("minilm", asked.start) if arm.name in (tables.REFERENCE, LR)]
    )
    out.say("Late flight is written late_flight, LateFlight, support.late.flight, LATE_FLIG, LT_FLGHT, class 3.")
    figures: dict[str, Any] = {
        "accuracy": tables.mean_table(out, "Accuracy, MiniLM, by how classes are called", results, "accuracy"),
        "by_set": tables.set_tables(out, results),
    }
    bars = [
        Bar("separators_cost_at_0", max(_lost(results, each, 0) for each in SEPARATED), 1.0, "at most"),
        Bar(
            f"short_over_codes_at_{LEARNS_AT}",
            min(_lost(results, CODES, LEARNS_AT) - _lost(results, each, LEARNS_AT) for each in SHORT),
            0.0,
            "at least",
        ),
        Bar(
            f"short_over_lr_at_{LEARNS_AT}",
            min(means(results, each, LEARNS_AT) for each in SHORT) - means(results, LR, LEARNS_AT),
            0.0,
            "at least",
        ),
    ]
    out.close(bars, figures, machine, asked.seeds, asked.write)


def _asked() -> argparse.Namespace:
    parser = options(__doc__)
    add_data(parser)
    parser.add_argument("--parts", type=Path, default=RESULTS / "parts" / "names", help="where parts are kept")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--queries", type=int, default=500, help="questions a set at most (500)")
    parser.add_argument("--start", type=Path, help="a student's file (what ships)")
    return parser.parse_args()


def _contest(asked: argparse.Namespace, folder: Path, takes_part: Sequence[Any]) -> dict[Any, Any]:
    """What ships, as often as names are written, and logistic regression, which reads none, with their own."""
    from bench.contest import sets
    from bench.contest.arms import judge
    from bench.contest.drawing import drawn, read

    results: dict[Any, Any] = {}
    for which in sets.chosen(sets.ENGLISH, SETS):
        print(f"{time.strftime('%H:%M:%S')} {which.name}", file=sys.stderr, flush=True)
        pool = read(folder, which)
        draws = [one for seed in asked.seeds for one in drawn(pool, SHOTS, seed, asked.queries)]
        for writing, write in WRITINGS.items():
            arms = takes_part if writing == OWN else takes_part[:1]
            title = f"{which.name} as {writing}"
            found, _ = judge(asked.parts, arms, title, 1, [_written(each, write) for each in draws], asked.seeds)
            for (_, seed), scores in found.items():
                called = [each._replace(contestant=writing) for each in scores if each.contestant == arms[0].name]
                others = [each for each in scores if each.contestant != arms[0].name]
                results.setdefault((which.name, seed), []).extend((*called, *others))
    return results


def _written(draw: Any, write: Callable[[str], str]) -> Any:
    """A draw whose classes are called otherwise; those that would be called alike are numbered."""
    names = [write(name) or name for name in draw.classes]
    apart = [name if names.count(name) == 1 else f"{name} {place}" for place, name in enumerate(names)]
    new = dict(zip(draw.classes, apart, strict=True))

    def called(examples: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(dataclasses.replace(one, labels=(new[one.labels[0]],)) for one in examples)

    return draw._replace(support=called(draw.support), query=called(draw.query), classes=dict.fromkeys(apart, ""))


def _lost(results: dict[Any, Any], writing: str, shots: int) -> float:
    """Points of accuracy, on the mean over sets, for names written otherwise."""
    from bench.contest.judging import means

    return means(results, OWN, shots) - means(results, writing, shots)


if __name__ == "__main__":
    main()
