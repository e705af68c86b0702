"""Checkpoints: everything that the next step depends on, in one file that is whole or not there."""

import json
from dataclasses import asdict
from pathlib import Path

import safetensors.torch

from quickstudy.core.files import shown
from quickstudy.core.tensors import digest, load_tensors, save_tensors
from quickstudy.core.types import Params, QuickstudyError
from quickstudy.training.outcome import Validation
from quickstudy.training.plan import Plan
from quickstudy.training.ranks import Ranks
from quickstudy.training.state import Counters, State

NAME = "checkpoint.safetensors"
FORMAT = "quickstudy.training"
VERSION = "1"
MOMENTS = ("step", "exp_avg", "exp_avg_sq")
"""what AdamW keeps for each tensor"""


def mark(plan: Plan, theta: Params, about: str) -> dict[str, str]:
    """What must be the same when a checkpoint is gone on from: plan, shapes, start, the caller's own word."""
    fields = asdict(plan)
    del fields["checkpoint_minutes"]  # changes when something is written, never what
    shapes = {name: [str(value.dtype), *value.shape] for name, value in theta.items()}
    return {"plan": json.dumps(fields), "theta": json.dumps(shapes), "start": digest(theta), "about": about}


def save(folder: Path, state: State, marked: dict[str, str], journal: int) -> None:
    """Writes the state and how many bytes of journal belong to it."""
    metadata = {"format": FORMAT, "version": VERSION, "journal": str(journal), **marked}
    save_tensors(folder / NAME, _tensors(state), {**metadata, "counters": json.dumps(asdict(state.counters))})


def load(folder: Path, state: State, marked: dict[str, str]) -> int | None:
    """Brings a state that `begin` made to where the checkpoint stands; the length of its journal, or None
    if there is no checkpoint. QuickstudyError if it belongs to another meta-training."""
    path = folder / NAME
    if not path.exists():
        return None
    tensors, metadata = load_tensors(path)
    if (metadata.get("format"), metadata.get("version")) != (FORMAT, VERSION):
        raise QuickstudyError(
            f"{shown(path)} is no checkpoint that this version of quickstudy can read; upgrade, or train in "
            "another folder"
        )
    for what in marked:
        if metadata.get(what) != marked[what]:
            why = _difference(what, metadata.get(what, ""), marked[what])
            raise QuickstudyError(f"{shown(path)} belongs to another meta-training ({why}); use another folder")
    try:
        _restore(state, tensors, metadata["counters"])
        return int(metadata["journal"])
    except (KeyError, ValueError, TypeError, RuntimeError, RecursionError):
        raise QuickstudyError(f"{shown(path)} lacks a part of its content; remove it to begin anew") from None


def share(state: State, ranks: Ranks) -> None:
    """Brings every rank's state to where the first's stands; the others need see no file of it."""
    mine = {name: value.detach().cpu().contiguous().clone() for name, value in _tensors(state).items()}
    first = ranks.rank == 0
    tensors = ranks.from_first(safetensors.torch.save(mine) if first else b"")
    counters = ranks.from_first(json.dumps(asdict(state.counters)).encode() if first else b"")
    if not first:
        _restore(state, safetensors.torch.load(tensors), counters.decode())


def _tensors(state: State) -> Params:
    tensors = {}
    for name, value in state.theta.items():
        tensors[f"theta/{name}"] = value
        tensors[f"best/{name}"] = state.best[name]
        for moment, kept in state.optimizer.state.get(value, {}).items():
            tensors[f"{moment}/{name}"] = kept
    return tensors


def _restore(state: State, tensors: Params, counters: str) -> None:
    for name, value in state.theta.items():
        value.detach().copy_(tensors[f"theta/{name}"])
        state.best[name].copy_(tensors[f"best/{name}"])
        if f"step/{name}" in tensors:
            state.optimizer.state[value] = {
                moment: tensors[f"{moment}/{name}"].to("cpu" if moment == "step" else value.device)
                for moment in MOMENTS
            }
    state.counters = _counters(counters)


def _counters(text: str) -> Counters:
    fields = json.loads(text)
    history = tuple(
        (step, Validation(found["score"], found["loss"], tuple(found["scores"]), found["trouble"]))
        for step, found in fields.pop("history")
    )
    return Counters(history=history, **fields)


def _difference(what: str, theirs: str, ours: str) -> str:
    """What differs, in words."""
    if what == "about":
        return "its learner, its sources or its teachers are other ones"
    if what == "start":
        return "it started from another theta"
    try:
        old, new = json.loads(theirs), json.loads(ours)
        names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    except (ValueError, AttributeError, TypeError, RecursionError):
        return f"its {what} cannot be read"
    pairs = [f"{name}: {old.get(name, 'none')} there, {new.get(name, 'none')} here" for name in names[:3]]
    return ascii(f"{what} has {'; '.join(pairs) or 'another order'}")[1:-1]
