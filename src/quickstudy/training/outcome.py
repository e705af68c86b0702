"""What validation found, which theta it prefers, and what meta-training hands back."""

import math
from dataclasses import dataclass, field
from statistics import fmean, stdev

from quickstudy.core.types import Params


@dataclass(frozen=True)
class Validation:
    """How one theta does on the fixed validation tasks."""

    score: float
    """the mean of `scores`; higher is better"""
    loss: float
    """the mean query loss; for the eye: nothing is decided by it"""
    scores: tuple[float, ...]
    """one a validation task, always in the same order"""
    trouble: str = ""
    """why a task could not be learned, where one could not; it scores 0"""


History = tuple[tuple[int, Validation], ...]
"""each validation with the step it followed; the first is the start's"""


@dataclass(frozen=True)
class Trained:
    """The end of a meta-training."""

    theta: Params
    """the best on validation; the start itself if nothing was better"""
    best_step: int
    """the step it was found at; 0 is the start"""
    start: Validation
    best: Validation
    stopped: str
    """why there was no further step"""
    steps: int
    """outer steps taken"""
    skipped: int = 0
    """episodes whose slopes were not finite"""
    history: History = field(default=(), repr=False)

    def summary(self) -> str:
        """One sentence for a person."""
        tasks = f"{len(self.start.scores)} validation task{'s' * (len(self.start.scores) != 1)}"
        end = f"after {self.steps} step{'s' * (self.steps != 1)} ({self.stopped})"
        if self.skipped:
            end += f", {self.skipped} episode{'s' * (self.skipped != 1)} left out because they diverged"
        if self.best_step == 0:
            return (
                f"Meta-training found nothing better than its start, which is what it returns: "
                f"{self.start.score:.4f} on {tasks}, {end}."
            )
        return (
            f"Meta-training raised the score on {tasks} from {self.start.score:.4f} to {self.best.score:.4f} "
            f"(best at step {self.best_step}), {end}."
        )


def is_better(new: Validation, old: Validation) -> bool:
    """Whether `new` beats `old` by more than chance would: the mean of the differences task by task must be
    above their standard error (above 0 where one task leaves no such error). The same tasks are judged every
    time, so what the error measures is how far a gain here speaks for other tasks. It is the rule of one
    standard error (Breiman et al. 1984, § 3.4.3) on paired differences. `old` is always the best so far, so
    that small gains which last add up and count."""
    gains = [mine - theirs for mine, theirs in zip(new.scores, old.scores, strict=True)]
    if not all(map(math.isfinite, gains)):
        return False
    error = stdev(gains) / math.sqrt(len(gains)) if len(gains) > 1 else 0.0
    # `new.score > old.score` as well: rounding must not turn a tie of the shown scores into a gain
    return fmean(gains) > error and new.score > old.score
