"""A question about a context: the examples of answering."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from quickstudy.core.placing import placed
from quickstudy.core.types import QuickstudyError

_CHINESE = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")
_LONE = re.compile("[\ud800-\udfff\x00]")


class Span(NamedTuple):
    """A piece of a context."""

    text: str
    start: int
    """its first character"""

    @property
    def end(self) -> int:
        """behind its last character"""
        return self.start + len(self.text)


@dataclass(frozen=True, slots=True)
class Question:
    """A question, what it is asked about, and every answer that was accepted."""

    question: str
    context: str
    answers: tuple[Span, ...] | None = None
    """those given twice stand twice; (): somebody looked, and the context does not answer it; None: nobody has yet"""


def read(record: Mapping[str, Any]) -> Question:
    """From `{"question", "context", "answers"?: [{"text", "start" or "answer_start"?}], "is_impossible"?}`; `answers`
    may also be `{"text": […], "answer_start": […]}`. An answer that does not stand at its start is looked for near it.
    """
    question, context = (_text(record.get(name), name) for name in ("question", "context"))
    given = record.get("answers")
    if record.get("is_impossible") is True or given == []:
        return Question(question, context, ())
    if given is None:
        return Question(question, context)
    return Question(question, context, tuple(_spans(context, given)))


def write(example: Question) -> dict[str, Any]:
    """The inverse of `read`."""
    found: dict[str, Any] = {"question": example.question, "context": example.context}
    if example.answers is not None:
        found["answers"] = [{"text": answer.text, "start": answer.start} for answer in example.answers]
    return found


def is_chinese(text: str) -> bool:
    """Whether more than a third of what is no space is a Chinese character."""
    return 3 * len(_CHINESE.findall(text)) > len("".join(text.split()))


def whole(text: str) -> str:
    """The text with what no tokenizer takes (NULs, halves of surrogates) replaced, character by character, so that
    places in it stay what they are."""
    return _LONE.sub("\ufffd", text)


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise QuickstudyError(f"the {name} is {'empty' if value in (None, '') else 'no text'}")
    return whole(value)


def _spans(context: str, given: Any) -> Iterator[Span]:
    for answer in _each(given):
        text = answer.get("text")
        start = answer.get("start", answer.get("answer_start"))
        if not isinstance(text, str) or not text.strip():
            raise QuickstudyError(f"the answer {text!r:.40} is no text; leave `answers` empty where there is none")
        if start is not None and (not isinstance(start, int) or isinstance(start, bool)):
            raise QuickstudyError(f"the start {start!r:.40} of the answer {text!r:.40} is no whole number")
        found = placed(context, whole(text), start)
        if found is None:
            raise QuickstudyError(f"the answer {text!r:.60} does not stand in its context")
        yield Span(whole(text), found)


def _each(given: Any) -> Sequence[Mapping[str, Any]]:
    """The answers one by one, whichever way they were written down."""
    if isinstance(given, str):
        return [{"text": given}]
    if isinstance(given, Mapping):
        texts, starts = given.get("text"), given.get("answer_start", given.get("start"))
        if isinstance(texts, Sequence) and not isinstance(texts, str):
            if not isinstance(starts, Sequence) or len(starts) != len(texts):
                raise QuickstudyError("the answers have not as many starts as texts")
            return [{"text": text, "start": start} for text, start in zip(texts, starts, strict=True)]
        return [given]
    if not isinstance(given, Sequence):
        raise QuickstudyError(f"the answers {given!r:.40} are no list of text and start")
    return [{"text": answer} if isinstance(answer, str) else _mapping(answer) for answer in given]


def _mapping(answer: Any) -> Mapping[str, Any]:
    if not isinstance(answer, Mapping):
        raise QuickstudyError(f'the answer {answer!r:.40} is not {{"text": …, "start": …}}')
    return answer
