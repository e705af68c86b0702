"""One measurement in a process of its own, forked from one that has imported everything and loaded a model.

`memory` (of one setting: the most that its process had in memory beyond what it had with the model loaded and a small
task behind it), `times` (of several settings, taken turn about, in processor time), `slopes` (how far apart the mean
slopes of several settings are), `product` (one product with the Hessian of the support's loss, reverse over reverse and
forward over reverse).
"""

import contextlib
import ctypes
import gc
import multiprocessing
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch.autograd import forward_ad
from torch.nn.attention import SDPBackend, sdpa_kernel

from bench.differentiating.cases import Job, Setting, job, mean_slopes, way
from bench.shared.data import data_folder
from quickstudy.backbones import loading
from quickstudy.core.params import inner, leaves, map_params, norm
from quickstudy.core.types import Params
from quickstudy.learners import heads
from quickstudy.learners.descent import moves, reading
from quickstudy.learners.engines import Engine
from quickstudy.learners.footprint import footprint
from quickstudy.learners.planner import predicted

MIB = 2**20


def measured(what: str, settings: list[Setting], repeats: int) -> Any:
    """What the function of that name gives in a process of its own."""
    torch.set_num_threads(1)
    forking = multiprocessing.get_context("fork")
    ear, mouth = forking.Pipe(duplex=False)
    process = forking.Process(target=_measure, args=(what, settings, repeats, mouth))
    process.start()
    mouth.close()
    try:
        return ear.recv()
    except EOFError:
        raise SystemExit(f"{what} of {settings} failed") from None
    finally:
        process.join()


def warm() -> None:
    """Imports what loading a model does, so that every measurement begins alike."""
    loading.load("minilm", device="cpu")


def _measure(what: str, settings: list[Setting], repeats: int, mouth: Any) -> None:
    acts = {"memory": memory, "time": times, "slopes": slopes, "product": product}
    mouth.send(acts[what](settings, data_folder(None), repeats))


def memory(settings: list[Setting], folder: Path, repeats: int) -> dict[str, Any]:
    """MiB and seconds a task; `weights` are those that move, `planned` is what the planner says of engines."""
    (setting,) = settings
    made = job(setting, folder)
    find = way(setting, made)
    small = replace(setting, ways=2, shots=1, queries=1, tasks=1, steps=1)
    way(small, warm := job(small, folder))(warm.episodes[0])  # what is made or imported once, both sides alike
    del warm
    for weight in made.encoder.body.parameters():  # the pages of a file that was mapped come with their first use
        weight.sum()
    before = settled()
    began = time.process_time()
    mean_slopes(find, made.episodes)
    found = {"extra": peak() - before, "seconds": (time.process_time() - began) / setting.tasks}
    size = sum(value.numel() * value.element_size() for value in made.theta.values())
    return {**found, "weights": size / MIB, "planned": _planned(setting, made)}


def times(settings: list[Setting], folder: Path, repeats: int) -> list[list[float]]:
    """Seconds a task of each setting, `repeats` times."""
    jobs = [job(setting, folder) for setting in settings]
    ways = [way(setting, made) for setting, made in zip(settings, jobs, strict=True)]
    took: list[list[float]] = [[] for _ in settings]
    for turn in range(repeats):
        for place in range(len(settings)):
            task = jobs[place].episodes[turn % len(jobs[place].episodes)]
            gc.collect()
            began = time.process_time()
            ways[place](task)
            took[place].append(time.process_time() - began)
    return took


def slopes(settings: list[Setting], folder: Path, repeats: int) -> dict[str, Any]:
    """Distances from the first setting's slopes, relative to their length, and cosines with them."""
    found = [mean_slopes(way(setting, made := job(setting, folder)), made.episodes) for setting in settings]
    first = found[0]
    return {
        "apart": [float(norm(map_params(torch.sub, other, first)) / norm(first)) for other in found],
        "cosine": [float(inner(other, first) / norm(other) / norm(first)) for other in found],
    }


def _planned(setting: Setting, made: Job) -> float | None:
    """MiB that the planner predicts."""
    if setting.side not in ("unroll", "mixed", "checkpoint", "first"):
        return None
    engine = Engine("unroll" if setting.side == "first" else setting.side, setting.chunks)
    found = footprint(made.learner, made.theta, made.episodes[0])
    return predicted(found, setting.steps, engine, made.learner.order, setting.inner) / MIB


def product(settings: list[Setting], folder: Path, repeats: int) -> dict[str, Any]:
    """MiB and seconds of one product, each way."""
    (setting,) = settings
    made = job(replace(setting, side="unroll"), folder)
    theta, support = made.theta, made.episodes[0].support
    start = {**moves(theta, ("backbone.",)), **heads.start(made.encoder, theta, support)}
    units = reading(made.encoder, theta, support.text, start)
    rng = torch.Generator().manual_seed(0)
    along = {name: torch.randn(value.shape, generator=rng) for name, value in start.items()}

    def loss(at: Params) -> torch.Tensor:
        return made.episodes[0].loss(heads.score(units(at), at), support)

    def reverse() -> Any:
        at = leaves(start)
        first = torch.autograd.grad(loss(at), list(at.values()), create_graph=True)
        return torch.autograd.grad(first, list(at.values()), list(along.values()))

    def forward() -> Any:
        with forward_ad.dual_level():
            at = {name: forward_ad.make_dual(value, along[name]) for name, value in leaves(start).items()}
            first = torch.autograd.grad(loss(at), list(at.values()))
            return [forward_ad.unpack_dual(slope).tangent for slope in first]

    told: dict[str, Any] = {}
    with sdpa_kernel(SDPBackend.MATH):
        told["apart"] = max(float((a - b).norm()) for a, b in zip(reverse(), forward(), strict=True))
        for name, act in {"reverse": reverse, "forward": forward}.items():
            before, took = settled(), []
            for _ in range(repeats):
                began = time.process_time()
                act()
                took.append(time.process_time() - began)
            told[name] = {"extra": peak() - before, "seconds": took}
    return told


def settled() -> float:
    """What the process has in memory now, in MiB, with its peak set back to that; what loading freed is given back."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # other C libraries have no such function
        ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def peak() -> float:
    """The most it has had since."""
    return _status("VmHWM")


def _status(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))
