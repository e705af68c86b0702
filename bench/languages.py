"""Across languages: intents learned from English examples, asked in German and Chinese, beside learning in those.

The same intents of the Home Assistant project in three languages, with English class names throughout, read by
e5-small. Every language keeps the same questions, whatever language the examples are of.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.shared.machine import described, limited_to
from bench.shared.options import options
from bench.shared.result import RESULTS, Bar, Output

LANGUAGES = ("en", "de", "zh")
SHOTS = (0, 1, 4, 16)
WAYS = tuple((first, second) for second in LANGUAGES for first in dict.fromkeys(("en", second)))
"""(the examples' language, the questions')"""


def main() -> None:
    asked = _asked()
    cores = limited_to(asked.cores)
    machine = described()
    import torch

    torch.set_num_threads(cores)
    from bench.contest import rivals, tables
    from bench.contest.arms import arms
    from bench.contest.judging import means

    rivals.needed("e5-small")
    out = Output("languages")
    takes_part = arms("e5-small", asked.start)[:3]
    classes, results = _contest(asked, takes_part)
    out.say(f"{classes} intents that all three languages have, at most {asked.queries} questions a language.")
    out.say("A set is 'examples to questions'; names of classes are English throughout.")
    if "home_assistant" in str(takes_part[0].student.about):
        out.say("This start was meta-trained on these very rows, with their labels: its figures say nothing of unseen")
        out.say("tasks, only how far what English examples teach carries over. The untrained arms have seen none.")
    figures: dict[str, Any] = {
        "accuracy": tables.mean_table(out, "Accuracy, e5-small", results, "accuracy"),
        "by_set": tables.set_tables(out, results),
    }
    gaps = {
        f"{second} at {n}": means(results, "quickstudy", n, [f"{second} to {second}"])
        - means(results, "quickstudy", n, [f"en to {second}"])
        for second in LANGUAGES[1:]
        for n in SHOTS
    }
    out.table(
        "What the language itself is worth over English examples, in points",
        ("", *(f"{n} shots" for n in SHOTS)),
        [(each, *(f"{gaps[f'{each} at {n}']:+.1f}" for n in SHOTS)) for each in LANGUAGES[1:]],
    )
    figures["language_itself_is_worth"] = gaps
    across = [f"en to {second}" for second in LANGUAGES[1:]]
    gain = means(results, "quickstudy", max(SHOTS), across) - means(results, "quickstudy", 0, across)
    bars = [Bar("english_examples_above_names", gain, 0.0, "at least")]
    out.close(bars, figures, machine, asked.seeds, asked.write)


def _asked() -> argparse.Namespace:
    parser = options(__doc__)
    parser.add_argument("--cores", type=int, default=2, help="processor cores to use (2)")
    parser.add_argument("--parts", type=Path, default=RESULTS / "parts" / "languages", help="where parts are kept")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--queries", type=int, default=500, help="questions a language at most (500)")
    parser.add_argument("--start", type=Path, help="a student's file (what ships)")
    return parser.parse_args()


def _contest(asked: argparse.Namespace, takes_part: Sequence[Any]) -> tuple[int, dict[Any, Any]]:
    """How many intents there are, and every arm's scores on every way of examples and questions."""
    from bench.contest.arms import judge
    from bench.contest.drawing import Pool, drawn
    from quickstudy.core.types import Draw
    from quickstudy.episodes.packaged import packaged_source
    from quickstudy.kinds.classification import Classification

    kind = Classification(takes_part[0].student.reader)
    sources = {each: packaged_source(f"home_assistant_{each}", kind).examples for each in LANGUAGES}
    common = set.intersection(*({one.labels[0] for one in own} for own in sources.values()))
    pools = {
        each: Pool(f"home_assistant_{each}", tuple(one for one in own if one.labels[0] in common), None, 0)
        for each, own in sources.items()
    }
    drawings = {
        (each, seed): drawn(pool, SHOTS, seed, asked.queries) for each, pool in pools.items() for seed in asked.seeds
    }
    results: dict[Any, Any] = {}
    for first, second in WAYS:
        name = f"{first} to {second}"
        print(f"{time.strftime('%H:%M:%S')} {name}", file=sys.stderr, flush=True)
        draws = [
            Draw(f"{name}/{own.shots}#{seed}", name, own.shots, own.support, other.query, own.classes)
            for seed in asked.seeds
            for own, other in zip(drawings[first, seed], drawings[second, seed], strict=True)
        ]
        results |= judge(asked.parts, takes_part, name, 1, draws, asked.seeds)[0]
    return len(common), results


if __name__ == "__main__":
    main()
