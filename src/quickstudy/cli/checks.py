"""What `learn` and `add` say of a task's own examples."""

import time
from typing import TYPE_CHECKING, Any

from quickstudy.cli.console import count, plain, progress, say

if TYPE_CHECKING:
    from quickstudy.doubts import Check
    from quickstudy.task import Task

PATIENCE = 120
"""seconds that a check may take without being asked for"""
FIRST = 5
"""seconds after which that can be told"""
LEFT_OUT = "the check on its own examples was left out: it would take {:.0f} minutes; --check runs it"
SHOWN = 10
"""doubtful examples that are printed; --json has all"""


def checked(task: "Task", check: bool | None, seconds: float) -> "Check | None":
    """The leave-one-out check, with a bar: where it is asked for, or suits the task and takes no longer than PATIENCE.
    That its first seconds tell or, where weights moved, the `seconds` of learning, all of which each part takes."""
    from quickstudy.config import LABELLED
    from quickstudy.core.types import OF_BACKBONE
    from quickstudy.doubts import parts_of

    if check is False or not task.examples or (check is None and not isinstance(task.kind, LABELLED)):
        return None
    began = time.monotonic()
    moved = any(name.startswith(OF_BACKBONE) for name in task.adapted)
    long = seconds * parts_of(len(task.examples)) if moved else 0.0
    if check is None and long > PATIENCE:
        say(LEFT_OUT.format(long / 60))
        return None

    def watch(done: int, total: int) -> None:
        spent = time.monotonic() - began
        if check is None and spent > FIRST and spent / done * total > PATIENCE:
            raise _TooLongError(LEFT_OUT.format(spent / done * total / 60))
        tell(done)

    try:
        with progress("checking", len(task.examples)) as tell:
            return task.check(watch)
    except _TooLongError as error:
        say(str(error))
        return None


def report(found: "Check") -> None:
    """The check, for people."""
    low, high = 100 * found.low, 100 * found.high
    say(f"accuracy on its own examples, {found.how}: {100 * found.accuracy:.1f} % "
        f"(95 % interval {low:.1f} to {high:.1f}; {found.right} of {found.examples})")  # fmt: skip
    if found.alone:
        say(f"{count(found.alone, 'example is', 'examples are')} the only one of a class: left out, only the class's "
            "name remained to judge by, so this looks worse than the task is")  # fmt: skip
    if found.doubts:
        say(f"{count(len(found.doubts), 'doubtful example')}; are these labels right?")
    for doubt in found.doubts[:SHOWN]:
        given, said = ", ".join(doubt.given) or "(none)", ", ".join(doubt.said) or "(none)"
        of = "" if doubt.said == (doubt.of,) else f"{plain(doubt.of, 40)} "
        say(f"  {plain(doubt.text, 60)!r} is labelled {plain(given, 40)}, looks like {plain(said, 40)} "
            f"({of}{100 * doubt.probability:.0f} %)")  # fmt: skip
    if len(found.doubts) > SHOWN:
        say(f"  and {len(found.doubts) - SHOWN} more; --json lists all")


def check_record(found: "Check") -> dict[str, Any]:
    """The check as JSON has it."""
    return {
        "how": found.how,
        "accuracy": found.accuracy,
        "low": found.low,
        "high": found.high,
        "right": found.right,
        "examples": found.examples,
        "alone": found.alone,
        "doubtful": [
            {"place": doubt.place, "text": doubt.text, "given": list(doubt.given), "said": list(doubt.said),
             "of": doubt.of, "probability": doubt.probability}
            for doubt in found.doubts
        ],
    }  # fmt: skip


class _TooLongError(Exception):
    """The check would take longer than anyone waits who has not asked for it."""
