"""The command starts at once, explains itself, and ends as a shell expects."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tiny import backbone, run, table

COMMANDS = ["learn", "predict", "add", "inspect", "evaluate", "meta-train", "models", "demo"]
WITHOUT_TORCH = """
import sys
from quickstudy.cli import main
sys.argv = ["quickstudy", *sys.argv[1:]]
try:
    main()
finally:
    heavy = {"torch", "transformers", "sklearn", "numpy"} & set(sys.modules)
    if heavy:
        print("IMPORTED", heavy)
"""


def start(*arguments: str, code: str = WITHOUT_TORCH, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True, text=True, check=False, timeout=120, env={**os.environ, **environment},
    )  # fmt: skip


def test_help_imports_nothing_heavy() -> None:
    result = start("--help")
    assert result.returncode == 0
    assert "IMPORTED" not in result.stdout
    assert all(command in result.stdout for command in COMMANDS)


def test_completion_imports_nothing_heavy() -> None:
    result = start(COMP_WORDS="quickstudy me", COMP_CWORD="1", _QUICKSTUDY_COMPLETE="complete_bash")
    assert result.stdout.split() == ["meta-train"]
    result = start(COMP_WORDS="quickstudy learn --learner protot", COMP_CWORD="3", _QUICKSTUDY_COMPLETE="complete_bash")
    assert result.stdout.split() == ["prototypes"]


def test_completion_knows_the_catalogue() -> None:
    from quickstudy import config
    from quickstudy.backbones.packaged import PACKAGED
    from quickstudy.cli import learning

    assert set(learning.KINDS) == set(config.KINDS)
    assert set(learning.LEARNERS) == set(config.LEARNERS)
    assert set(learning.MODELS) == set(PACKAGED)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_an_example(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert re.search(r"Examples?\b", result.stdout)
    assert f"quickstudy {command}" in result.stdout


def test_help_says_what_the_exit_codes_mean() -> None:
    shown = " ".join(run("--help").stdout.split())
    assert all(code in shown for code in ("0 done", "130 Ctrl-C", "141"))


def test_the_version() -> None:
    from quickstudy import __version__

    assert run("--version").stdout.strip() == f"quickstudy {__version__}"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_behind_standard_output() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "quickstudy", "--version"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.startswith("error: the output could not be written")
    assert len(done.stderr.splitlines()) == 1


def test_a_reader_that_goes_away(tmp_path: Path) -> None:
    model = backbone(tmp_path / "tiny")
    run("learn", table(tmp_path / "in.csv"), "-o", tmp_path / "a.qs", "--model", model, "--no-check")
    (tmp_path / "lines.txt").write_text("the pin is blocked\n" * 5_000)
    process = subprocess.Popen(
        [sys.executable, "-m", "quickstudy", "predict", tmp_path / "a.qs", tmp_path / "lines.txt"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline().endswith("the pin is blocked\n")
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(60) == 141


def test_our_own_faults_are_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from quickstudy.cli import app, inspecting  # noqa: F401
    from quickstudy.store import artifact

    def stumble(*_: object) -> None:
        raise RuntimeError("two\nlines")

    monkeypatch.setattr(artifact, "open_artifact", stumble)
    result = CliRunner().invoke(app, ["inspect", "a.qs"])
    assert result.exit_code == 70
    assert "QUICKSTUDY_DEBUG=1" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    shown = CliRunner().invoke(app, ["--debug", "inspect", "a.qs"])
    assert "Traceback" in shown.stderr
    assert shown.exit_code == 70
