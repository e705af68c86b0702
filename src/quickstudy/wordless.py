"""Texts without words among those that are to be labelled: each keeps its place, and gets no label."""

from collections.abc import Callable, Sequence

from quickstudy.core.types import Classes, Prediction
from quickstudy.kinds import labelled
from quickstudy.kinds.labelled import Labelled


def passed_over(
    judge: Callable[[Sequence[Labelled]], list[Prediction]], group: Sequence[Labelled], classes: Classes
) -> list[Prediction]:
    """What `judge` says of the texts with words; of the others, that all classes are as probable and none looks like
    them. A pair needs words on both sides."""
    worded = [all(text.strip() for text in labelled.texts(one)) for one in group]
    if all(worded):
        return judge(group)
    some = [one for one, has in zip(group, worded, strict=True) if has]
    said = iter(judge(some) if some else [])
    even = 1 / max(1, len(classes))
    return [
        next(said) if has else Prediction(None, 0.0, dict.fromkeys(classes, even), (), familiar=0.0) for has in worded
    ]
