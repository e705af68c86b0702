"""The meta-training loop: the mean meta-gradient of a few episodes, clipped, through AdamW, and validation.

The start is a candidate like every later theta, so what comes back is never worse than it on the validation
tasks. Naive meta-training on a narrow source does make strong encoders worse, so stopping early is no extra.
A run that is killed at any moment and called again ends with the same bits as one that was not, given the
same machine and number of threads. Started by torchrun, every rank runs this very loop on its share of the episodes
and takes the same steps; the first alone writes and is watched.
"""

import math
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from quickstudy.core.files import TEMPORARY, shown
from quickstudy.core.params import detach
from quickstudy.core.protocols import Learner
from quickstudy.core.types import Episode, Params, QuickstudyError
from quickstudy.training import checkpoint
from quickstudy.training.interrupt import undisturbed
from quickstudy.training.journal import Record, Watch, open_journal, tensorboard
from quickstudy.training.outcome import History, Trained, Validation, is_better
from quickstudy.training.plan import Plan, rate_at, share_at
from quickstudy.training.ranks import Drawn, Ranks, check_alike, here
from quickstudy.training.slopes import clipped, mean_slopes
from quickstudy.training.state import State, begin, copy, ended

MOST_SKIPPED = 5
"""episodes in a row whose slopes are not finite, before the training is given up"""

_NO_BOARD = "only journal.jsonl is written; `pip install quickstudy[track]` adds TensorBoard"


_IDLE = "of {} ranks, no more than {} have an episode in a step; raise `tasks` in [training], or start fewer"


class TrainingInterruptedError(QuickstudyError):
    """Ctrl-C. The message says how to go on."""


def meta_train(
    learner: Learner,
    theta: Params,
    episodes: Callable[[int, History], Sequence[Episode]],
    validate: Callable[[Params], Validation],
    plan: Plan,
    folder: str | Path | None = None,
    watch: Watch | None = None,
    about: str = "",
    share: Ranks | None = None,
) -> Trained:
    """Improves `theta` by the outer loop that `plan` describes; `theta` itself is left as it is.

    `episodes(step, history)` gives the `plan.tasks` episodes of step 1 … plan.steps and must depend on nothing but the
    step and the validations before it; of several ranks (`training.ranks`), each asks for its share of them alone.
    `validate(theta)` judges the same tasks every time. `folder` keeps checkpoints and the journal: the same
    call goes on from there. `about` names what else decides the outcome (learner, sources, a recipe's text),
    so that a checkpoint of something else is refused. `watch` is told what happens. `share`: between which ranks
    episodes are dealt out (all that there are); ALONE where each must take every one, holding a part of the backbone.

    QuickstudyError: nothing to learn, a folder of another training, no validation, slopes that stay infinite.
    TrainingInterruptedError: Ctrl-C.
    """
    ranks = here()
    state = begin(theta, plan)
    job = _Job(learner, episodes, validate, plan, ranks, share or ranks)
    sinks = [] if watch is None or ranks.rank else [watch]
    marked = checkpoint.mark(plan, theta, about)
    check_alike(ranks, marked)
    if job.share.size > plan.tasks:
        _tell(sinks, [{"event": "note", "text": _IDLE.format(ranks.size, plan.tasks)}], 0.0)
    if folder is None:
        return _run(job, state, sinks, _forget, "nothing was kept, for want of a folder")
    return _run_in(Path(folder), job, state, sinks, marked)


@dataclass(frozen=True)
class _Job:
    """What never changes during a meta-training."""

    learner: Learner
    episodes: Callable[[int, History], Sequence[Episode]]
    validate: Callable[[Params], Validation]
    plan: Plan
    ranks: Ranks
    share: Ranks
    """between whom episodes are dealt out"""


def _run_in(folder: Path, job: _Job, state: State, sinks: list[Watch], marked: dict[str, str]) -> Trained:
    """The same with a folder: from its checkpoint if it has one, and with a journal."""
    going_on = f"the same command goes on from {shown(folder)}"
    if job.ranks.rank:
        checkpoint.share(state, job.ranks)
        return _run(job, state, [], _forget, going_on)
    with ExitStack() as stack:
        journal = stack.enter_context(open_journal(folder))
        found = checkpoint.load(folder, state, marked)
        checkpoint.share(state, job.ranks)
        journal.rewind(found or 0)
        for left in folder.glob(TEMPORARY.format("*")):  # of a process that was killed while writing
            left.unlink(missing_ok=True)
        board = stack.enter_context(tensorboard(folder, state.counters.step))
        if board is None:
            _tell(sinks, [{"event": "note", "text": _NO_BOARD}], state.counters.seconds)
        to_disk = [journal.write] if board is None else [journal.write, board]

        def keep() -> None:
            checkpoint.save(folder, state, marked, journal.length())

        return _run(job, state, to_disk + sinks, keep, going_on)


def _forget() -> None:
    """Keeps nothing."""


def _run(job: _Job, state: State, sinks: list[Watch], keep: Callable[[], None], going_on: str) -> Trained:
    """Steps and validations until there is no further step; writes checkpoints when they are due."""
    kept = -math.inf  # the first is due at once: that the folder can be written is best known early
    try:
        while state.counters.stopped is None:
            began = time.monotonic()
            act = _check if _check_due(state, job.plan) else _step
            act(job, state, sinks, began)
            if state.counters.stopped is None and time.monotonic() - kept >= 60 * job.plan.checkpoint_minutes:
                with undisturbed():
                    keep()
                kept = time.monotonic()
        with undisturbed():
            keep()
    except KeyboardInterrupt:
        with undisturbed():
            if state.counters.history:
                keep()
        raise TrainingInterruptedError(
            f"meta-training was interrupted after {state.counters.step} of {job.plan.steps} steps; {going_on}"
        ) from None
    return ended(state)


def _check_due(state: State, plan: Plan) -> bool:
    now = state.counters
    if not now.history:
        return True
    return now.step > now.history[-1][0] and (now.step % plan.validate_every == 0 or now.step == plan.steps)


def _check(job: _Job, state: State, sinks: list[Watch], began: float) -> None:
    """One validation: is this the best theta so far, and is it time to stop?"""
    found = job.validate(detach(state.theta))
    now = state.counters
    if not now.history and not (found.scores and math.isfinite(found.score)):
        raise QuickstudyError("the start cannot be judged: validation gave no finite score; check the validation tasks")
    if not now.history and found.trouble and not any(found.scores):
        raise QuickstudyError(f"the start can learn none of the validation tasks: {found.trouble}")
    history = (*now.history, (now.step, found))
    better = not now.history or is_better(found, now.history[now.best][1])
    best = len(now.history) if better else now.best
    stopped = None
    if now.step >= job.plan.steps:
        stopped = "all steps of the plan"
    elif len(history) - 1 - best >= job.plan.patience:
        stopped = f"no progress in {job.plan.patience} validation{'s' * (job.plan.patience != 1)}"
    records: list[Record] = [
        {
            "event": "validation",
            "step": now.step,
            "score": found.score,
            "loss": found.loss,
            "best": history[best][1].score,
            "best_step": history[best][0],
            **({"trouble": found.trouble} if found.trouble else {}),
        }
    ]
    if stopped is not None:
        records.append({"event": "end", "step": now.step, "stopped": stopped})
    seconds = now.seconds + time.monotonic() - began
    with undisturbed():
        if better:
            state.best = copy(state.theta)
        state.counters = replace(now, history=history, best=best, stopped=stopped, seconds=seconds)
        _tell(sinks, records, seconds)


def _step(job: _Job, state: State, sinks: list[Watch], began: float) -> None:
    """One outer step."""
    now, plan = state.counters, job.plan
    step = now.step + 1
    drawn = job.episodes(step, now.history)
    tasks = Drawn(len(drawn), lambda place: drawn[place]._replace(progress=now.step / plan.steps))
    if len(tasks) != plan.tasks:
        raise QuickstudyError(
            f"step {step} got {len(tasks)} episodes where the plan says {plan.tasks}; make `tasks` and the "
            "source of episodes agree"
        )
    mean = mean_slopes(job.learner, state.theta, tasks, plan.seed, step, now.in_a_row, MOST_SKIPPED, job.share)
    if mean.in_a_row > MOST_SKIPPED:
        raise QuickstudyError(
            f"meta-training broke down at step {step}: {mean.in_a_row} episodes in a row were left out, the last "
            f"because {list(mean.skipped.values())[-1]} (begin anew, in another folder)"
        )
    slopes, length = clipped(mean.slopes, plan.clip)
    rate = rate_at(plan, step)
    records: list[Record] = [
        {"event": "skipped", "step": step, "task": place, "why": why} for place, why in mean.skipped.items()
    ]
    records.append(
        {"event": "step", "step": step, "loss": mean.loss, "norm": length, "noise": mean.noise, "rate": rate}
    )
    with undisturbed():
        if slopes:
            _move(state, slopes, share_at(plan, step))
        seconds = now.seconds + time.monotonic() - began
        skipped = now.skipped + len(mean.skipped)
        state.counters = replace(now, step=step, skipped=skipped, in_a_row=mean.in_a_row, seconds=seconds)
        _tell(sinks, records, seconds)


def _move(state: State, slopes: Params, share: float) -> None:
    """The only mutation of theta there is."""
    for group in state.optimizer.param_groups:
        group["lr"] = group["highest"] * share
    for name, value in state.theta.items():
        value.grad = slopes[name].to(value.dtype)
    state.optimizer.step()
    state.optimizer.zero_grad()


def _tell(sinks: list[Watch], records: list[Record], seconds: float) -> None:
    for record in records:
        for sink in sinks:
            sink({**record, "seconds": round(seconds, 3)})
