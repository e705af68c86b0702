"""The tokenizer of a corpus: a packaged backbone's, a file, or one trained on the corpus itself."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from quickstudy.backbones import bytelevel
from quickstudy.core.files import shown
from quickstudy.core.types import QuickstudyError
from quickstudy.corpus.vocabulary import plain

OWN = "own:"
SAMPLE = 4 << 20
"""characters that an own tokenizer is trained on"""


def checked(named: str) -> None:
    """Errors: QuickstudyError for a name that means nothing, before any work is done."""
    if not named.startswith(OWN):
        _path(named)
    elif not named[len(OWN) :].isdigit() or int(named[len(OWN) :]) < bytelevel.SMALLEST:
        raise QuickstudyError(
            f"tokenizer: '{named}' names no size; give own:{bytelevel.SMALLEST} or more, e.g. own:8000."
        )


def opened(named: str, texts: Iterable[str]) -> Tokenizer:
    """`texts`: what an own one is trained on."""
    if named.startswith(OWN):
        return plain(bytelevel.train(texts, int(named[len(OWN) :])))
    path = _path(named)
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception:  # the library raises nothing more specific
        raise QuickstudyError(f"tokenizer: {shown(path)} is no file of `tokenizers`; name a tokenizer.json.") from None
    return plain(tokenizer)


def narrowest(tokenizer: Tokenizer) -> np.dtype:
    """What its ids are kept as."""
    return np.dtype(np.uint16 if tokenizer.get_vocab_size() <= 1 << 16 else np.uint32)


def fingerprint(tokenizer: Tokenizer) -> str:
    """sha256 of what decides how it reads."""
    return hashlib.sha256(tokenizer.to_str().encode()).hexdigest()


def _path(named: str) -> Path:
    # here, not above: they import torch, which an own tokenizer has no use for
    from quickstudy.backbones.catalogue import PACKAGED
    from quickstudy.backbones.packaged import place

    if named in PACKAGED:
        folder = place(PACKAGED[named])
        if folder is None:
            raise QuickstudyError(f"tokenizer: {named} is not on this machine; run: quickstudy models get {named}")
        return folder / "tokenizer.json"
    path = Path(named)
    path = path / "tokenizer.json" if path.is_dir() else path
    if not path.is_file():
        raise QuickstudyError(
            f"tokenizer: '{shown(named)}' is no file; give {', '.join(PACKAGED)}, own:8000, or a tokenizer.json."
        )
    return path
