"""The report's content: what was measured, as plain data that HTML, Markdown and JSON are all written from.

`summary.summarise` makes it out of the outcomes of a meta-test; `files.write_report` writes it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from quickstudy.evaluation import statistics
from quickstudy.evaluation.metrics import Bin, ClassScore
from quickstudy.evaluation.statistics import Comparison, Interval
from quickstudy.evaluation.worth import Worth


@dataclass(frozen=True)
class About:
    """What the outcomes cannot tell by themselves."""

    title: str = "Meta-test"
    seeds: tuple[int, ...] = ()
    """that the episodes were sampled with"""
    facts: Mapping[str, str] = field(default_factory=dict)
    """shown on top: the backbone, the machine, the recipe, the versions"""
    measure: str = "accuracy"
    """the measure that intervals, plots and comparisons are about; 0 to 1"""
    focus: str = ""
    """the task whose confusions are shown; "": the one that the reference does worst on"""
    bootstrap_seed: int = 0
    resamples: int = statistics.RESAMPLES


@dataclass(frozen=True)
class Cell:
    """One contestant at one number of shots, over all tasks or (source != "") on one."""

    contestant: str
    shots: int
    source: str
    over_tasks: Interval
    over_episodes: Interval
    failures: int
    seconds_adapt: float
    """the median over episodes"""
    seconds_answer: float
    """the median over episodes, for all query texts of one"""


@dataclass(frozen=True)
class Versus:
    """A contestant against the reference at one number of shots, with p-values corrected over the whole
    table."""

    contestant: str
    shots: int
    comparison: Comparison
    p_episodes: float | None
    p_tasks: float | None


@dataclass(frozen=True)
class Calibration:
    """One contestant at one number of shots, all query answers of all tasks pooled."""

    contestant: str
    shots: int
    answers: int
    error: float
    bins: tuple[Bin, ...]


@dataclass(frozen=True)
class Other:
    """All other measures: means of the tasks' means at the most shots."""

    contestant: str
    shots: int
    measures: Mapping[str, float]


@dataclass(frozen=True)
class Focus:
    """The reference on one task at the most shots, its query answers pooled over episodes."""

    source: str
    contestant: str
    shots: int
    episodes: int
    answers: int
    scores: tuple[ClassScore, ...]
    confusions: tuple[tuple[str, str, int], ...]
    """gold, predicted, how often; the right answers too, the most frequent first. Empty for several
    labels."""


@dataclass(frozen=True)
class Failure:
    """An episode that one contestant has no answers for."""

    contestant: str
    draw: str
    source: str
    shots: int
    reason: str


@dataclass(frozen=True)
class Report:
    """Everything that is shown, nothing that is not."""

    about: About
    reference: str
    contestants: tuple[str, ...]
    sources: tuple[str, ...]
    shots: tuple[int, ...]
    ways: tuple[int, ...]
    """how many classes a task has, from fewest to most"""
    episodes: int
    cells: tuple[Cell, ...]
    source_cells: tuple[Cell, ...]
    versus: tuple[Versus, ...]
    calibration: tuple[Calibration, ...]
    others: tuple[Other, ...]
    focus: Focus | None
    failures: tuple[Failure, ...]
    worth: Worth | None = None
    """whether meta-learning paid, where that was asked"""
