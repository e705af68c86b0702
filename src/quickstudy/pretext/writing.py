"""Rows that are given and then written, as text.frames makes them out of strings."""

import numpy as np

from quickstudy.core.types import QuickstudyError, Text
from quickstudy.pretext.frame import Frame
from quickstudy.pretext.ragged import Ids, Ragged, cut, joined

FEWEST = 8
"""tokens of a given text that there must be room for"""


def written(frame: Frame, given: Ragged, target: Ragged) -> tuple[Text, Ids]:
    """Rows, and gold (B, U). What is written has its end; what is given is cut to what is left of the model's limit."""
    count, marks = len(given.lengths), frame.writing
    prompt = frame.ids(frame.reader.prompt.strip())
    before, after, opens = (np.array(ids, dtype=np.int64) for ids in (marks.before, marks.after, marks.opens))
    said = joined(count, opens, target, np.array([marks.end]))
    room = frame.reader.limit - len(before) - len(prompt) - len(after) - int(said.lengths.max(initial=0))
    if room < FEWEST:
        raise QuickstudyError(
            f"rows of {int(said.lengths.max(initial=0))} written tokens leave too little of the {frame.reader.limit} "
            "that the model reads for what is given; lower `window`"
        )
    return frame.written(joined(count, before, np.array(prompt, dtype=np.int64), cut(given, room), after), said)
