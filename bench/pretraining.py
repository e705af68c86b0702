"""Pretraining that learns to learn: pretext tasks out of raw text against ordinary pretraining on the same tokens.

Corpora out of packages, Debian's documentation and the texts of open data sets; three domains are held out. Students
begin with random weights or as MiniLM. Each part, a student and a seed, is kept under bench/results/parts/pretraining
(or --parts), so that a run that was stopped goes on where it was; --finished writes the tables of what there is.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.shared.data import data_folder
from bench.shared.machine import described, limited_to
from bench.shared.options import add_data, options
from bench.shared.parts import code_digest, part
from bench.shared.result import RESULTS, Output

CODE = (
    "backbones",
    "corpus",
    "kinds",
    "learners",
    "pretext",
    "text",
    "training",
    "pretraining.py",
    "pretrain_tasks.py",
)
PRETEXTS = 30
"""episodes of each group of documents"""
DRAWS = {"random": (0, 1), "longer": (0, 1), "minilm": (0,)}
"""of each labelled set"""
MODELLED = 3
"""episodes of each held-out domain and size"""


def main() -> None:
    asked = _asked()
    machine = described()
    if not asked.finished:
        cores = limited_to(asked.cores)
        import torch

        torch.set_num_threads(cores)
        _run(asked, data_folder(asked.data), machine)
    from bench.raw import tables

    out = Output("pretraining")
    figures, bars, seeds = tables.written(out, asked.parts)
    if asked.write:
        asked.write.mkdir(parents=True, exist_ok=True)
        tables.drawn(asked.parts, asked.write / "pretraining.svg")
    out.close(bars, figures, machine, seeds, asked.write)


def _run(asked: argparse.Namespace, data: Path, machine: dict[str, object]) -> None:
    """Every part that is not there yet: the first seed of everything, then the others."""
    from bench.raw import arms, judging, modelling, own
    from bench.raw.corpora import corpora
    from quickstudy.pretrain_start import fingerprint

    found = corpora(asked.work, data)
    key = {"code": code_digest(*CODE), "torch": machine["torch"], "cores": asked.cores}
    marks = {name: fingerprint(corpus) for name, corpus in found.items()}

    def keep(name: str, corpus: str, make: Callable[[Path], Any], more: Any) -> None:
        if asked.only and not any(name.startswith(prefix) for prefix in asked.only):
            return
        began = time.monotonic()
        part(asked.parts, name, {**key, "corpus": marks[corpus], "settings": more}, lambda: make(asked.work / name))
        print(f"{time.strftime('%H:%M:%S')} {name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)

    def judged(model: str, arm: str, seed: int) -> Callable[[Path], Any]:
        def make(folder: Path) -> Any:
            corpus = found[arms.CORPUS[model]]
            student, made = arms.trained(model, arm, seed, folder, corpus)
            return {
                **made,
                "pretexts": judging.on_pretexts(student, corpus, PRETEXTS),
                "labels": judging.on_labels(student, data, DRAWS[model]),
            }

        return make

    def modelled(arm: str, seed: int) -> Callable[[Path], Any]:
        return lambda folder: modelling.run(arm, seed, folder, found["pieces"], MODELLED)

    for seed in range(asked.seeds):
        for model in ("random", "minilm", "longer"):
            for arm in arms.ARMS:
                if model == "random" or arm != "untrained" or (model, seed) == ("minilm", 0):
                    told = [arms.recipe(model, arm, seed, 0), PRETEXTS, DRAWS[model]]
                    keep(f"{model}.{arm}.{seed}", arms.CORPUS[model], judged(model, arm, seed), told)
        for arm in modelling.ARMS:
            keep(
                f"language.{arm}.{seed}",
                "pieces",
                modelled(arm, seed),
                [modelling.recipe(arm, seed), modelling.RATES, MODELLED],
            )
        keep(
            f"own.{seed}", "banking", lambda folder, seed=seed: own.run(seed, folder, found["banking"], data),
            own.recipe(seed),
        )  # fmt: skip


def _asked() -> argparse.Namespace:
    parser = options(__doc__)
    add_data(parser)
    parser.set_defaults(cores=1)
    parser.add_argument("--seeds", type=int, default=3, help="of every training (3)")
    parser.add_argument("--only", nargs="+", help="only parts whose name begins so, such as random.meta")
    parser.add_argument("--finished", action="store_true", help="nothing is run: tables of the parts that there are")
    parser.add_argument("--parts", type=Path, default=RESULTS / "parts" / "pretraining", help="where parts are kept")
    parser.add_argument("--work", type=Path, default=RESULTS / "parts" / "pretraining.work", help="corpora, students")
    return parser.parse_args()


if __name__ == "__main__":
    main()
