"""The classification sets of development/, and which of their files examples and questions come from."""

from collections.abc import Sequence
from typing import NamedTuple


class Set(NamedTuple):
    """A data set. Without a file of questions of their own, both come from one file and share no text."""

    name: str
    support: tuple[str, ...]
    query: str | None = None
    parts: int = 1
    """2: pairs of texts"""


ENGLISH = (
    Set("banking77", ("banking77/train",), "banking77/test"),
    Set("hint3", ("hint3/sofmattress.train",), "hint3/sofmattress.test"),
    Set("bitext", ("bitext_customer_support/train",), "bitext_customer_support/test"),
    Set("amazon_cells", ("uci_sentences/amazon_cells",)),
    Set("yelp", ("uci_sentences/yelp",)),
    Set("imdb", ("uci_sentences/imdb",)),
    Set("tfns", ("tfns_test/test",)),
    Set("absa14_laptop", ("absa14_laptop/train",), "absa14_laptop/test", 2),
    Set("airline", ("leopard/airline.eval",)),
    Set("disaster", ("leopard/disaster.eval",)),
    Set("political_bias", ("leopard/political_bias.eval",)),
    Set("political_message", ("leopard/political_message.eval",)),
    Set("political_audience", ("leopard/political_audience.eval",)),
    Set("sentiment_books", ("leopard/sentiment_books.eval",)),
    Set("sentiment_kitchen", ("leopard/sentiment_kitchen.eval",)),
    Set("scitail", ("leopard/scitail.eval",), None, 2),
    Set("overruling", ("raft/overruling",)),
    Set("terms_of_service", ("raft/terms_of_service",)),
    Set("ade_corpus_v2", ("raft/ade_corpus_v2",)),
    Set("tai_safety_research", ("raft/tai_safety_research",)),
    Set("one_stop_english", ("raft/one_stop_english",)),
)
LEOPARD = tuple(each for each in ENGLISH if each.support[0].startswith("leopard/"))
CHINESE = (
    Set("tnews", ("fewclue_zh/tnews.train_0", "fewclue_zh/tnews.valid_0"), "fewclue_zh/tnews.test_public"),
    Set("eprstmt", ("fewclue_zh/eprstmt.train_0", "fewclue_zh/eprstmt.valid_0"), "fewclue_zh/eprstmt.test_public"),
    Set("bustm", ("fewclue_zh/bustm.train_0", "fewclue_zh/bustm.valid_0"), "fewclue_zh/bustm.test_public", 2),
)
SETFIT = ("hint3", "yelp", "tfns", "airline", "disaster", "political_message")
"""chosen before any result was seen, for few classes: SetFit's time grows with their number"""
SETFIT_OF_FEW = ("yelp", "amazon_cells", "imdb", "tfns", "airline", "disaster", "political_bias", "political_audience")
"""eight sets of at most ten classes, of single texts, short enough for SetFit at 16 shots; chosen before any result"""


def chosen(known: Sequence[Set], names: Sequence[str] | None) -> list[Set]:
    """Those of the names given; all of them for None. Errors: SystemExit for a name that is not known."""
    unknown = set(names or ()) - {each.name for each in (*ENGLISH, *CHINESE)}
    if unknown:
        raise SystemExit(f"no set {', '.join(sorted(unknown))}; there are {', '.join(each.name for each in known)}")
    return [each for each in known if names is None or each.name in names]
