"""Every kind of task beside its baselines: the bars of all of its benchmarks in one table.

A benchmark whose result is kept in bench/results is not run again: its bars are taken from there, and the table says
so, with the day. What has no result yet is run. `--fresh` runs all, or those that it names. What follows `--` goes to
each benchmark that is run.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from bench.shared import intervals
from bench.shared.machine import described
from bench.shared.options import options
from bench.shared.result import RESULTS, Bar, Output

PARTS = {
    "tagging": ("tagging",),
    "tagging_zh": ("tagging", "--chinese"),
    "relation": ("relation",),
    "answering": ("answering",),
    "matching": ("matching",),
    "index": ("index",),
    "extracting": ("extracting",),
    "summary": ("summary",),
    "writing": ("writing",),
    "mixing": ("mixing",),
}
"""result -> the benchmark that makes it, and what it is told"""
DRAWS = 5
"""seeds that a result should have"""


class Part(NamedTuple):
    name: str
    found: dict[str, Any]
    source: str
    """where it comes from, for people"""


def main() -> None:
    own, others = _parted(sys.argv[1:])
    asked = _asked(own)
    out = Output("kinds")
    parts = [_part(name, asked, others) for name in asked.only]
    out.say(
        "The bars of every kind of task. Figures are in the units of their benchmark: points, ratios, milliseconds."
    )
    rows = [(part, Bar(one["name"], _figure(one["figure"]), one["bar"], one["wanted"]))
            for part in parts for one in part.found["bars"]]  # fmt: skip
    out.table(
        "Figures, with their 95 % intervals",
        ("", "figure", "95 %", "draws"),
        [
            (
                f"{part.name}: {bar.name}",
                f"{bar.figure:.4g}",
                intervals.told(part.name, bar.name, part.found),
                _draws(part),
            )
            for part, bar in rows
        ],
    )
    _remarks(out, parts)
    bars = [Bar(f"{part.name}: {bar.name}", bar.figure, bar.bar, bar.wanted) for part, bar in rows]
    figures = {
        "from": {part.name: part.source for part in parts},
        "draws": {part.name: len(part.found["seeds"]) for part in parts},
        "intervals": {f"{part.name}: {bar.name}": intervals.of(part.name, bar.name, part.found) for part, bar in rows},
    }
    seeds = sorted({seed for part in parts for seed in part.found["seeds"]})
    out.close(bars, figures, described(), seeds, asked.write)


def _remarks(out: Output, parts: list[Part]) -> None:
    """What the intervals are of, where every figure comes from, and which has fewer draws than it should."""
    mixed = [each for part in parts if part.name == "mixing" for each in intervals.mixed(part.found)]
    if mixed:
        out.table(
            "Several kinds in one run, minus each alone, in points of what counts first",
            ("", "difference", "95 %"),
            mixed,
        )
    out.say()
    for line in intervals.NOTES:
        out.say(line)
    out.table("Taken from", ("", ""), [(part.name, part.source) for part in parts])
    few = [f"{part.name} ({len(part.found['seeds'])})" for part in parts if 0 < len(part.found["seeds"]) < DRAWS]
    out.say()
    if few:
        out.say(f"Fewer than {DRAWS} draws: {', '.join(few)}.")
    whole = [part.name for part in parts if not part.found["seeds"]]
    if whole:
        out.say(f"No draws, but whole test sets: {', '.join(whole)}.")


def _draws(part: Part) -> str:
    return str(len(part.found["seeds"])) if part.found["seeds"] else "–"


def _asked(given: list[str]) -> argparse.Namespace:
    parser = options(__doc__)
    parser.add_argument("--only", nargs="+", default=list(PARTS), choices=PARTS)
    parser.add_argument("--fresh", nargs="*", choices=PARTS, help="run these (or all) though results of them are kept")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where results are kept")
    return parser.parse_args(given)


def _parted(given: list[str]) -> tuple[list[str], list[str]]:
    """What stands before `--`, and what behind it."""
    place = given.index("--") if "--" in given else len(given)
    return given[:place], given[place + 1 :]


def _part(name: str, asked: argparse.Namespace, others: list[str]) -> Part:
    path = asked.results / f"{name}.json"
    anew = asked.fresh is not None and name in (asked.fresh or PARTS)
    if path.is_file() and not anew:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Part(name, found, f"bench/results/{path.name}, {found['date'][:10]}")
    return Part(name, _run(name, [*others, *(["--write", str(asked.write)] if asked.write else [])]), "this run")


def _run(name: str, given: list[str]) -> dict[str, Any]:
    """The last line that a benchmark prints. SystemExit where it fails."""
    module, *own = PARTS[name]
    done = subprocess.run(
        [sys.executable, "-m", f"bench.{module}", *own, *given], stdout=subprocess.PIPE, text=True, check=False
    )
    print(done.stdout, flush=True)
    if done.returncode:
        raise SystemExit(f"bench {name} failed; its words stand above")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def _figure(written: float | None) -> float:
    return float("nan") if written is None else written


if __name__ == "__main__":
    main()
