"""`quickstudy corpus show --task`: an episode of a pretext task, for a person."""

from quickstudy import config
from quickstudy.cli.console import emit, plain
from quickstudy.core.types import QuickstudyError
from quickstudy.corpus.store import PART_NAMES, Corpus
from quickstudy.pretext.drawn import Pretext, readable
from quickstudy.pretext.frame import framed
from quickstudy.text.reader import Reader

LIMIT = 128
"""tokens a row: a corpus knows of no model"""


def show(corpus: Corpus, task: str, part: str, seed: int, hardness: float, json: bool) -> None:
    """The episode of that number with the task's own settings."""
    made: Pretext = config.build(config.PRETEXTS, {"name": task}, "--task", {})
    if part not in PART_NAMES:
        raise QuickstudyError(f"--part {part!r}: there is none; choose {', '.join(PART_NAMES)}")
    if not 0 <= hardness <= 1:
        raise QuickstudyError(f"--hardness {hardness}: give a number from 0 to 1")
    frame = framed(corpus, Reader(corpus.tokenizer, LIMIT))
    drawn = made.drawn(frame, PART_NAMES.index(part), seed, hardness)
    told = readable(frame, drawn)
    if json:
        emit({"task": task, "part": part, "seed": seed, "hardness": hardness, "classes": list(drawn.classes),
              "documents": [each.tolist() for each in drawn.documents], "text": told})  # fmt: skip
        return
    for line in told.splitlines():
        print(plain(line, 2000) if not line.startswith("  ") else "  " + plain(line, 2000))
