"""Several processes meta-train as one: the same weights, one voice, and a clear end when one of them is lost."""

import multiprocessing
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from test_meta import folder as folder  # a fixture
from test_meta import recipe
from test_training_loop import QUICK, OneStep, start, task, validate
from test_training_resume import journal

import quickstudy as qs
from quickstudy.cli import main
from quickstudy.core.launched import Place, launched
from quickstudy.core.tensors import load_tensors, save_tensors
from quickstudy.core.types import DivergedError, Episode, Params, QuickstudyError
from quickstudy.meta import meta_train as by_recipe
from quickstudy.training.loop import TrainingInterruptedError, meta_train
from quickstudy.training.outcome import Trained
from quickstudy.training.ranks import ALONE, Drawn, here
from quickstudy.training.slopes import generator

PLAN = replace(QUICK, steps=6, tasks=6, validate_every=3, checkpoint_minutes=0)  # 4 ranks have no equal shares of 6
TOGETHER = multiprocessing.get_context("forkserver")  # imports everything once, for all the processes of this file
TOGETHER.set_forkserver_preload(["pytest", "quickstudy.meta", "quickstudy.cli.training", "torch._dynamo"])


class Breaking(OneStep):
    """Two of the episodes diverge."""

    def meta_gradient(self, theta: Params, episode: Episode, rng: torch.Generator) -> Any:
        if rng.initial_seed() in (generator(0, 2, 3).initial_seed(), generator(0, 4, 0).initial_seed()):
            raise DivergedError("too far")
        return super().meta_gradient(theta, episode, rng)


def episodes(step: int, history: object = ()) -> Drawn:
    return Drawn(PLAN.tasks, lambda place: task(generator(7, step, place)))


def train(folder: Path, drawn: Any = episodes, about: str = "") -> Trained:
    return meta_train(Breaking(), start(), drawn, validate, PLAN, folder, about=about)


def run(size: int, job: Callable[..., None], *given: Any) -> list[int | None]:
    """`job(rank, *given)` in the processes of one run; their exit codes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ranks = [TOGETHER.Process(target=_as_rank, args=(rank, size, port, job, given)) for rank in range(size)]
    for each in ranks:
        each.start()
    for each in ranks:
        each.join(60)
        each.kill()
    return [each.exitcode for each in ranks]


def _as_rank(rank: int, size: int, port: int, job: Callable[..., None], given: tuple[Any, ...]) -> None:
    """What torchrun sets."""
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(size), "LOCAL_RANK": str(rank)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    job(rank, *given)


def close(one: Params, other: Params) -> bool:
    """Far nearer than the 1e-5 that is promised; the bits are those of sums in another order."""
    return one.keys() == other.keys() and all(
        torch.allclose(value, other[name], rtol=0, atol=1e-7) for name, value in one.items()
    )


def test_without_a_launcher_there_is_one_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "3")  # of something else: no address to meet at
    assert here() is ALONE and launched() == Place(0, 1, 0)
    assert not torch.distributed.is_initialized()


def test_ranks_cannot_meet_at_no_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """`torchrun --master-port 0` leaves it to each, and each waited half an hour."""
    for name, value in {"RANK": 0, "WORLD_SIZE": 2, "LOCAL_RANK": 0, "MASTER_ADDR": "127.0.0.1"}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setenv("MASTER_PORT", "0")
    here.cache_clear()
    with pytest.raises(QuickstudyError, match=r"MASTER_PORT is 0, .*--standalone"):
        here()


def trains(rank: int, folder: Path) -> None:
    trained = train(folder / "run" if rank == 0 else Path("/proc/not for the others"))
    save_tensors(folder / f"{rank}.theta", trained.theta, {"all": repr(replace(trained, theta={}))})


@pytest.mark.parametrize("size", [2, 4])
def test_the_weights_are_the_same_on_any_number_of_ranks(tmp_path: Path, size: int) -> None:
    whole = train(tmp_path / "alone")
    assert whole.skipped == 2
    assert run(size, trains, tmp_path) == [0] * size
    found = [load_tensors(tmp_path / f"{rank}.theta") for rank in range(size)]
    assert all(about == found[0][1] and close(theta, whole.theta) for theta, about in found)
    theirs, ours = journal(tmp_path / "run"), journal(tmp_path / "alone")
    assert [_short(line) for line in theirs] == [_short(line) for line in ours]


def _short(line: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 5) if isinstance(value, float) else value for name, value in line.items()}


def loses_one(rank: int, folder: Path) -> None:
    def drawn(step: int, history: object = ()) -> Drawn:
        if (rank, step) == (1, 5):
            os._exit(9)
        return episodes(step)

    with pytest.raises(QuickstudyError, match=r"another of the 3 ranks ended .*peer.*goes on from the last checkpoint"):
        train(folder / "run", drawn)


def goes_on(rank: int, folder: Path) -> None:
    asked = []

    def drawn(step: int, history: object = ()) -> Drawn:
        asked.append(step)
        return episodes(step)

    trained = train(folder / "run", drawn)
    assert asked == [5, 6]
    save_tensors(folder / f"{rank}.theta", trained.theta, {})


def test_a_rank_that_dies_ends_the_run_and_another_number_goes_on(tmp_path: Path) -> None:
    assert run(3, loses_one, tmp_path) == [0, 9, 0]
    assert run(2, goes_on, tmp_path) == [0, 0]
    whole = train(tmp_path / "alone")
    assert all(close(load_tensors(tmp_path / f"{rank}.theta")[0], whole.theta) for rank in range(2))


def interrupted(rank: int, folder: Path) -> None:
    def drawn(step: int, history: object = ()) -> Drawn:
        if step == 5:
            time.sleep(rank / 10)  # the other is waited for when it comes
            os.kill(os.getpid(), signal.SIGINT)
        return episodes(step)

    with pytest.raises(TrainingInterruptedError, match="after 4 of 6 steps"):
        train(folder / "run", drawn)


def test_control_c_keeps_the_step_that_was_done(tmp_path: Path) -> None:
    assert run(2, interrupted, tmp_path) == [0, 0]
    left = []
    again = train(tmp_path / "run", lambda step, history: left.append(step) or episodes(step))
    assert left == [5, 6] and close(again.theta, train(tmp_path / "alone").theta)


def told_to_end(rank: int, folder: Path) -> None:
    def drawn(step: int, history: object = ()) -> Drawn:
        if (rank, step) == (1, 3):
            os.kill(os.getpid(), signal.SIGTERM)
        return episodes(step)

    with pytest.raises(QuickstudyError, match=("another of the 2 ranks", "told to end")[rank]):
        train(folder / "run", drawn)


def test_a_rank_that_its_launcher_ends_says_so(tmp_path: Path) -> None:
    assert run(2, told_to_end, tmp_path) == [0, 0]


def disagrees(rank: int, folder: Path) -> None:
    with pytest.raises(QuickstudyError, match=f"rank {1 - rank} was started with another recipe, other data"):
        train(folder / "run", about=f"the recipe of {rank}")


def test_ranks_that_were_started_on_other_recipes_say_so(tmp_path: Path) -> None:
    assert run(2, disagrees, tmp_path) == [0, 0]


def in_parts(folder: Path, scope: str) -> dict[str, Any]:
    tables = recipe(folder, scope)
    tables["student"] |= {"held": "sharded", "precision": "float32"}
    tables["learner"] = {"name": "maml", "order": 2, "steps": 1}
    tables["training"] |= {"steps": 2, "tasks": 1}
    tables["validating"] |= {"episodes": 1}
    return tables


def holds_a_part(rank: int, folder: Path, scope: str) -> None:
    student = by_recipe(in_parts(folder, scope), folder / scope)
    weights = student.loaded.backbone.body.parameters()
    held = sum(getattr(weight, "_local_tensor", weight).numel() for weight in weights)
    save_tensors(folder / f"{scope}.{rank}", student.theta, {"held": str(held)})


@pytest.mark.parametrize("scope", ["head", "last(1)"])
def test_a_backbone_in_parts_learns_the_same_in_less_memory(folder: Path, scope: str) -> None:
    whole = by_recipe(in_parts(folder, scope))  # alone, nothing is dealt out
    assert run(2, holds_a_part, folder, scope) == [0, 0]
    everything = sum(weight.numel() for weight in whole.loaded.backbone.body.parameters())
    for rank in range(2):
        theta, about = load_tensors(folder / f"{scope}.{rank}")
        assert theta.keys() == whole.theta.keys()
        assert all(torch.allclose(value, whole.theta[name], rtol=0, atol=1e-5) for name, value in theta.items())
        assert int(about["held"]) < 0.75 * everything
    assert qs.load(folder / scope / "student.qs")


def has_nothing_to_share_out(rank: int, folder: Path) -> None:
    with pytest.raises(QuickstudyError, match=r"scope lora\(2\) moves weights from the lowest layer on"):
        by_recipe(in_parts(folder, "lora(2)"))


def test_a_scope_that_leaves_nothing_to_share_out_is_refused(folder: Path) -> None:
    assert run(2, has_nothing_to_share_out, folder) == [0, 0]


def commands(rank: int, folder: Path, name: str) -> None:
    """The command line, its two outputs in files."""
    for stream, number in (("out", 1), ("err", 2)):
        os.dup2(os.open(folder / f"{name}.{rank}.{stream}", os.O_WRONLY | os.O_CREAT), number)
    sys.argv = ["quickstudy", "meta-train", str(folder / "recipe.toml"), "--folder", str(folder / name)]
    main()


def test_by_the_command_line_only_the_first_speaks_and_writes(folder: Path) -> None:
    tables = recipe(folder, "last(1)")
    (folder / "recipe.toml").write_text("\n".join(_toml(tables)))
    assert run(2, commands, folder, "both") == [0, 0]
    assert "next: quickstudy learn" in (folder / "both.0.err").read_text()
    assert not (folder / "both.1.err").read_text() and not (folder / "both.1.out").read_text()
    theirs, ours = qs.load(folder / "both" / "student.qs"), by_recipe(recipe(folder, "last(1)"))
    assert theirs.loaded.learned and ours.theta
    assert close(theirs.loaded.learned.weights, {n: v for n, v in ours.theta.items() if n.startswith("backbone.")})
    (folder / "recipe.toml").write_text("\n".join(_toml({**tables, "learner": {"name": "prior_head"}})))
    assert run(2, commands, folder, "both") == [1, 1]
    assert "belongs to another meta-training" in (folder / "both.0.err").read_text()
    assert "error: rank 1: another of the 2 ranks ended" in (folder / "both.1.err").read_text()


def _toml(tables: dict[str, Any]) -> list[str]:
    lines = []
    for name, given in tables.items():
        for each in given if isinstance(given, list) else [given]:
            lines.append(f"[[{name}]]" if isinstance(given, list) else f"[{name}]")
            lines += [f"{key} = {_value(value)}" for key, value in each.items()]
    return lines


def _value(value: Any) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value)
