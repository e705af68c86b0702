"""A Small with its tokenizer in a folder: config.json of our own, tokenizer.json, model.safetensors."""

import json
import tempfile
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from quickstudy.backbones.bytelevel import PAD
from quickstudy.backbones.download import one_line
from quickstudy.backbones.encoder import Encoder
from quickstudy.backbones.loaded import Loaded, fingerprint
from quickstudy.backbones.running import Precision
from quickstudy.backbones.scope import HEAD, Scope
from quickstudy.backbones.small import Past, Sizes, Small
from quickstudy.backbones.writing import Writing, marks
from quickstudy.core.types import Params, QuickstudyError

FORMAT = "quickstudy.small.v1"


def save_small(folder: Path, small: Small, tokenizer: Tokenizer, languages: Iterable[str] = ()) -> None:
    """Writes the three files, each whole or not at all; config.json, by which it is known, comes last."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {"format": FORMAT, **asdict(small.sizes), "languages": list(languages)}
    with tempfile.TemporaryDirectory(dir=folder) as made:
        here = Path(made)
        weights = {name: weight.detach().cpu().contiguous() for name, weight in small.state_dict().items()}
        save_file(weights, here / "model.safetensors")
        tokenizer.save(str(here / "tokenizer.json"))
        (here / "config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")
        for name in ("model.safetensors", "tokenizer.json", "config.json"):
            (here / name).replace(folder / name)


def moved(name: str, path: Path) -> str:
    """The name of a backbone; of a folder that is gone the one of its name beside the file `path`, with which it was
    moved."""
    beside = path.parent / Path(name).name
    return str(beside) if Path(name).is_absolute() and not Path(name).exists() and beside.is_dir() else name


def is_small(folder: Path) -> bool:
    """Whether a folder holds a Small."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(config, dict) and config.get("format") == FORMAT


def open_small(folder: Path, *, scope: Scope = HEAD, precision: Precision = "auto", device: torch.device) -> Loaded:
    """The Small in a folder that `save_small` wrote."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        sizes = Sizes(**{name: int(config[name]) for name in Sizes.__dataclass_fields__})
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        weights = load_file(folder / "model.safetensors")
        _check(sizes, weights)
        small = Small(sizes)
        small.load_state_dict(weights)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise QuickstudyError(
            f"{folder}: cannot be opened as a small backbone: {one_line(error)}; save it again"
        ) from error
    except Exception as error:  # tokenizers raises bare Exception
        raise QuickstudyError(f"{folder / 'tokenizer.json'}: cannot be read ({error}); save it again") from error
    languages = tuple(str(code) for code in config.get("languages", ()))
    return Loaded(
        name=str(folder),
        backbone=Encoder(
            small.to(device),
            "layers",
            sizes.width,
            scope=scope,
            precision=precision,
            writes=Writing(marks(tokenizer, sizes.positions), Small.output, cache=Past, scale=sizes.width**-0.5),
        ),
        tokenizer=tokenizer,
        limit=sizes.positions,
        prompt="",
        filler=tokenizer.token_to_id(PAD) or 0,
        fingerprint=fingerprint(small),
        languages=languages,
    )


def _check(sizes: Sizes, weights: Params) -> None:
    """Sizes that the weights do not have are refused before anything is made of them."""
    stored = len({name.split(".")[1] for name in weights if name.startswith("layers.")})
    shapes = weights["words.weight"].shape, weights["places.weight"].shape, stored
    if shapes != ((sizes.vocabulary, sizes.width), (sizes.positions, sizes.width), sizes.layers):
        raise ValueError("the sizes in config.json are not those of the weights")
