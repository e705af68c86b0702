"""A model of the Hugging Face hub as a folder: from the local cache where it is whole, else downloaded."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from quickstudy.backbones.sentence import manner
from quickstudy.core.types import QuickstudyError

FILES = [
    *("*.json", "*.txt", "*.model", "README.md"),
    *("model.safetensors", "model-*.safetensors", "0_Transformer/model.safetensors"),
]
"""no other weights than those in the safetensors format, and no code"""


def fetched(name: str) -> Path:
    """The folder of a hub id. Errors: no such id, no access, or the hub cannot be reached."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(name, allow_patterns=FILES, local_files_only=True))
        if _whole(folder):
            return folder
    except HFValidationError as error:
        raise QuickstudyError(f"{name!r} is no hub id, packaged backbone or folder: {one_line(error)}") from error
    except (LocalEntryNotFoundError, ValueError):
        pass  # not there, or its list of weights is damaged
    try:
        with _hushed():
            return Path(snapshot_download(name, allow_patterns=FILES, ignore_patterns=["onnx/*", "openvino/*"]))
    except HfHubHTTPError as error:
        raise QuickstudyError(f"{name}: the Hugging Face hub refused it: {one_line(error)}") from error
    except (OSError, RuntimeError, ValueError) as error:
        raise QuickstudyError(
            f"{name}: not in the local cache, and the Hugging Face hub cannot be reached "
            f"({one_line(error)}); go online once, or name a packaged backbone (quickstudy models) or a local folder"
        ) from error


def is_here(name: str) -> bool:
    """Whether a hub id is whole in the local cache, so that reading it asks nobody."""
    from huggingface_hub import snapshot_download

    try:
        return _whole(Path(snapshot_download(name, allow_patterns=FILES, local_files_only=True)))
    except (OSError, ValueError):  # the hub's own errors are of these kinds
        return False


def _whole(folder: Path) -> bool:
    """Whether a snapshot holds all that loading needs; an earlier download may have been stopped."""
    inside = folder / manner(folder).inside
    index = inside / "model.safetensors.index.json"
    if index.is_file():
        shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        weights = all((inside / shard).is_file() for shard in shards)
    else:
        weights = (inside / "model.safetensors").is_file()
    return weights and (inside / "config.json").is_file() and any(inside.glob("*token*"))


@contextmanager
def _hushed() -> Iterator[None]:
    """No notes from the libraries during our own call; their levels are as before afterwards."""
    loggers = [logging.getLogger(name) for name in ("transformers", "huggingface_hub")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def quiet() -> Iterator[None]:
    """Nor bars, while weights are read from disk; on or off as before afterwards."""
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars
    from transformers.utils import logging as theirs

    bars, hub_off = theirs.is_progress_bar_enabled(), are_progress_bars_disabled()
    try:
        theirs.disable_progress_bar()
        with _hushed():
            yield
    finally:
        if bars:
            theirs.enable_progress_bar()  # the hub's too
        if hub_off:
            disable_progress_bars()


def one_line(error: BaseException) -> str:
    """What an error of a library says, shortened to its first line."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
