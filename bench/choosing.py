"""Sources chosen by progress on validation tasks, against drawing by weight and by size, on one budget of episodes.

The learner is `shared_space` on a frozen backbone: meta-training can help it and harm it, and every text is read once.
The target is intents: three sets of them validate and three others test. One of the six sources is of intents. Each
part, a way of choosing and a seed, is kept under bench/results/parts/choosing (or --parts), so that a run that was
stopped goes on where it was.
"""

import argparse
import functools
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bench.contest.sets import ENGLISH
from bench.shared.data import data_folder
from bench.shared.machine import PACKAGES, described, limited_to
from bench.shared.options import add_data, options
from bench.shared.parts import code_digest, part
from bench.shared.result import RESULTS, Bar, Output

TRAIN = {
    "clinc150/train": 1500,
    "huffpost41/all": 1230,
    "goemotions/original.train": 1000,
    "davidson_hate/all": 600,
    "tweeteval/emoji.train": 600,
    "csabstruct/train": 500,
}
"""a tenth of the rows of each, so that their sizes stand as they do in full"""
VALIDATION = ("multidogo/fastfood.train", "multidogo/media.train", "snips/train")
TEST = ("banking77", "hint3", "bitext")
ARMS = ("weights", "alpha 0.5", "alpha 1", "progress")
EPISODES = {"ways": [3, 8], "shots": [1, 5], "queries": 3}
VALIDATING = {"episodes": 2, "shots": [1, 4], "queries": 5, "ways": 6, "measure": "likelihood"}
TRAINING = {"tasks": 2, "rate": 0.01, "warmup": 5, "decay": "constant", "validate_every": 5, "patience": 10_000}
CHOOSING = {"rate": 1.0, "floor": 0.1, "hold": 10}
SHOTS, WAYS, QUERIES, DRAWS = (1, 4), 6, 8, 4
CODE = ("backbones", "kinds", "learners", "text", "episodes", "training")


class Setting(NamedTuple):
    """What all ways of choosing share, the kept features among it."""

    student: Any
    kind: Any
    train: tuple[Any, ...]
    validate: Any
    tests: dict[str, list[Any]]
    leaks: str


def main() -> None:
    asked = _asked()
    cores = limited_to(asked.cores)
    folder = data_folder(asked.data)
    machine = described()
    import torch

    torch.set_num_threads(cores)
    out = Output("choosing")
    setting = functools.cache(lambda: _setting(folder))
    key = {
        "train": TRAIN, "validation": VALIDATION, "test": TEST, "episodes": EPISODES, "validating": VALIDATING,
        "training": TRAINING, "choosing": CHOOSING, "asking": (SHOTS, WAYS, QUERIES, DRAWS), "steps": asked.steps,
        "code": code_digest(*CODE), "versions": {name: machine[name] for name in PACKAGES},
    }  # fmt: skip
    start = part(asked.parts, "start", key, lambda: _tested(setting(), setting().student.theta))
    found: dict[str, list[dict[str, Any]]] = {arm: [] for arm in ARMS}
    for seed in asked.seeds:
        for arm in ARMS:
            print(f"{time.strftime('%H:%M:%S')} {arm}, seed {seed}", file=sys.stderr, flush=True)
            own = {**key, "arm": arm, "seed": seed}
            made = part(asked.parts, f"{arm}.{seed}", own, lambda: _made(setting(), arm, seed, asked.steps))  # noqa: B023
            found[arm].append(made)
    bars, figures = _report(out, start, found)
    out.close(bars, figures, machine, asked.seeds, asked.write)


def _asked() -> argparse.Namespace:
    parser = options(__doc__)
    add_data(parser)
    parser.set_defaults(cores=1)
    parser.add_argument("--parts", type=Path, default=RESULTS / "parts" / "choosing", help="where parts are kept")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=200, help="outer steps of two episodes (200)")
    return parser.parse_args()


def _recipe(folder: Path, arm: str, seed: int, steps: int) -> Any:
    from quickstudy import recipe

    def source(name: str, rows: int) -> dict[str, Any]:
        return {"path": str(folder / "meta-train" / f"{name}.jsonl"), "name": name, "rows": rows}

    episodes: dict[str, Any] = dict(EPISODES)
    if arm.startswith("alpha"):
        episodes["alpha"] = float(arm.split()[1])
    tables: dict[str, Any] = {
        "learner": {"name": "shared_space"},
        "episodes": episodes,
        "train": [source(name, rows) for name, rows in TRAIN.items()],
        "validation": [source(name, 600) for name in VALIDATION],
        "validating": VALIDATING,
        "training": {**TRAINING, "steps": steps, "seed": seed},
    }
    if arm == "progress":
        episodes["choose"] = "progress"
        tables["choosing"] = CHOOSING
    return recipe.read(tables)


def _setting(folder: Path) -> Setting:
    from bench.contest.drawing import read
    from quickstudy import meta_sources, meta_tasks
    from quickstudy.episodes.sampling import draw
    from quickstudy.episodes.shapes import Shape
    from quickstudy.episodes.sources import Source
    from quickstudy.kinds.classification import Classification
    from quickstudy.student import backbone, fresh

    asked = _recipe(folder, "weights", 0, 1)
    student = fresh(backbone("minilm", "head", "float32", "cpu"), asked.learner, "minilm")
    kind = Classification(student.reader)
    sets = {which.name: read(folder, which) for which in ENGLISH if which.name in TEST}
    sources = [Source(name, pool.query or ()) for name, pool in sets.items()]
    train, validation, leaks = meta_sources.sources(asked, kind)
    train, later = _apart(train, sources, kind)
    draws = meta_tasks.validation_draws(validation, kind, asked.validating)
    tests = {
        source.name: [draw(source, kind, Shape(WAYS, shots, QUERIES), seed) for shots in SHOTS for seed in range(DRAWS)]
        for source in sources
    }
    validate = meta_tasks.judge(student.steady(), kind, draws, asked.validating)
    return Setting(student, kind, train, validate, tests, f"validation: {leaks}; test: {later}")


def _apart(train: tuple[Any, ...], tests: list[Any], kind: Any) -> tuple[tuple[Any, ...], str]:
    """Training sources without the rows of the test sets."""
    from quickstudy.episodes.leaks import without_leaks

    kept, report = without_leaks(train, [kind.texts(one) for source in tests for one in source.examples], kind)
    return kept, str(report)


def _made(setting: Setting, arm: str, seed: int, steps: int) -> dict[str, Any]:
    """What came of one way of choosing: test accuracies of the theta that validation preferred and of the last, the
    course of validation, and what was drawn."""
    from quickstudy import meta_tasks
    from quickstudy.episodes.choosing import Policy, tally
    from quickstudy.episodes.mixing import Mixture
    from quickstudy.training.loop import meta_train

    asked = _recipe(Path(), arm, seed, steps)
    mixture = Mixture(setting.train, asked.alpha)
    chooser = Policy(mixture, asked.choosing) if asked.choosing else mixture
    episodes = meta_tasks.stream(chooser, setting.kind, asked.episodes, asked.training)
    began = time.process_time()
    last: list[Any] = []

    def validate(theta: Any) -> Any:
        last[:] = [{name: value.clone() for name, value in theta.items()}]
        return setting.validate(theta)

    trained = meta_train(setting.student.steady(), setting.student.theta, episodes, validate, asked.training)
    past = meta_tasks.seen(trained.history, asked.training)
    return {
        "best": _tested(setting, trained.theta),
        "last": _tested(setting, last[0]),
        "validation": [(step, found.score, found.loss) for step, found in trained.history],
        "best_step": trained.best_step,
        "sources": tally(chooser, seed, past, (trained.steps + 1) * asked.training.tasks),
        "seconds": time.process_time() - began,
        "leaks": setting.leaks,
    }


def _tested(setting: Setting, theta: Any) -> dict[str, list[float]]:
    """Accuracies on the test tasks: first those of one shot, then those of four."""
    from quickstudy.core.scoring import scorer
    from quickstudy.meta_tasks import episode

    learner, kind = setting.student.steady(), setting.kind
    found: dict[str, list[float]] = {}
    for name, draws in setting.tests.items():
        for drawn in draws:
            task = episode(drawn, kind)
            score = scorer(learner, theta, learner.adapt(theta, task.support, kind.loss))
            answers = kind.answer(score, kind.fit(score, drawn.support, drawn.classes), drawn.query, drawn.classes)
            found.setdefault(name, []).append(kind.measure(answers, drawn.query)["accuracy"])
    return found


def _report(
    out: Output, start: Mapping[str, list[float]], found: Mapping[str, list[dict[str, Any]]]
) -> tuple[list[Bar], dict[str, Any]]:
    from quickstudy.evaluation.statistics import compare, over_episodes

    def joined(arm: str, which: str) -> dict[str, list[float]]:
        return {name: [value for made in found[arm] for value in made[which][name]] for name in TEST}

    def told(one: Any, digits: int = 1) -> str:
        low, high = (100 * edge if edge is not None else float("nan") for edge in (one.low, one.high))
        return f"{100 * one.mean:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"

    figures: dict[str, Any] = {"start": start, "arms": found}
    lines = [("start", told(over_episodes(start)), "", "", "")]
    rows, bars = [], []
    for arm in ARMS:
        end = [made["validation"][-1] for made in found[arm]]
        best, last = (over_episodes(joined(arm, which)) for which in ("best", "last"))
        scores = sum(each[1] for each in end) / len(end)
        steps = ", ".join(str(made["best_step"]) for made in found[arm])
        lines.append((arm, told(best), told(last), f"{scores:.4f}", steps))
        if arm == "progress":
            continue
        by_arm = {
            which: compare(*(_numbered(joined(each, which)) for each in ("progress", arm)))
            for which in ("best", "last")
        }
        rows.append((f"- {arm}", *(told(one.over_episodes, 2) for one in by_arm.values())))
        figures[f"minus {arm}"] = {
            which: [one.over_episodes.mean, one.over_episodes.low, one.over_episodes.high]
            for which, one in by_arm.items()
        }
        bars.append(Bar(f"minus_{arm.replace(' ', '_')}", 100 * by_arm["best"].over_episodes.mean, 0.0, "at least"))
    seeds = len(found[ARMS[0]])
    out.table(
        f"Accuracy on {', '.join(TEST)}: {WAYS} ways, {' and '.join(map(str, SHOTS))} shots, {DRAWS} draws, "
        f"{seeds} seeds (95 % over draws and seeds)",
        ("", "theta that validation preferred", "last theta", "last validation score", "best steps"),
        lines,
    )
    out.table("progress minus each other, in points on the same tasks", ("", "preferred", "last"), rows)
    shares = []
    for name in TRAIN:
        cells = [_share(found[arm], name) for arm in ARMS]
        chances = [made["sources"][name]["chance"] for made in found["progress"]]
        shares.append((name, *cells, " ".join(f"{100 * chance:.0f}" for chance in chances)))
    out.table(
        "Episodes drawn from each source, in percent; the policy's chances at the end, seed by seed",
        ("", *ARMS, "at the end"),
        shares,
    )
    seconds = [made["seconds"] for arm in ARMS for made in found[arm]]
    out.say()
    out.say(f"One meta-training took {min(seconds):.0f} to {max(seconds):.0f} seconds of one core.")
    out.say(f"Rows left out of the sources: {found[ARMS[0]][0]['leaks']}.")
    return bars, figures


def _numbered(values: Mapping[str, list[float]]) -> dict[str, dict[str, float]]:
    """The tasks of each set by their number, by which two ways of choosing are compared."""
    return {name: {str(number): value for number, value in enumerate(own)} for name, own in values.items()}


def _share(made: list[dict[str, Any]], name: str) -> str:
    drawn = sum(each["sources"][name]["episodes"] for each in made)
    return f"{100 * drawn / sum(one['episodes'] for each in made for one in each['sources'].values()):.1f}"


if __name__ == "__main__":
    main()
