"""The report's three files: HTML to look at, Markdown to paste, JSON to compute with."""

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from quickstudy.core.files import write_whole
from quickstudy.evaluation.markdown import to_markdown
from quickstudy.evaluation.page import to_html
from quickstudy.evaluation.report import Report
from quickstudy.evaluation.worth_words import sentence

FORMAT = "quickstudy.report.v1"


def write_report(report: Report, stem: str | Path) -> tuple[Path, Path, Path]:
    """Writes `stem`.html, .md and .json, each whole or not at all; their paths."""
    stem = Path(stem)
    made = {".html": to_html(report), ".md": to_markdown(report), ".json": to_json(report)}
    for ending, text in made.items():
        # Half a surrogate pair has no UTF-8; backslashreplace writes it as the escape that JSON has for it.
        write_whole(stem.with_name(stem.name + ending), text.encode("utf-8", "backslashreplace"))
    html, markdown, data = (stem.with_name(stem.name + ending) for ending in made)
    return html, markdown, data


def to_json(report: Report) -> str:
    """The report's content; numbers unrounded, null where one is unknown."""
    document = {"format": FORMAT, **_plain(asdict(report))}
    if report.worth:
        document["worth"]["sentence"] = sentence(report.worth)
    return json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    """With named tuples as objects and no number that JSON has no word for."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value
