"""One function from a name to a backbone."""

import difflib
import re
from pathlib import Path
from typing import cast, get_args

from quickstudy.backbones.catalogue import PACKAGED
from quickstudy.backbones.encoder import Encoder
from quickstudy.backbones.folder import is_small, open_small
from quickstudy.backbones.hub import HUB_ID, from_folder, from_hub
from quickstudy.backbones.loaded import Loaded, device_for
from quickstudy.backbones.packaged import open_packaged
from quickstudy.backbones.running import Precision
from quickstudy.backbones.scope import HEAD, Scope
from quickstudy.backbones.scope import scope as read_scope
from quickstudy.backbones.vectors import Vectors, tokenizer, width_of
from quickstudy.core.types import QuickstudyError

__all__ = ["Loaded", "load"]


def load(
    name: str = "minilm", *, scope: str | Scope = "head", precision: Precision = "auto", device: str = "auto"
) -> Loaded:
    """Given vectors ("vectors:512"), a packaged backbone, a folder (Hugging Face's or a Small of our own) or a hub id,
    in this order."""
    if precision not in get_args(Precision):
        raise QuickstudyError(f"no precision {precision!r}; write one of {', '.join(get_args(Precision))}")
    moves, where = read_scope(scope), device_for(device)
    if name.partition(":")[0] == "vectors":
        return _vectors(name, moves)
    if name in PACKAGED:
        return open_packaged(name, scope=moves, precision=precision, device=where)
    folder = Path(name).expanduser()
    if folder.is_dir():
        if is_small(folder):
            return open_small(folder, scope=moves, precision=precision, device=where)
        return from_folder(folder, name, scope=moves, precision=precision, device=where)
    if folder.suffix.lower() in (".qs", ".student"):
        raise QuickstudyError(f"{name}: there is no such student; check the path")
    if not re.fullmatch(HUB_ID, name) or name.startswith((".", "/", "~")):
        raise QuickstudyError(f"backbone {name!r}: there is no such folder, and it is no packaged name or hub id")
    near = difflib.get_close_matches(name, PACKAGED, n=1)
    try:
        return from_hub(name, scope=moves, precision=precision, device=where)
    except QuickstudyError as error:
        if not near:
            raise
        raise QuickstudyError(f"{error}; or did you mean {near[0]!r}?") from error


def _vectors(name: str, scope: Scope) -> Loaded:
    """No weights, and a tokenizer that nothing is read with. Vectors has what an Encoder is asked for beyond being a
    Backbone: scope, precision, device."""
    width = width_of(name)
    if width is None:
        raise QuickstudyError(f"backbone {name!r}: say how many numbers a vector has, as in vectors:512")
    if scope != HEAD:
        raise QuickstudyError(f"{name}: given vectors come without weights that could move; take the scope head")
    return Loaded(name, cast(Encoder, Vectors(width)), tokenizer(), width, "", 0, name)
