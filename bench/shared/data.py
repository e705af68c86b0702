"""Public data sets, where QUICKSTUDY_DATA or --data points; docs/data.md says where each comes from."""

import json
import os
from pathlib import Path
from typing import Any

VARIABLE = "QUICKSTUDY_DATA"


def data_folder(named: str | None) -> Path:
    """The folder that holds `development/`. Errors: SystemExit with one sentence when there is none."""
    written = named or os.environ.get(VARIABLE)
    if not written:
        raise SystemExit(f"no data: set {VARIABLE} (or give --data) to a folder laid out as docs/data.md says")
    folder = Path(written).expanduser()
    if not (folder / "development").is_dir():
        raise SystemExit(f"no data: {folder} has no folder development/; lay it out as docs/data.md says")
    return folder


def rows(folder: Path, name: str) -> list[dict[str, Any]]:
    """The records of development/`name`.jsonl. Errors: SystemExit naming the file that is missing."""
    path = folder / "development" / f"{name}.jsonl"
    if not path.is_file():
        raise SystemExit(f"no data: {path} is missing; docs/data.md says where to get it")
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]
