"""Translation of aligned text: pairs that the caller has, kept beside the corpus; for models that write.

A cleaned and deduplicated corpus no longer knows which of its sentences translate each other, so the pairs are given as
they are, and become token ids by the corpus' own tokenizer.
"""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from quickstudy.core.types import Episode, QuickstudyError
from quickstudy.corpus.store import PART_NAMES, Corpus
from quickstudy.pretext import beside
from quickstudy.pretext.drawn import Drawn, saying
from quickstudy.pretext.frame import Frame
from quickstudy.pretext.luck import Luck
from quickstudy.pretext.ragged import Ids, cut, gathered
from quickstudy.pretext.writing import written

FILES = ("aligned_tokens", "aligned", "aligned_part")
BELOW = (70, 80, 100)
"""of a hundred pairs, up to which belong to each part"""


def keep(corpus: Corpus, pairs: Iterable[tuple[str, str]]) -> int:
    """Writes pairs (source, target) into the corpus' folder; those whose source is the same are of one part. How many
    there are."""
    tokens: list[int] = []
    bounds, part = [0], []
    for source, target in pairs:
        if not source.strip() or not target.strip():
            continue
        for text in (source, target):
            tokens += corpus.tokenizer.encode(text.strip(), add_special_tokens=False).ids
            bounds.append(len(tokens))
        share = zlib.crc32(" ".join(source.split()).casefold().encode("utf-8", "replace")) % 100
        part.append(int(np.searchsorted(BELOW, share, side="right")))
    arrays = np.array(tokens, np.uint32), np.array(bounds, np.int64), np.array(part, np.uint8)
    beside.put(corpus, dict(zip(FILES, arrays, strict=True)))
    return len(part)


@dataclass(frozen=True)
class Translation:
    """`shots` and `queries` are pairs; both texts are at most `window` tokens long."""

    shots: int = 4
    queries: int = 4
    window: int = 64
    direction: Literal["there", "back"] = "there"

    def episode(self, frame: Frame, part: int, seed: int, hardness: float = 0.0) -> Episode:
        return self.drawn(frame, part, seed, hardness).episode

    def drawn(self, frame: Frame, part: int, seed: int, hardness: float = 0.0) -> Drawn:
        luck, need = Luck("translation", self, part, seed), self.shots + self.queries
        tokens, bounds, mine = _kept(frame, part)
        if len(mine) < need:
            raise QuickstudyError(
                f"{frame.corpus.folder}: {len(mine)} aligned pairs are of the {PART_NAMES[part]} part, and {need} are "
                "needed; ask for fewer, or keep more pairs"
            )
        drawn = mine[luck.some(len(mine), need)]
        sides = []
        for some in (drawn[: self.shots], drawn[self.shots :]):
            first, second = (
                cut(gathered(tokens, *(bounds[2 * some + at + end] for end in (0, 1))), self.window) for at in (0, 1)
            )
            sides.append(written(frame, *((first, second) if self.direction == "there" else (second, first))))
        return saying(frame, sides, (drawn[: self.shots], drawn[self.shots :]))


def _kept(frame: Frame, part: int) -> tuple[NDArray[Any], Ids, Ids]:
    key = "aligned", part
    if key not in frame.memo:
        lacking = "no aligned text is kept here; call quickstudy.pretext.translation.keep(corpus, pairs)"
        tokens, bounds, parts = beside.got(frame.corpus, FILES, lacking)
        frame.memo[key] = tokens, np.asarray(bounds), np.flatnonzero(np.asarray(parts) == part)
    return frame.memo[key]
