"""Labelled texts: the examples of classification, one label or several, of one text or a pair."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from quickstudy.core.types import APART, PADDING, Classes, Prediction, QuickstudyError, Text
from quickstudy.text.names import denied, named
from quickstudy.text.reader import Reader


@dataclass(frozen=True, slots=True)
class Labelled:
    """One text, or two, with the classes that hold for it; none where it is not labelled."""

    text: str
    labels: tuple[str, ...] = ()
    pair: str | None = None


def read(record: dict[str, Any]) -> Labelled:
    """From `{"text", "pair"?, "label" or "labels"?}`."""
    text, pair = record.get("text"), record.get("pair")
    if not isinstance(text, str) or not text.strip():
        raise QuickstudyError("the text is empty" if text in ("", None) else f"the text {text!r:.40} holds no words")
    if pair is not None and not isinstance(pair, str):
        raise QuickstudyError(f"the second text {pair!r:.40} is not a string")
    labels = record.get("labels")
    if labels is None:
        labels = [] if record.get("label") in (None, "") else [record["label"]]
    if isinstance(labels, str):
        labels = [labels]
    names = dict.fromkeys(" ".join(str(label).split()) for label in labels)
    return Labelled(text, tuple(name for name in names if name), pair or None)


def write(example: Labelled) -> dict[str, Any]:
    """The inverse of `read`."""
    found: dict[str, Any] = {"text": example.text, "labels": list(example.labels)}
    return found if example.pair is None else {**found, "pair": example.pair}


def ask(value: Any) -> Labelled:
    """A text or a pair of texts that is to be judged."""
    if isinstance(value, str):
        return Labelled(value)
    if isinstance(value, Labelled):
        return value
    if isinstance(value, tuple | list) and len(value) == 2 and all(isinstance(part, str) for part in value):
        return Labelled(value[0], (), value[1])
    raise QuickstudyError(f"cannot judge {value!r:.60}; give a text or a pair of texts")


def record(answer: Prediction) -> dict[str, Any]:
    """A prediction as JSON has it."""
    found: dict[str, Any] = {"label": answer.label, "probability": answer.probability, "labels": list(answer.labels)}
    found |= {"probabilities": answer.probabilities, "cut": answer.cut}
    return found if answer.familiar is None else {**found, "familiar": answer.familiar}


def texts(example: Labelled) -> tuple[str, ...]:
    return (example.text,) if example.pair is None else (example.text, example.pair)


def encode_texts(reader: Reader, parts: int, examples: Sequence[Labelled]) -> tuple[Text, Tensor]:
    """The examples as one unit a row, and (B,) how many tokens were cut; every example has `parts` texts."""
    for example in examples:
        if len(texts(example)) != parts:
            wanted = "a pair of texts" if parts == 2 else "one text"
            raise QuickstudyError(f"this task judges {wanted}, which {example.text!r:.40} is not")
    if not examples:
        nothing = torch.zeros(0, 1, dtype=torch.long)
        return Text(nothing, nothing.byte(), torch.zeros(0, 1, parts, 2, dtype=torch.long)), torch.zeros(0).long()
    return reader.read([texts(example) for example in examples])


def encode_names(reader: Reader, parts: int, classes: Classes) -> Text:
    """One row a class, each part of whose unit is the whole name. Where most names mean nothing and are not
    described, all are read as nothing: its vector is zero and no learner can lean on it. "Not refund" is also read,
    apart, as "other", where another class is "refund"."""
    words = [named(name, description) for name, description in classes.items()]
    others = denied(classes) if parts == 1 else [""] * len(words)
    if 2 * sum(map(bool, words)) <= len(words):
        words = [""] * len(words)
    text = _names(reader, words, others)
    said = torch.tensor([bool(word) for word in words], dtype=torch.bool)
    spans = text.spans.expand(-1, -1, parts, -1) * said[:, None, None, None]
    return text._replace(spans=spans)


def _names(reader: Reader, words: Sequence[str], others: Sequence[str]) -> Text:
    """One unit of one part a row; behind some names, to be read apart, what else they mean."""
    if not any(others):
        return reader.read([(word,) for word in words]).text
    text = reader.read(list(zip(words, others, strict=True))).text
    alone = torch.tensor([not other for other in others])
    role = text.role.masked_fill((text.role == APART) & alone[:, None], PADDING)
    return Text(text.tokens, role, text.spans[:, :, :1])


def places(classes: Classes, examples: Sequence[Labelled]) -> list[list[int]]:
    """Where each example's labels stand among the classes."""
    place = {name: index for index, name in enumerate(classes)}
    try:
        return [[place[label] for label in example.labels] for example in examples]
    except KeyError as missing:
        raise QuickstudyError(f"the label {missing} is not among the {len(place)} classes") from None
