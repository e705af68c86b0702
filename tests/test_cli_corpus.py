"""`quickstudy corpus` on the command line."""

import json
from pathlib import Path

from test_cli_start import start
from texts import lines, texts
from tiny import refused, run

SMALL = ("--tokenizer", "own:400", "--least-uses", "3", "--ways", "2", "--most-frequent", "0.05", "--workers", "1")


def test_build_and_show(tmp_path: Path) -> None:
    raw = lines(tmp_path / "raw.jsonl", [{"text": text} for text in (*texts(300), *texts(20), "ab")])
    made = run("corpus", "build", raw, "-o", tmp_path / "made", "--licence", "CC0", *SMALL)
    assert made.exit_code == 0, made.stderr
    assert "quickstudy corpus show" in made.stderr
    shown = run("corpus", "show", tmp_path / "made")
    assert shown.stdout == made.stdout
    told = {" ".join(line.split()) for line in shown.stdout.splitlines()}
    assert {"documents 300", "read 321 documents", "dropped: the same as another 20", "dropped: too short 1"} <= told
    assert "source raw.jsonl 300 documents, CC0" in told
    shared = ("words", "documents with the same tokens", "near-duplicates")
    assert {"shared by train, validation and test", *(f"{name} in two parts 0" for name in shared)} <= told
    manifest = json.loads(run("corpus", "show", tmp_path / "made", "--json").stdout)
    assert manifest["splits"] == {"train": 240, "validation": 30, "test": 30}


def test_errors_are_one_line(tmp_path: Path) -> None:
    assert "no file or folder" in refused("corpus", "build", tmp_path / "nothing.txt", "-o", tmp_path / "made")
    assert "no corpus is here" in refused("corpus", "show", tmp_path)


def test_help_imports_nothing_heavy() -> None:
    for command in ("build", "show"):
        told = start("corpus", command, "--help")
        assert told.returncode == 0
        assert "Example" in told.stdout
        assert "IMPORTED" not in told.stdout
