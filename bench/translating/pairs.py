"""Sentence pairs: what is meta-trained on, and the language pair that is learned anew."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from quickstudy.episodes.sources import Source
from quickstudy.kinds.writing import Writing
from quickstudy.text.reader import Reader

TRAIN = {
    "en-de": "meta-train/multi30k/en-de.train",
    "en-fr": "meta-train/multi30k/en-fr.train",
    "en-hau": "meta-train/lafand_mt/en-hau.train",
    "en-ibo": "meta-train/lafand_mt/en-ibo.train",
    "en-pcm": "meta-train/lafand_mt/en-pcm.train",
    "en-zul": "meta-train/lafand_mt/en-zul.train",
    "en-tsn": "meta-train/lafand_mt/en-tsn.train",
}
WEIGHTS = {"en-de": 3.0, "en-fr": 3.0}
"""how often a pair is drawn, beside 1 for the others: its sentences are of the sort that is asked for"""


class Pair(NamedTuple):
    """A language pair that is learned anew."""

    pool: str
    test: str
    tokens: int
    """of what is written at most; the new language's words are in many pieces, since the vocabulary was made without
    them"""
    tested: int
    """sentences of the test set"""


NEW = {
    "en-cs": Pair("development/multi30k/en-cs.valid", "development/multi30k/en-cs.test_2016_flickr", 80, 200),
    "en-ne": Pair("development/flores_v1/en-ne.valid", "development/flores_v1/en-ne.devtest", 90, 100),
}
"""of Nepali, every letter is two or three tokens, so that most sentences are written in part"""
LONGEST = 72
"""characters; training pairs with a longer side are left out, and no others"""
TOKENS = 44
"""of what is written at most"""


def kind(reader: Reader) -> Writing:
    return Writing(reader, longest=TOKENS)


def new_kind(reader: Reader, pair: Pair) -> Writing:
    return Writing(reader, longest=pair.tokens)


def records(folder: Path, name: str, longest: int = LONGEST) -> list[dict[str, Any]]:
    path = folder / f"{name}.jsonl"
    if not path.is_file():
        raise SystemExit(f"no data: {path} is missing; docs/data.md says where to get it")
    with path.open(encoding="utf-8") as file:
        found = [json.loads(line) for line in file if line.strip()]
    return [row for row in found if 0 < len(row["src"]) <= longest and 0 < len(row["tgt"]) <= longest]


def sources(folder: Path, own: Writing) -> tuple[Source, ...]:
    return tuple(
        Source(title, tuple(own.read(row) for row in records(folder, name)), {"answer": ""}, WEIGHTS.get(title, 1.0))
        for title, name in TRAIN.items()
    )
