"""A benchmark's output: readable text, then one line of JSON with the bars it had to reach."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Literal

from quickstudy.core.files import write_whole

RESULTS = Path(__file__).parent.parent / "results"


@dataclass(frozen=True)
class Bar:
    """A figure and what it must reach."""

    name: str
    figure: float
    bar: float
    wanted: Literal["at most", "at least"]

    @property
    def met(self) -> bool:
        """A figure that is no number meets nothing."""
        return self.figure <= self.bar if self.wanted == "at most" else self.figure >= self.bar


@dataclass
class Output:
    """What a benchmark says, line by line, so that it can also be written to a file."""

    name: str
    lines: list[str] = field(default_factory=list)

    def say(self, text: str = "") -> None:
        print(text, flush=True)
        self.lines.append(text)

    def table(self, title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """The first column is text, the others are set to the right."""
        self.say()
        self.say(title)
        self.say()
        widths = [max(len(row[k]) for row in (header, *rows)) for k in range(len(header))]
        for row in (header, *rows):
            cells = [
                cell.ljust(wide) if k == 0 else cell.rjust(wide)
                for k, (cell, wide) in enumerate(zip(row, widths, strict=True))
            ]
            self.say("  " + "  ".join(cells).rstrip())

    def close(
        self,
        bars: Sequence[Bar],
        figures: Mapping[str, Any],
        machine: Mapping[str, Any],
        seeds: Sequence[int],
        write: Path | None,
    ) -> None:
        """Prints the bars and the JSON line; with `write`, a folder, also to NAME.txt and NAME.json there."""
        self.table(
            "Bars",
            ("", "figure", "", "bar", "met"),
            [(b.name, f"{b.figure:.4g}", b.wanted, f"{b.bar:.4g}", "yes" if b.met else "NO") for b in bars],
        )
        self.say()
        told = ", ".join(f"{key} {value}" for key, value in machine.items())
        self.say(f"machine: {told}")
        document = {
            "benchmark": self.name,
            "bars": [
                {"name": b.name, "figure": b.figure, "bar": b.bar, "wanted": b.wanted, "met": b.met} for b in bars
            ],
            **figures,
            "machine": dict(machine),
            "seeds": list(seeds),
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        document = plain(document)
        self.say(json.dumps(document, allow_nan=False))
        if write is not None:
            write.mkdir(parents=True, exist_ok=True)
            write_whole(write / f"{self.name}.txt", ("\n".join(self.lines).lstrip("\n") + "\n").encode())
            write_whole(write / f"{self.name}.json", (json.dumps(document, indent=1) + "\n").encode())


def plain(value: Any) -> Any:
    """With floats of six digits, and null where a number is unknown."""
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return value


def median_and_range(values: Sequence[float], scale: float = 1.0, digits: int = 3) -> str:
    """ "0.512 (0.498 to 0.533)"."""
    low, high = min(values) * scale, max(values) * scale
    return f"{median(values) * scale:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"
