"""Do the cheap scores that `meta-train --for` weighs sources by say what leaving a source out says?

Six sources, four targets of other families. A student (prior_head, the last layer moving) is meta-trained on all six,
and on all but each; what a source does for a target is the difference that leaving it out makes to the target's
likelihood (mean log-probability of the gold labels) on fixed tasks. Held against it by Spearman's rank correlation over
the sources: agreement of slopes, likeness of texts and names, and both together. Each part, a run and a seed, is kept
under bench/results/parts/usefulness (or --parts), so that a run that was stopped goes on where it was.
"""

import argparse
import sys
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, NamedTuple

from bench.contest.drawing import read
from bench.contest.sets import ENGLISH
from bench.shared.data import data_folder
from bench.shared.machine import PACKAGES, described, limited_to
from bench.shared.options import add_data, options
from bench.shared.parts import code_digest, part
from bench.shared.result import RESULTS, Bar, Output

TRAIN = ("clinc150/train", "huffpost41/all", "goemotions/original.train", "davidson_hate/all", "tweeteval/irony.train",
         "csabstruct/train")  # fmt: skip
TARGETS = ("banking77", "tfns", "yelp", "disaster")
ROWS, TARGET_ROWS = 1000, 300
SCOPE = "last(1)"
EPISODES = {"ways": [2, 6], "shots": [0, 5], "queries": 4}
TRAINING = {"steps": 30, "tasks": 4, "rate": 0.03, "rates": {"backbone.": 1e-4}, "warmup": 3, "decay": "linear",
            "validate_every": 30, "patience": 100}  # fmt: skip
TASKS = 12
"""of each target that it is judged on"""
CODE = ("backbones", "kinds", "learners", "text", "episodes", "training")


class Setting(NamedTuple):
    student: Any
    kind: Any
    recipe: Any
    sources: tuple[Any, ...]
    targets: tuple[Any, ...]


def main() -> None:
    asked = _asked()
    cores = limited_to(asked.cores)
    folder = data_folder(asked.data)
    machine = described()
    import torch

    torch.set_num_threads(cores)
    setting = _setting(folder, asked.steps)
    key = {
        "code": code_digest(*CODE),
        "settings": [ROWS, TARGET_ROWS, SCOPE, EPISODES, TRAINING, TASKS, asked.steps],
        "packages": {name: machine[name] for name in PACKAGES[1:]},
    }
    effects = [_effects(setting, asked.parts, key, seed) for seed in range(asked.seeds)]
    scores = part(asked.parts, "scores", key, lambda: _scores(setting))
    figures = _figures(effects, scores)
    out = Output("usefulness")
    out.say(f"{len(TRAIN)} sources, {len(TARGETS)} targets, {asked.seeds} seeds, {asked.steps} steps of "
            f"{TRAINING['tasks']} episodes; leaving a source out against cheap scores.")  # fmt: skip
    for target in TARGETS:
        out.table(
            f"{target}: what a source adds to the log-likelihood (x 100, mean over seeds and their spread)",
            ("", "left out", "spread", "agreement", "likeness", "usefulness"),
            [
                (
                    source,
                    f"{100 * figures['effect'][target][source]:+.2f}",
                    f"{100 * figures['spread'][target][source]:.2f}",
                    *(f"{scores[sort][source][target]:+.2f}" for sort in ("agreement", "likeness", "usefulness")),
                )
                for source in TRAIN
            ],
        )
    rows = [
        (sort, *(f"{figures['correlation'][sort][target]:+.2f}" for target in TARGETS), f"{figures['mean'][sort]:+.2f}")
        for sort in figures["correlation"]
    ]
    out.table("Rank correlation with leaving the source out", ("", *TARGETS, "mean"), rows)
    out.close(
        [Bar(f"{sort}_rank_correlation", figures["mean"][sort], 0.3, "at least") for sort in figures["mean"]],
        {**figures, "scores": scores},
        machine,
        tuple(range(asked.seeds)),
        asked.write,
    )


def _asked() -> argparse.Namespace:
    parser = options(__doc__)
    add_data(parser)
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each set of sources (3)")
    parser.add_argument("--steps", type=int, default=TRAINING["steps"], help="outer steps of each (30)")
    parser.add_argument("--parts", type=Path, default=RESULTS / "parts" / "usefulness", help="where parts are kept")
    return parser.parse_args()


def _setting(folder: Path, steps: int) -> Setting:
    from quickstudy import recipe
    from quickstudy.episodes.sampling import Dice
    from quickstudy.episodes.sources import Source
    from quickstudy.kinds.classification import Classification
    from quickstudy.meta_sources import sources
    from quickstudy.student import backbone, fresh

    student = fresh(backbone("minilm", SCOPE, "auto", "cpu"), {"name": "prior_head"}, "minilm")
    kind = Classification(student.reader)
    tables = [{"path": str(folder / "meta-train" / f"{name}.jsonl"), "name": name, "rows": ROWS} for name in TRAIN]
    targets = []
    for which in (one for one in ENGLISH if one.name in TARGETS):
        pool = read(folder, which)
        examples = tuple(Dice(f"usefulness\n{which.name}").shuffled(pool.support)[:TARGET_ROWS])
        targets.append(Source(which.name, examples))
    files = [name for which in ENGLISH if which.name in TARGETS for name in which.support]
    read_recipe = recipe.read(
        {
            "train": tables,
            "validation": [{"path": str(folder / "development" / f"{name}.jsonl"), "name": name} for name in files],
            "episodes": EPISODES,
            "training": {**TRAINING, "steps": steps, "validate_every": steps},
        }
    )
    train, _, _ = sources(read_recipe, kind)
    return Setting(student, kind, read_recipe, train, tuple(targets))


def _effects(setting: Setting, parts: Path, key: dict[str, Any], seed: int) -> dict[str, dict[str, float]]:
    """{target: {source: what it adds to the mean log-likelihood}}."""

    def run(without: str) -> Any:
        made = part(
            parts, f"{without or 'all'}.{seed}", {**key, "seed": seed}, lambda: _trained(setting, without, seed)
        )
        print(f"without {without or 'none'}, seed {seed}: {made}", file=sys.stderr, flush=True)
        return made

    whole = run("")
    found: dict[str, dict[str, float]] = {target: {} for target in TARGETS}
    for source in TRAIN:
        other = run(source)
        for target in TARGETS:
            found[target][source] = whole[target] - other[target]
    return found


def _trained(setting: Setting, without: str, seed: int) -> dict[str, float]:
    """The mean log-likelihood on each target's tasks after meta-training without a source."""
    import dataclasses

    from quickstudy import meta_tasks
    from quickstudy.episodes.mixing import Mixture
    from quickstudy.training.loop import meta_train
    from quickstudy.training.outcome import Validation

    learner, theta, plan = setting.student.steady(), setting.student.theta, setting.recipe.training
    mixture = Mixture(tuple(one for one in setting.sources if one.name != without))
    calls: list[float] = []

    def always_better(_: Any) -> Validation:
        calls.append(float(len(calls)))
        return Validation(calls[-1], 0.0, (calls[-1],) * 2)

    shape = setting.recipe.episodes
    plan = dataclasses.replace(plan, seed=seed)
    trained = meta_train(
        learner, theta, meta_tasks.stream(mixture, setting.kind, shape, plan), always_better, plan
    )  # fmt: skip
    return {target.name: _likelihood(setting, learner, trained.theta, target) for target in setting.targets}


def _likelihood(setting: Setting, learner: Any, theta: Any, target: Any) -> float:
    from quickstudy.episodes.sampling import draw
    from quickstudy.influence import fitting
    from quickstudy.meta_tasks import judge
    from quickstudy.recipe import ValidatingTable

    shape = fitting(setting.recipe.episodes, target, setting.kind)
    draws = [draw(target, setting.kind, shape, number) for number in range(TASKS)]
    return -judge(learner, setting.kind, draws, ValidatingTable(measure="likelihood"))(theta).loss


def _scores(setting: Setting) -> dict[str, dict[str, dict[str, float]]]:
    """{sort of score: {source: {target: score}}}, at the start."""
    from quickstudy import influence
    from quickstudy.targeting import usefulness

    learner, theta, kind = setting.student.steady(), setting.student.theta, setting.kind
    shape = setting.recipe.episodes
    sides = [influence.slopes(learner, theta, side, kind, shape) for side in (setting.sources, setting.targets)]
    agreed = influence.agreement(*sides, setting.recipe.training)
    alike = influence.likeness(setting.student, setting.sources, setting.targets, kind)
    useful: dict[str, dict[str, float]] = {name: {} for name in agreed}
    for target in TARGETS:
        both = ({name: row[target] for name, row in table.items()} for table in (agreed, alike))
        for name, value in usefulness(*both).items():
            useful[name][target] = value
    return {"agreement": agreed, "likeness": alike, "usefulness": useful}


def _figures(effects: list[dict[str, dict[str, float]]], scores: dict[str, Any]) -> dict[str, Any]:
    from scipy.stats import spearmanr

    values = {t: {s: [one[t][s] for one in effects] for s in TRAIN} for t in TARGETS}
    effect = {t: {s: fmean(found) for s, found in row.items()} for t, row in values.items()}
    correlation = {
        sort: {
            t: float(spearmanr([effect[t][s] for s in TRAIN], [table[s][t] for s in TRAIN]).statistic) for t in TARGETS
        }
        for sort, table in scores.items()
    }
    return {
        "effect": effect,
        "spread": {
            t: {s: stdev(found) if len(found) > 1 else 0.0 for s, found in row.items()} for t, row in values.items()
        },
        "correlation": correlation,
        "mean": {sort: fmean(row.values()) for sort, row in correlation.items()},
    }


if __name__ == "__main__":
    main()
