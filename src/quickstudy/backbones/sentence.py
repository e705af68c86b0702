"""How a sentence-transformers folder says that its model is to be read: pooling, length, prompts.

The files are those of sentence-transformers (Reimers and Gurevych 2019): modules.json lists the modules in
their order, 1_Pooling/config.json and the like hold each module's settings.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quickstudy.backbones.pooling import Pooling
from quickstudy.core.types import QuickstudyError

POOLINGS: dict[str, Pooling] = {"mean": "mean", "cls": "first", "lasttoken": "last"}
_OLD = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}


@dataclass(frozen=True)
class Manner:
    """How a model is to be read; None where the folder does not say."""

    pooling: Pooling | None = None
    normalise: bool = True
    limit: int | None = None
    prompt: str | None = None
    inside: str = ""
    """the folder of the Transformer itself"""


def manner(folder: Path) -> Manner:
    """What modules.json and the files it names say; an empty Manner without them."""
    if not (folder / "modules.json").is_file():
        return Manner()
    modules = _json(folder / "modules.json")
    kinds = [(str(module["type"]).rpartition(".")[2], str(module.get("path", ""))) for module in modules]
    names = [kind for kind, _ in kinds]
    if names not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        raise QuickstudyError(
            f"{folder}: reads its texts by {', '.join(names)}; only Transformer, Pooling and Normalize are "
            "supported: choose a backbone without other modules"
        )
    inside = kinds[0][1]
    settings = _json(folder / inside / "sentence_bert_config.json")
    general = _json(folder / "config_sentence_transformers.json")
    prompts, default = general.get("prompts") or {}, general.get("default_prompt_name")
    return Manner(
        pooling=_pooling(folder / kinds[1][1] / "config.json"),
        normalise="Normalize" in names,
        limit=settings.get("max_seq_length"),
        prompt=prompts.get(default) if default else None,
        inside=inside,
    )


def _pooling(path: Path) -> Pooling:
    settings = _json(path)
    told = settings.get("pooling_mode")
    modes = [told] if isinstance(told, str) else told
    if modes is None:
        modes = [name for key, name in _OLD.items() if settings.get(key)]
    if len(modes) != 1 or modes[0] not in POOLINGS or settings.get("include_prompt") is False:
        unprompted = " without the prompt" if settings.get("include_prompt") is False else ""
        how = " + ".join(map(str, modes)) or "nothing"
        raise QuickstudyError(
            f"{path}: pools by {how}{unprompted}; "
            f"only one of {', '.join(POOLINGS)} is supported: choose another backbone"
        )
    return POOLINGS[modes[0]]


def _json(path: Path) -> Any:
    if not path.is_file():
        return {}
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise QuickstudyError(f"{path}: cannot be read as JSON ({error}); download the model again") from error
