"""Sentences out of templates such as `(turn|switch) on [the] {name}`, drawn by a seed.

The notation is that of the Home Assistant intents (https://github.com/OHF-Voice/hassil): `[a]` may be left
out, `(a|b)` is one of both, `(a;b)` both in any order, `{list}` or `{list:slot}` an entry of a list, `<rule>`
another template.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple

from quickstudy.core.types import QuickstudyError
from quickstudy.episodes.sampling import Dice

_TOKENS = re.compile(r"[\[\](){}<>|;]|[^\[\](){}<>|;]+")
_CLOSING = {"[": "]", "(": ")", "{": "}", "<": ">"}
_DEEPEST = 40
"""rules and groups inside each other"""
_HAN = "\u3400-\u9fff"


class Node(NamedTuple):
    kind: str
    """text, all, any, order (in any order), maybe, list or rule"""
    text: str = ""
    parts: tuple["Node", ...] = ()


@lru_cache(maxsize=20_000)
def parsed(template: str) -> Node:
    """QuickstudyError for brackets that do not match."""
    tokens = _TOKENS.findall(template)
    node, end = _group(tokens, 0, "")
    if end != len(tokens):
        raise QuickstudyError(f"the template {template!a} has a bracket too many")
    return node


def sentence(
    template: str, rules: Mapping[str, str], entry: Callable[[str, Dice], str | None], dice: Dice
) -> str | None:
    """One sentence of a template. `entry` draws from the list of that name; an entry may be a template too.
    None where it has nothing to draw from. Of alternatives the first come more often: they are commoner."""
    words = _spoken(parsed(template), rules, entry, dice, 0)
    if words is None:
        return None
    text = " ".join(words.split())
    return re.sub(rf"(?<=[{_HAN}]) (?=[{_HAN}])", "", text)


def _spoken(
    node: Node,
    rules: Mapping[str, str],
    entry: Callable[[str, Dice], str | None],
    dice: Dice,
    depth: int,
) -> str | None:
    if depth > _DEEPEST:
        raise QuickstudyError("the templates' rules stand inside each other without end")

    def spoken(part: Node) -> str | None:
        return _spoken(part, rules, entry, dice, depth + 1)

    if node.kind == "text":
        return node.text
    if node.kind == "maybe":
        return spoken(node.parts[0]) if dice.between(0, 9) < 4 else ""
    if node.kind == "any":
        most = len(node.parts) - 1
        return spoken(node.parts[min(dice.between(0, most), dice.between(0, most))])
    if node.kind == "rule":
        return spoken(parsed(rules[node.text])) if node.text in rules else None
    if node.kind == "list":
        found = entry(node.text, dice)
        return None if found is None else spoken(parsed(found))
    parts = [spoken(part) for part in (dice.shuffled(node.parts) if node.kind == "order" else node.parts)]
    said = [part for part in parts if part is not None]
    return (" " if node.kind == "order" else "").join(said) if len(said) == len(parts) else None


def _group(tokens: list[str], at: int, closing: str) -> tuple[Node, int]:
    """What stands up to the closing bracket, and the place behind it."""
    branches: list[list[Node]] = [[]]
    ordered = False
    while at < len(tokens) and tokens[at] != closing:
        token, at = tokens[at], at + 1
        if token in ("|", ";"):
            ordered |= token == ";"
            branches.append([])
        elif token in ("{", "<"):
            if at + 1 >= len(tokens) or tokens[at] in "[](){}<>|;" or tokens[at + 1] != _CLOSING[token]:
                raise QuickstudyError(f"a template breaks off after {token}")
            name = tokens[at].partition(":")[0]
            branches[-1].append(Node("list" if token == "{" else "rule", name))
            at += 2
        elif token in ("[", "("):
            inside, at = _group(tokens, at, _CLOSING[token])
            branches[-1].append(Node("maybe", parts=(inside,)) if token == "[" else inside)
        elif token in _CLOSING.values():
            raise QuickstudyError(f"a template has {token} without its other half")
        else:
            branches[-1].append(Node("text", token))
    if closing and at >= len(tokens):
        raise QuickstudyError(f"a template lacks a {closing}")
    nodes = tuple(branch[0] if len(branch) == 1 else Node("all", parts=tuple(branch)) for branch in branches)
    whole = nodes[0] if len(nodes) == 1 else Node("order" if ordered else "any", parts=nodes)
    return whole, at + bool(closing)
