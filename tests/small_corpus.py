"""A corpus of a few hundred made-up sentences, written as the compiler writes them."""

import re
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from quickstudy.backbones import bytelevel
from quickstudy.corpus import store
from quickstudy.corpus.store import HEADING, KEY_VALUE, PLAIN, Corpus, Word
from quickstudy.text.reader import Reader

THINGS = {
    0: ["river", "stone", "garden", "window", "basket", "lantern", "kettle", "ladder"],
    1: ["harbour", "candle", "pillow", "mirror"],
    2: ["orchard", "bridge", "cabin", "saddle"],
}
"""part -> the words that may be masked in it"""
CHINESE = {
    0: ["河流", "石头", "花园", "窗户", "篮子", "灯笼"],
    1: ["港口", "蜡烛", "枕头"],
    2: ["果园", "桥梁", "木屋"],
}
SAID = (
    "she put the {} beside the old door",
    "nobody had seen a {} like this before",
    "The {} was cold, and so was the night",
    "they talked about the {} until the morning came",
    "However, the {} had been there all along",
    "Therefore, we moved the {} out of the rain",
    "a man who sells one {} may buy another thing",
    "my brother keeps his {} behind the house",
)
SAID_IN_CHINESE = (
    "她把{}放在旧门旁边了", "没有人见过这样的{}吗", "那个{}很冷夜里也很冷", "他们谈论{}一直到早上",
    "但是{}一直都在那里啊", "所以，我们把{}搬到雨外", "卖一个{}的人买了别的", "我哥哥的{}在房子后面",
)  # fmt: skip
PER_PART = 24
"""documents"""


def documents(chinese: bool = False) -> list[dict[str, Any]]:
    """Each {"split", "group", "lines": [(flag, text)]}; of every part, of two groups."""
    things, said = (CHINESE, SAID_IN_CHINESE) if chinese else (THINGS, SAID)
    found = []
    for split, words in things.items():
        for number in range(PER_PART):
            lines = [
                (HEADING, f"about {words[number % len(words)]}"),
                (KEY_VALUE, f"summary: tale {number} of {split}"),
            ]
            for place in range(6):
                word = words[(number * 5 + place) % len(words)]
                text = said[(number * 3 + place * (1 + number % 2)) % len(said)].format(word)
                lines.append((PLAIN, f"{text} {'' if chinese else 'tale '}{number}"))
            found.append({"split": split, "group": number % 2, "lines": lines})
    return found


def tokenizer(chinese: bool = False) -> Tokenizer:
    texts = [text for one in documents(chinese) for _, text in one["lines"]]
    return bytelevel.train(texts, 300 if chinese else 600)


def reader(chinese: bool = False, limit: int = 48) -> Reader:
    return Reader(tokenizer(chinese), limit=limit)


def corpus(folder: Path, chinese: bool = False, docs: list[dict[str, Any]] | None = None) -> Corpus:
    """The corpus of these documents, opened. Each use of a word is also a link to what it is called."""
    docs = documents(chinese) if docs is None else docs
    read = tokenizer(chinese)
    things = CHINESE if chinese else THINGS
    splits = {word: split for split, words in things.items() for word in words}
    tokens: list[int] = []
    sentences, bounds, flags, uses = [0], [0], [], {word: [] for word in splits}
    for one in docs:
        for flag, text in one["lines"]:
            encoding = read.encode(text, add_special_tokens=False)
            for word, split in splits.items():
                for match in re.finditer(word, text.lower()):
                    if split == one["split"] and text.lower().count(word) == 1:
                        span = [
                            place
                            for place, (a, b) in enumerate(encoding.offsets)
                            if a < match.end() and b > match.start()
                        ]
                        whole = text[encoding.offsets[span[0]][0] : encoding.offsets[span[-1]][1]]
                        if whole.strip().lower() == word:  # no token goes beyond the word
                            uses[word].append((len(flags), span[0], span[-1] + 1))
            tokens += encoding.ids
            sentences.append(len(tokens))
            flags.append(flag)
        bounds.append(len(flags))
    words = [Word(word, len(found), 5, splits[word]) for word, found in uses.items()]
    every = [use for found in uses.values() for use in found]
    arrays = {
        "tokens": np.array(tokens, np.uint16),
        "sentences": np.array(sentences, np.int64),
        "flags": np.array(flags, np.uint8),
        "documents": np.array(bounds, np.int64),
        "split": np.array([one["split"] for one in docs], np.uint8),
        "source": np.zeros(len(docs), np.uint16),
        "group": np.array([one["group"] for one in docs], np.int32),
        "uses": np.cumsum([0, *(len(found) for found in uses.values())]).astype(np.int64),
        "use_sentence": np.array([use[0] for use in every], np.int64),
        "use_span": np.array([use[1:] for use in every], np.uint16).reshape(-1, 2),
    }
    owner = np.repeat(np.arange(len(words)), np.diff(arrays["uses"]))
    arrays["links"] = np.column_stack([arrays["use_sentence"], arrays["use_span"], owner]).astype(np.int64)
    manifest = {"seed": 0, "sources": [], "groups": ["one", "two"]}
    store.write(folder, arrays, words, read.to_str(), manifest, list(splits))
    return Corpus.open(folder)
