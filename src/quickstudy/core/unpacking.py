"""Takes files out of a zip or tar archive that may be broken or hostile."""

import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from quickstudy.core.files import shown
from quickstudy.core.types import QuickstudyError

MOST_BYTES = 2**30
"""that may come out of one archive, those that are passed over included"""
MOST_MEMBERS = 50_000


class Member(NamedTuple):
    """A regular file in an archive."""

    name: str
    size: int
    """bytes, as the archive says"""
    open: Callable[[], IO[bytes] | None]


def unpack(archive: Path, target: Path, patterns: tuple[str, ...]) -> None:
    """Writes the regular files whose path matches one of the patterns (as in fnmatch) under `target`.

    Errors: QuickstudyError for an archive that is broken, too large, holds no such file, or has one whose
    path would lead out of `target`."""
    try:
        with opened(archive) as members:
            for member in members:
                if any(fnmatchcase(member.name, pattern) for pattern in patterns):
                    _write(member, target / _safe(member.name, archive), archive)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, NotImplementedError, zlib.error, ValueError):
        raise QuickstudyError(f"{shown(archive)} is damaged; delete it and try again") from None
    if not target.is_dir():
        raise QuickstudyError(f"{shown(archive)} holds no {' and no '.join(patterns)}; get it anew")


@contextmanager
def opened(archive: Path) -> Iterator[Iterator[Member]]:
    """The regular files of a zip or tar in their order, without links and devices; QuickstudyError once they
    are too many or too large together."""
    pack: zipfile.ZipFile | tarfile.TarFile
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as pack:
            yield _counted(_zipped(pack), archive)
    else:
        with tarfile.open(archive) as pack:
            yield _counted(_taped(pack), archive)


def _zipped(pack: zipfile.ZipFile) -> Iterator[Member]:
    for info in pack.infolist():
        if not info.is_dir():
            yield Member(info.filename, info.file_size, partial(pack.open, info))


def _taped(pack: tarfile.TarFile) -> Iterator[Member]:
    for info in pack:
        if info.isfile():
            yield Member(info.name, info.size, partial(pack.extractfile, info))


def _counted(members: Iterator[Member], archive: Path) -> Iterator[Member]:
    total = 0
    for count, member in enumerate(members, start=1):
        total += member.size
        if count > MOST_MEMBERS or total > MOST_BYTES:
            raise QuickstudyError(f"{shown(archive)} holds more than such an archive should; get it anew")
        yield member


def _safe(name: str, archive: Path) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or any(char in name for char in "\\:\0") or not path.parts:
        raise QuickstudyError(f"{shown(archive)} would write outside its folder ({name!a}); do not use it")
    return path


def _write(member: Member, goal: Path, archive: Path) -> None:
    goal.parent.mkdir(parents=True, exist_ok=True)
    source = member.open()
    if source is None:
        raise ValueError("no regular file")
    with source, goal.open("wb") as file:
        shutil.copyfileobj(source, file)
    if goal.stat().st_size != member.size:
        raise QuickstudyError(f"{shown(archive)}: {member.name!a} has another size than it says; get it anew")
