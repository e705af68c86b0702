"""Parts of a long run, kept in files, so that a run that was stopped goes on where it was."""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import quickstudy
from quickstudy.core.files import write_whole


def part(folder: Path, name: str, key: Mapping[str, Any], make: Callable[[], Any]) -> Any:
    """What `make` gave for this name and key, now or in an earlier run. `key` holds everything that the part
    depends on (versions, settings, weights): with another key it is made anew."""
    path = _path(folder, name, key)
    if path.is_file():
        return kept(folder, name, key)
    made = json.loads(json.dumps(make()))
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps({"key": dict(key), "made": made}).encode())
    return made


def kept(folder: Path, name: str, key: Mapping[str, Any]) -> Any:
    """What an earlier run made for this name and key; None if none did."""
    path = _path(folder, name, key)
    return json.loads(path.read_text(encoding="utf-8"))["made"] if path.is_file() else None


def _path(folder: Path, name: str, key: Mapping[str, Any]) -> Path:
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:8]
    return folder / f"{name.replace('/', '.')}.{digest}.json"


def code_digest(*folders: str) -> str:
    """Of the sources under src/quickstudy (folders, files) that a part depends on: other code, other parts."""
    root = Path(quickstudy.__file__).parent
    found = hashlib.sha256()
    whole = (path for folder in folders for path in (root / folder).rglob("*.py"))
    files = (root / folder for folder in folders if (root / folder).is_file())
    for path in sorted({*whole, *files}):
        found.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return found.hexdigest()[:16]
