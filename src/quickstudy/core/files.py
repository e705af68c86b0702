"""Files that exist whole or not at all.

Everything is written beside its target under a passing name, forced to the disk, and moved into place in
one step (POSIX `rename`), so that a reader never sees half a file and a failure leaves the old one.
"""

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO, TextIO

from quickstudy.core.types import QuickstudyError

TEMPORARY = ".quickstudy-{}.tmp"

_REASONS = {
    errno.ENOSPC: "the disk is full; free some space and try again",
    errno.EDQUOT: "your share of the disk is used up; free some space and try again",
    errno.EFBIG: "it is larger than this system lets a file grow; free some space or choose another disk",
    errno.EROFS: "the disk is read-only; choose another folder",
    errno.EACCES: "you may not write there; choose another folder or change its permissions",
    errno.EPERM: "you may not write there; choose another folder or change its permissions",
    errno.ENOENT: "its folder does not exist; create the folder first",
    errno.ENOTDIR: "its folder is a file; choose another folder",
    errno.EISDIR: "it is a folder; name a file inside it",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
    errno.EIO: "the disk reports a fault; choose another disk",
}
_STREAM_FAULTS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


def write_whole(path: str | Path, data: bytes) -> None:
    """Writes `data` to `path`, whole or not at all. QuickstudyError names the path and what to do."""
    with replacing(path) as file:
        file.write(data)


@contextmanager
def write_lines(path: str | Path) -> Iterator[TextIO]:
    """A UTF-8 text stream that becomes the file `path` when the block ends, and leaves nothing if it fails.
    Line ends are kept as written, so `csv.writer` may write to it."""
    with replacing(path) as file:
        text = TextIOWrapper(file, encoding="utf-8", newline="")
        try:
            yield text
            text.flush()
        except UnicodeEncodeError as error:
            raise QuickstudyError(
                f"cannot write {shown(path)}: a text holds half a character ({error.object[error.start]!a}), "
                "which UTF-8 cannot hold; remove it"
            ) from None
        finally:
            with suppress(ValueError, OSError):
                text.detach()


def shown(path: str | Path) -> str:
    """A path as it may stand in a message: no line breaks, no control characters, no half characters."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in str(path))


@contextmanager
def replacing(path: str | Path) -> Iterator[BinaryIO]:
    """A stream into a temporary file that takes the place of `path` when the block ends well."""
    temporary = None
    inside = False
    try:
        target, mode = _target(path)
        name = target.parent / TEMPORARY.format(secrets.token_hex(8))
        handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
        temporary = name
        with os.fdopen(handle, "wb") as file:
            inside = True
            yield file
            inside = False
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
        temporary = None
    except OSError as error:
        # the block's own faults (another file it opened, a closed pipe) are not this file's
        if inside and error.errno not in _STREAM_FAULTS:
            raise
        raise QuickstudyError(f"cannot write {shown(path)}: {_reason(error)}") from None
    finally:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink()
    _settle(target.parent)


def claim(file: BinaryIO, taken: str) -> None:
    """Holds an open file for this process until it is closed or the process dies, where the system has such locks.
    QuickstudyError that says `taken` where another process holds it."""
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise QuickstudyError(taken) from None
    except OSError:
        return  # some network disks have no locks


def _target(path: str | Path) -> tuple[Path, int]:
    """The file behind any links, and the permissions it is to have."""
    try:
        target = Path(os.path.realpath(path))
        there = target.stat()
    except FileNotFoundError:
        return target, 0o666
    except ValueError:
        raise QuickstudyError(f"cannot write {shown(path)}: a name cannot hold a NUL character") from None
    if stat.S_ISDIR(there.st_mode):
        raise IsADirectoryError(errno.EISDIR, "")
    if not stat.S_ISREG(there.st_mode):
        raise QuickstudyError(f"cannot write {shown(path)}: it is a device or pipe; name a file")
    if not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, "")
    return target, stat.S_IMODE(there.st_mode)


def _settle(folder: Path) -> None:
    """Makes the new name outlast a power cut, where the system can do that for a folder."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _reason(error: OSError) -> str:
    return _REASONS.get(error.errno or 0, f"{error.strerror or error}; choose another place")
