"""The record of a meta-training: one JSON object a line as it happens, and TensorBoard beside it."""

import json
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from quickstudy.core.files import claim, shown
from quickstudy.core.types import QuickstudyError

NAME = "journal.jsonl"

Record = dict[str, int | float | str | None]
"""What happened: "event" is step, skipped, validation, end or note; most have "step" and "seconds"."""
Watch = Callable[[Record], None]
"""Told of each record as it happens."""


class Journal:
    """The open file. Each line is handed to the system at once, so a killed process loses none."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._file = file

    def write(self, record: Record) -> None:
        """Appends one line; numbers that JSON lacks (NaN, infinities) become null."""
        plain = {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in record.items()
        }
        with self._faults():
            self._file.write(json.dumps(plain).encode() + b"\n")
            self._file.flush()

    def length(self) -> int:
        """Bytes so far, all of them on the disk."""
        with self._faults():
            os.fsync(self._file.fileno())
            return self._file.seek(0, os.SEEK_END)

    def rewind(self, length: int) -> None:
        """Forgets what was written after the first `length` bytes, and any line that they cut."""
        with self._faults():
            self._file.seek(0)
            whole = self._file.read(length).rfind(b"\n") + 1
            self._file.truncate(whole)
            self._file.seek(whole)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise QuickstudyError(
                f"cannot write {shown(self._path)}: {error.strerror or error}; make room and start the same "
                "training again, it goes on from its last checkpoint"
            ) from None


@contextmanager
def open_journal(folder: Path) -> Iterator[Journal]:
    """The journal of a folder, which it makes if need be and keeps to this process. QuickstudyError if the
    folder cannot be written or another process trains in it."""
    path = folder / NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.touch()
        file = path.open("r+b")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else None
        raise QuickstudyError(
            f"cannot train in the folder {shown(folder)}: {why or error}; choose another folder"
        ) from None
    try:
        claim(file, f"another process trains in the folder {shown(folder)}; wait for it, or use another folder")
        yield Journal(path, file)
    finally:
        with suppress(OSError):  # what a full disk left unwritten was reported when it was written
            file.close()


@contextmanager
def tensorboard(folder: Path, step: int) -> Iterator[Watch | None]:
    """Something that shows records after `step` in TensorBoard; None where TensorBoard is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        yield None
        return
    writer = SummaryWriter(folder / "tensorboard", purge_step=step + 1)

    def show(record: Record) -> None:
        event = record.get("event")
        if event in ("step", "validation"):
            for name, value in record.items():
                if isinstance(value, float) and name != "seconds":
                    writer.add_scalar(f"{event}/{name}", value, record["step"])
            writer.flush()

    try:
        yield show
    finally:
        writer.close()
