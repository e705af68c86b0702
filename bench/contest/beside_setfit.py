"""SetFit and the default student on the same draws, both timed from the texts on; every run is kept."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import quickstudy
from bench.contest import rivals
from bench.contest.arms import CODE
from bench.contest.drawing import drawn, draws_digest, read
from bench.contest.rivals import Score
from bench.contest.sets import Set
from bench.contest.tables import Results
from bench.shared.machine import described
from bench.shared.parts import code_digest, part
from quickstudy.core.tensors import digest


def contest(
    parts: Path,
    folder: Path,
    chosen: Sequence[Set],
    shots: Sequence[int],
    seeds: Sequence[int],
    start: Path | None,
    budgets: Sequence[str],
    most: int,
) -> Results:
    """Seed by seed, so that a run that is stopped has all sets of the first seeds. `start` is a student's file, None
    the one that ships; `budgets` are more turns of it with time to spend. The cores in use are part of what is kept."""
    plain = quickstudy.load("minilm", learner="prior_head")
    student = _load(start)
    student.learn(labels=["warm", "cold"]).predict(["warm up"])
    base = {"backbone": plain.loaded.fingerprint, "cores": described()["used"]}
    own = {"weights": student.loaded.fingerprint, "theta": digest(student.theta), "code": _code()}
    results: dict[tuple[str, int], list[Score]] = {}
    for seed in seeds:
        for which in chosen:
            pool = read(folder, which)
            for draw in drawn(pool, shots, seed, most):
                told = f"{which.name}.{draw.shots}.{seed}"
                print(f"{time.strftime('%H:%M:%S')} setfit {told}", file=sys.stderr, flush=True)
                key = {**base, "draws": draws_digest([draw])}
                made = [
                    part(
                        parts,
                        f"ours{budget}.{told}",
                        {**key, **own, "budget": budget},
                        lambda: rivals.ours(draw, lambda: _load(start), budget),  # noqa: B023
                    )
                    for budget in ("", *budgets)
                ]
                made.append(
                    part(
                        parts,
                        f"setfit.{told}",
                        {**key, "version": described(("setfit",))["setfit"]},
                        lambda: rivals.setfit(rivals.needed("minilm"), draw, seed),  # noqa: B023
                    )
                )
                results.setdefault((which.name, seed), []).extend(Score(*each) for each in made)
    return results


def _load(start: Path | None) -> Any:
    return quickstudy.load(start or "minilm")


def _code() -> str:
    return code_digest(*CODE)
