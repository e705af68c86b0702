"""What kinds over given vectors share: where a row has its vectors, what tells them apart, when nothing is known."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from quickstudy.core.types import Classes, QuickstudyError
from quickstudy.text.numbers import written

FEATURES = ("features", "vector", "embedding")


def features(record: Mapping[str, Any]) -> Any:
    """Under the names that files have for it. Errors: QuickstudyError where there is none of them."""
    for name in FEATURES:
        if name in record:
            return record[name]
    known = ", ".join(map(repr, list(record)[:10])) or "no fields"
    raise QuickstudyError(f"there are no features among {known}, and this student reads no text")


def mark(*words: str) -> str:
    """What tells vectors, as their words, from others: short, and alike for none that only resemble each other."""
    return hashlib.blake2b(" ".join(words).encode(), digest_size=16).hexdigest()


def check_known(support: Sequence[Any], classes: Classes) -> None:
    """Errors: QuickstudyError where there is neither an example nor a class that a vector describes."""
    if not support and not any(written(said) for said in classes.values()):
        raise QuickstudyError(
            "there are no examples, and no name says what a vector is; give some of each class, or a vector that "
            "describes it"
        )
