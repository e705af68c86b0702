"""The meta-learned starts that ship: one for a backbone's labelled texts, named like it, and some for other kinds."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "models"


def shipped() -> tuple[str, ...]:
    """The names that `load` finds beside this file: "minilm", "minilm-tagging", …"""
    return tuple(sorted(file.stem for file in FOLDER.glob("*.student")))


def start_for(model: str, kind: str | Mapping[str, Any] | None) -> str:
    """The start of `model` that was meta-learned for a kind of tasks; `model` itself where none ships."""
    name = kind.get("name") if isinstance(kind, Mapping) else kind
    wanted = f"{model}-{str(name).partition('.v')[0]}"
    return wanted if name and wanted in shipped() else model
