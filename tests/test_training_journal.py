"""The journal's lines, TensorBoard, and what a person sees while it runs."""

import builtins
import errno
import io
import json
import math
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from test_training_loop import QUICK, Breaking, train

from quickstudy.core.types import QuickstudyError
from quickstudy.training import journal
from quickstudy.training.progress import Account, progress


def test_lines_are_plain_json_and_there_at_once(tmp_path: Path) -> None:
    with journal.open_journal(tmp_path / "new" / "folder") as book:
        book.write({"event": "step", "step": 1, "loss": math.nan, "norm": math.inf, "text": "é\n"})
        text = (tmp_path / "new" / "folder" / journal.NAME).read_text()
    assert text.count("\n") == 1
    assert json.loads(text) == {"event": "step", "step": 1, "loss": None, "norm": None, "text": "é\n"}


def test_rewinding_forgets_what_came_later_and_half_lines(tmp_path: Path) -> None:
    path = tmp_path / journal.NAME
    with journal.open_journal(tmp_path) as book:
        book.write({"step": 1})
        length = book.length()
        book.write({"step": 2})
    assert length == len('{"step": 1}\n')
    for keep in (length, length + 3):
        with journal.open_journal(tmp_path) as book:
            book.rewind(keep)
            book.write({"step": 3})
        assert path.read_text() == '{"step": 1}\n{"step": 3}\n'
    with journal.open_journal(tmp_path) as book:
        book.rewind(10_000)
    assert path.read_text() == '{"step": 1}\n{"step": 3}\n'


def test_a_full_disk_is_one_sentence() -> None:
    class Full(io.BytesIO):
        def flush(self) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    book = journal.Journal(Path("journal.jsonl"), Full())
    with pytest.raises(QuickstudyError, match=r"cannot write journal\.jsonl: No space left on device; make room"):
        book.write({"step": 1})


def test_tensorboard_shows_the_curves(tmp_path: Path) -> None:
    loading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    trained = train(QUICK, tmp_path)
    events = loading.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert set(events.Tags()["scalars"]) == {
        *("step/loss", "step/norm", "step/noise", "step/rate"),
        *("validation/score", "validation/loss", "validation/best"),
    }
    shown = [(event.step, event.value) for event in events.Scalars("validation/score")]
    assert shown == [(step, pytest.approx(found.score)) for step, found in trained.history]


def test_without_tensorboard_it_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = builtins.__import__

    def without(name: str, *args: Any, **others: Any) -> Any:
        if "tensorboard" in name:
            raise ImportError(name)
        return usual(name, *args, **others)

    told: list[dict[str, Any]] = []
    with monkeypatch.context() as patch:
        patch.setattr(builtins, "__import__", without)
        train(QUICK, tmp_path, watch=told.append)
    notes = [record["text"] for record in told if record["event"] == "note"]
    assert notes == ["only journal.jsonl is written; `pip install quickstudy[track]` adds TensorBoard"]
    assert not (tmp_path / "tensorboard").exists()
    assert len((tmp_path / journal.NAME).read_text().splitlines()) == 30 + 7 + 1


def seen(terminal: bool, **parts: Any) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=200, _environ={"TERM": "xterm"})
    with progress(QUICK, console) as watch:
        train(QUICK, watch=watch, **parts)
    return out.getvalue()


def test_plain_lines_away_from_a_terminal() -> None:
    text = seen(False, learner=Breaking(lambda call: call == 3))
    assert "\x1b" not in text
    first, *_, last = text.splitlines()
    assert first.startswith("step 0 of 30: validation 0.") and "(best 0." in first
    assert "step 2 of 30: an episode was left out: " in text
    assert "step 10 of 30: loss " in text and " left" in text
    assert last == "stopped after step 30: all steps of the plan"


def test_a_bar_at_a_terminal() -> None:
    text = seen(True)
    assert "\x1b[" in text and "30/30" in text and "loss" in text and "validation 0." in text


def test_time_left_is_measured_from_where_a_run_resumed() -> None:
    account = Account(100)
    assert account.left() is None
    account.add({"event": "step", "step": 50, "loss": 1.0, "seconds": 1000.0})
    assert account.left() is None and account.state() == "loss 1.000"
    account.add({"event": "step", "step": 52, "loss": 1.0, "seconds": 1100.0})
    assert account.left() == 48 * 50.0
    assert account.state() == "loss 1.000, 40:00 left"
    account.add({"event": "step", "step": 53, "loss": 1.0, "seconds": 1300.0})
    assert account.state() == "loss 1.000, 1:18:20 left"


def test_notes_are_shown_as_they_are() -> None:
    assert Account(1).add({"event": "note", "text": "[red]quickstudy[track]"}) == "[red]quickstudy[track]"
    out = io.StringIO()
    with progress(QUICK, Console(file=out, force_terminal=False)) as watch:
        watch({"event": "note", "text": "[red]quickstudy[track]"})
    assert out.getvalue() == "[red]quickstudy[track]\n"
