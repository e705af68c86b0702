"""Parquet files, batch by batch (extra `parquet`)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from quickstudy.core.types import QuickstudyError
from quickstudy.episodes.records import Record

_BATCH_ROWS = 512


def parquet_rows(path: Path) -> Iterator[Record]:
    """Rows as they stand; numbers of a class become its name where a Hugging Face header gives the names.

    Errors: QuickstudyError when pyarrow is not installed or the file is damaged."""
    try:
        import pyarrow
        from pyarrow.parquet import ParquetFile
    except ImportError:
        raise QuickstudyError(
            f"{path}: reading Parquet needs pyarrow; install it with: pip install 'quickstudy[parquet]'."
        ) from None
    number = 0
    try:
        with ParquetFile(path) as file:
            names = _class_names(file.schema_arrow.metadata or {})
            for batch in file.iter_batches(batch_size=_BATCH_ROWS):
                for fields in batch.to_pylist():
                    number += 1
                    yield Record(f"{path.name}, row {number}", name_classes(fields, names))
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise QuickstudyError(f"{path}: damaged, or no Parquet file ({reason}); fetch or write it anew.") from None


def name_classes(fields: dict[str, Any], names: dict[str, list[str]]) -> dict[str, Any]:
    """The row with names for numbers in the columns that `names` speaks of; -1 means that nobody judged."""
    return {key: _named(value, names[key]) if key in names else value for key, value in fields.items()}


def _named(value: Any, names: list[str]) -> Any:
    if isinstance(value, list):
        return [_named(part, names) for part in value]
    if isinstance(value, int) and 0 <= value < len(names):
        return names[value]
    return None if value == -1 else value


def _class_names(metadata: dict[bytes, bytes]) -> dict[str, list[str]]:
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        return {key: value["names"] for key, value in features.items() if value.get("_type") == "ClassLabel"}
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}
