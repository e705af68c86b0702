"""Clusters: texts whose embeddings lie together are a class (CACTUs, Hsu et al. 2019, "Unsupervised learning via
meta-learning"). Embeddings are the caller's; what came of them is kept beside the corpus."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import MiniBatchKMeans

from quickstudy.core.types import Episode, QuickstudyError
from quickstudy.corpus.store import PART_NAMES, PARTS, Corpus
from quickstudy.pretext import beside
from quickstudy.pretext.drawn import Drawn, choosing
from quickstudy.pretext.frame import Frame
from quickstudy.pretext.luck import Luck
from quickstudy.pretext.ragged import Ids, Ragged, chosen, looks
from quickstudy.pretext.sides import Sizes, settled, several

FILES = ("cluster_sentence", "clusters", "cluster_centre", "cluster_part")


class Clusters(NamedTuple):
    """Sentences, cluster by cluster."""

    sentence: Ids
    bounds: Ids
    """(n + 1,) where each cluster begins"""
    centre: NDArray[np.float32]
    """(n, D)"""
    part: Ids
    """(n,)"""


class Found(NamedTuple):
    """Texts (B,) of an episode's clusters."""

    clusters: Ids
    """(ways,)"""
    rows: Ragged
    gold: Ids
    look: Ids
    document: Ids


def keep(corpus: Corpus, sentences: Ids, vectors: NDArray[np.floating], clusters: int, seed: int = 0) -> Clusters:
    """Clusters the embeddings (n, D) of these sentences by k-means, those of each part by themselves, and writes what
    came of it into the corpus' folder. `clusters`: how many a part, less where it has fewer sentences."""
    if len(sentences) != len(vectors) or not np.isfinite(vectors).all():
        raise QuickstudyError(
            f"{len(sentences)} sentences came with {len(vectors)} embeddings, or some are not finite; give one for each"
        )
    part = np.asarray(corpus.split)[corpus.document_of(sentences)]
    found: list[tuple[int, NDArray[Any], Ids]] = []
    for one in PARTS:
        some = np.flatnonzero(part == one)
        if not len(some):
            continue
        means = MiniBatchKMeans(min(clusters, len(some)), random_state=seed, n_init=3, batch_size=4096)
        means.fit(vectors[some])
        for label in np.unique(means.labels_).tolist():
            found.append((one, means.cluster_centers_[label], sentences[some[means.labels_ == label]]))
    made = Clusters(
        np.concatenate([each[2] for each in found] or [np.zeros(0, np.int64)]).astype(np.int64),
        np.cumsum([0, *(len(each[2]) for each in found)]).astype(np.int64),
        np.array([each[1] for each in found], dtype=np.float32),
        np.array([each[0] for each in found], dtype=np.int64),
    )
    beside.put(corpus, dict(zip(FILES, made, strict=True)))
    return made


@dataclass(frozen=True)
class Cluster:
    """`shots` and `queries` are texts a cluster. The harder, the nearer the clusters of an episode."""

    ways: int = 5
    shots: int = 5
    queries: int = 5

    def episode(self, frame: Frame, part: int, seed: int, hardness: float = 0.0) -> Episode:
        return self.drawn(frame, part, seed, hardness).episode

    def drawn(self, frame: Frame, part: int, seed: int, hardness: float = 0.0) -> Drawn:
        luck, sizes = Luck("cluster", self, part, seed), Sizes(self.ways, self.shots, self.queries)
        clusters = _kept(frame)
        large = np.flatnonzero((clusters.part == part) & (np.diff(clusters.bounds) >= sizes.each))
        if len(large) < self.ways:
            raise QuickstudyError(
                f"{frame.corpus.folder}: {len(large)} clusters of the {PART_NAMES[part]} part have {sizes.each} texts, "
                f"and {self.ways} are needed; ask for fewer ways or texts, or keep fewer clusters of more sentences"
            )

        def draw(count: int) -> Found:
            which = self._which(clusters, large, luck, hardness)
            place, gold = several(luck, clusters.bounds[which], clusters.bounds[which + 1], count)
            sentence = clusters.sentence[place]
            rows = frame.sentences(sentence)
            return Found(which, rows, gold, looks(rows), frame.document_of(sentence))

        found, sides = settled(frame, part, luck, sizes, draw, "texts of the same clusters")
        texts = [frame.texts(chosen(found.rows, some)) for some in sides]
        golds, documents = ([of[some] for some in sides] for of in (found.gold, found.document))
        classes = [f"cluster {number}" for number in found.clusters.tolist()]
        return choosing(frame, texts, golds, frame.silent(self.ways), documents, classes)

    def _which(self, clusters: Clusters, large: Ids, luck: Luck, hardness: float) -> Ids:
        others = len(large) - 1
        if hardness <= 0 or others < self.ways:
            return large[luck.some(len(large), self.ways)]
        anchor = luck.below(len(large))
        far = np.linalg.norm(clusters.centre[large] - clusters.centre[large[anchor]], axis=1)
        count = max(self.ways - 1, round(others ** (1 - hardness) * min(others, 2 * self.ways) ** hardness))
        close = np.argsort(far, kind="stable")[1 : count + 1]
        return large[np.append(close[luck.some(len(close), self.ways - 1)], anchor)]


def _kept(frame: Frame) -> Clusters:
    if "clusters" not in frame.memo:
        lacking = (
            "no clusters are kept here; embed some of its sentences and call "
            "quickstudy.pretext.cluster.keep(corpus, sentences, vectors, clusters)"
        )
        frame.memo["clusters"] = Clusters(*(np.asarray(array) for array in beside.got(frame.corpus, FILES, lacking)))
    return frame.memo["clusters"]
