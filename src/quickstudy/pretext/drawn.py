"""What a pretext task is, what it draws, and how a person reads that."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch

from quickstudy.core.types import APART, GIVEN, IGNORE, MASKED, Batch, Episode, Text
from quickstudy.kinds.classification import Classification
from quickstudy.kinds.language_model import LanguageModel
from quickstudy.kinds.rewards import exact_match
from quickstudy.pretext.frame import Frame
from quickstudy.pretext.ragged import Ids


class Drawn(NamedTuple):
    """An episode, and what it was made of."""

    episode: Episode
    classes: tuple[str, ...]
    """what each class is, for a person; none where the classes are the vocabulary"""
    documents: tuple[Ids, Ids]
    """of each row of the support and of the query, the document it is from (of a pair's second text: the first's)"""


class Pretext(Protocol):
    """Tasks out of a corpus. Its dataclass fields are its configuration."""

    def episode(self, frame: Frame, part: int, seed: int, hardness: float = 0.0) -> Episode:
        """A pure function of its arguments. `part` is TRAIN, VALIDATION or TEST, which share no document; `hardness`
        goes from 0 to 1 where a task can be made harder. QuickstudyError where the corpus holds too little, with what
        would do."""

    def drawn(self, frame: Frame, part: int, seed: int, hardness: float = 0.0) -> Drawn:
        """The same with what it was made of."""


def choosing(
    frame: Frame,
    texts: Sequence[Text],
    golds: Sequence[Ids],
    names: Text,
    documents: Sequence[Ids],
    classes: Sequence[str],
) -> Drawn:
    """Where rows choose among classes: texts, gold (B,) and documents (B,) of support and query."""
    support, query = (
        Batch(text, torch.from_numpy(gold)[:, None], names) for text, gold in zip(texts, golds, strict=True)
    )
    episode = Episode(support, query, Classification(frame.reader).loss, exact_match)
    return Drawn(episode, tuple(classes), (documents[0], documents[1]))


def saying(frame: Frame, sides: Sequence[tuple[Text, Ids]], documents: Sequence[Ids]) -> Drawn:
    """Where the classes are the vocabulary: (text, gold (B, U)), and documents (B,), of support and query."""
    support, query = (Batch(text, torch.from_numpy(gold), None) for text, gold in sides)
    return Drawn(Episode(support, query, LanguageModel(frame.reader).loss), (), (documents[0], documents[1]))


def readable(frame: Frame, drawn: Drawn) -> str:
    """An episode as text: the classes, and each row with what is right. Hidden words are lines."""
    lines = [f"{number + 1}. {name}" for number, name in enumerate(drawn.classes)]
    for title, batch in (("support", drawn.episode.support), ("query", drawn.episode.query)):
        lines += ["", f"{title}: {len(batch.gold)} rows" if len(batch.gold) else f"{title}: none"]
        lines += [_row(frame, drawn.classes, batch, number) for number in range(len(batch.gold))]
    return "\n".join(lines).strip() + "\n"


def _row(frame: Frame, classes: Sequence[str], batch: Batch, number: int) -> str:
    tokens, role = batch.text.tokens[number], batch.text.role[number]
    tokens = torch.where((role == MASKED) & bool(not classes), frame.mask, tokens)
    gold = batch.gold[number]
    right = gold[gold != IGNORE].tolist()
    sides = [role == APART] if (role == APART).any() else []
    given = [(role == GIVEN) | (role == MASKED), *sides]
    read = " | ".join(frame.decoded(tokens[side].tolist()) for side in given)
    if classes:
        return f"  {right[0] + 1}. {read}"
    said = ", ".join(frame.decoded([one]) for one in right) if MASKED in role else frame.decoded(right)
    return f"  {read} -> {said}"
