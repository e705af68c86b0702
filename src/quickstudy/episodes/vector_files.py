"""Files of given vectors: JSONL and its like with a list of numbers a row, NumPy's .npy and .npz.

| file | holds |
|---|---|
| JSONL, JSON, Parquet | features (or vector, embedding): a list of numbers; label, or labels |
| .npz | features (or X, x, vectors, embeddings): (rows, numbers); labels (or label, y): (rows,), if any |
| .npy | (rows, numbers), without labels |
"""

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from quickstudy.core.types import QuickstudyError
from quickstudy.episodes import files
from quickstudy.episodes.cleaning import clean_label
from quickstudy.episodes.records import Problems, Record
from quickstudy.episodes.values import as_label, as_labels, is_missing

NAMES: Mapping[str, tuple[str, ...]] = {
    "features": ("features", "vector", "vectors", "embedding", "embeddings", "X", "x"),
    "labels": ("labels", "label", "y"),
}
ARRAYS = (".npy", ".npz")
LARGEST = 1 << 32
"""bytes of an .npz that is unpacked"""


def records(
    path: str | Path, columns: Mapping[str, str] | None = None, problems: Problems | None = None
) -> Iterator[Record]:
    """Rows of `features` and, where there are any, `label` or `labels`.

    `columns`: {"features" or "labels": column or array of the file}. Pickled arrays are refused: opening them can run
    code. Errors: QuickstudyError for what cannot be read; rows that cannot be used go to `problems`, or raise."""
    for key in columns or {}:
        if key not in (*NAMES, "label"):
            raise QuickstudyError(f"columns: '{key}' is no field of vectors; the fields are {', '.join(NAMES)}.")
    place = Path(path)
    named = {"labels" if key == "label" else key: name for key, name in (columns or {}).items()}
    array = place.suffix.lower() in ARRAYS and place.is_file()
    for row in _arrays(place, named) if array else files.rows(path, None, problems):
        try:
            yield Record(row.where, _fields(row.fields, named))
        except QuickstudyError as error:
            if problems is None:
                raise QuickstudyError(f"{row.where}: {error}; correct it or leave it out.") from None
            problems.add("rows that could not be used", row.where, str(error))


def _fields(row: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, names in NAMES.items():
        wanted = (columns[key],) if key in columns else names
        given = next((row[name] for name in wanted if not is_missing(row.get(name))), None)
        if given is not None:
            found[key] = given
    if "features" not in found:
        raise QuickstudyError(f"there are no features among {', '.join(map(repr, list(row)[:20])) or 'no fields'}")
    if "labels" in found:
        labels = found.pop("labels")
        if isinstance(labels, list):
            found["labels"] = [clean_label(label) for label in as_labels(labels)]
        elif as_label(labels):
            found["label"] = as_label(labels)
    return found


def _arrays(path: Path, columns: Mapping[str, str]) -> Iterator[Record]:
    features, labels = _opened(path, columns)
    if features.ndim != 2 or features.dtype.kind not in "fiu":
        raise QuickstudyError(
            f"{path}: its features are {features.dtype} of shape {features.shape}; give (rows, numbers)"
        )
    if labels is not None and (labels.ndim != 1 or len(labels) != len(features)):
        raise QuickstudyError(f"{path}: labels of shape {labels.shape} for {len(features)} rows; give one a row")
    if not len(features):
        raise QuickstudyError(f"{path}: there are no rows in it; give at least one example.")
    for number in range(len(features)):
        own = {} if labels is None else {"labels": labels[number].item()}
        yield Record(f"{path.name}, row {number + 1}", {"features": features[number].tolist(), **own})


def _opened(path: Path, columns: Mapping[str, str]) -> tuple[Any, Any]:
    """(features, labels or None)"""
    try:
        if path.suffix.lower() == ".npy":
            return np.load(path, mmap_mode="r", allow_pickle=False), None
        with zipfile.ZipFile(path) as packed:
            if sum(entry.file_size for entry in packed.infolist()) > LARGEST:
                raise QuickstudyError(f"{path}: over {LARGEST >> 30} GiB unpacked; save the features as .npy.")
        with np.load(path, allow_pickle=False) as held:
            names = {key: (columns[key],) if key in columns else NAMES[key] for key in NAMES}
            found = {key: next((held[name] for name in own if name in held), None) for key, own in names.items()}
            known = ", ".join(held.files) or "none"
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        said = " ".join(str(error).split())
        raise QuickstudyError(f"{path}: cannot be read as NumPy's arrays of numbers ({said:.120}).") from None
    if found["features"] is None:
        raise QuickstudyError(f"{path}: there is no array 'features' in it; the arrays are {known}.")
    return found["features"], found["labels"]
