"""Span to entity: the text of a link is hidden; which of N things did it link to?

Entity linking out of anchors, after Ling et al. 2020 ("Learning cross-context entity representations from text"). Each
target belongs to one part of the corpus, so that no entity of a test task was a class in training.
"""

import zlib
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from quickstudy.core.types import Episode, QuickstudyError
from quickstudy.corpus.store import PART_NAMES
from quickstudy.pretext.drawn import Drawn, choosing
from quickstudy.pretext.frame import Frame
from quickstudy.pretext.luck import Luck
from quickstudy.pretext.ragged import Ids, Ragged, chosen, cut, gathered, looks, masked, standing
from quickstudy.pretext.sides import Sizes, settled, several

BELOW = (70, 80, 100)
"""of a hundred targets, up to which belong to each part"""


class Found(NamedTuple):
    """Sentences (B,) with a link to one of an episode's targets."""

    targets: Ids
    """(ways,)"""
    rows: Ragged
    place: Ids
    """where the link stood"""
    gold: Ids
    look: Ids
    document: Ids


@dataclass(frozen=True)
class SpanToEntity:
    """`shots` and `queries` are sentences a target."""

    ways: int = 5
    shots: int = 2
    queries: int = 2
    called: Literal["nothing", "target"] = "nothing"
    """the names of the classes: none, so that sentences must tell, or what the links say"""
    unit: Literal["text", "mask"] = "text"
    """what is judged: the whole sentence, or the hidden place in it"""

    def episode(self, frame: Frame, part: int, seed: int, hardness: float = 0.0) -> Episode:
        return self.drawn(frame, part, seed, hardness).episode

    def drawn(self, frame: Frame, part: int, seed: int, hardness: float = 0.0) -> Drawn:
        luck, sizes = Luck("span_to_entity", self, part, seed), Sizes(self.ways, self.shots, self.queries)
        links, targets, bounds = _linked(frame, part, sizes.each)
        if len(targets) < self.ways:
            raise QuickstudyError(
                f"{frame.corpus.folder}: {len(targets)} targets have {sizes.each} links in the {PART_NAMES[part]} "
                f"part, and {self.ways} are needed; ask for fewer, or build a corpus out of text with [text](target) "
                "or [[target]] links"
            )

        def draw(count: int) -> Found:
            which = luck.some(len(targets), self.ways)
            place, gold = several(luck, bounds[which], bounds[which + 1], count)
            rows, at = _hidden(frame, links[place])
            return Found(targets[which], rows, at, gold, looks(rows), frame.document_of(links[place, 0]))

        found, sides = settled(frame, part, luck, sizes, draw, "links to the same targets")
        texts = [
            frame.texts(chosen(found.rows, some), found.place[some] if self.unit == "mask" else None) for some in sides
        ]
        golds, documents = ([of[some] for some in sides] for of in (found.gold, found.document))
        classes = [frame.corpus.targets[target] for target in found.targets.tolist()]
        names = frame.silent(self.ways) if self.called == "nothing" else frame.names(classes)
        return choosing(frame, texts, golds, names, documents, classes)


def _hidden(frame: Frame, links: Ids) -> tuple[Ragged, Ids]:
    """The sentences with every text that links to one of the episode's targets hidden, cut about their own link, and
    where the first hidden place is."""
    corpus = frame.corpus
    begin = np.asarray(corpus.sentences)[links[:, 0]]
    said = gathered(corpus.tokens, begin + links[:, 1], begin + links[:, 2]).lists()
    rows = cut(frame.sentences(links[:, 0]), frame.room, links[:, 1])
    return masked(rows, standing(rows, sorted({tuple(form) for form in said if form})), frame.mask)


def _linked(frame: Frame, part: int, need: int) -> tuple[Ids, Ids, Ids]:
    """The part's links by target; targets with enough links; where each one's begin in the links."""
    key = "links", part, need
    if key not in frame.memo:
        corpus = frame.corpus
        links = np.asarray(corpus.links)
        owner = np.searchsorted(BELOW, [zlib.crc32(name.encode()) % 100 for name in corpus.targets], side="right")
        mine = links[(corpus.split[frame.document_of(links[:, 0])] == part)] if len(links) else links
        mine = mine[owner[mine[:, 3]] == part] if len(mine) else mine
        mine = mine[np.argsort(mine[:, 3], kind="stable")]
        target, count = np.unique(mine[:, 3], return_counts=True)
        enough = count >= need
        links = mine[np.repeat(enough, count)]
        frame.memo[key] = links, target[enough], np.append(0, np.cumsum(count[enough]))
    return frame.memo[key]
