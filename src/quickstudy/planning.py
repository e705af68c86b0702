"""The [engine] table of a recipe, and what the planner makes of it (docs/meta_gradients.md)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from quickstudy.core.protocols import Learner
from quickstudy.core.types import PADDING, Episode, Params, QuickstudyError
from quickstudy.learners import heads
from quickstudy.learners.engines import Engine, Way
from quickstudy.learners.planner import Choice, plan

UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "KI": 2**10, "MI": 2**20, "GI": 2**30}
NOTHING_TO_CHOOSE = (
    "max_memory is not looked at: this learner goes back through no steps (or its tasks have no examples), so there is "
    "no engine to choose; for less memory take fewer shots or shorter texts"
)
"""said where a limit is given and there is nothing to plan"""


@dataclass(frozen=True)
class EngineTable:
    """How meta-gradients are found. Without this table every loop is unrolled."""

    way: Way = "auto"
    """"auto" leaves it to the planner"""
    max_memory: str = ""
    """beyond the model in memory, such as "2 GiB"; empty: what is free"""
    chunks: int = 1
    """in how many parts a support is read at a step of an engine that is named"""
    precision: Literal["student", "auto"] = "student"
    """"auto" lets the planner take bfloat16 where the processor multiplies it"""

    def __post_init__(self) -> None:
        Engine(self.way, self.chunks)  # refuses what cannot be, before anything is loaded, as `size` does
        size(self.max_memory)

    @property
    def engine(self) -> Engine:
        return Engine(self.way, self.chunks)


def planned(
    table: EngineTable, learner: Learner, theta: Params, episodes: Sequence[Episode], max_memory: str = ""
) -> Choice | None:
    """The choice for tasks as large as the largest of `episodes` with examples; None where no step is taken.
    QuickstudyError: no such size, or nothing fits."""
    largest = max(episodes, key=_tokens)
    limit = size(max_memory or table.max_memory)
    return plan(learner, theta, largest, limit, table.engine, table.precision == "auto")


def size(written: str) -> int | None:
    """Bytes of "2 GiB", "800 MB"; None of nothing. QuickstudyError for what is no size."""
    if not written.strip():
        return None
    found = re.fullmatch(r"(\d{1,12}(?:\.\d{1,6})?)\s*([kmg]?i?)b", written.strip(), re.IGNORECASE)
    if not found or found[2].upper() not in UNITS or not float(found[1]):
        raise QuickstudyError(f'max_memory is {written[:40]!r}; give a size, such as "2 GiB" or "800 MB"')
    return int(float(found[1]) * UNITS[found[2].upper()])


def _tokens(episode: Episode) -> tuple[bool, int]:
    """What grows with memory: whether there is anything to step on, and how many tokens there are."""
    tokens = sum(int((batch.text.role != PADDING).sum()) for batch in (episode.support, episode.query))
    return heads.judged(episode.support.gold) > 0, tokens
