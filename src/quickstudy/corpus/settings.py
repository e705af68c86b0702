"""How a corpus is made: every choice in one place. The same settings and texts give the same corpus."""

from dataclasses import dataclass

from quickstudy.core.types import QuickstudyError

UNITS = ("auto", "file", "paragraph", "line")
SPLITS = ("documents", "groups")
PRIVATE = ("email", "phone", "card", "iban", "ip")


@dataclass(frozen=True)
class Settings:
    """The fields are what `quickstudy corpus build` takes."""

    tokenizer: str = "own:8000"
    """"minilm", "e5-small" (any packaged backbone), "own:N" (N pieces trained on the corpus), or a tokenizer.json"""
    documents: str = "auto"
    """of plain text: a "file", a "paragraph" (blank lines between) or a "line" is a document; "auto" looks"""
    text: str = ""
    """column with the text; "" finds it"""
    title: str = ""
    """column with the title; "" takes one called title, if any"""
    group: str = ""
    """column with the domain, author or language; "" makes every source a group"""
    licence: tuple[str, ...] = ()
    """one for all sources, or one a source"""
    languages: tuple[str, ...] = ()
    """codes of the languages that stay; () keeps all"""
    shortest: int = 25
    """bytes of UTF-8 (a letter of English is one, of Chinese three); shorter documents are dropped"""
    longest: int = 20_000
    """characters; longer documents are cut into several"""
    near: float = 0.8
    """Jaccard similarity (runs of 8 bytes) from which a document is a near-duplicate of an earlier one"""
    scrub: tuple[str, ...] = ()
    """personal data to replace: email, phone, card, iban, ip"""
    without: tuple[str, ...] = ()
    """files of rows that models will be judged on: documents that hold such a text are dropped"""
    split_by: str = "documents"
    """"groups": a group lies wholly in one part"""
    held_out: tuple[str, ...] = ()
    """groups that go to the test part, wholly"""
    shares: tuple[float, ...] = (0.8, 0.1, 0.1)
    """of the documents, for train, validation and test"""
    word_shares: tuple[float, ...] = (0.6, 0.2, 0.2)
    """of the words that may be masked"""
    uses: int = 400
    """of a word, at most"""
    least_uses: int = 10
    """of a word within its own part"""
    vocabulary: int = 20_000
    """words that may be masked, at most: the more frequent"""
    most_frequent: float = 0.002
    """share of all words from which a word is too common to be masked"""
    ways: int = 5
    """words that each part must have at least; 0: any number will do"""
    seed: int = 0

    def __post_init__(self) -> None:
        _one_of("documents", self.documents, UNITS)
        _one_of("split_by", self.split_by, SPLITS)
        for each in self.scrub:
            _one_of("scrub", each, PRIVATE)
        for name in ("shares", "word_shares"):
            shares = getattr(self, name)
            if len(shares) != 3 or min(shares) < 0 or not 0.999 < sum(shares) < 1.001:
                raise QuickstudyError(
                    f"{name}: {shares} are no three shares that add up to 1; give e.g. 0.8, 0.1, 0.1."
                )
        if not 0 < self.near <= 1:
            raise QuickstudyError(f"near: {self.near} is no similarity; give a number above 0 and up to 1.")
        if not 0 < self.most_frequent <= 1:
            raise QuickstudyError(f"most_frequent: {self.most_frequent} is no share; give a number above 0, up to 1.")
        for name, least in (("shortest", 1), ("longest", 200), ("uses", 1), ("least_uses", 1), ("vocabulary", 1)):
            if getattr(self, name) < least:
                raise QuickstudyError(f"{name}: {getattr(self, name)} is too small; give {least} or more.")
        if self.longest < self.shortest:
            raise QuickstudyError(f"longest: {self.longest} is below shortest, {self.shortest}; give more.")


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise QuickstudyError(f"{name}: '{value}' is not known; there are {', '.join(known)}.")
