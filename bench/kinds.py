"""Every kind of task beside its baselines: the benchmarks of PARTS, one after the other, and all their bars together.

What follows `--` goes to each of them.
"""

import json
import subprocess
import sys
from typing import Any

from bench.shared.machine import described
from bench.shared.options import options
from bench.shared.result import Bar, Output

PARTS = ("tagging", "relation", "answering", "matching", "extracting", "summary", "writing")


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--only", nargs="+", default=list(PARTS), choices=PARTS)
    own, others = _parted(sys.argv[1:])
    asked = parser.parse_args(own)
    out = Output("kinds")
    bars: list[Bar] = []
    seeds: set[int] = set()
    for name in asked.only:
        found = _run(name, [*others, *(["--write", str(asked.write)] if asked.write else [])])
        seeds.update(found["seeds"])
        bars += [
            Bar(f"{name}: {one['name']}", _figure(one["figure"]), one["bar"], one["wanted"]) for one in found["bars"]
        ]
    out.close(bars, {}, described(), sorted(seeds), asked.write)


def _parted(given: list[str]) -> tuple[list[str], list[str]]:
    """What stands before `--`, and what behind it."""
    place = given.index("--") if "--" in given else len(given)
    return given[:place], given[place + 1 :]


def _run(name: str, given: list[str]) -> dict[str, Any]:
    """The last line that a benchmark prints. SystemExit where it fails."""
    done = subprocess.run(
        [sys.executable, "-m", f"bench.{name}", *given], stdout=subprocess.PIPE, text=True, check=False
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
