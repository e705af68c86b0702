"""Texts that stand under a line that names them: what `title_of_section` and `synopsis` have in common."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from quickstudy.core.types import QuickstudyError
from quickstudy.corpus.store import PART_NAMES, PLAIN
from quickstudy.pretext.drawn import Drawn, choosing
from quickstudy.pretext.frame import Frame
from quickstudy.pretext.luck import Luck
from quickstudy.pretext.ragged import Ids
from quickstudy.pretext.sides import Sizes

LONGEST = 512
"""sentences of a section that are looked at"""
TRIES = 16
"""times `ways`: how many sections are looked at for those of an episode"""


class Heads(NamedTuple):
    """Lines (n,) that name texts, and where those begin and end: half-open ranges of sentences."""

    line: Ids
    first: Ids
    last: Ids


def lines(frame: Frame, part: int, flag: int) -> tuple[Ids, Ids]:
    """The sentences of a part that have this flag, and the document of each."""
    key = "lines", part, flag
    if key not in frame.memo:
        line = np.flatnonzero(np.asarray(frame.corpus.flags) == flag)
        document = frame.document_of(line)
        mine = frame.corpus.split[document] == part
        frame.memo[key] = line[mine], document[mine]
    return frame.memo[key]


def under(
    frame: Frame,
    part: int,
    luck: Luck,
    heads: Heads,
    sizes: Sizes,
    fewest: int,
    named: Callable[[int], str],
    lacking: str,
) -> Drawn:
    """An episode whose classes are texts of different documents, called what `named` (a line) says, and whose rows are
    sentences of theirs with at least `fewest` tokens. `lacking` ends the refusal where there are too few: what would
    do."""
    texts: dict[str, Ids] = {}
    documents: dict[int, str] = {}
    for one in luck.some(len(heads.line), TRIES * sizes.ways).tolist():
        document, name = int(frame.document_of(heads.line[one : one + 1])[0]), named(int(heads.line[one]))
        if document in documents or not name or name in texts:
            continue
        sentence = _sentences(frame, int(heads.first[one]), int(heads.last[one]), fewest)
        if len(sentence) >= sizes.each:
            documents[document] = name
            texts[name] = sentence[luck.some(len(sentence), sizes.each)]
        if len(texts) == sizes.ways:
            break
    if len(texts) < sizes.ways:
        raise QuickstudyError(
            f"{frame.corpus.folder}: {len(texts)} texts of {sizes.each} sentences or more stand under "
            f"names of their own in the {PART_NAMES[part]} part, and {sizes.ways} are needed; {lacking}"
        )
    rows, owner = np.stack(list(texts.values())), np.array(list(documents))
    sides = rows[:, : sizes.shots], rows[:, sizes.shots :]
    golds = [np.repeat(np.arange(sizes.ways), side.shape[1]) for side in sides]
    read = [frame.texts(frame.sentences(side.reshape(-1))) for side in sides]
    return choosing(frame, read, golds, frame.names(list(texts)), [owner[gold] for gold in golds], list(texts))


def _sentences(frame: Frame, first: int, last: int, fewest: int) -> Ids:
    """The plain ones of a range that are long enough."""
    sentence = np.arange(first, min(last, first + LONGEST))
    long = frame.corpus.sentences[sentence + 1] - frame.corpus.sentences[sentence] >= fewest
    return sentence[(frame.corpus.flags[sentence] == PLAIN) & long]
