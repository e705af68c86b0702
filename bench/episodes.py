"""Episodes a second of meta-training, against the same methods written the plain way.

MiniLM on openly licensed meta-training sets. Both sides train on the same episodes in turn, a step of one and a step
of the other, so that whatever else the machine does slows both; each draws and tokenises for itself. The plain side
(bench/plain) re-runs the whole model at every step, in float32 on padded batches. What each has learned after the same
number of episodes is then judged by one and the same evaluation, in float32, on tasks of development sets that neither
trained on. Parts are kept under bench/results/parts/episodes (or --parts).
"""

import argparse
import functools
import time
from pathlib import Path
from statistics import fmean
from typing import Any

from bench.shared.data import data_folder
from bench.shared.machine import described, limited_to
from bench.shared.options import add_data, options
from bench.shared.result import RESULTS, Bar, Output

METHODS = {
    "prototypes, last(2)": ({"name": "prototypes"}, "last(2)"),
    "first-order MAML, lora(8, 2)": ({"name": "maml", "order": 1}, "lora(8, 2)"),
    "Reptile, last(2)": ({"name": "reptile"}, "last(2)"),
    "first-order MAML, lora(8)": ({"name": "maml", "order": 1}, "lora(8)"),
    "prototypes, all": ({"name": "prototypes"}, "all"),
    "Reptile, all": ({"name": "reptile"}, "all"),
}
BARRED = 3
"""The first of them have a bar. In the others nothing lies below what moves, so that nothing can be kept."""
TRAIN = ("clinc150/train", "goemotions/original.train", "huffpost41/all", "snips/train")
VALIDATION = ("banking77/test", "hint3/sofmattress.train", "uci_sentences/yelp", "tfns_test/test")
ROWS = 2000
"""of each set"""
UNCOUNTED = 8
"""steps at the beginning whose time is left out: both sides prepare, and ours reads eight steps ahead"""
CODE = ("training", "learners", "backbones", "core", "episodes", "kinds", "text", "meta_tasks.py", "reading_ahead.py")


def main() -> None:
    asked = _asked()
    limited_to(asked.cores)
    folder = data_folder(asked.data)
    machine = described()
    import torch

    torch.set_num_threads(asked.cores)
    from bench.shared.parts import code_digest, part

    out = Output("episodes")
    lines, bars, figures = [], [], {}
    for name in asked.methods or list(METHODS)[:4]:
        found = []
        for seed in asked.seeds:
            key = {"settings": _settings(asked), "machine": machine["cpu"], "code": code_digest(*CODE), "seed": seed}
            found.append(part(asked.parts, f"{name}.{seed}", key, functools.partial(_met, asked, folder, name, seed)))
        row = _row(found)
        figures[name] = row
        lines.append((name, *_cells(row)))
        if name not in list(METHODS)[:BARRED]:
            continue
        bars.append(Bar(f"{name}: times as many episodes a second", row["ratio"], 2.0, "at least"))
        bars.append(Bar(f"{name}: accuracy minus the plain way's, points", row["difference"], -1.0, "at least"))
    out.table(
        f"Meta-training MiniLM, {asked.steps} steps of {asked.tasks} episodes, seeds {asked.seeds}",
        ("", "plain/s", "ours/s", "times", "start", "plain", "ours", "difference (95 %)", "cosine"),
        lines,
    )
    out.say()
    out.say(
        "plain/s, ours/s: episodes a second. start, plain, ours: accuracy in percent on the validation tasks, before"
    )
    out.say("and after. cosine: between what the two sides learned (weights minus start).")
    out.close(bars, figures, machine, asked.seeds, asked.write)


def _asked() -> argparse.Namespace:
    parser = options(__doc__)
    add_data(parser)
    parser.add_argument("--parts", type=Path, default=RESULTS / "parts" / "episodes", help="where parts are kept")
    parser.add_argument("--methods", nargs="+", choices=METHODS, help="only these (all but the last two)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--tasks", type=int, default=4)
    parser.add_argument(
        "--rate", type=float, default=3e-5, help="outer rate of weights; low-rank ones take ten times it"
    )
    parser.set_defaults(cores=1)
    return parser.parse_args()


def _settings(asked: argparse.Namespace) -> dict[str, Any]:
    return {"steps": asked.steps, "tasks": asked.tasks, "rate": asked.rate, "cores": asked.cores}


def _row(found: list[dict[str, Any]]) -> dict[str, Any]:
    from quickstudy.evaluation.statistics import compare

    ours, plain = sum(each["ours_seconds"] for each in found), sum(each["plain_seconds"] for each in found)
    episodes = sum(each["episodes"] for each in found)
    pairs = [(a, b) for each in found for a, b in zip(each["ours"], each["plain"], strict=True)]
    by_task = [{str(at): pair[side] for at, pair in enumerate(pairs)} for side in (0, 1)]
    gap = compare({"tasks": by_task[0]}, {"tasks": by_task[1]})
    return {
        "plain_a_second": episodes / plain,
        "ours_a_second": episodes / ours,
        "ratio": plain / ours,
        "start": 100 * fmean(score for each in found for score in each["start"]),
        "plain": 100 * fmean(pair[1] for pair in pairs),
        "ours": 100 * fmean(pair[0] for pair in pairs),
        "difference": 100 * fmean(pair[0] - pair[1] for pair in pairs),
        "interval": [100 * gap.over_episodes.low, 100 * gap.over_episodes.high] if gap else None,
        "cosine": fmean(each["cosine"] for each in found),
    }


def _cells(row: dict[str, Any]) -> list[str]:
    low, high = row["interval"] or (float("nan"),) * 2
    return [
        f"{row['plain_a_second']:.2f}",
        f"{row['ours_a_second']:.2f}",
        f"{row['ratio']:.2f}",
        *(f"{row[name]:.1f}" for name in ("start", "plain", "ours")),
        f"{row['difference']:+.1f} ({low:+.1f} to {high:+.1f})",
        f"{row['cosine']:.4f}",
    ]


def _met(asked: argparse.Namespace, folder: Path, name: str, seed: int) -> dict[str, Any]:
    """One method, one seed: both sides, step by step in turn, then judged."""
    from quickstudy import config
    from quickstudy.core.params import inner, norm
    from quickstudy.meta_tasks import judge, stream, validation_draws
    from quickstudy.reading_ahead import read_ahead
    from quickstudy.recipe import ValidatingTable
    from quickstudy.student import backbone, fresh
    from quickstudy.training.loop import meta_train
    from quickstudy.training.outcome import Validation
    from quickstudy.training.ranks import ALONE

    table, scope = METHODS[name]
    ours = fresh(backbone("minilm", scope, "bfloat16", "cpu"), table, "minilm")
    exact = fresh(backbone("minilm", scope, "float32", "cpu"), table, "minilm")
    kind = config.build(config.KINDS, {"name": "classification"}, "kind", {"reader": ours.reader})
    setting = _Setting(asked, folder, kind, scope, seed)
    rival = _Rival(ours, setting, table["name"])
    clock = {"ours": 0.0, "plain": 0.0, "since": time.perf_counter()}

    def watch(record: Any) -> None:
        """After each of our steps, one of the other side's."""
        now = time.perf_counter()
        if record["event"] == "step":
            rival.step(int(record["step"]))
            if int(record["step"]) > UNCOUNTED:
                clock["ours"] += now - clock["since"]
                clock["plain"] += time.perf_counter() - now
        clock["since"] = time.perf_counter()

    rising = iter(range(10**6))

    def last_is_best(theta: Any) -> Validation:
        score = float(next(rising))
        return Validation(score, 0.0, (score,))

    drawn = stream(setting.mixture, kind, setting.shape, setting.plan)
    drawn = read_ahead(drawn, ours.read_ahead, setting.plan, ALONE)
    learner = ours.steady()
    theta = meta_train(learner, ours.theta, drawn, last_is_best, setting.plan, watch=watch).theta
    table_ = ValidatingTable(episodes=4, shots=(5,), queries=8, ways=8)
    draws = validation_draws(setting.validation, kind, table_)
    validate = judge(exact.steady(), kind, draws, table_)
    start, theirs = ours.theta, rival.learned()
    moved = [{each: at[each] - start[each] for each in start} for at in (theta, theirs)]
    return {
        "episodes": (asked.steps - UNCOUNTED) * asked.tasks,
        "ours_seconds": clock["ours"],
        "plain_seconds": clock["plain"],
        **{side: validate(at).scores for side, at in (("start", start), ("ours", theta), ("plain", theirs))},
        "cosine": float(inner(*moved) / (norm(moved[0]) * norm(moved[1]))),
    }


class _Setting:
    """What both sides share: sources, shapes, plan."""

    def __init__(self, asked: argparse.Namespace, folder: Path, kind: Any, scope: str, seed: int) -> None:
        from quickstudy.episodes.mixing import Mixture
        from quickstudy.episodes.shapes import Shape
        from quickstudy.training.plan import Plan

        self.kind = kind
        self.shape = Shape(5, 5, 5)
        rates = {} if "lora" in scope else {"backbone.": asked.rate}
        self.plan = Plan(
            steps=asked.steps, tasks=asked.tasks, rate=10 * asked.rate, rates=rates,
            warmup=4, validate_every=asked.steps, checkpoint_minutes=float("inf"), seed=seed,
        )  # fmt: skip
        self.mixture = Mixture(tuple(self.source(folder / "meta-train" / f"{name}.jsonl", name) for name in TRAIN), 0.0)
        self.validation = [self.source(folder / "development" / f"{name}.jsonl", name) for name in VALIDATION]

    def source(self, path: Path, name: str) -> Any:
        from quickstudy.episodes.sampling import Dice
        from quickstudy.episodes.sources import Source
        from quickstudy.given_kinds import load

        read = load(path, self.kind)
        return Source(name, tuple(Dice(name).shuffled(read.examples)[:ROWS]), read.classes)


class _Rival:
    """The plain side's training loop."""

    def __init__(self, student: Any, setting: _Setting, learner: str) -> None:
        import torch

        from bench.plain import methods
        from quickstudy.backbones.catalogue import PACKAGED
        from quickstudy.backbones.packaged import place

        folder = place(PACKAGED["minilm"])
        assert folder is not None
        self.setting, self.theta = setting, student.theta
        self.plain = methods.Plain(folder, student.loaded.limit, student.theta)
        plan, learning = setting.plan, self.plain.learning()
        self.high = {name: plan.rates.get("backbone.", plan.rate) if name[0] == "b" else plan.rate for name in learning}
        self.optimizer = torch.optim.AdamW(
            [{"params": [weight], "highest": self.high[name]} for name, weight in learning.items()],
            lr=plan.rate, weight_decay=0.0,
        )  # fmt: skip
        inner = student.learner
        stepping = {k: getattr(inner, k) for k in ("steps", "rate", "head_rate") if hasattr(inner, k)}
        each = {"prototypes": methods.prototypes, "maml": methods.first_order_maml, "reptile": methods.reptile}[learner]
        self.one = functools.partial(each, **stepping)

    def step(self, step: int) -> None:
        import torch

        from bench.plain import methods
        from quickstudy.episodes.sampling import draw
        from quickstudy.meta_tasks import narrowed
        from quickstudy.text.names import named
        from quickstudy.training.plan import share_at

        setting, plan = self.setting, self.setting.plan
        for number in range(step * plan.tasks, (step + 1) * plan.tasks):
            source = setting.mixture.source(number, plan.seed, ())
            drawn = draw(source, setting.kind, narrowed(setting.shape, source, setting.kind), number)
            classes, names = list(drawn.classes), [named(*each) for each in drawn.classes.items()]
            gold = [
                torch.tensor([classes.index(each.labels[0]) for each in part]) for part in (drawn.support, drawn.query)
            ]
            texts = [[each.text for each in part] for part in (drawn.support, drawn.query)]
            self.one(self.plain, methods.Task(names, texts[0], gold[0], texts[1], gold[1]))
        methods.stepped(self.plain, self.optimizer, share_at(plan, step), plan.clip, plan.tasks)

    def learned(self) -> dict[str, Any]:
        return {name: weight.detach().clone() for name, weight in self.plain.learning().items()}


if __name__ == "__main__":
    main()
