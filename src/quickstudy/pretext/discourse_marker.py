"""Discourse markers: a sentence began with however, therefore, for example, …, which was taken away; which was it?

After Nie et al. 2019 ("DisSent") and Sileo et al. 2019 ("Mining discourse markers for unsupervised sentence
representation learning"). The sentence before it is the first text of the pair. The classes have real names, so that a
learner may also learn to read those.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from quickstudy.core.types import Episode, QuickstudyError
from quickstudy.corpus.store import PART_NAMES, PLAIN
from quickstudy.pretext.drawn import Drawn, choosing
from quickstudy.pretext.frame import Frame
from quickstudy.pretext.luck import Luck
from quickstudy.pretext.ragged import Ids, Ragged, gathered, looks, standing
from quickstudy.pretext.sides import Sizes, settled
from quickstudy.pretext.words import WIDE

ENGLISH = (
    "however", "therefore", "for example", "in addition", "moreover", "furthermore", "as a result", "in contrast",
    "on the other hand", "meanwhile", "instead", "in fact", "similarly", "finally", "first", "then", "otherwise",
    "thus", "still", "indeed", "unfortunately", "in general", "of course", "in particular", "also", "consequently",
    "in other words",
)  # fmt: skip
CHINESE = (
    "但是", "因此", "所以", "例如", "此外", "另外", "同时", "然而", "不过", "其实", "最后", "首先", "其次",
    "然后", "总之", "而且", "比如", "当然", "可见", "尤其",
)  # fmt: skip
COMMAS = (",", "，", "、", ":", "：")
BLOCK, BLOCKS = 1 << 15, 256
"""sentences looked at together, and how often at most"""
ENOUGH = 1000
"""uses of a marker, beyond which no more are looked for"""


class Found(NamedTuple):
    """Sentences that begin with a marker, and how many tokens of theirs it takes."""

    markers: tuple[str, ...]
    sentence: Ids
    skip: Ids
    gold: Ids
    look: Ids
    document: Ids


@dataclass(frozen=True)
class DiscourseMarker:
    """`shots` and `queries` are pairs a marker. A marker of a script with spaces counts where a comma follows it."""

    ways: int = 5
    shots: int = 5
    queries: int = 5
    markers: tuple[str, ...] = ENGLISH + CHINESE
    fewest: int = 4
    """tokens that are left of the sentence, at least"""

    def episode(self, frame: Frame, part: int, seed: int, hardness: float = 0.0) -> Episode:
        return self.drawn(frame, part, seed, hardness).episode

    def drawn(self, frame: Frame, part: int, seed: int, hardness: float = 0.0) -> Drawn:
        luck, sizes = Luck("discourse_marker", self, part, seed), Sizes(self.ways, self.shots, self.queries)
        uses = self._uses(frame, part)
        enough = np.array([place for place, found in enumerate(uses) if len(found) >= sizes.each], dtype=np.int64)
        if len(enough) < self.ways:
            raise QuickstudyError(
                f"{frame.corpus.folder}: {len(enough)} of the markers begin {sizes.each} sentences of the "
                f"{PART_NAMES[part]} part, and {self.ways} are needed; ask for fewer ways or sentences, or give more "
                "running text"
            )

        def draw(count: int) -> Found:
            which = enough[luck.some(len(enough), self.ways)].tolist()
            return self._found(frame, which, [uses[one][luck.some(len(uses[one]), count)] for one in which])

        found, sides = settled(frame, part, luck, sizes, draw, "the same markers")
        texts = []
        for some in sides:
            before, sentence = frame.sentences(found.sentence[some] - 1), found.sentence[some]
            texts.append(frame.pairs(before, _rest(frame, sentence, found.skip[some])))
        golds, documents = ([of[some] for some in sides] for of in (found.gold, found.document))
        return choosing(frame, texts, golds, frame.names(found.markers, 2), documents, found.markers)

    def _found(self, frame: Frame, which: list[int], each: list[Ids]) -> Found:
        """Those of the uses (n, 2) of each marker that have enough left, and in which none of the markers stands."""
        markers = tuple(self.markers[one] for one in which)
        gold = np.repeat(np.arange(len(each)), [len(some) for some in each])
        sentence, skip = np.concatenate(each).T
        rest = _rest(frame, sentence, skip)
        named = standing(rest, [form for marker in markers for form in _forms(frame, marker)])
        fit = np.flatnonzero((np.add.reduceat(named, rest.starts) == 0) & (rest.lengths >= self.fewest))
        document = frame.document_of(sentence[fit])
        return Found(markers, sentence[fit], skip[fit], gold[fit], looks(rest)[fit], document)

    def _uses(self, frame: Frame, part: int) -> list[Ids]:
        """Of each marker (n, 2): sentences that it begins, and how many tokens it takes. Looked for in blocks of the
        corpus, in a drawn order, until there are enough of each or enough was looked at."""
        key = "markers", part, self.markers
        if key in frame.memo:
            return frame.memo[key]
        corpus, forms = frame.corpus, [_forms(frame, marker) for marker in self.markers]
        commas = [frame.ids(comma) for comma in COMMAS]
        stops = {tokens[-1] for tokens in commas if tokens}
        found: list[list[tuple[int, int]]] = [[] for _ in self.markers]
        blocks = -(-len(corpus.flags) // BLOCK)
        for block in Luck("markers", part).some(blocks, BLOCKS).tolist():
            for place, sentence, skip in _begun(frame, part, forms, block):
                after = int(corpus.tokens[int(corpus.sentences[sentence]) + skip])
                comma = after in stops
                if len(found[place]) < ENOUGH and (comma or ord(self.markers[place][0]) >= WIDE):
                    found[place].append((sentence, skip + comma))
            if all(len(uses) >= ENOUGH for uses in found):
                break
        frame.memo[key] = [np.array(uses, dtype=np.int64).reshape(-1, 2) for uses in found]
        return frame.memo[key]


def _rest(frame: Frame, sentence: Ids, skip: Ids) -> Ragged:
    """The sentences without the tokens that the marker takes at their beginning."""
    bounds = np.asarray(frame.corpus.sentences)
    return gathered(frame.corpus.tokens, bounds[sentence] + skip, bounds[sentence + 1])


def _forms(frame: Frame, marker: str) -> list[list[int]]:
    said = {lead + each for each in (marker, marker.capitalize()) for lead in ("", " ")}
    return [ids for ids in map(frame.ids, sorted(said)) if ids]


def _begun(frame: Frame, part: int, forms: list[list[list[int]]], block: int) -> list[tuple[int, int, int]]:
    """(marker, sentence, tokens) of a block: plain sentences of the part that begin so and have one before them."""
    corpus = frame.corpus
    sentence = np.arange(block * BLOCK, min((block + 1) * BLOCK, len(corpus.flags)))
    begin, end = corpus.sentences[sentence], corpus.sentences[sentence + 1]
    head = np.asarray(corpus.tokens)[np.minimum(begin, len(corpus.tokens) - 1)]
    opening = np.isin(head, [form[0] for each in forms for form in each]) & (
        np.asarray(corpus.flags)[sentence] == PLAIN
    )
    sentence, begin, end = sentence[opening], begin[opening], end[opening]
    document = frame.document_of(sentence)
    fits = (corpus.split[document] == part) & (sentence > corpus.documents[document])
    found = []
    for one, first, last in zip(sentence[fits].tolist(), begin[fits].tolist(), end[fits].tolist(), strict=True):
        row = corpus.tokens[first : min(last, first + 16)].tolist()
        best = max(
            ((len(form), place) for place, each in enumerate(forms) for form in each if row[: len(form)] == form),
            default=(0, 0),
        )
        if best[0] and best[0] + 1 < len(row):
            found.append((best[1], one, best[0]))
    return found
