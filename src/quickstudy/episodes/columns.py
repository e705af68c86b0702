"""Which column holds what: told by the user, else by the columns' names, else by what stands in them."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from quickstudy.core.types import QuickstudyError
from quickstudy.episodes.cleaning import spelling_key

CANONICAL = ("text", "pair", "label", "labels", "description", "domain")
OTHER_FIELDS = (
    "tokens", "tags", "head", "tail", "question", "context", "answers", "response", "src", "tgt", "document",
    "summary", "source", "target", "query", "right", "candidates", "spans", "features", "start", "is_impossible",
    "control", "negatives", "candidate",
)  # fmt: skip
"""fields of other kinds of task, which may be named but are never guessed"""
_ALIASES = {
    "text": """text sentence utterance sentence1 text1 texta question1 query question content message review
        reviewtext tweet comment body document premise input prompt request post phrase headline subject title
        文本 句子 内容 评论 正文 语句 话语 原文 文本1 句子1 文本a 问题 消息 输入 标题""",
    "pair": """pair textpair textb text2 sentence2 sentenceb hypothesis question2 secondtext
        文本对 文本2 句子2 文本b 假设""",
    "label": """label labeltext labelname class classname category intent tag topic sentiment emotion
    target gold y 标签 类别 分类 意图 情感 主题 类 标注""",
    "labels": "labels categories tags intents topics classes genres 多标签 标签列表",
    "description": "description classdescription labeldescription definition 描述 说明 类别描述 标签描述",
    "domain": "domain scenario 领域 域",
}
_NAMES = {alias: key for key, aliases in _ALIASES.items() for alias in aliases.split()}
_RANK = {alias: rank for rank, alias in enumerate(_NAMES)}
_OTHER_KINDS = (
    {"tokens"}, {"question", "context"}, {"context", "response"}, {"src", "tgt"}, {"document", "summary"},
    {"source", "target"},
)  # fmt: skip
"""columns that together belong to another kind of task, and then keep their names"""


def canonical(name: str) -> str | None:
    """The key that a column of this name stands for; None when the name says nothing."""
    return _NAMES.get(_plain(name))


def has_header(rows: Sequence[Sequence[str]], named: frozenset[str]) -> bool:
    """Does the first of these rows name the columns? Doubtful cases count as an example, which loses
    nothing."""
    if not rows:
        return False
    first, rest = [cell.strip() for cell in rows[0]], rows[1:]
    if any(cell in named for cell in first):
        return True
    known = {key for cell in first if (key := canonical(cell)) is not None}
    if len(known) > 1:
        return True
    repeated = any(
        cell and any(column < len(row) and row[column].strip() == cell for row in rest)
        for column, cell in enumerate(first)
    )
    names = all(len(cell) <= 40 and "\n" not in cell for cell in first) and len(set(first)) == len(first)
    return names and not repeated and (len(known) == 1 or _contrast(first, rest))


def _contrast(first: Sequence[str], rest: Sequence[Sequence[str]]) -> bool:
    """Names of no known meaning: a word or three over a column of numbers; single words over longer texts."""
    if len(rest) < 2 or not all(re.fullmatch(r"[^\W\d][\w.\-]*( [\w.\-]+){,2}", cell) for cell in first):
        return False
    for column, cell in enumerate(first):
        below = [row[column] for row in rest if column < len(row)]
        if below and all(_number(value) for value in below):
            return True
        spaced = sum(" " in value.strip() for value in below)
        if (
            " " not in "".join(first)
            and below
            and spaced > 0.9 * len(below)
            and sum(map(len, below)) > 3 * len(cell) * len(below)
        ):
            return True
    return False


def mapping(source: str, rows: Sequence[Mapping[str, Any]], explicit: Mapping[str, str] | None) -> dict[str, str]:
    """{column of the file: canonical key} for a source of which `rows` are the first.

    Errors: QuickstudyError that lists the columns, when one that the user named is not there or when no
    column can be taken for the text."""
    present = list(dict.fromkeys(name for row in rows for name in row))
    found = _explicit(source, present, explicit)
    if any(signature <= set(present) for signature in _OTHER_KINDS) and "text" not in present:
        return found
    for name in sorted((name for name in present if canonical(name)), key=_order(rows)):
        key = canonical(name)
        taken = set(found.values())
        if name in found or key is None or key in taken or (key == "labels" and "label" in taken):
            continue
        if key == "label" and "labels" in taken:
            continue
        found[name] = key
    if "text" not in found.values() and not {"label", "description"} <= set(found.values()):
        found |= _by_content(source, present, rows, found)
    if not {"label", "labels"} & set(found.values()):
        found |= _label_by_content(present, rows, found)
    return found


def guesses(rows: Sequence[Mapping[str, Any]], found: Mapping[str, str], explicit: Mapping[str, str] | None) -> str:
    """A sentence on the columns that `mapping` found by what stands in them, where it had others to choose from; ""
    where there are none."""
    present = list(dict.fromkeys(name for row in rows for name in row))
    named = {*(explicit or {}).values(), *(name for name, key in found.items() if canonical(name) == key)}
    taken = {key: name for name, key in found.items() if name not in named}
    if len(present) < 3 or not taken:
        return ""
    listed = " and ".join(f"'{name}' was taken for the {key}" for key, name in taken.items())
    keys = " ".join(f"--columns {key}=NAME" for key in taken)
    return f"{listed}, out of {_list(present)}; if that is wrong, say so, as in {keys}"


def renamed(title: str, fields: dict[str, Any], columns: Mapping[str, str] | None) -> dict[str, Any]:
    """One row's fields, those that the user named, {field: column}, under the names of fields.

    Errors: QuickstudyError that lists the columns, when one that the user named is not there."""
    for key, name in (columns or {}).items():
        if name in fields:
            fields[key] = fields.pop(name)
        elif key not in fields:
            known = ", ".join(f"'{each}'" for each in list(fields)[:20])
            raise QuickstudyError(f"{title}: there is no column '{name}' for {key}; the columns are {known}.")
    return fields


def _explicit(source: str, present: Sequence[str], explicit: Mapping[str, str] | None) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, name in (explicit or {}).items():
        if name not in present:
            raise QuickstudyError(f"{source}: there is no column '{name}' for {key}; the columns are {_list(present)}.")
        if name in found:
            raise QuickstudyError(
                f"{source}: the column '{name}' cannot be both {found[name]} and {key}; name two columns."
            )
        found[name] = key
    return found


def _order(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Likelier aliases first; a label in words before a label in numbers."""

    def order(name: str) -> tuple[bool, int]:
        values = [row[name] for row in rows if row.get(name) is not None]
        numbers = canonical(name) == "label" and all(_number(value) for value in values)
        return numbers, _RANK[_plain(name)]

    return order


def _by_content(
    source: str, present: Sequence[str], rows: Sequence[Mapping[str, Any]], found: Mapping[str, str]
) -> dict[str, str]:
    """The column of the longest strings, by their mean, among those that seldom repeat a value if there
    are any."""
    lengths: dict[str, tuple[bool, float]] = {}
    for name in present:
        values = [row[name] for row in rows if row.get(name) not in (None, "")]
        words = values and all(isinstance(value, str) for value in values)
        if name not in found and words and not all(_number(value) for value in values):
            mean = sum(len(value) for value in values) / len(values)
            lengths[name] = len(set(values)) > 0.5 * len(values), mean
    if not lengths:
        raise QuickstudyError(
            f"{source}: no column can be taken for the text; the columns are {_list(present)}; "
            "say which one it is, as in columns text=NAME."
        )
    return {max(lengths, key=lambda name: lengths[name]): "text"}


def _label_by_content(
    present: Sequence[str], rows: Sequence[Mapping[str, Any]], found: Mapping[str, str]
) -> dict[str, str]:
    """The column of the fewest distinct values among those that repeat themselves; of two columns, the
    other."""
    distinct = {}
    for name in present:
        values = [str(row[name]).strip() for row in rows if row.get(name) not in (None, "")]
        if name in found or len(values) < 0.5 * len(rows) or not values:
            continue
        if max(map(len, values)) > 100 or any(isinstance(row.get(name), list | dict) for row in rows):
            continue
        spellings = len({spelling_key(value) for value in values})
        if spellings <= 0.5 * len(values) or (len(present) == 2 and name.startswith("column ")):
            distinct[name] = spellings
    several = {name: count for name, count in distinct.items() if count > 1} or distinct
    return {min(several, key=lambda name: several[name]): "label"} if several else {}


def _list(present: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in present[:20]) or "none"
    return shown if len(present) <= 20 else f"{shown} and {len(present) - 20} more"


def _plain(name: str) -> str:
    return re.sub(r"[\s_.\-]", "", unicodedata.normalize("NFKC", name).casefold())


def _number(value: Any) -> bool:
    if isinstance(value, str):
        return re.fullmatch(r"\s*[-+]?[\d.,]*\d[\d.,]*(e[-+]?\d+)?\s*", value, re.IGNORECASE) is not None
    return isinstance(value, int | float)
