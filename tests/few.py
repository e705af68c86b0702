"""Small real parts for tests: a Transformer with random weights, a tokenizer, examples. No download, float64."""

import torch

from quickstudy.backbones import bytelevel
from quickstudy.backbones.encoder import Encoder
from quickstudy.backbones.passages import Passages
from quickstudy.backbones.scope import scope as read_scope
from quickstudy.backbones.small import Sizes, Small
from quickstudy.backbones.writing import Writing
from quickstudy.core.protocols import Learner, TaskKind
from quickstudy.core.types import Batch, Episode, Marks, Params, Text
from quickstudy.kinds.classification import Classification
from quickstudy.kinds.labelled import Labelled
from quickstudy.kinds.multilabel import MultiLabel
from quickstudy.kinds.rewards import exact_match
from quickstudy.text.reader import Reader

SENTENCES = {
    "card arrival": ("where is my card", "my card has not come", "when will the new card arrive"),
    "lost card": ("I lost my card", "somebody stole my card", "the card is gone"),
    "pin": ("I forgot my pin", "my pin is blocked", "change the code please"),
}
CLASSES = {"card arrival": "the card has not come yet", "lost card": "", "pin": ""}
PAIRS = ("it came today", "nothing in the post", "what now")


def reader() -> Reader:
    texts = [sentence for group in SENTENCES.values() for sentence in group]
    return Reader(bytelevel.train(texts, 300), limit=32)


def backbone(written: str = "head") -> Passages:
    """What learners are given: pairs are read apart."""
    return Passages(encoder(written))


def encoder(written: str = "head", vocabulary: int = 300) -> Encoder:
    """Two layers of width eight in float64."""
    small = Small(Sizes(vocabulary, width=8, layers=2, heads=2, positions=512, seed=3)).double()
    return Encoder(small, "layers", 8, scope=read_scope(written), writes=Writing(Marks(512), Small.output))


def kinds() -> dict[str, TaskKind]:
    read = reader()
    return {
        "one label": Classification(read),
        "pairs": Classification(read, parts=2),
        "several labels": MultiLabel(read),
    }


def examples(kind: TaskKind, some: slice) -> list[Labelled]:
    """Three classes, as many examples of each as the slice takes of three."""
    found = []
    for place, (label, sentences) in enumerate(SENTENCES.items()):
        labels = (label,) if not isinstance(kind, MultiLabel) else (label, "pin")[: 1 + place % 2]
        pair = PAIRS if getattr(kind, "parts", 1) == 2 else (None,) * 3
        found += [Labelled(text, labels, other) for text, other in zip(sentences[some], pair[some], strict=True)]
    return found


def episode(kind: TaskKind, shots: int) -> Episode:
    support, query = examples(kind, slice(0, shots)), examples(kind, slice(2, 3))
    return Episode(kind.encode(support, CLASSES), kind.encode(query, CLASSES), kind.loss, exact_match)


def start(learner: Learner) -> Params:
    """Theta in float64, moved a little from its start so that no part of it is at a special place."""
    rng = torch.Generator().manual_seed(0)
    drawn = {name: value.double() for name, value in learner.init(rng).items()}
    return {
        name: value + 0.05 * torch.randn(value.shape, generator=rng, dtype=value.dtype) for name, value in drawn.items()
    }


class Vectors:
    """A backbone that hands on the vectors it was given: row i of the table for token i."""

    def __init__(self, table: torch.Tensor) -> None:
        self.table = table
        self.width = table.shape[1]

    def init(self, rng: torch.Generator) -> dict:
        return {}

    def depth(self, moving) -> int:
        return 0

    def units(self, params, text: Text, lower=None) -> torch.Tensor:
        return self.table[text.tokens[:, 0]][:, None]


def rows(index: torch.Tensor) -> Text:
    return Text(index[:, None], torch.ones_like(index)[:, None].byte(), torch.zeros(len(index), 1, 1, 2).long())


def vector_task(seed: int = 0, n: int = 30, classes: int = 3, width: int = 5) -> tuple[Vectors, Batch, Batch]:
    """Gaussian classes; the names' vectors stand last in the table."""
    rng = torch.Generator().manual_seed(seed)
    centres = torch.randn(classes, width, generator=rng, dtype=torch.float64)
    gold = torch.arange(2 * n) % classes
    units = centres[gold] + 0.7 * torch.randn(2 * n, width, generator=rng, dtype=torch.float64)
    names = centres + torch.randn(classes, width, generator=rng, dtype=torch.float64)
    backbone = Vectors(torch.cat([units, names]))
    text = rows(torch.arange(2 * n, 2 * n + classes))
    support = Batch(rows(torch.arange(n)), gold[:n, None], text)
    return backbone, support, Batch(rows(torch.arange(n, 2 * n)), gold[n:, None], text)
