"""Raw text for the benchmark: packages, Debian's documentation and the texts of open data sets, a file a domain."""

import csv
import gzip
import html.parser
import io
import json
import re
import subprocess
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from quickstudy.core.files import write_lines
from quickstudy.core.wheels import located
from quickstudy.episodes.packaged import PACKAGED, packaged
from quickstudy.episodes.packaged_topics import ARTICLES

DEBIAN = ("debian-handbook", "developers-reference", "jargon-text")
OPEN = {
    "clinc150": ("clinc150/train", "CC BY 3.0"),
    "snips": ("snips/train", "CC0 1.0"),
    "airline": ("multidogo/airline.train", "CDLA-Permissive-1.0"),
    "media": ("multidogo/media.train", "CDLA-Permissive-1.0"),
    "fastfood": ("multidogo/fastfood.train", "CDLA-Permissive-1.0"),
    "reddit_comments": ("goemotions/original.train", "Apache-2.0"),
    "headlines": ("huffpost41/all", "CC BY 4.0"),
    "wikipedia": ("squadshifts/new_wiki", "CC BY 4.0"),
    "reddit": ("squadshifts/reddit", "CC BY 4.0"),
    "wiki_sentences": ("fewrel/val_wiki", "MIT"),
    "privacy": ("policyqa/test", "MIT"),
    "science": ("scitldr/train", "Apache-2.0"),
}
"""name -> its file under meta-train/, and its licence"""
PACKAGES = ("bbc_news", "health_tweets", "debates", "rotten_tomatoes")
HELD_OUT = ("science", "privacy", "jargon")
"""domains that nothing is trained on"""
LICENCES = {
    "news": PACKAGED["news_sections"].licence,
    "handbook": "GPL-2+ or CC BY-SA 3.0",
    "reference": "GPL-2+",
    "jargon": "public domain",
    **{name: licence for name, (_, licence) in OPEN.items()},
    **{name: PACKAGED[name].licence for name in PACKAGES},
}


class Domain(NamedTuple):
    """A file of texts."""

    name: str
    path: Path
    licence: str


def domains(folder: Path, data: Path) -> list[Domain]:
    """Every domain, written under `folder` where it is not there yet. `data` has meta-train/."""
    folder.mkdir(parents=True, exist_ok=True)
    makers = {
        "news": _news,
        **{name: lambda name=name: _packaged(name) for name in PACKAGES},
        **{name: lambda file=file: _open(data / "meta-train" / f"{file}.jsonl") for name, (file, _) in OPEN.items()},
    }
    found = []
    for name, make in makers.items():
        found.append(Domain(name, _kept(folder, name, make), LICENCES[name]))
    names = ("handbook", "reference", "jargon")
    if not all((folder / f"{name}.jsonl").is_file() for name in names):
        for name, rows in _debian().items():
            _kept(folder, name, lambda rows=rows: rows)
    return found + [Domain(name, folder / f"{name}.jsonl", LICENCES[name]) for name in names]


def judged_on(data: Path) -> list[Path]:
    """The rows that students will be judged on, for the leak check."""
    return sorted((data / "development").glob("*/*.jsonl"))


def _kept(folder: Path, name: str, make) -> Path:  # type: ignore[no-untyped-def]
    path = folder / f"{name}.jsonl"
    if not path.is_file():
        with write_lines(path) as file:
            for row in make():
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return path


def _news() -> Iterator[dict[str, str]]:
    archive = located(PACKAGED["news_sections"].package) / ARTICLES
    with zipfile.ZipFile(archive) as pack, pack.open(f"{archive.stem}.csv") as file:
        for row in csv.DictReader(io.TextIOWrapper(file, encoding="utf-8", newline="")):
            yield {"title": row["title"], "text": row["text"]}


def _packaged(name: str) -> Iterator[dict[str, str]]:
    return ({"text": row["text"]} for row in packaged(name))


def _open(path: Path) -> Iterator[dict[str, str]]:
    seen: set[str] = set()
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        text = row.get("document") or row.get("context") or row.get("text") or " ".join(row.get("tokens", ()))
        if text and text not in seen:
            seen.add(text)
            yield {"text": text}


def _debian() -> dict[str, list[dict[str, str]]]:
    """Pages of the handbook and of the developers' reference, entries of the jargon file."""
    with tempfile.TemporaryDirectory() as made:
        place = Path(made)
        subprocess.run(["apt-get", "download", "-q", *DEBIAN], cwd=place, check=True, capture_output=True)
        for package in place.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", package.name, "."], cwd=place, check=True)
        handbook = sorted((place / "usr/share/doc/debian-handbook/html/en-US").glob("*.html"))
        reference = [
            path for path in sorted((place / "usr/share/developers-reference").glob("*.html"))
            if path.stem != "developers-reference"
        ]  # fmt: skip
        jargon = gzip.decompress((place / "usr/share/doc/jargon-text/jargon.txt.gz").read_bytes()).decode(
            "utf-8", "replace"
        )
        return {
            "handbook": [{"text": _text(path.read_text(encoding="utf-8"))} for path in handbook],
            "reference": [{"text": _text(path.read_text(encoding="utf-8"))} for path in reference],
            "jargon": [{"text": entry} for entry in _entries(jargon)],
        }


def _entries(text: str) -> Iterable[str]:
    """What is said of each word, a line a paragraph."""
    for entry in re.split(r"\n   (?=:[^:\n]+:)", text)[1:]:
        parts = (" ".join(part.split()) for part in re.split(r"\n\s*\n", entry))
        yield re.sub(r"[{}]", "", "\n".join(part for part in parts if part))


class _Words(html.parser.HTMLParser):
    """The text of a page: a line a block, nothing of scripts and menus."""

    BLOCKS = frozenset(("p", "li", "h1", "h2", "h3", "h4", "h5", "div", "pre", "td", "dt", "dd", "title", "br"))
    SILENT = frozenset(("script", "style", "head", "nav", "pre"))

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._silent += tag in self.SILENT
        if tag in self.BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in self.SILENT
        if tag in self.BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if self._silent <= 0:
            self.parts.append(data.replace("\n", " "))


def _text(page: str) -> str:
    words = _Words()
    words.feed(page)
    return "\n".join(line for part in "".join(words.parts).split("\n") if (line := " ".join(part.split())))
