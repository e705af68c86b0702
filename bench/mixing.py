"""One student, many kinds: does meta-training on several kinds of task in one run help or hurt each of them?

For each learner and seed: a student meta-trained on each kind alone, and one on all of them together, with as many
episodes of each kind (in expectation) as it had alone; all from MiniLM, whose last two layers learn. Judged on the same
episodes of development sets that no recipe trains on, beside the start.
"""

import argparse
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.shared.data import data_folder
from bench.shared.machine import described, limited_to
from bench.shared.options import add_data, options
from bench.shared.parts import code_digest, part
from bench.shared.result import RESULTS, Output
from quickstudy.episodes.shapes import Shape
from quickstudy.evaluation.statistics import compare, over_tasks
from quickstudy.evaluation.wording import difference, difference_bounds, estimate

LEARNERS = {
    "prior_head": {"backbone.": 5e-5, "prior.": 0.03},
    "shared_space": {"backbone.": 5e-5, "map.log_scale": 0.03, "map.log_name_weight": 0.03},
}
"""learner -> the outer rates of what it learns"""
KINDS: dict[str, dict[str, Any]] = {
    "classification": {
        "train": (
            "meta-train/clinc150/train", "meta-train/snips/train", "meta-train/goemotions/original.train",
            "meta-train/csabstruct/train",
        ),
        "validation": ("meta-train/mag7/valid",),
        "test": ("development/banking77/test", "development/tfns_test/test", "development/hint3/sofmattress.test"),
        "ways": [2, 6], "shots": [0, 5], "queries": 4,
        "judged": Shape(5, 5, 5),
    },
    "tagging": {
        "train": ("meta-train/wnut17/train", "meta-train/wikigold/all", "meta-train/btc_twitter/f"),
        "validation": ("meta-train/btc_twitter/a",),
        "test": ("development/crossner/ai.valid", "development/crossner/science.valid"),
        "ways": [2, 4], "shots": [0, 5], "queries": 3,
        "judged": Shape(None, 5, 5),
    },
    "matching": {
        "train": ("meta-train/chatterbot_corpus/en", "meta-train/squadshifts/new_wiki"),
        "validation": ("meta-train/squadshifts/reddit",),
        "test": ("development/covid_faq/all", "development/camrest676/all"),
        "ways": [20, 20], "shots": [0, 0], "queries": 1,
        "judged": Shape(50, 0, 1),
    },
    "relation": {
        "train": ("meta-train/fewrel/val_wiki",),
        "validation": ("development/semeval2010_t8/train",),
        "test": ("development/fewrel_nyt/val_nyt",),
        "without": ["P25", "P40", "P410", "P412", "P413", "P463", "P921", "P2094"],  # those that nyt has, too
        "ways": [3, 5], "shots": [0, 5], "queries": 4,
        "judged": Shape(5, 1, 5),
    },
}  # fmt: skip

TASKS, STEPS = 4, 12
"""episodes a step, and steps for each kind"""
TOGETHER = "together"
ROWS = 2000
"""of a training source at most"""


def main() -> None:
    asked = _asked()
    cores = limited_to(asked.cores)
    folder = data_folder(asked.data)
    machine = described()
    import torch

    torch.set_num_threads(cores)
    out = Output("mixing")
    out.say(f"MiniLM, last(2); {STEPS * TASKS} episodes of each kind, {asked.episodes} judged of each set and seed.")
    figures: dict[str, Any] = {}
    for learner in asked.learners:
        found = _family(asked, folder, learner)
        rows = []
        for kind in asked.kinds:
            start, alone, mixed = (found[kind][arm] for arm in ("start", kind, TOGETHER))
            gap = compare(mixed, alone)
            figures[f"{learner} {kind}"] = {
                "start": over_tasks(_lists(start)).mean,
                "alone": over_tasks(_lists(alone)).mean,
                "together": over_tasks(_lists(mixed)).mean,
                "difference": gap.over_episodes.mean,
                "low": gap.over_episodes.low,
                "high": gap.over_episodes.high,
            }
            means = [estimate(over_tasks(_lists(one))) for one in (start, alone, mixed)]
            rows.append((kind, *means, difference(gap.over_episodes), difference_bounds(gap.over_episodes)))
        out.table(
            f"{learner}: what each kind counts first, in percent (interval over sets); together minus alone, paired",
            ("", "start", "alone", "together", "difference", "95 % over episodes"),
            rows,
        )
    out.close([], figures, machine, asked.seeds, asked.write)


def _asked() -> argparse.Namespace:
    parser = options(__doc__)
    add_data(parser)
    parser.add_argument("--parts", type=Path, default=RESULTS / "parts" / "mixing", help="where parts are kept")
    parser.add_argument("--learners", nargs="+", default=list(LEARNERS))
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--episodes", type=int, default=6, help="judged of each set (6)")
    return parser.parse_args()


def _lists(values: Mapping[str, Mapping[str, float]]) -> dict[str, list[float]]:
    return {name: list(own.values()) for name, own in values.items()}


def _family(asked: argparse.Namespace, folder: Path, learner: str) -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    """kind -> arm -> set -> episode -> value"""
    found: dict[str, dict[str, dict[str, dict[str, float]]]] = {}
    for seed in asked.seeds:
        for arm in ("start", *asked.kinds, TOGETHER):
            key = {
                "code": code_digest("backbones", "learners", "kinds", "text", "training"),
                "setting": repr(([KINDS[kind] for kind in asked.kinds], STEPS, TASKS, ROWS)),
                "episodes": asked.episodes,
            }
            print(f"{time.strftime('%H:%M:%S')} {learner} {seed} {arm}", file=sys.stderr, flush=True)
            made = part(
                asked.parts,
                f"{learner}.{arm}.{seed}",
                key,
                lambda: _arm(folder, learner, arm, asked.kinds, seed, asked.episodes),  # noqa: B023 (used at once)
            )
            for kind, sets in made.items():
                for name, values in sets.items():
                    found.setdefault(kind, {}).setdefault(arm, {}).setdefault(name, {}).update(values)
    return found


def _arm(
    folder: Path, learner: str, arm: str, every: list[str], seed: int, episodes: int
) -> dict[str, dict[str, dict[str, float]]]:
    """kind -> set -> episode -> value of one student."""
    from quickstudy import load
    from quickstudy.meta import meta_train

    if arm == "start":
        student = load("minilm", learner=learner, scope="last(2)")
    else:
        student = meta_train(_recipe(folder, learner, every if arm == TOGETHER else [arm], every, seed))
    judged = every if arm in ("start", TOGETHER) else [arm]
    return {kind: _judged(folder, student, kind, seed, episodes) for kind in judged}


def _recipe(folder: Path, learner: str, kinds: list[str], every: list[str], seed: int) -> dict[str, Any]:
    def source(kind: str, name: str, side: str) -> dict[str, Any]:
        own = KINDS[kind]
        table: dict[str, Any] = {"path": str(_place(folder, name)), "name": name, "rows": ROWS}
        table |= {"kind": {"name": kind}}
        table |= {key: own[key] for key in ("ways", "shots", "queries")}
        if side == "train":
            table |= {"weight": 1 / len(own["train"]), "without": own.get("without", [])}
        return table

    def test(kind: str, name: str) -> dict[str, Any]:
        return {"path": str(_place(folder, name)), "name": name, "kind": {"name": kind}}

    return {
        "student": {"backbone": "minilm", "scope": "last(2)"},
        "learner": {"name": learner},
        "train": [source(kind, name, "train") for kind in kinds for name in KINDS[kind]["train"]],
        "validation": [source(kind, name, "validation") for kind in kinds for name in KINDS[kind]["validation"]],
        "test": [test(kind, name) for kind in every for name in KINDS[kind]["test"]],
        "validating": {"episodes": 4, "shots": [0, 5], "queries": 4, "ways": 5},
        "training": {
            "steps": STEPS * len(kinds), "tasks": TASKS, "seed": seed, "rate": 1e-3,
            "rates": LEARNERS[learner], "warmup": 5,
            "validate_every": 6 * len(kinds),
        },
    }  # fmt: skip


def _place(folder: Path, name: str) -> Path:
    return (folder / f"{name}.jsonl").resolve()


def _judged(folder: Path, student: Any, kind: str, seed: int, episodes: int) -> dict[str, dict[str, float]]:
    from quickstudy import config, given_kinds
    from quickstudy.episodes.sampling import draw
    from quickstudy.episodes.sources import Source
    from quickstudy.evaluation.metatest import Contestant, meta_test
    from quickstudy.meta_tasks import narrowed

    made = config.build(config.KINDS, {"name": kind}, "kind", {"reader": student.reader})
    takes_part = {"student": Contestant(student.steady(), student.theta)}
    found: dict[str, dict[str, float]] = {}
    for name in KINDS[kind]["test"]:
        loaded = given_kinds.load(_place(folder, name), made)
        source = Source(name, loaded.examples, loaded.classes)
        first, shape = 1000 * (seed + 1), narrowed(KINDS[kind]["judged"], source, made)
        draws = [draw(source, made, shape, first + number) for number in range(episodes)]
        for one in meta_test(takes_part, draws, made):
            if one.failure:
                raise SystemExit(f"{name}: {one.failure}")
            counts = "accuracy" if isinstance(made, config.LABELLED) else next(iter(one.measures))
            found.setdefault(name, {})[one.draw] = one.measures[counts]
    return found


if __name__ == "__main__":
    main()
