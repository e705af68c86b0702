"""Rows as annotation tools write them, as rows of tokens and tags or of a text and its spans."""

from collections.abc import Mapping
from typing import Any

from quickstudy.core.types import QuickstudyError

FIELDS = ("tokens", "tags", "text", "spans")
OTHER = {"tokens": ("words", "sentence"), "tags": ("ner_tags", "ner", "bio", "labels"), "text": ("sentence", "content")}
"""what else a field is called, where its value is of the right sort"""


def fields_of(row: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    """{"tokens", "tags"?} or {"text", "spans"?, "words"?}. QuickstudyError where a row is not meant to be learned from,
    or is none of the known ones."""
    for key, column in columns.items():
        if column not in row and not (key in row and column.startswith("column")):
            raise QuickstudyError(f"there is no column '{column}'; there are {', '.join(map(str, row)) or 'none'}")
    row = {**row, **{key: row[column] for key, column in columns.items() if column in row}}
    if row.get("answer") in ("reject", "ignore"):
        raise QuickstudyError(f"its answer is {row['answer']!r}, and only what was accepted is learned from")
    if isinstance(row.get("data"), Mapping) and ("annotations" in row or "completions" in row or "predictions" in row):
        return _label_studio(row)
    tokens = _first(row, "tokens", _is_list)
    if tokens is not None and not (tokens and all(isinstance(one, Mapping) for one in tokens)):
        tags = _first(row, "tags", _is_list)
        return {"tokens": tokens} if tags is None else {"tokens": tokens, "tags": tags}
    text = _first(row, "text", lambda value: isinstance(value, str))
    if text is None:
        raise QuickstudyError("there are neither tokens nor a text in it")
    found: dict[str, Any] = {"text": text}
    if tokens:
        found["words"] = [[one.get("start"), one.get("end")] for one in tokens if str(one.get("text", "x")).strip()]
    spans = next((row[key] for key in ("spans", "entities", "label", "labels") if _is_list(row.get(key))), None)
    if spans is not None:
        found["spans"] = [_span(text, one) for one in spans]
    return found


def _label_studio(row: Mapping[str, Any]) -> dict[str, Any]:
    """A task of Label Studio's JSON export: the first annotation that was not cancelled."""
    texts = [value for value in row["data"].values() if isinstance(value, str)]
    text = row["data"].get("text", texts[0] if len(texts) == 1 else None)
    if not isinstance(text, str):
        raise QuickstudyError("there is no text in its data")
    made = _objects(row.get("annotations", row.get("completions")))
    whole = [one for one in made if not one.get("was_cancelled")]
    if not whole:
        return {"text": text}
    values = [value for value in (one.get("value") for one in _objects(whole[0].get("result"))) if value]
    return {"text": text, "spans": [_span(text, one) for one in _objects(values) if "start" in one]}


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _span(text: str, one: Any) -> dict[str, Any]:
    """From {"start", "end", "type" or "label" or "labels"}, {"start_offset", …} or [start, end, type]."""
    if isinstance(one, list | tuple) and len(one) == 3:
        return {"start": one[0], "end": one[1], "type": one[2]}
    if not isinstance(one, Mapping):
        raise QuickstudyError(f"the span {one!r:.40} is no object with start, end and type")
    type_ = next((one[key] for key in ("type", "label", "labels") if key in one), None)
    if isinstance(type_, list | tuple):
        if len(type_) != 1:
            raise QuickstudyError(f"a span has {len(type_)} types, and exactly one is wanted")
        type_ = type_[0]
    start, end = one.get("start", one.get("start_offset")), one.get("end", one.get("end_offset"))
    quoted = one.get("text")
    if isinstance(quoted, str) and type(start) is int and type(end) is int and text[start:end] != quoted:
        start, end = _from_utf16(text, start, end, quoted)
    return {"start": start, "end": end, "type": type_}


def _from_utf16(text: str, start: int, end: int, quoted: str) -> tuple[int, int]:
    """Tools that run in a browser count an emoji as two characters."""
    units = text.encode("utf-16-le", "surrogatepass")
    first, last = 2 * max(start, 0), 2 * max(end, 0)
    if units[first:last].decode("utf-16-le", "replace") != quoted:
        own = text[max(start, 0) : max(end, 0)]
        raise QuickstudyError(f"the span from {start} to {end} is {own!r:.40} in the text, not {quoted!r:.40}")
    found = len(units[:first].decode("utf-16-le", "replace"))
    return found, found + len(quoted)


def _first(row: Mapping[str, Any], field: str, fits: Any) -> Any:
    """The value of a field under one of its names."""
    return next((row[key] for key in (field, *OTHER[field]) if key in row and fits(row[key])), None)


def _is_list(value: Any) -> bool:
    return isinstance(value, list)
