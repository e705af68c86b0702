"""How right an answer is: SQuAD's F1 and exact match, and CMRC 2018's for Chinese, as their scripts count.

SQuAD (Rajpurkar et al. 2016, 2018): lower case, no ASCII punctuation, no articles; F1 of the bags of words. CMRC 2018
(Cui et al. 2019): characters, other scripts by words as NLTK cuts them; F1 of the longest common run. The best of the
accepted answers counts; where there is none, only no answer is right.
"""

import functools
import re
import string
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from quickstudy.kinds.question import Question, is_chinese

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b", re.UNICODE)
_MARKS = frozenset("-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』") | {"……"}
_HAN = re.compile("[\u4e00-\u9fa5]")


class Right(NamedTuple):
    f1: float
    exact: float


def score(said: str, example: Question) -> Right:
    """`said` is "" for no answer."""
    accepted = [answer.text for answer in example.answers or ()]
    if is_chinese(example.context):
        each = [cmrc(said, text) for text in accepted or [""]]
    else:
        each = [squad(said, text) for text in accepted if normalised(text)] or [squad(said, "")]
    return Right(max(one.f1 for one in each), max(one.exact for one in each))


def squad(said: str, gold: str) -> Right:
    """SQuAD 2.0's script."""
    words, right = normalised(said).split(), normalised(gold).split()
    exact = float(normalised(said) == normalised(gold))
    if not words or not right:
        return Right(float(words == right), exact)
    return Right(_f1(sum((Counter(words) & Counter(right)).values()), len(words), len(right)), exact)


def normalised(text: str) -> str:
    """SQuAD's: lower case, no punctuation of ASCII, no articles, single spaces."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def cmrc(said: str, gold: str) -> Right:
    """CMRC 2018's script; no answer is right where there is none, of which it knows nothing."""
    words, right = segments(said), segments(gold)
    exact = float(_bare(said) == _bare(gold))
    if not words or not right:
        return Right(float(words == right), exact)
    return Right(_f1(_common_run(words, right), len(words), len(right)), exact)


def segments(text: str) -> list[str]:
    """Without its punctuation: single characters of Chinese, words of what stands between them."""
    found: list[str] = []
    other = ""
    for char in text.lower().strip():
        if char in _MARKS:
            continue
        if _HAN.match(char):
            found += [*_words(other), char]
            other = ""
        else:
            other += char
    return [*found, *_words(other)]


def _bare(text: str) -> str:
    return "".join(char for char in text.lower().strip() if char not in _MARKS)


def _words(text: str) -> list[str]:
    return _tokenizer()(text) if text.strip() else []


@functools.cache
def _tokenizer() -> Callable[[str], list[str]]:
    from nltk.tokenize import NLTKWordTokenizer  # takes two seconds, which only Chinese with other scripts in it needs

    return NLTKWordTokenizer().tokenize


def _common_run(first: Sequence[str], second: Sequence[str]) -> int:
    """The length of the longest run of segments that both have."""
    longest, above = 0, [0] * (len(second) + 1)
    for own in first:
        row = [0] * (len(second) + 1)
        for place, other in enumerate(second, 1):
            if own == other:
                row[place] = above[place - 1] + 1
                longest = max(longest, row[place])
        above = row
    return longest


def _f1(common: int, said: int, gold: int) -> float:
    return 2 * common / (said + gold) if common else 0.0
