"""Tensors in files: safetensors, which holds no code, with a sha256 over every byte of the file in its metadata.

The format is https://huggingface.co/docs/safetensors. The sha256 finds damage; it is no signature.
"""

import hashlib
import json
import os
import stat
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch

from quickstudy.core.files import replacing, shown
from quickstudy.core.types import Params, QuickstudyError

HEADER_LIMIT = 64 * 2**20
"""bytes of names, shapes and metadata in a tensor file"""
FILE_LIMIT = 16 * 2**30
"""bytes of a whole tensor file, unless the caller asks for less"""

_UNSIGNED = "0" * 64


def save_tensors(path: str | Path, tensors: Params, metadata: dict[str, str]) -> None:
    """Writes tensors of any shape, type and device. The same tensors and metadata give the same bytes."""
    alone = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    header, body = _parts(safetensors.torch.save(alone))
    try:
        signed = {"sha256": _UNSIGNED, **{name: metadata[name] for name in sorted(metadata)}}
        whole = {"__metadata__": signed, **header}
        head = json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        raise QuickstudyError(f"cannot write {shown(path)}: its notes hold half a character") from None
    if len(head) > HEADER_LIMIT - 8:
        raise QuickstudyError(
            f"cannot write {shown(path)}: what stands beside the weights takes {_size(len(head))}, and "
            f"{_size(HEADER_LIMIT)} is the most; keep fewer or shorter texts in it"
        )
    head += b" " * (-len(head) % 8)
    head = len(head).to_bytes(8, "little") + head
    with replacing(path) as file:
        file.write(head.replace(_mark(_UNSIGNED), _mark(_sha256(head, body)), 1))
        file.write(body)


def load_tensors(path: str | Path, limit: int = FILE_LIMIT) -> tuple[Params, dict[str, str]]:
    """Tensors and metadata of a file that `save_tensors` wrote, of at most `limit` bytes; every byte is
    checked against its sha256. QuickstudyError if it is missing, truncated, changed or something else."""
    data = _read(path, limit)
    try:
        header, body = _parts(data)
        metadata = header["__metadata__"]
        signed = metadata.pop("sha256")
        whole = all(isinstance(value, str) for value in (signed, *metadata.values()))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        whole = False
    if not whole:
        raise QuickstudyError(
            f"{shown(path)} is no file of quickstudy's, or only the beginning of one; name the right file or "
            "get it anew"
        )
    head = data[: len(data) - len(body)]
    if _sha256(head.replace(_mark(signed), _mark(_UNSIGNED), 1), body) != signed:
        raise QuickstudyError(f"{shown(path)} was damaged or changed (its sha256 does not fit); get it anew")
    try:
        return safetensors.torch.load(data), metadata
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise QuickstudyError(
            f"{shown(path)} holds weights that cannot be read ({type(error).__name__}); get it anew"
        ) from None


def digest(tensors: Params) -> str:
    """sha256 over names, types, shapes and every bit of the values, whatever the order and device."""
    total = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name].detach().cpu().contiguous()
        total.update(json.dumps([name, str(value.dtype), list(value.shape)]).encode())
        total.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()


def _read(path: str | Path, limit: int) -> bytes:
    try:
        # O_NONBLOCK: opening a pipe must not wait for a writer for ever
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(handle, "rb") as file:
            about = os.fstat(handle)
            if not stat.S_ISREG(about.st_mode):
                raise QuickstudyError(f"cannot read {shown(path)}: it is a device or pipe; name a file")
            if about.st_size > limit:
                raise QuickstudyError(
                    f"cannot read {shown(path)}: it takes {_size(about.st_size)}, and {_size(limit)} is the "
                    "most such a file may have; name the right file"
                )
            return file.read(limit)
    except FileNotFoundError:
        raise QuickstudyError(f"cannot read {shown(path)}: there is no such file; check the name") from None
    except ValueError:
        raise QuickstudyError(f"cannot read {shown(path)}: a name cannot hold a NUL character") from None
    except IsADirectoryError:
        raise QuickstudyError(f"cannot read {shown(path)}: it is a folder; name a file inside it") from None
    except OSError as error:
        raise QuickstudyError(f"cannot read {shown(path)}: {error.strerror or error}") from None


def _parts(data: bytes) -> tuple[dict[str, Any], memoryview]:
    """The header and the bytes after it; ValueError if there is no whole header."""
    size = int.from_bytes(data[:8], "little")
    if len(data) < 8 or not 2 <= size <= min(HEADER_LIMIT, len(data) - 8):
        raise ValueError("no header")
    return json.loads(data[8 : 8 + size].decode("utf-8")), memoryview(data)[8 + size :]


def _mark(sha256: str) -> bytes:
    """How the digest stands in the header: inside any other text its quotes would be escaped."""
    return f'"sha256":"{sha256}"'.encode()


def _sha256(*parts: bytes | memoryview) -> str:
    total = hashlib.sha256()
    for part in parts:
        total.update(part)
    return total.hexdigest()


def _size(count: int) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count = count // 1024
    return f"{count} GiB"
