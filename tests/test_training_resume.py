"""Stopped at any moment and called again, meta-training ends with the very bits of a run that was not."""

import json
import math
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from test_training_loop import QUICK, Breaking, OneStep, episodes, start, train, validate
from torch.optim.optimizer import register_optimizer_step_post_hook

from quickstudy.core.params import same
from quickstudy.core.tensors import load_tensors, save_tensors
from quickstudy.core.types import Params, QuickstudyError
from quickstudy.training import checkpoint
from quickstudy.training.interrupt import undisturbed
from quickstudy.training.loop import TrainingInterruptedError
from quickstudy.training.outcome import Trained, Validation

SHORT = replace(QUICK, steps=4, validate_every=2, checkpoint_minutes=0)
EVERY_STEP_KEPT = replace(QUICK, steps=100, validate_every=7, patience=1000, checkpoint_minutes=0)


class KilledError(BaseException):
    """Nothing catches it: what follows finds the folder as a killed process leaves it."""


class Bomb:
    """Goes off at its n-th call, whatever calls it."""

    def __init__(self, at: int, failure: type[BaseException] | None) -> None:
        self.left = at
        self.failure = failure
        self.calls = 0

    def __call__(self) -> None:
        self.calls += 1
        self.left -= 1
        if self.left == 0 and self.failure is not None:
            raise self.failure

    def before(self, f: Callable[..., Any]) -> Callable[..., Any]:
        def both(*args: Any) -> Any:
            self()
            return f(*args)

        return both

    def around(self, f: Callable[..., Any]) -> Callable[..., Any]:
        def both(*args: Any) -> Any:
            self()
            found = f(*args)
            self()
            return found

        return both


class Armed:
    """OneStep that tells a bomb of each call."""

    def __init__(self, bomb: Bomb) -> None:
        self.meta_gradient = bomb.around(OneStep().meta_gradient)


@contextmanager
def armed_saves(bomb: Bomb, patch: pytest.MonkeyPatch) -> Iterator[None]:
    with patch.context() as inside:
        inside.setattr(Path, "replace", bomb.around(Path.replace))
        yield


def journal(folder: Path) -> list[dict[str, Any]]:
    """Its lines without their times."""
    lines = [json.loads(line) for line in (folder / "journal.jsonl").read_bytes().splitlines()]
    assert all(line.pop("seconds") >= 0 for line in lines)
    return lines


def agree(one: Trained, other: Trained) -> bool:
    return same(one.theta, other.theta) and replace(one, theta={}) == replace(other, theta={})


def test_with_a_folder_the_outcome_is_the_same(tmp_path: Path) -> None:
    assert agree(train(SHORT), train(SHORT, tmp_path))
    events = [(line["event"], line["step"]) for line in journal(tmp_path)]
    assert events == [
        ("validation", 0),
        *[("step", 1), ("step", 2), ("validation", 2)],
        *[("step", 3), ("step", 4), ("validation", 4)],
        ("end", 4),
    ]


def test_killed_at_every_call_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = train(SHORT, tmp_path / "whole")
    at = 0
    while True:
        at += 1
        bomb, folder = Bomb(at, KilledError), tmp_path / str(at)
        parts = {
            "learner": Armed(bomb),
            "episodes": bomb.before(episodes),
            "validate": bomb.around(validate),
            "watch": bomb.before(lambda record: None),
        }
        try:
            with armed_saves(bomb, monkeypatch):
                train(SHORT, folder, **parts)
            break
        except KilledError:
            assert agree(train(SHORT, folder), whole)
            assert journal(folder) == journal(tmp_path / "whole")
            assert not list(folder.glob(".*.tmp"))
    assert at > 40


def test_interrupted_at_every_call_outside_a_save(tmp_path: Path) -> None:
    plan = replace(SHORT, checkpoint_minutes=math.inf)
    whole = train(plan, tmp_path / "whole")
    at = 0
    while True:
        at += 1
        bomb, folder = Bomb(at, KeyboardInterrupt), tmp_path / str(at)
        parts = {"learner": Armed(bomb), "episodes": bomb.before(episodes), "validate": bomb.around(validate)}
        try:
            train(plan, folder, **parts)
            break
        except TrainingInterruptedError as error:
            assert f"goes on from {folder}" in str(error)
            done = int(str(error).split(" of 4 steps")[0].split()[-1])
            left = Bomb(0, None)
            assert agree(train(plan, folder, episodes=left.before(episodes)), whole)
            assert left.calls == 4 - done
            assert journal(folder) == journal(tmp_path / "whole")
    assert at > 25


@pytest.mark.parametrize("place", ["episodes", "validate", "watch"])
def test_a_real_control_c(tmp_path: Path, place: str) -> None:
    def press(step: object) -> None:
        presses.append(step)
        if len(presses) == 3:
            os.kill(os.getpid(), signal.SIGINT)

    presses: list[object] = []
    parts: dict[str, Any] = {"episodes": episodes, "validate": validate, "watch": lambda record: None}
    usual = parts[place]

    def pressed(*given: Any) -> Any:
        press(given[0])
        return usual(*given)

    parts[place] = pressed
    plan = replace(SHORT, checkpoint_minutes=math.inf)
    with pytest.raises(TrainingInterruptedError, match=r"interrupted after [1-4] of 4 steps; the same command"):
        train(plan, tmp_path, **parts)
    assert agree(train(plan, tmp_path), train(plan))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_control_c_without_a_folder_says_that_nothing_was_kept() -> None:
    bomb = Bomb(3, KeyboardInterrupt)
    with pytest.raises(TrainingInterruptedError, match="nothing was kept"):
        train(SHORT, learner=Armed(bomb))


def test_control_c_waits_for_the_end_of_a_change() -> None:
    reached = []
    with pytest.raises(KeyboardInterrupt), undisturbed():
        os.kill(os.getpid(), signal.SIGINT)
        reached.append("end")
    assert reached == ["end"]


def test_control_c_never_parts_a_step_from_its_count(tmp_path: Path) -> None:
    """Pressed when theta has moved and the step is not yet counted."""
    presses = Bomb(3, None)

    def press(*_: Any) -> None:
        presses()
        if presses.left == 0:
            os.kill(os.getpid(), signal.SIGINT)

    hook = register_optimizer_step_post_hook(press)
    try:
        with pytest.raises(TrainingInterruptedError, match="after 3 of 4 steps"):
            train(SHORT, tmp_path)
    finally:
        hook.remove()
    assert agree(train(SHORT, tmp_path), train(SHORT))


def test_the_best_theta_lasts_over_a_stop(tmp_path: Path) -> None:
    def near_the_start(theta: Params) -> Validation:
        score = -(theta["head.weight"] - start()["head.weight"]).abs().sum().item()
        return Validation(score, -score, (score,))

    interrupt(SHORT, tmp_path, validate=near_the_start)
    resumed = train(SHORT, tmp_path, validate=near_the_start)
    assert resumed.best_step == 0 and same(resumed.theta, start())


def test_a_thread_can_train(tmp_path: Path) -> None:
    found: list[Trained] = []
    thread = threading.Thread(target=lambda: found.append(train(SHORT, tmp_path)))
    thread.start()
    thread.join()
    assert agree(found[0], train(SHORT))


SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_training_resume import EVERY_STEP_KEPT, train
train(EVERY_STEP_KEPT, Path(sys.argv[2]))
"""


def test_really_killed_at_a_random_moment(tmp_path: Path) -> None:
    chance = random.Random()
    folder, least = tmp_path / "killed", chance.randint(3, EVERY_STEP_KEPT.steps // 2)
    command = [sys.executable, "-c", SCRIPT, str(Path(__file__).parent), str(folder)]
    process = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"})
    while process.poll() is None and lines(folder) < least:
        time.sleep(0.002)
    time.sleep(chance.random() / 50)
    process.kill()
    assert process.wait() == -signal.SIGKILL, "it was done before it could be killed"
    left = Bomb(0, None)
    resumed = train(EVERY_STEP_KEPT, folder, episodes=left.before(episodes))
    assert left.calls < EVERY_STEP_KEPT.steps
    seldom = replace(EVERY_STEP_KEPT, checkpoint_minutes=math.inf)
    assert agree(resumed, train(seldom, tmp_path / "whole"))
    assert journal(folder) == journal(tmp_path / "whole")


def lines(folder: Path) -> int:
    path = folder / "journal.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def test_a_finished_training_is_not_repeated(tmp_path: Path) -> None:
    first = train(SHORT, tmp_path)
    silent = Bomb(1, KilledError)
    again = train(
        SHORT,
        tmp_path,
        learner=Armed(silent),
        episodes=silent.before(episodes),
        validate=silent.before(validate),
    )
    assert agree(first, again) and silent.calls == 0


def test_broken_episodes_are_counted_over_a_stop(tmp_path: Path) -> None:
    """Five broken in a row are borne, six are not, wherever the run was cut."""
    learner = Breaking(lambda call: 4 <= call <= 9)

    def stop(step: int, history: object) -> Any:
        if step == 4:
            raise KeyboardInterrupt
        return episodes(step)

    with pytest.raises(TrainingInterruptedError):
        train(QUICK, tmp_path, learner=learner, episodes=stop)
    with pytest.raises(QuickstudyError, match="broke down at step 5: 6 episodes in a row"):
        train(QUICK, tmp_path, learner=learner)


def interrupt(plan: Any, folder: Path, **others: Any) -> None:
    with pytest.raises(TrainingInterruptedError):
        train(plan, folder, learner=Armed(Bomb(6, KeyboardInterrupt)), **others)


def test_only_the_same_training_goes_on(tmp_path: Path) -> None:
    interrupt(SHORT, tmp_path, about="recipe one")
    theta = start()
    other = {**theta, "rate.step": theta["rate.step"] + 1}
    wider = {**theta, "head.weight": torch.ones(4)}
    for plan, parts, hint in [
        (
            replace(SHORT, rate=0.1, seed=3),
            {},
            r"plan has rate: 0\.05 there, 0\.1 here; seed: 0 there, 3 here",
        ),
        (SHORT, {"theta": other}, "started from another theta"),
        (SHORT, {"theta": wider}, r"theta has head\.weight: \['torch\.float32', 3\] there"),
        (SHORT, {"about": "recipe two"}, "its learner, its sources or its teachers are other ones"),
    ]:
        with pytest.raises(QuickstudyError, match=hint) as error:
            train(plan, tmp_path, **{"about": "recipe one", **parts})  # type: ignore[arg-type]
        assert "use another folder" in str(error.value)
    often = replace(SHORT, checkpoint_minutes=math.inf)
    assert agree(train(often, tmp_path, about="recipe one"), train(SHORT))


def test_a_damaged_or_foreign_checkpoint_is_refused(tmp_path: Path) -> None:
    interrupt(SHORT, tmp_path)
    path = tmp_path / checkpoint.NAME
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(QuickstudyError, match="damaged or changed"):
        train(SHORT, tmp_path)
    path.write_bytes(whole)
    tensors, metadata = load_tensors(path)
    for changed, hint in [
        ({"version": "2"}, "upgrade"),
        ({"format": "quickstudy.task"}, "no checkpoint"),
        ({"counters": "[" * 100_000}, "lacks a part"),
        ({"counters": "{}"}, "lacks a part"),
        ({"journal": "x"}, "lacks a part"),
        ({"plan": "[1]"}, "its plan cannot be read"),
    ]:
        save_tensors(path, tensors, {**metadata, **changed})
        with pytest.raises(QuickstudyError, match=hint):
            train(SHORT, tmp_path)
    del tensors["best/rate.step"]
    save_tensors(path, tensors, metadata)
    with pytest.raises(QuickstudyError, match="lacks a part"):
        train(SHORT, tmp_path)


def test_a_lost_or_cut_journal_does_not_stop_the_training(tmp_path: Path) -> None:
    interrupt(SHORT, tmp_path)
    path = tmp_path / "journal.jsonl"
    path.write_bytes(path.read_bytes()[:-5])
    assert agree(train(SHORT, tmp_path), train(SHORT))
    assert journal(tmp_path)[-1]["event"] == "end"


def test_folders_that_cannot_be_trained_in(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(QuickstudyError, match="cannot train in the folder"):
        train(SHORT, tmp_path / "file")
    with pytest.raises(QuickstudyError, match="cannot train in the folder"):
        train(SHORT, Path(f"{tmp_path}/a\0b"))


def test_two_trainings_do_not_share_a_folder(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")

    def second(step: int, history: object) -> Any:
        with pytest.raises(QuickstudyError, match="another process trains in the folder"):
            train(SHORT, tmp_path)
        return episodes(step)

    assert agree(train(SHORT, tmp_path, episodes=second), train(SHORT))
