"""How meta-training is going, for a person: a live bar at a terminal, plain lines anywhere else."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from quickstudy.training.journal import Record, Watch
from quickstudy.training.plan import Plan


@contextmanager
def progress(plan: Plan, console: Console | None = None) -> Iterator[Watch]:
    """A `watch` for `meta_train`. Without a console of the caller's it writes to standard error."""
    console = console or Console(stderr=True)
    account = Account(plan.steps)
    if not console.is_terminal:

        def tell(record: Record) -> None:
            line = account.add(record)
            if line is not None:
                console.print(line, markup=False, highlight=False, soft_wrap=True)

        yield tell
        return
    # the text is ours and holds no markup; columns of rich's own would guess the time from the bar's jumps
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("", total=plan.steps)

        def show(record: Record) -> None:
            account.add(record)
            bar.update(task, completed=account.step, description=account.state())
            if record["event"] == "note":
                bar.console.print(record["text"], markup=False, highlight=False)

        yield show


class Account:
    """What is known so far, from the records alone."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.step = 0
        self._loss: float | None = None
        self._score: float | None = None
        self._best: float | None = None
        self._first: tuple[int, float] | None = None
        self._seconds = 0.0

    def add(self, record: Record) -> str | None:
        """Takes a record in; the line to print for it, if it deserves one."""
        event = record["event"]
        if event == "note":
            return str(record["text"])
        self.step, self._seconds = int(_number(record["step"])), _number(record["seconds"])
        if self._first is None:  # a resumed run starts in the middle: its pace is measured from there
            self._first = (self.step, self._seconds)
        if event == "step":
            loss = _number(record["loss"])
            if math.isfinite(loss):  # NaN where every episode of the step was left out
                self._loss = loss if self._loss is None else 0.9 * self._loss + 0.1 * loss
            return None
        if event == "validation":
            self._score, self._best = _number(record["score"]), _number(record["best"])
            return f"step {self.step} of {self.steps}: {self.state()}"
        if event == "skipped":
            return f"step {self.step} of {self.steps}: an episode was left out: {record['why']}"
        return f"stopped after step {self.step}: {record['stopped']}"

    def state(self) -> str:
        """Loss (smoothed), validation score and time left in a few words."""
        parts = []
        if self._loss is not None:
            parts.append(f"loss {self._loss:.3f}")
        if self._score is not None:
            parts.append(f"validation {self._score:.4f} (best {self._best:.4f})")
        left = self.left()
        if left is not None:
            parts.append(f"{_clock(left)} left")
        return ", ".join(parts)

    def left(self) -> float | None:
        """Seconds to the last step at the pace so far, validations included; None before there is a pace."""
        if self._first is None or self.step <= self._first[0]:
            return None
        pace = (self._seconds - self._first[1]) / (self.step - self._first[0])
        return pace * (self.steps - self.step)


def _number(value: int | float | str | None) -> float:
    return value if isinstance(value, int | float) else float("nan")


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
