"""What written texts are worth, by the field's own libraries; every measure is a share, so that 0.234 is 23.4 points.

BLEU (Papineni et al. 2002) and chrF (Popović 2015) are sacrebleu's (Post 2018), ROUGE (Lin 2004) is rouge-score's.
"""

from collections.abc import Sequence
from statistics import fmean
from typing import Literal

from quickstudy.core.types import QuickstudyError
from quickstudy.text.bm25 import terms

Counts = Literal["bleu", "chrf", "rouge", "exact"]
Words = Literal["13a", "zh", "char", "intl", "none"]
"""how sacrebleu cuts texts into words"""
ROUGE = ("rougeL", "rouge1", "rouge2")


def measured(said: Sequence[str], wanted: Sequence[Sequence[str]], counts: Counts, words: Words) -> dict[str, float]:
    """`wanted` are the references of each text, one at least. What counts comes first."""
    if not said:
        return {}
    if counts == "rouge":
        return {**rouge(said, wanted), "chrf": _corpus(said, wanted, "chrf", words)}
    order = {"bleu": ("bleu", "chrf", "exact"), "chrf": ("chrf", "bleu", "exact"), "exact": ("exact", "chrf", "bleu")}
    return {name: _corpus(said, wanted, name, words) for name in order[counts]}


def _corpus(said: Sequence[str], wanted: Sequence[Sequence[str]], name: str, words: Words) -> float:
    if name == "exact":
        return fmean(
            any(" ".join(text.split()) == " ".join(ref.split()) for ref in refs)
            for text, refs in zip(said, wanted, strict=True)
        )
    return float(_metric(name, words).corpus_score(list(said), _aligned(wanted)).score) / 100


def rouge(said: Sequence[str], wanted: Sequence[Sequence[str]]) -> dict[str, float]:
    """F1, stemmed; of several references the best for each. rouge-score knows the letters of ASCII alone: where
    references are written in others, words are those of `text.words`, Chinese characters each for itself."""
    try:
        from rouge_score.rouge_scorer import RougeScorer
    except ImportError as error:
        raise _lacking("ROUGE", error) from None
    scorers = RougeScorer(list(ROUGE), use_stemmer=True), RougeScorer(list(ROUGE), tokenizer=_Words())
    each = [scorers[_foreign(refs)].score_multi(list(refs), text) for text, refs in zip(said, wanted, strict=True)]
    return {name: fmean(float(found[name].fmeasure) for found in each) for name in ROUGE}


class _Words:
    """What rouge-score asks for words."""

    def tokenize(self, text: str) -> list[str]:
        return terms(text)


def _foreign(refs: Sequence[str]) -> bool:
    """Whether most of the letters are none of ASCII's."""
    letters = [letter.isascii() for ref in refs for letter in ref if letter.isalpha()]
    return 2 * sum(letters) < len(letters)


def signatures(words: Words) -> dict[str, str]:
    """sacrebleu's own names for how BLEU and chrF were computed, by which others can compute the same."""
    found = {}
    for name in ("bleu", "chrf"):
        metric = _metric(name, words)
        metric.corpus_score(["a"], [["a"]])
        found[name] = str(metric.get_signature())
    return found


def _metric(name: str, words: Words):  # type: ignore[no-untyped-def]
    try:
        from sacrebleu.metrics import BLEU, CHRF
    except ImportError as error:
        raise _lacking("BLEU and chrF", error) from None
    return BLEU(tokenize=words) if name == "bleu" else CHRF()


def _aligned(wanted: Sequence[Sequence[str]]) -> list[list[str | None]]:
    """First all the first references, then all the second ones, …; None where a text has no more."""
    most = max(map(len, wanted))
    return [[refs[place] if place < len(refs) else None for refs in wanted] for place in range(most)]


def _lacking(what: str, error: ImportError) -> QuickstudyError:
    return QuickstudyError(f"{what}: {error.name} is not installed; run: pip install 'quickstudy[writing]'")
