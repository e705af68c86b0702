"""Small real parts for tests: a Transformer with random weights, a tokenizer, examples. No download, float64."""

import torch

from quickstudy.backbones import bytelevel
from quickstudy.backbones.encoder import Encoder
from quickstudy.backbones.passages import Passages
from quickstudy.backbones.scope import scope as read_scope
from quickstudy.backbones.small import Sizes, Small
from quickstudy.core.protocols import Learner, TaskKind
from quickstudy.core.types import Episode, Params
from quickstudy.kinds.classification import Classification
from quickstudy.kinds.labelled import Labelled
from quickstudy.kinds.multilabel import MultiLabel
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
    small = Small(Sizes(vocabulary, width=8, layers=2, heads=2, positions=32, seed=3)).double()
    return Encoder(small, "layers", 8, scope=read_scope(written))


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
    return Episode(kind.encode(support, CLASSES), kind.encode(query, CLASSES), kind.loss)


def start(learner: Learner) -> Params:
    """Theta in float64, moved a little from its start so that no part of it is at a special place."""
    rng = torch.Generator().manual_seed(0)
    drawn = {name: value.double() for name, value in learner.init(rng).items()}
    return {
        name: value + 0.05 * torch.randn(value.shape, generator=rng, dtype=value.dtype) for name, value in drawn.items()
    }
