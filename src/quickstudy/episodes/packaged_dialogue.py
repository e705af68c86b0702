"""Dialogues inside packages, as what was said and the reply to it: for matching, where a label is a reply."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from quickstudy.episodes.packaged_topics import QUESTIONS

Row = dict[str, str]

CHITCHAT = "chitchat_dataset/dataset.json"
TURNS = 2
"""before a reply, that are kept as one text"""
REPLIES = 4
"""of one conversation at most, evenly spaced: 7,168 conversations repeat their openings and partings"""
FEWEST_WORDS = 4
"""of a reply: shorter ones fit too many questions to be right for one"""


def chitchat(folder: Path) -> Iterator[Row]:
    """Conversations of two people. What one says in several messages is one turn."""
    whole: dict[str, Any] = json.loads((folder / CHITCHAT).read_text(encoding="utf-8"))
    for _, conversation in sorted(whole.items()):
        turns = [
            " ".join(str(message.get("text", "")).strip() for message in turn)
            for turn in conversation.get("messages", [])
        ]
        places = [place for place in range(1, len(turns)) if len(turns[place].split()) >= FEWEST_WORDS]
        step = max(1, len(places) // REPLIES)
        for place in places[step // 2 :: step][:REPLIES]:
            yield {"text": " ".join(turns[max(0, place - TURNS) : place]), "label": turns[place]}


def replies(language: str, folder: Path) -> Iterator[Row]:
    """What a chat bot was asked, and its first answer."""
    for path in sorted(folder.glob(QUESTIONS.format(language))):
        for dialogue in yaml.safe_load(path.read_text(encoding="utf-8"))["conversations"]:
            if isinstance(dialogue, list) and len(dialogue) > 1 and all(isinstance(one, str) for one in dialogue[:2]):
                yield {"text": dialogue[0], "label": dialogue[1]}
