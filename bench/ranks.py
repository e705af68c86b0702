"""Meta-training on one and on two ranks, a thread each: episodes a second, and the weights after twenty steps.

MiniLM on CLINC150, first-order MAML (two steps) of the top two layers by low-rank additions, started by torchrun.
Beside it stands what the machine gives at all: two trainings that know nothing of each other, at the same time, against
one. Two threads of one core are no two cores, and whoever else uses them takes a share; the ranks can come near that,
not above it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.shared.data import data_folder
from bench.shared.machine import described, limited_to
from bench.shared.options import add_data, options
from bench.shared.result import Bar, Output, median_and_range

UNCOUNTED = 8
"""steps at the beginning whose time is left out: everything is made ready, and texts are read eight steps ahead"""


def main() -> None:
    asked = _asked()
    if asked.work is not None:
        _work(asked)
        return
    limited_to(asked.cores)
    data_folder(asked.data)
    machine = described()
    out = Output("ranks")
    found: dict[str, list[float]] = {"one": [], "two": [], "ceiling": []}
    furthest = 0.0
    for round in range(asked.rounds):
        print(f"{time.strftime('%H:%M:%S')} round {round + 1}", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as made:
            here = Path(made)
            _run(asked, [_alone(here / "one")])
            _run(asked, [_ranks(2, here / "two")])
            _run(asked, [_alone(here / "left"), _alone(here / "right")])
            one, two, left, right = (
                json.loads((here / name / "told.json").read_text()) for name in ("one", "two", "left", "right")
            )
            found["one"].append(one["a_second"])
            found["two"].append(two["a_second"])
            found["ceiling"].append(left["a_second"] + right["a_second"])
            furthest = max(furthest, _apart(here / "one", here / "two"))
    ratio, ceiling = (sum(found[which]) / sum(found["one"]) for which in ("two", "ceiling"))
    out.table(
        f"{asked.steps} steps of {asked.tasks} episodes, {asked.rounds} rounds in turn",
        ("", "episodes a second", "times one"),
        [
            ("one rank", median_and_range(found["one"], digits=2), "1.00"),
            ("two ranks", median_and_range(found["two"], digits=2), f"{ratio:.2f}"),
            ("two trainings apart, together", median_and_range(found["ceiling"], digits=2), f"{ceiling:.2f}"),
        ],
    )
    bars = [
        Bar("episodes_a_second_of_two_ranks_over_one", ratio, 1.7, "at least"),
        Bar("the_same_over_what_the_machine_gives", ratio / ceiling, 0.9, "at least"),
        Bar("largest_difference_of_a_weight", furthest, 1e-5, "at most"),
    ]
    out.close(bars, {"episodes_a_second": found, "ceiling": ceiling}, machine, [0], asked.write)


def _asked() -> argparse.Namespace:
    parser = options(__doc__)
    add_data(parser)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--tasks", type=int, default=4)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def _alone(folder: Path) -> list[str]:
    return [sys.executable, "-m", "bench.ranks", "--work", str(folder)]


def _ranks(size: int, folder: Path) -> list[str]:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(size)]
    return [*launcher, "-m", "bench.ranks", "--work", str(folder)]


def _run(asked: argparse.Namespace, commands: list[list[str]]) -> None:
    """All at once, a thread each, until the last has ended."""
    more = ["--steps", str(asked.steps), "--tasks", str(asked.tasks)] + (["--data", asked.data] if asked.data else [])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1"}
    running = [subprocess.Popen([*command, *more], env=environment) for command in commands]
    codes = [process.wait() for process in running]
    if any(codes):
        raise SystemExit(f"{commands[0]} failed; its own words stand above")


def _apart(one: Path, other: Path) -> float:
    """The largest difference of any weight of two trainings."""
    from quickstudy.core.tensors import load_tensors

    mine, theirs = (load_tensors(folder / "theta")[0] for folder in (one, other))
    return max(float((mine[name] - theirs[name]).abs().max()) for name in mine)


def _work(asked: argparse.Namespace) -> None:
    """One training, or one rank of one."""
    import torch

    torch.set_num_threads(1)
    from quickstudy import config
    from quickstudy.core.tensors import save_tensors
    from quickstudy.episodes.mixing import Mixture
    from quickstudy.episodes.shapes import Shape
    from quickstudy.episodes.sources import Source
    from quickstudy.given_kinds import load
    from quickstudy.meta_tasks import stream
    from quickstudy.reading_ahead import read_ahead
    from quickstudy.student import backbone, fresh
    from quickstudy.training.loop import meta_train
    from quickstudy.training.outcome import Validation
    from quickstudy.training.plan import Plan
    from quickstudy.training.ranks import here

    student = fresh(backbone("minilm", "lora(8, 2)", "auto", "cpu"), {"name": "maml", "order": 1, "steps": 2}, "minilm")
    kind = config.build(config.KINDS, {"name": "classification"}, "kind", {"reader": student.reader})
    read = load(str(data_folder(asked.data) / "meta-train" / "clinc150" / "train.jsonl"), kind, None)
    mixture = Mixture((Source("clinc150", read.examples, read.classes),), 0.0)
    plan = Plan(steps=asked.steps, tasks=asked.tasks, warmup=2, validate_every=asked.steps,
                checkpoint_minutes=float("inf"))  # fmt: skip
    times: list[float] = []

    def watch(record: Any) -> None:
        if record["event"] == "step":
            times.append(time.perf_counter())

    calls = iter(range(2))

    def last_is_best(theta: Any) -> Validation:
        score = float(next(calls))
        return Validation(score, 0.0, (score,))

    drawn = read_ahead(stream(mixture, kind, Shape(5, 5, 5), plan), student.read_ahead, plan, here())
    trained = meta_train(student.steady(), student.theta, drawn, last_is_best, plan, watch=watch)
    if here().rank == 0:
        asked.work.mkdir(parents=True)
        counted = (len(times) - UNCOUNTED) * plan.tasks
        told = {"a_second": counted / (times[-1] - times[UNCOUNTED - 1])}
        (asked.work / "told.json").write_text(json.dumps(told))
        save_tensors(asked.work / "theta", trained.theta, {})


if __name__ == "__main__":
    main()
