"""Which engine a meta-gradient is found by, under a limit on memory: predicted, chosen, and said in one line.

With n steps, the bytes W of the weights that move and of what the inner optimizer remembers, the graph of a step, of
which S grows with the support and F does not, and that of a query Q (`footprint` counts all of them on a few rows), the
most in memory beyond the model is about

    unroll       B + n (S + F) + (n - 1) W + t S + a F
    mixed        B + 1.08 n W + h S / chunks + b F (and 2.5 W where there are chunks); of one step as unroll
    checkpoint   the same with 2 sqrt(n) for n
    first order  B' + c W + f max(Q, the support's); half the c W where n is 1

Tensors that are alive at once come to about 0.6 of that: the rest lies in gaps that the allocator does not fill. The
constants were fitted on MiniLM's top 2 layers, all its layers, and lora(8), 24 tokens a text; `./dev bench
meta_gradient` checks them on other settings and on another backbone.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import ceil, sqrt
from typing import Any, cast

import torch

from quickstudy.backbones.running import has_bfloat16
from quickstudy.core.protocols import Learner
from quickstudy.core.types import Episode, Params, QuickstudyError
from quickstudy.learners import heads
from quickstudy.learners.engines import NO_MINIMUM, Engine, Way
from quickstudy.learners.footprint import Footprint, footprint
from quickstudy.learners.learned_optimizer import DECAYS, LearnedOptimizer
from quickstudy.learners.parts import divides
from quickstudy.learners.resources import free_memory, speed

MIB = 2**20
BASE, BASE_FIRST, BACK, BACK_FIXED = 50 * MIB, 20 * MIB, 1.2, 1.2
"""B and B': what libraries take when they are first used so; t and a"""
PRODUCT, PRODUCT_FIXED, KEPT, SUMS = 2.6, 2.0, 1.08, 2.5
"""h and b, what weights that are kept take of their size, and how many such sums over parts of a support take"""
FIRST_WEIGHTS, FIRST = 2.75, 1.33
"""c and f"""
STATE = {"momentum": 1, "adam": 2, "learned": len(DECAYS)}
"""how often the size of the weights an inner optimizer remembers"""
RERUN, TWICE, ONCE = 4 / 3, 5 / 3, 1 / 3
"""operations of mixed, checkpoint and first order, of which unroll takes 1: slopes are found once or twice more"""
MANY = (2, 4, 8, 16)
"""parts of a support that are tried"""


@dataclass(frozen=True)
class Choice:
    """How to find a meta-gradient."""

    learner: Learner
    """the one given, or the next best where that does not fit"""
    engine: Engine
    memory: int
    """bytes at most beyond the model in memory, predicted"""
    seconds: float
    """a task, predicted"""
    line: str
    """the choice and its reason"""
    lost: str = ""
    """what the next best does without"""


@dataclass(frozen=True)
class _Option:
    engine: Engine
    memory: int
    operations: float

    @property
    def seconds(self) -> float:
        return self.operations / speed()


def plan(
    learner: Learner,
    theta: Params,
    episode: Episode,
    limit: int | None = None,
    engine: Engine | None = None,
    may_round: bool = False,
) -> Choice | None:
    """The fastest engine whose predicted memory is within `limit` bytes (what is free, where None) for tasks as large
    as `episode`; `engine` where that one is asked for. None where no step is taken.

    Where the processor multiplies bfloat16 and the learner `may_round`, it computes in that. Where second order does
    not fit into `limit`: first order, where the learner has one. QuickstudyError: nothing fits.
    """
    within: Any = getattr(learner, "inner", None)
    if isinstance(within, Learner):  # one around another: what that takes
        found = plan(within, theta, episode, limit, engine, may_round)
        return found and replace(found, learner=replace(cast(Any, learner), inner=found.learner))
    if not hasattr(learner, "steps") or learner.slopes == "none" or not heads.judged(episode.support.gold):
        return None
    if engine is not None and engine.way == "implicit" and _order(learner) == 2:
        raise QuickstudyError(NO_MINIMUM)
    device = _device(learner)
    allowed, rounded = free_memory(device) if limit is None else limit, may_round and has_bfloat16(device)
    start = in_precision(learner, "bfloat16") if rounded else learner
    tried: list[_Option] = []
    for made, lost in _ladder(start):
        options = _options(
            made, footprint(made, theta, episode), engine, partial(divides, episode.support, episode.loss)
        )
        tried += options
        fitting = [option for option in options if option.memory <= allowed]
        if not fitting and limit is None:  # what is free is a guess, and no reason to do something else
            fitting = [min(options, key=lambda option: option.memory)]
        if fitting:
            chosen = min(fitting, key=lambda option: option.operations)
            said = f"{allowed / MIB:,.0f} MiB {'free' if limit is None else 'allowed'}"
            line = _line(made, chosen, options, said + (", in bfloat16" if rounded else ""))
            return Choice(
                made, chosen.engine, chosen.memory, chosen.seconds, line, lost and _lost(lost, tried, allowed)
            )
    least = min(option.memory for option in tried)
    raise QuickstudyError(
        f"max_memory is {allowed / MIB:,.0f} MiB, and a task of this size takes {least / MIB:,.0f} MiB beyond the "
        "model however it is found; give more, or take fewer shots, shorter texts or fewer steps, or scope head, which "
        "loses what is learned of the backbone"
    )


def predicted(found: Footprint, steps: int, engine: Engine, order: int = 2, inner: str = "sgd") -> int:
    """Bytes at most beyond the model in memory."""
    support, fixed = found.support, found.step - found.support
    place = found.moving * (1 + STATE.get(inner, 0))
    if order == 1:
        weights = max(found.learned, place)
        share = FIRST_WEIGHTS if steps > 1 else FIRST_WEIGHTS / 2  # of one step the place before it is theta
        return round(BASE_FIRST + share * weights + FIRST * max(found.once, found.query))
    if engine.way == "unroll" or (steps == 1 and engine == Engine("mixed")):  # which keeps its last step's graph
        graphs = steps * found.step + max(0, steps - 1) * place
        return round(BASE + graphs + max(BACK * support, found.query) + BACK_FIXED * fixed)
    apart = max(1, ceil(sqrt(steps)))
    kept = steps if engine.way == "mixed" else ceil(steps / apart) + min(apart, steps)
    once = max(PRODUCT * support / engine.chunks, FIRST * found.query)
    sums = SUMS * found.moving if engine.chunks > 1 else 0
    return round(BASE + KEPT * kept * place + once + PRODUCT_FIXED * fixed + sums)


def in_precision(made: Any, precision: str) -> Any:
    """The same learner or backbone, computing in another precision where slopes are wanted."""
    if hasattr(made, "precision"):
        return replace(made, precision=precision)
    return replace(made, backbone=in_precision(made.backbone, precision)) if hasattr(made, "backbone") else made


def _device(made: Any) -> torch.device:
    while hasattr(made, "backbone"):
        made = made.backbone
    return getattr(made, "device", torch.device("cpu"))


def _order(learner: Any) -> int:
    return getattr(learner, "order", 2 if learner.slopes == "exact" else 1)


def _ladder(learner: Any) -> list[tuple[Learner, str]]:
    """What to try, and what is lost by it: the learner, and the same in first order."""
    found = [(learner, "")]
    if getattr(learner, "order", None) == 2:
        found.append((replace(learner, order=1), "the slopes through the steps' own slopes (first order)"))
    return found


def _options(learner: Any, found: Footprint, engine: Engine | None, divided: Callable[[int], bool]) -> list[_Option]:
    """What may be done; in parts where the support is `divided` into so many."""
    steps, inner = learner.steps, getattr(learner, "inner", "sgd")
    inner = "learned" if isinstance(learner, LearnedOptimizer) else inner
    held = min(steps, getattr(learner, "truncate", steps))  # as many as are gone back through at once
    beside = max(0, steps - 1) * found.query * (getattr(learner, "last_alone_from", 0) > 0)  # a loss after every step
    if _order(learner) == 1:
        memory = beside + predicted(found, held, Engine("unroll"), 1, inner)
        return [_Option(Engine("unroll"), memory, found.operations(steps, ONCE))]
    costs: dict[Way, float] = {"unroll": 1.0, "mixed": RERUN, "checkpoint": TWICE}
    wanted = [
        (Engine(way, chunks), cost + (chunks > 1) * (ONCE + 0.01 * chunks))
        for way, cost in costs.items()
        for chunks in ((1,) if way == "unroll" else (1, *filter(divided, MANY)))
    ]
    if engine is not None and engine.way != "auto":
        read = replace(engine, chunks=engine.chunks if divided(engine.chunks) else 1)
        wanted = [(read, costs[engine.way])]
    return [
        _Option(one, beside + predicted(found, held, one, 2, inner), found.operations(steps, cost))
        for one, cost in wanted
    ]


def _line(learner: Any, chosen: _Option, options: list[_Option], limit: str) -> str:
    what = {
        "unroll": f"unroll (the graph of all {learner.steps} steps is kept)",
        "mixed": f"mixed (the weights before each of {learner.steps} steps are kept)",
        "checkpoint": f"checkpoint (the weights before some of {learner.steps} steps are kept)",
    }
    second = _order(learner) == 2
    name = what[chosen.engine.way] if second else "first order (no step is kept)"
    parts = f", the support read in {chosen.engine.chunks} parts" if chosen.engine.chunks > 1 else ""
    attention = "plain attention where second derivatives are taken, fused elsewhere" if second else "fused attention"
    faster = [one for one in options if one.operations < chosen.operations]
    why = f"{faster[0].engine.way} would be faster and take {faster[0].memory / MIB:,.0f} MiB" if faster else ""
    return (
        f"engine: {name}{parts}, {attention}: about {chosen.memory / MIB:,.0f} MiB of {limit}, "
        f"{chosen.seconds:.2g} s a task; {why or 'the fastest fits'}"
    )


def _lost(lost: str, tried: list[_Option], allowed: int) -> str:
    least = min(option.memory for option in tried)
    return (
        f"second order takes {least / MIB:,.0f} MiB at least where {allowed / MIB:,.0f} MiB may be taken, so the next "
        f"best is done; lost is {lost}; to keep it, give more memory, or take fewer steps or a smaller scope"
    )
