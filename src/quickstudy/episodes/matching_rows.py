"""One row of a matching file, whatever its shape, as queries with their right candidate and those they choose from."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from quickstudy.core.sentences import sentences
from quickstudy.core.types import QuickstudyError

Fields = Mapping[str, Any]
QUERY = ("query", "question", "context", "anchor", "utterance", "prompt", "stem", "premise", "ctx", "text", "input",
         "问题", "query text", "sentence1", "column 1")  # fmt: skip
RIGHT = ("right", "positive", "pos", "answer", "response", "reply", "candidate", "passage", "document", "target",
         "output", "item", "答案", "回答", "sentence2", "column 2")  # fmt: skip
WRONG = ("negative", "negatives", "neg", "hard negatives", "distractor", "distractors", "wrong", "column 3")
MORE = ("more", "more questions", "questions", "paraphrases", "variants", "similar questions", "相似问题")
CHOICES = ("choices", "options", "endings", "candidates")
KEY = ("right", "answer", "answerkey", "answer key", "label", "gold", "correct", "answer index", "correct answer")
TALK = ("turns", "dialog", "dialogue", "messages", "conversation", "conversations", "history")
NONE: tuple[Any, ...] = ([], {}, {"text": []}, {"text": [], "label": []})
_ONE = re.compile(r"(?:choice|option|ending|sol|answer|opt)?[ _]?([a-h]|\d)")
MOST_TURNS = 1000


def queries(fields: Fields) -> Iterator[dict[str, Any]]:
    """`{"query", "right", "candidates"?}` for every query that a row holds."""
    row = {_plain(key): value for key, value in fields.items()}
    if isinstance(row.get("question"), Mapping):  # CommonsenseQA holds both inside
        row |= {_plain(key): value for key, value in row.pop("question").items()}
    if any(row.get(name) in NONE for name in CHOICES):
        raise QuickstudyError("the list of candidates is empty; give two or more, or leave the field out")
    row = {key: value for key, value in row.items() if value not in (None, "", [], ())}
    labels, choices = _choices(row)
    if choices:
        yield _of_choice(row, labels, choices)
    elif {"question", "context", "answers"} <= row.keys():
        yield {"query": row["question"], "right": _sentence_of(str(row["context"]), row["answers"])}
    elif (talk := _first(row, TALK)) is not None and _first(row, RIGHT) is None:
        yield from _replies(talk)
    else:
        yield from _pairs(row, talk)


def plain_row(fields: Fields) -> dict[str, Any]:
    """With names in lower case and spaces between their words."""
    return {_plain(key): value for key, value in fields.items() if value is not None}


def _pairs(row: dict[str, Any], talk: Any) -> Iterator[dict[str, Any]]:
    """A pair, a triple, or a line of an FAQ."""
    asked = talk if talk is not None else _first(row, QUERY)
    right = _first(row, (*RIGHT, "label"))
    if asked is None:
        raise QuickstudyError(f"nothing says what is asked; name a field {QUERY[0]}, {QUERY[1]} or {QUERY[2]}")
    if isinstance(asked, list):
        asked = [_said(one) for one in asked]
    wrong = [one for name in WRONG if name in row for one in _several(row[name])]
    wrong += [row[name] for name in sorted(row) if re.fullmatch(r"(?:distractor|negative) ?\d", name)]
    found: dict[str, Any] = {"query": asked} | ({} if right is None else {"right": right})
    if wrong and right is not None:
        found["candidates"] = [*_several(right), *wrong]
    yield found
    if right is not None:
        more = [one for name in MORE if name in row for one in _several(row[name])]
        yield from ({"query": one, "right": right} for one in more)


def _of_choice(row: dict[str, Any], labels: Sequence[str], choices: Sequence[str]) -> dict[str, Any]:
    asked = [str(row[name]) for name in ("context", "passage", "premise", "ctx") if isinstance(row.get(name), str)]
    question = next((row[n] for n in ("query", "question", "stem", "sentence", "goal", "text") if row.get(n)), None)
    asked += list(question) if isinstance(question, list) else [str(question)] if question is not None else []
    found: dict[str, Any] = {"query": asked, "candidates": list(choices)}
    key = _first(row, KEY)
    return found if key is None else {**found, "right": _chosen(key, labels, choices)}


def _chosen(key: Any, labels: Sequence[str], choices: Sequence[str]) -> Any:
    """The choice that an answer means: by its text, its label, or its place counted from 0."""
    if isinstance(key, list):
        return [_chosen(one, labels, choices) for one in key]
    said = " ".join(str(key).split())
    if isinstance(key, str):
        for names in (choices, labels):
            for name, choice in zip(names, choices, strict=True):
                if said.casefold() == " ".join(name.split()).casefold():
                    return choice
    if re.fullmatch(r"\d{1,4}", said) and int(said) < len(choices):
        return choices[int(said)]
    raise QuickstudyError(f"the answer {said!r:.40} is neither one of the {len(choices)} choices nor the label of one")


def _choices(row: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Labels and texts of the choices: a list, a list of objects, an object of two lists, or a column each."""
    given = _first(row, CHOICES)
    if isinstance(given, Mapping):
        texts, labels = ([str(one) for one in _several(given.get(name) or ())] for name in ("text", "label"))
        return (labels if len(labels) == len(texts) else _letters(len(texts))), texts
    if isinstance(given, str):
        given = [one for one in re.split(r"\s*\|\s*|\n", given) if one.strip()]
    if isinstance(given, list):
        objects = [one if isinstance(one, Mapping) else {"text": one} for one in given]
        letters = _letters(len(objects))
        found = [str(one.get("label", letter)) for one, letter in zip(objects, letters, strict=True)]
        return found, [str(one.get("text", "")) for one in objects]
    named = {match.group(1): row[name] for name in sorted(row) if (match := _ONE.fullmatch(name))}
    named = {label: str(value) for label, value in named.items() if isinstance(value, str | int | float)}
    return (list(named), list(named.values())) if len(named) > 1 else ([], [])


def _replies(talk: Any) -> Iterator[dict[str, Any]]:
    """Every turn but the first as the reply to those before it; where turns say who speaks, those of the helper."""
    turns = _several(talk)[:MOST_TURNS]
    said = [_said(one) for one in turns]
    helps = [_who(one) in ("assistant", "bot", "gpt", "system", "agent", "wizard") for one in turns]
    if len(said) < 2:
        raise QuickstudyError("a dialogue of one turn has no reply; give two turns or more")
    for place in range(1, len(said)):
        if (helps[place] or not any(helps)) and said[place].strip():
            yield {"query": said[:place], "right": said[place]}


def _sentence_of(context: str, answers: Any) -> str:
    """The sentence of a context in which its first answer begins."""
    if isinstance(answers, Mapping):  # as in Hugging Face's squad
        starts: Iterable[Any] = _several(answers.get("answer_start") or ())
    else:
        found = [one for one in _several(answers) if isinstance(one, Mapping)]
        starts = [one.get("start", one.get("answer_start")) for one in found]
    for at in starts:
        for start, end in sentences(context):
            if isinstance(at, int) and start <= at < end:
                return context[start:end]
    raise QuickstudyError("no answer of this question stands in its context, so no sentence answers it")


def _said(turn: Any) -> str:
    if isinstance(turn, Mapping):
        return str(next((turn[key] for key in ("content", "text", "value", "utterance") if turn.get(key)), ""))
    return str(turn)


def _who(turn: Any) -> str:
    if not isinstance(turn, Mapping):
        return ""
    return str(next((turn[key] for key in ("role", "from", "speaker", "sender") if turn.get(key)), "")).casefold()


def _first(row: Mapping[str, Any], names: Iterable[str]) -> Any:
    return next((row[name] for name in names if row.get(name) is not None), None)


def _several(value: Any) -> list[Any]:
    """A list, or the parts of a cell at | and line ends."""
    if isinstance(value, list | tuple):
        return list(value)
    return [one for one in re.split(r"\s*\|\s*|\n", value) if one.strip()] if isinstance(value, str) else [value]


def _letters(count: int) -> list[str]:
    return [chr(ord("A") + number) if number < 26 else str(number) for number in range(count)]


def _plain(name: str) -> str:
    return " ".join(re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[_\-]+", " ", str(name)).split()).casefold()
