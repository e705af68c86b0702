"""Meta-gradients of second order: memory and time of each way to them, beside MAML of learn2learn 0.2.0.

MiniLM, 5 classes of BANKING77, 5 examples each to adapt on and 5 to be judged on, 24 tokens a text, float32, rate 0.01.
Memory is the most that a process had beyond what it had with the model loaded and a small task behind it, over 4 tasks
(over 1 where the planner, whose word is for a task, is checked), each figure from a process of its own, both sides with
the same allocator settings; time is of the processor, one thread, both sides taken turn about in one process (all
layers: each in its own). learn2learn is read from its published source.
Needs QUICKSTUDY_DATA, and a network once. Parts that are done are kept, so that a run that was stopped goes on.
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from bench.differentiating.cases import Setting
from bench.differentiating.child import measured, warm
from bench.shared.data import data_folder
from bench.shared.machine import PACKAGES, described
from bench.shared.options import add_data, options
from bench.shared.parts import code_digest, part
from bench.shared.result import RESULTS, Bar, Output

PARTS = RESULTS / "parts" / "meta_gradient"
CODE = (
    *(f"learners/{name}.py" for name in ("descent", "parts", "sweep", "updates", "maml", "heads")), "backbones", "core",
)  # fmt: skip
STEPS = (1, 5, 20)
LAYERS = {"last(2)": "the top 2 layers", "last(6)": "all layers"}
TASKS = 4
"""of which slopes are the mean, one task after another"""
PAIRS = 2
"""of runs turn about, of which a time is the median"""
APART_RATE, APART_STEPS = 0.05, 5
"""where first and second order differ"""
HEAD = {"scope": "head", "steps": 5}
PLANNED: tuple[dict[str, Any], ...] = (
    {"side": "unroll", "steps": 2, "length": 48}, {"side": "mixed", "steps": 10, "length": 48},
    {"side": "checkpoint", "steps": 9, "shots": 8}, {"side": "mixed", "steps": 3, "scope": "last(4)"},
    {"side": "mixed", "steps": 3, "scope": "lora(4)"},
    {"side": "mixed", "steps": 8, "ways": 8, "chunks": 2},
    {"side": "unroll", "steps": 3, "backbone": "e5-small"}, {"side": "mixed", "steps": 6, "backbone": "e5-small"},
    {"side": "first", "steps": 3, "backbone": "e5-small", "scope": "last(5)"},
    {"side": "mixed", "steps": 4, "inner": "adam", "rate": 1e-4, "scope": "last(3)"},
)  # fmt: skip
"""settings that the planner's constants were not fitted on"""


ALLOCATOR = {"MALLOC_ARENA_MAX": "1", "OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1"}
"""of every process, both sides' alike"""


def main() -> None:
    if any(os.environ.get(name) != value for name, value in ALLOCATOR.items()):  # read when a process begins
        os.execve(
            sys.executable, [sys.executable, "-m", "bench.meta_gradient", *sys.argv[1:]], {**os.environ, **ALLOCATOR}
        )
    parser = options(__doc__)
    add_data(parser)
    asked = parser.parse_args()
    os.environ["QUICKSTUDY_DATA"] = str(data_folder(asked.data))
    out, machine = Output("meta_gradient"), described(PACKAGES)
    warm()
    figures: dict[str, Any] = {}
    bars = [
        *_beside(out, figures),
        *_low_precision(out, figures),
        *_head(out, figures),
        *_planned(out, figures),
    ]
    _others(out, figures)
    out.close(bars, figures, machine, (0,), asked.write)


def _beside(out: Output, figures: dict[str, Any]) -> list[Bar]:
    """learn2learn, and ours by each engine."""
    rows, found = [], {}
    for scope, said in LAYERS.items():
        for steps in STEPS:
            one = {"scope": scope, "steps": steps, "tasks": TASKS}
            sides = [
                "learn2learn",
                "mixed",
                *({5: ["unroll"], 20: ["checkpoint"]}.get(steps, []) * (scope == "last(2)")),
            ]
            memory = {side: _run("memory", [{"side": side, **one}]) for side in sides}
            took = _times(one, memory)
            ratio = _ratio(took)
            apart = None
            if (scope, steps) == ("last(2)", 5):
                apart = _run("slopes", [{"side": side, **one, "tasks": 1} for side in ("learn2learn", "mixed")])
            found[f"{scope}, {steps} steps"] = {"memory": memory, "seconds": took, "time": ratio, "apart": apart}
            theirs = memory["learn2learn"]["extra"]
            rows += [
                (f"{said}, {steps} step{'s' * (steps > 1)}, {side}", f"{memory[side]['extra']:,.0f}",
                 f"{memory[side]['extra'] / theirs:.2f}",
                 f"{median(took[side == 'mixed']):.2f}" if side in ("learn2learn", "mixed") else "",
                 f"{ratio:.2f}" if side == "mixed" else "",
                 f"{apart['apart'][1]:.0e}" if apart and side == "mixed" else "")
                for side in sides
            ]  # fmt: skip
    out.table(
        "Beside learn2learn: memory beyond the loaded model, and time a task",
        ("", "MiB", "x", "s", "x", "slopes apart"),
        rows,
    )
    figures["beside"] = found
    two, every = found["last(2), 20 steps"], found["last(6), 20 steps"]
    grown = two["memory"]["mixed"]["extra"] - found["last(2), 5 steps"]["memory"]["mixed"]["extra"]
    apart = max(one["apart"]["apart"][1] for one in found.values() if one["apart"])
    return [
        Bar("top 2 layers, 20 steps, mixed: memory by learn2learn's", _share(two), 0.35, "at most"),
        Bar("top 2 layers, from 5 to 20 steps: growth by the trajectory's own",
            grown / (15 * two["memory"]["mixed"]["weights"]), 1.3, "at most"),
        Bar("top 2 layers, 20 steps, mixed: time by learn2learn's", two["time"], 1.1, "at most"),
        Bar("all layers, 20 steps, mixed: memory by learn2learn's", _share(every), 0.5, "at most"),
        Bar("all layers, 20 steps, mixed: time by learn2learn's", every["time"], 1.4, "at most"),
        Bar("mixed: slopes apart from learn2learn's, relative", apart, 1e-4, "at most"),
    ]  # fmt: skip


def _low_precision(out: Output, figures: dict[str, Any]) -> list[Bar]:
    """bfloat16: time by learn2learn's in float32, and its error beside what first order leaves out."""
    one = {"scope": "last(2)", "steps": 20, "tasks": TASKS}
    took = _run("time", [{"side": "learn2learn", **one}, {"side": "mixed", "precision": "bfloat16", **one}], PAIRS)
    where = {"rate": APART_RATE, "steps": APART_STEPS, "scope": "last(2)", "tasks": TASKS}
    found = _run(
        "slopes",
        [{"side": "mixed", **where}, {"side": "first", **where}, {"side": "mixed", "precision": "bfloat16", **where}],
    )
    error = found["apart"][2] / found["apart"][1]
    figures["bfloat16"] = {"seconds": took, "time": _ratio(took), **found}
    out.table(
        f"bfloat16, the top 2 layers (slopes: {APART_STEPS} steps at a rate of {APART_RATE})",
        ("", "distance from float32's slopes", "cosine with them"),
        [
            (name, f"{found['apart'][place]:.3f}", f"{found['cosine'][place]:.4f}")
            for place, name in ((1, "first order, float32"), (2, "second order, bfloat16"))
        ],
    )
    return [
        Bar("bfloat16, top 2 layers, 20 steps, mixed: time by learn2learn's", _ratio(took), 0.6, "at most"),
        Bar("bfloat16: its error by the difference of first order", error, 1 / 3, "at most"),
        Bar("where that was measured: cosine of first and second order", found["cosine"][1], 0.99, "at most"),
    ]


def _head(out: Output, figures: dict[str, Any]) -> list[Bar]:
    """The head alone moves."""
    took = _run("time", [{"side": side, **HEAD} for side in ("rerun", "unroll")], 9)
    figures["head"] = {"seconds": took, "time": _ratio(took)}
    out.say(
        f"\nHead over a fixed backbone, 5 steps: {median(took[1]):.3f} s, re-run at each step {median(took[0]):.3f} s"
    )
    return [Bar("head over a fixed backbone, 5 steps: time by that of re-running it", _ratio(took), 0.4, "at most")]


def _planned(out: Output, figures: dict[str, Any]) -> list[Bar]:
    """What the planner says beforehand, and what is."""
    rows, off = [], []
    for setting in PLANNED:
        found = _run("memory", [{"tasks": 1, **setting}])
        said, was = found["planned"], found["extra"]
        off.append(abs(said / was - 1))
        name = ", ".join(
            f"{key} {value}" for key, value in {"backbone": "minilm", "scope": "last(2)", **setting}.items()
        )
        rows.append((name, f"{was:,.0f}", f"{said:,.0f}", f"{said / was - 1:+.0%}"))
    out.table("The planner on settings and a backbone it was not fitted on", ("", "MiB", "predicted", "off"), rows)
    figures["planner"] = [{"setting": dict(one), "off": each} for one, each in zip(PLANNED, off, strict=True)]
    return [Bar("planner: memory, the prediction furthest off", max(off), 0.2, "at most")]


def _others(out: Output, figures: dict[str, Any]) -> None:
    """Without bars: low-rank weights, Adam inside, and one Hessian product by both ways."""
    rows = []
    for extra in ({"scope": "lora(8)"}, {"inner": "adam", "rate": 1e-4}):
        for side in ("unroll", "mixed"):
            setting = {"side": side, "steps": 5, "tasks": 1, **extra}
            found = _run("memory", [setting])
            figures.setdefault("others", {})[f"{next(iter(extra.values()))}, {side}"] = found
            name = f"{next(iter(extra.values()))}, 5 steps, {side}"
            rows.append((name, f"{found['extra']:,.0f}", f"{found['seconds']:.2f}"))
    found = _run("product", [{"side": "unroll", "tasks": 1}], 4)
    figures["product"] = found
    rows += [
        (f"one product with the Hessian, {side} over reverse", f"{found[side]['extra']:,.0f}",
         f"{median(found[side]['seconds']):.2f}")
        for side in ("reverse", "forward")
    ]  # fmt: skip
    out.table("Without a bar", ("", "MiB", "s"), rows)


def _run(what: str, settings: Sequence[Mapping[str, Any]], repeats: int = 1) -> Any:
    """What a child process measured, now or in an earlier run."""
    written = json.dumps({"settings": list(settings), "repeats": repeats})

    def made() -> Any:
        print(f"  {what} {written}", file=sys.stderr, flush=True)
        return measured(what, [Setting(**one) for one in settings], repeats)

    key = {"what": what, "written": written, "code": code_digest(*CODE)}
    return part(PARTS, what, key, made)


def _times(one: Mapping[str, Any], memory: Mapping[str, Any]) -> list[list[float]]:
    """Seconds a task of both sides; of all layers those of the processes in which memory was measured."""
    if one["scope"] == "last(2)":
        return _run("time", [{"side": side, **one} for side in ("learn2learn", "mixed")], PAIRS)
    return [[memory[side]["seconds"]] for side in ("learn2learn", "mixed")]


def _ratio(took: Sequence[Sequence[float]]) -> float:
    """The second's time by the first's, the median over pairs."""
    return median(ours / theirs for theirs, ours in zip(*took, strict=True))


def _share(found: Mapping[str, Any]) -> float:
    return found["memory"]["mixed"]["extra"] / found["memory"]["learn2learn"]["extra"]


if __name__ == "__main__":
    main()
