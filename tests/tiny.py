"""A backbone of a few thousand random weights, and the command line run in this process."""

import itertools
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from quickstudy.backbones.bytelevel import train
from quickstudy.backbones.folder import save_small
from quickstudy.backbones.small import Sizes, Small
from quickstudy.cli import app

ROWS = [
    ("where is my card", "card arrival"),
    ("my card has not come yet", "card arrival"),
    ("I forgot my pin", "pin"),
    ("the pin is blocked", "pin"),
    ("someone stole my card", "lost card"),
    ("I lost my wallet", "lost card"),
]


def backbone(folder: Path, seed: int = 0) -> str:
    """The folder of a random backbone that reads 64 tokens at most."""
    tokenizer = train([text for text, _ in ROWS], 300)
    sizes = Sizes(vocabulary=tokenizer.get_vocab_size(), width=32, layers=2, heads=2, positions=64, seed=seed)
    save_small(folder, Small(sizes), tokenizer)
    return str(folder)


def table(path: Path, rows: list[tuple[str, str]] | None = None, header: str = "text,label") -> Path:
    """A CSV of texts and labels."""
    lines = [f'"{text}","{label}"' for text, label in (ROWS if rows is None else rows)]
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def run(*arguments: Any, input: Any = None) -> Any:
    """Runs a command; whatever happens, no traceback and no exit code of our own fault."""
    os.environ.pop("QUICKSTUDY_DEBUG", None)
    result = CliRunner().invoke(app, [str(each) for each in arguments], input=input)
    assert "Traceback" not in result.output
    assert result.exit_code != 70, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    return result


def refused(*arguments: Any, input: Any = None) -> str:
    """Runs a command that must fail for a reason of the user's; the one sentence, the last line."""
    result = run(*arguments, input=input)
    assert result.exit_code == 1, result.output
    lines = result.stderr.strip().splitlines()
    assert lines[-1].startswith("error: ") and len(lines[-1]) < 600, result.output
    assert sum(line.startswith("error: ") for line in lines) == 1
    return lines[-1]


def interrupt_at(monkeypatch: pytest.MonkeyPatch, owner: type, name: str, call: int) -> None:
    """Ctrl-C as the method is called for the `call`-th time."""
    real, calls = getattr(owner, name), itertools.count(1)

    def method(*given: object) -> object:
        if next(calls) == call:
            raise KeyboardInterrupt
        return real(*given)

    monkeypatch.setattr(owner, name, method)
