"""What was named as a corpus: files, folders, patterns and Hugging Face data sets, as a list of sources."""

import glob
import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from quickstudy.core.files import shown
from quickstudy.core.types import QuickstudyError
from quickstudy.episodes.files import SUFFIXES
from quickstudy.episodes.hub import is_saved

TABLES = tuple(suffix for suffix in SUFFIXES if suffix != ".txt")
TEXTS = (".txt", ".text", ".md", ".markdown", ".rst", ".log", "")
MOST = 1 << 16
_BLOCK = 1 << 20


class Place(NamedTuple):
    """One source: what was named, and the files that it stands for."""

    name: str
    """as it stands in the manifest"""
    files: tuple[Path, ...]
    """() for a data set on the hub; a saved data set's folder stands for itself"""
    written: tuple[tuple[int, int], ...] = ()
    """size and time of each, as they were when the source was named"""

    @property
    def size(self) -> int:
        """Bytes; 0 where nobody knows."""
        return sum(path.stat().st_size for path in self.files if path.is_file())

    @property
    def changed(self) -> bool:
        """Whether a file is not what it was when the source was named."""
        try:
            return _written(self.files) != self.written
        except OSError:
            return True


def places(named: Sequence[str | Path]) -> list[Place]:
    """In the order given, patterns spread out in alphabetical order. A folder is one source.

    Errors: QuickstudyError for what is not there, or for more sources than the format holds."""
    found = _told_apart([place for each in named for place in _places(str(each))])
    if not found:
        raise QuickstudyError("corpus: no file was named; name text, JSONL or Parquet files, folders, or hf:NAME.")
    if len(found) >= MOST:
        raise QuickstudyError(f"corpus: {len(found):,} sources; name the folder they lie in, which counts as one.")
    return found


def _told_apart(found: list[Place]) -> list[Place]:
    """Those with the same name by the folder they lie in, too; if that does not do, by a number."""
    for longer in (
        lambda number, place: f"{place.files[0].absolute().parent.name}/{place.name}" if place.files else "",
        lambda number, place: f"{place.name} ({number})",
    ):
        often = Counter(place.name for place in found)
        found = [
            place._replace(name=longer(number, place) or place.name) if often[place.name] > 1 else place
            for number, place in enumerate(found, 1)
        ]  # fmt: skip
    return found


def fingerprint(place: Place) -> str:
    """sha256 of a file; of a folder's names and files; "" for what lies on the hub."""
    if len(place.files) == 1 and place.files[0].is_file():
        return _sha256(place.files[0])
    whole = hashlib.sha256()
    for path in place.files:
        for each in [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file()):
            whole.update(f"{each.name}\0{_sha256(each)}\n".encode("utf-8", "surrogateescape"))
    return whole.hexdigest() if place.files else ""


def _written(files: Sequence[Path]) -> tuple[tuple[int, int], ...]:
    return tuple((stat.st_size, stat.st_mtime_ns) for path in files for stat in [path.stat()])


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _places(named: str) -> list[Place]:
    if named.startswith("hf:"):
        return [Place(named, ())]
    path = Path(named)
    try:
        there = path.exists()
    except (OSError, ValueError):
        there = False
    if there:
        return [_place(path)]
    matches = sorted(glob.glob(named, recursive=True)) if glob.has_magic(named) else []  # noqa: PTH207
    if not matches:
        raise QuickstudyError(f"{shown(named)}: no file or folder of this name; check the path.")
    return [_place(Path(match)) for match in matches if Path(match).is_file() or len(matches) == 1]


def _place(path: Path) -> Place:
    if not path.is_file() and not path.is_dir():
        raise QuickstudyError(
            f"{shown(path)}: this is a pipe or a device; write what it gives to a file and name that."
        )
    if path.is_file() or is_saved(path):
        return Place(path.name, (path,), _written([path]))
    inside = tuple(sorted(each for each in path.rglob("*") if _wanted(each, path)))
    if not inside:
        raise QuickstudyError(
            f"{shown(path)}: no text in this folder; files ending in {', '.join((*TEXTS[:-1], *TABLES))} are read."
        )
    return Place(path.name or str(path), inside, _written(inside))


def _wanted(path: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return not hidden and path.suffix.lower() in (*TEXTS[:-1], *TABLES) and path.is_file()
