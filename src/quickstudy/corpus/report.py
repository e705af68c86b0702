"""A corpus told to a person, in one table of lines."""

from collections.abc import Iterator
from typing import Any

from quickstudy.corpus.store import PART_NAMES, Corpus


def lines(corpus: Corpus) -> Iterator[str]:
    """Name and number; what belongs to a line above is indented."""
    about = corpus.manifest
    yield _line("documents", about.get("documents", len(corpus.split)))
    for name, count in about.get("splits", {}).items():
        words = sum(word.split == PART_NAMES.index(name) for word in corpus.words)
        yield _line(f"  {name}", count, f"{words:,} words to mask")
    yield _line("sentences", len(corpus.flags))
    yield _line("tokens", len(corpus.tokens), _tokenizer(about.get("tokenizer", {})))
    cleaning = about.get("cleaning", {})
    yield _line("read", cleaning.get("read", 0), "documents")
    for name, count in cleaning.items():
        if isinstance(count, int) and name not in ("read", "compared pairs") and count:
            yield _line(f"  {name}", count)
    for heading in ("dropped", "scrubbed"):
        for name, count in cleaning.get(heading, {}).items():
            yield _line(f"  {heading}: {name}", count)
    yield "languages of a sample: " + ", ".join(
        f"{name} {count}" for name, count in sorted(cleaning.get("language", {}).items(), key=lambda each: -each[1])[:8]
    )
    for source in about.get("sources", [])[:20]:
        licence = source.get("licence") or "no licence named"
        yield _line(f"source {source.get('path')}", source.get("documents", 0), f"documents, {licence}")
    yield from (f"note: {problem}" for problem in about.get("problems", [])[:10])
    yield "shared by train, validation and test"
    for name, count in about.get("proof", {}).items():
        if isinstance(count, int):
            yield _line(f"  {name}", count)


def _line(name: str, count: int, more: str = "") -> str:
    return f"{name:<44} {count:>13,} {more}".rstrip()


def _tokenizer(about: dict[str, Any]) -> str:
    return f"{about.get('name', '?')}, {about.get('pieces', 0):,} pieces, read {about.get('read', '?')}"
