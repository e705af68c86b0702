"""Sentences out of a document, and what its lines say about themselves: headings, "key: value", links.

A sentence in a shard is a line: a mark (HEAD or KEY; none for a plain one), then the text, in which a link stands as
LINK target SAID text END."""

import re
from collections.abc import Iterable, Iterator, Sequence

from quickstudy.corpus.store import HEADING, KEY_VALUE, PLAIN

HEAD, KEY, LINK, SAID, END = "\x01", "\x02", "\x03", "\x04", "\x05"
FLAGS = {HEAD: HEADING, KEY: KEY_VALUE}
LONGEST = 800
"""characters of a sentence; a longer one is parted at a space"""
_STOP = re.compile(
    r"([.!?](?<!\bMr\.)(?<!\bMs\.)(?<!\bDr\.)(?<!\bSt\.)(?<!\bvs\.)(?<!\bMrs\.)(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\b[A-Z]\.)"
    r"""["')\]\u201d\u2019]*)\s+(?=["'(\[\u201c\u2018\xbf\xa1]?[^\W_a-z])"""
)
_WIDE_STOP = re.compile("[\u3002\uff01\uff1f]+[\u201d\u300f\u300d\uff09]*")
_HEADING = re.compile(r"(?:#{1,6}\s+(?P<hash>.{1,150}?)\s*#*|(?P<wiki>={2,6})\s*(?P<said>.{1,150}?)\s*(?P=wiki))")
_RULE = re.compile(r"(?:={3,}|-{3,}|~{3,}|\*{3,})")
_KEY = re.compile(r"(?:[-*•]\s+)?[^\W\d_][\w ./()-]{0,38}(?::\s+|：\s*)\S.{0,200}")
_ITEM = re.compile(r"(?:[-*•+]\s+|\d{1,3}[.)]\s+)")
_LINKS = re.compile(
    r"(?<!!)\[(?P<text>[^\[\]\n]{1,120})\]\((?P<target>[^()\s]{1,300})\)"
    r"|\[\[(?P<page>[^\[\]|\n]{1,120})(?:\|(?P<as>[^\[\]|\n]{1,120}))?\]\]"
)


def sentences(text: str, title: str = "") -> list[str]:
    """The marked lines of a document, the title first."""
    if "](" in text or "[[" in text:
        text = _LINKS.sub(_marked, text)
    found = [HEAD + " ".join(title.split())[:LONGEST]] if title.strip() else []
    if "\n" not in text:
        found.extend(_parted(text))
        return found
    for mark, block in _blocks(text.split("\n")):
        found.extend(mark + part if not at else part for at, part in enumerate(_parted(block)))
    return found


def flag(line: str) -> tuple[int, str]:
    """What a marked line is, and its text."""
    return (FLAGS[line[0]], line[1:]) if line[:1] in FLAGS else (PLAIN, line)


def bare(lines: Sequence[str]) -> str:
    """The text of a document's lines. The other marks stay in it: they are no letters."""
    said = "\n".join(lines)
    return plain(said) if LINK in said else said


def plain(line: str) -> str:
    """The text of a line without links' marks."""
    return re.sub(f"{LINK}[^{SAID}]*{SAID}|{END}", "", line) if LINK in line else line


def links(text: str) -> tuple[str, list[tuple[int, int, str]]]:
    """(the text without links' marks; where each link stands in it, in characters, and its target)"""
    bare, found, at = "", [], 0
    for match in re.finditer(f"{LINK}([^{SAID}]*){SAID}([^{END}]*){END}", text):
        bare += text[at : match.start()]
        found.append((len(bare), len(bare) + len(match[2]), match[1]))
        bare += match[2]
        at = match.end()
    return bare + text[at:], found


def _blocks(lines: list[str]) -> Iterator[tuple[str, str]]:
    """(mark, text): lines that were broken to fit a page are one block."""
    kept: list[str] = []
    for number, raw in enumerate(lines):
        line = raw.strip()
        mark, said = _kind(line, lines[number + 1].strip() if number + 1 < len(lines) else "", not kept)
        if kept and (mark or not line or _ITEM.match(line) or _RULE.fullmatch(line)):
            yield "", " ".join(kept)
            kept = []
        if mark:
            yield mark, said
        elif line and not _RULE.fullmatch(line):
            kept.append(line)
    if kept:
        yield "", " ".join(kept)


def _kind(line: str, following: str, fresh: bool) -> tuple[str, str]:
    """`fresh`: nothing stands above it in its block."""
    if not line or len(line) > 250:
        return "", line
    if match := _HEADING.fullmatch(line):
        return HEAD, match["hash"] or match["said"]
    if fresh and len(line) < 120 and len(following) >= 3 and following[0] in "=-~" and _RULE.fullmatch(following):
        return HEAD, line
    if (":" in line or "：" in line) and LINK not in line and _KEY.fullmatch(line):
        return KEY, line
    if fresh and not following and len(line) < 80 and line[-1] not in ".!?:;,。！？：；，" and line[0].isupper():
        return HEAD, line
    return "", line


def _parted(text: str) -> Iterator[str]:
    """The sentences of a block, with single spaces."""
    if not text.isprintable() or "  " in text:
        text = " ".join(text.split())
    start = 0
    for end in _ends(text):
        yield from _short(text[start:end].strip())
        start = end
    yield from _short(text[start:].strip())


def _ends(text: str) -> Iterable[int]:
    ends = [match.end(1) for match in _STOP.finditer(text)]
    wide = [] if text.isascii() else [match.end() for match in _WIDE_STOP.finditer(text)]
    return sorted(ends + wide) if wide else ends


def _short(said: str) -> Iterator[str]:
    while len(said) > LONGEST:
        at = said.rfind(" ", LONGEST // 2, LONGEST)
        at = at if at > 0 else LONGEST
        if said.rfind(LINK, 0, at) > said.rfind(END, 0, at):  # never inside a link
            said = plain(said)
            continue
        yield said[:at].strip()
        said = said[at:].strip()
    if said:
        yield said


def _marked(match: re.Match[str]) -> str:
    said = match["text"] or match["as"] or match["page"]
    return f"{LINK}{match['target'] or match['page']}{SAID}{said}{END}"
