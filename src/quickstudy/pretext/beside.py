"""Arrays that a caller's own knowledge of a corpus became, kept in its folder."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quickstudy.core.files import write_whole
from quickstudy.core.types import QuickstudyError
from quickstudy.corpus.store import Corpus


def put(corpus: Corpus, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Each as a file of its own, whole or not at all."""
    for name, array in arrays.items():
        file = io.BytesIO()
        np.save(file, array, allow_pickle=False)
        write_whole(corpus.folder / f"{name}.npy", file.getvalue())


def got(corpus: Corpus, names: Sequence[str], lacking: str) -> list[NDArray[Any]]:
    """The same. QuickstudyError with `lacking` where they are not there."""
    try:
        return [np.load(corpus.folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in names]
    except (OSError, ValueError, EOFError):
        raise QuickstudyError(f"{corpus.folder}: {lacking}") from None
