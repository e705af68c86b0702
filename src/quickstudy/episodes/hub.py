"""Hugging Face datasets, from the hub or from a folder made by `save_to_disk` (extra `hub`)."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from quickstudy.core.types import QuickstudyError
from quickstudy.episodes.parquet import name_classes
from quickstudy.episodes.records import Record


class HubName(NamedTuple):
    """ "hf:owner/name", "hf:owner/name:split" or "hf:owner/name:config:split"."""

    repository: str
    config: str | None
    split: str | None


def hub_name(source: str) -> HubName | None:
    """None for what cannot be the name of a hub data set."""
    bare = source.removeprefix("hf:")
    match = re.fullmatch(r"(\w[\w.\-]*(?:/[\w.\-]+)?)(?::([\w.\-+]+))?(?::([\w.\-+]+))?", bare)
    if match is None:
        return None
    repository, first, second = match.groups()
    return HubName(repository, first, second) if second else HubName(repository, None, first)


def is_saved(folder: Path) -> bool:
    """Was this folder made by save_to_disk?"""
    return (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file()


def saved_rows(folder: Path) -> Iterator[Record]:
    """Rows of a saved data set, or of the split "train" (else the first) of a saved dictionary of them."""
    datasets = _library(str(folder))
    try:
        found = datasets.load_from_disk(str(folder))
    except Exception as error:  # the library lets whatever its parsers raise through
        raise QuickstudyError(f"{folder}: this saved data set cannot be opened ({_reason(error)}).") from None
    yield from _rows(folder.name, found, None)


def hub_rows(name: HubName) -> Iterator[Record]:
    """Rows of a data set on the hub, streamed; the split "train", else the first, where none is named."""
    datasets = _library(f"hf:{name.repository}")
    offline = datasets.config.HF_HUB_OFFLINE
    try:
        if not offline:
            _ask(name.repository)
        found = datasets.load_dataset(name.repository, name.config, streaming=not offline)
    except Exception as error:  # network, hub and script errors have no common class
        raise QuickstudyError(
            f"hf:{name.repository}: the data set cannot be loaded ({_reason(error)}); "
            "check its name and the network, or name a file."
        ) from None
    yield from _rows(name.repository, found, name.split)


def _ask(repository: str) -> None:
    """Fails at once where `load_dataset` would try for half a minute to reach a hub that is not there."""
    from huggingface_hub import HfApi

    HfApi().dataset_info(repository, timeout=10)


def _rows(title: str, found: Any, split: str | None) -> Iterator[Record]:
    if isinstance(found, Mapping):
        chosen = split or ("train" if "train" in found else next(iter(found), ""))
        if chosen not in found:
            raise QuickstudyError(f"{title}: there is no split '{chosen}'; the splits are {', '.join(found)}.")
        found, title = found[chosen], f"{title}:{chosen}"
    names = _class_names(found.features or {})
    try:
        for number, fields in enumerate(found, start=1):
            yield Record(f"{title}, row {number}", name_classes(dict(fields), names))
    except OSError as error:
        raise QuickstudyError(f"{title}: reading broke off ({_reason(error)}); try again.") from None


def _class_names(features: Mapping[str, Any]) -> dict[str, list[str]]:
    """Of columns of ClassLabel, or of lists of them."""
    names = {key: getattr(getattr(value, "feature", value), "names", None) for key, value in features.items()}
    return {key: list(value) for key, value in names.items() if value}


def _library(source: str) -> Any:
    try:
        import datasets
    except ImportError:
        raise QuickstudyError(
            f"{source}: reading a Hugging Face data set needs: pip install 'quickstudy[hub]'."
        ) from None
    return datasets


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")[:200]
