"""Texts that are written for other texts: the examples of translation, summary, reply and any other text to text."""

from dataclasses import dataclass
from typing import Any

from quickstudy.core.types import QuickstudyError

SOURCES = ("source", "src", "document", "context", "prompt", "input", "question", "text")
TARGETS = ("target", "tgt", "summary", "response", "completion", "output", "answer")
OTHERS = ("refs", "references", "targets")
"""further texts that would do as well"""


@dataclass(frozen=True, slots=True)
class Sample:
    """A text, and what is to be written for it."""

    source: str
    targets: tuple[str, ...] = ()
    """any of them would do, the first is learned from; none where nothing is known"""
    control: str = ""
    """what is asked of the writing, such as a tone or a length; it stands before the source"""

    @property
    def given(self) -> str:
        """All that is read."""
        return f"[{self.control}] {self.source}" if self.control else self.source


@dataclass(frozen=True, slots=True)
class Sentence:
    """What was written for a text."""

    text: str
    log_likelihood: float
    """of all that was written, its end included"""
    tokens: int
    ended: bool
    """False: it was as long as it may be, and stopped there"""
    cut: int = 0
    """tokens of the given text that the model could not read"""


def read(record: dict[str, Any]) -> Sample:
    """From one of SOURCES, one of TARGETS, and "control" (a string, or names and values)."""
    source = next((record[name] for name in SOURCES if record.get(name) not in (None, "", [])), None)
    if source is None:
        raise QuickstudyError(f"there is no text to write for; name it {', '.join(SOURCES[:3])}")
    source = turns(source)
    found: list[str] = []
    for name in (*TARGETS, *OTHERS):
        told = record.get(name)
        for text in told if isinstance(told, list | tuple) else [told]:
            if text in (None, ""):
                continue
            if not isinstance(text, str):
                raise QuickstudyError(f"{name}: {text!r:.40} is not a text")
            if text.strip():
                found.append(text.strip())
    return Sample(source, tuple(dict.fromkeys(found)), _control(record.get("control")))


def write(example: Sample) -> dict[str, Any]:
    """The inverse of `read`."""
    found: dict[str, Any] = {"source": example.source, "targets": list(example.targets)}
    return {**found, "control": example.control} if example.control else found


def turns(told: Any) -> str:
    """A text, or the turns of a conversation as one: strings, or {"role", "content"}."""
    if isinstance(told, str):
        if not told.strip():
            raise QuickstudyError("the text to write for is empty")
        return told.strip()
    if not isinstance(told, list | tuple) or not told:
        raise QuickstudyError(f"{told!r:.40} is neither a text nor a list of turns")
    return "\n".join(_turn(turn) for turn in told)


def _turn(turn: Any) -> str:
    if isinstance(turn, str):
        return turn.strip()
    said = turn.get("content", turn.get("text", turn.get("value"))) if isinstance(turn, dict) else None
    if not isinstance(said, str):
        raise QuickstudyError(f'the turn {turn!r:.40} is neither a text nor {{"role": …, "content": …}}')
    who = turn.get("role", turn.get("speaker", turn.get("from", "")))
    return f"{who}: {said.strip()}" if who else said.strip()


def _control(told: Any) -> str:
    if told is None or isinstance(told, str):
        return " ".join((told or "").split())
    if isinstance(told, dict) and all(isinstance(value, str | int | float) for value in told.values()):
        return ", ".join(f"{name}: {value}" for name, value in told.items())
    raise QuickstudyError(f"the control {told!r:.40} is neither a text nor names and values")
