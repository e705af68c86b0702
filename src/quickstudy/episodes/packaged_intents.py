"""What people say to their home: sentences made of the Home Assistant project's templates, by intent."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from quickstudy.episodes.packaged_words import WORDS
from quickstudy.episodes.sampling import Dice
from quickstudy.episodes.templates import sentence

Row = dict[str, str]

FILE = "home_assistant_intents/data/{}.json"
SENTENCES = 60
"""of an intent at most; those with few templates have fewer"""
_TRIES = 4
_ROUND = 5
"""people name numbers such as 35 and 40 rather than 37"""


def sentences(language: str, folder: Path) -> Iterator[Row]:
    """Up to SENTENCES of each intent, the same on every machine. What a user named for themselves (rooms,
    devices, things to buy) is filled in from everyday words."""
    data = json.loads((folder / FILE.format(language)).read_text(encoding="utf-8"))
    for intent, about in data["intents"].items():
        dice = Dice(f"{language}\n{intent}")
        blocks = [block for block in about["data"] if block.get("sentences")]
        made: dict[str, None] = {}
        for _ in range(SENTENCES * _TRIES):
            if len(made) >= SENTENCES or not blocks:
                break
            block = blocks[dice.between(0, len(blocks) - 1)]
            text = _one(block, data, WORDS[language], dice)
            if text:
                made[text] = None
        yield from ({"text": text, "label": _label(intent)} for text in made)


def _one(block: Mapping[str, Any], data: Mapping[str, Any], words: Mapping[str, Any], dice: Dice) -> str | None:
    """One sentence of a block of templates that share what they mean."""
    domains = _domains(block)

    def entry(name: str, dice: Dice) -> str | None:
        if name == "name":
            known = [word for domain in domains for word in words["name"].get(domain, ())]
            return _any(known or words["name"]["any"], dice)
        if name in words:
            return _any(words[name], dice)
        listed = data["lists"].get(name, {})
        if "range" in listed:
            return _number(name, listed["range"], dice)
        values = [value if isinstance(value, str) else value["in"] for value in listed.get("values", ())]
        return _any(values, dice) if values else None

    templates = block["sentences"]
    return sentence(templates[dice.between(0, len(templates) - 1)], data["expansion_rules"], entry, dice)


def _domains(block: Mapping[str, Any]) -> list[str]:
    """What kinds of device the block's {name} may be."""
    found = block.get("requires_context", {}).get("domain") or block.get("slots", {}).get("domain") or []
    return [found] if isinstance(found, str) else list(found)


def _number(name: str, limits: Mapping[str, Any], dice: Dice) -> str:
    low, high, step = int(limits["from"]), int(limits["to"]), int(limits.get("step", 1))
    if limits.get("type") == "temperature":
        return str(dice.between(16, 26))
    if "timer" in name:
        high = min(high, 60)
    if high - low > _ROUND * step:
        step, low = (step, low) if step > 1 else (_ROUND, low - low % _ROUND + _ROUND)
    return str(low + step * dice.between(0, (high - low) // step))


def _any(words: list[str] | tuple[str, ...], dice: Dice) -> str:
    return words[dice.between(0, len(words) - 1)]


def _label(intent: str) -> str:
    """`HassTurnOn` as "turn on"."""
    return " ".join(re.findall(r"[A-Z][a-z]*", intent.removeprefix("Hass"))).lower()
