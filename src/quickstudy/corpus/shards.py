"""Parts of a corpus on their way: a few MB of documents each, made by one worker, whole or not at all on disk, so that
a build that was killed goes on behind the last. A shard of text is two files: the marked lines, and arrays."""

import io
import json
import mmap
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quickstudy.core.files import write_whole
from quickstudy.corpus import cleaning, structure

SIZE = 1 << 22
"""characters of raw text in a shard"""


class Shards(NamedTuple):
    """Numbered shards in a folder."""

    folder: Path

    def there(self, number: int) -> bool:
        return self._arrays(number).is_file()

    def write(self, number: int, arrays: Mapping[str, NDArray[Any]], lines: Sequence[Sequence[str]] = ()) -> None:
        """`lines`: of each document. The arrays come last: a shard with them is whole."""
        texts = ["\n".join(document).encode("utf-8", "replace") for document in lines]
        write_whole(self._text(number), b"\n".join(texts))
        ends = np.cumsum([0, *(len(text) + 1 for text in texts)], dtype=np.int64)
        packed = io.BytesIO()
        np.savez(packed, allow_pickle=False, at=ends, **arrays)
        write_whole(self._arrays(number), packed.getvalue())

    def arrays(self, number: int, names: Sequence[str] = ()) -> dict[str, NDArray[Any]]:
        """These, or everything, "at" among it: where each document begins in the text, in bytes."""
        with np.load(self._arrays(number), allow_pickle=False) as found:
            return {name: found[name] for name in names or found.files}

    def documents(self, number: int, kept: NDArray[np.bool_]) -> Iterator[list[str]]:
        """The marked lines of the documents that are kept."""
        at, text = self.arrays(number, ["at"])["at"], self._text(number).read_bytes()
        for place in np.flatnonzero(kept).tolist():
            yield text[at[place] : at[place + 1] - 1].decode().split("\n")

    def key(self, number: int, at: int, end: int) -> bytes:
        """`cleaning.key` of one document, read where it lies."""
        path = self._text(number)
        lines = _opened(path, path.stat().st_mtime_ns)[at : end - 1].decode().split("\n")
        return cleaning.key(structure.bare(lines))

    def _text(self, number: int) -> Path:
        return self.folder / f"{number:06d}.txt"

    def _arrays(self, number: int) -> Path:
        return self.folder / f"{number:06d}.npz"


@lru_cache(maxsize=32)
def _opened(path: Path, written: int) -> mmap.mmap:
    """`written`: when, since another build may have put another file there."""
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def packed(value: Any) -> NDArray[np.uint8]:
    """JSON as an array, to lie among the others."""
    return np.frombuffer(json.dumps(value, ensure_ascii=True).encode(), np.uint8)


def unpacked(array: NDArray[np.uint8]) -> Any:
    return json.loads(array.tobytes())
