"""Letters made right: an encoding read as another (ftfy), HTML entities, control characters, one form of Unicode.

ftfy reads at about 1 MB/s and most text has nothing to mend, so that it sees only sentences with a sign of damage."""

import html
import re
import unicodedata

import ftfy

from quickstudy.corpus.letters import outside

_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u200b\u2060\ufeff\ufff9-\ufffb\ud800-\udfff\ue000-\uf8ff]"  # (private use)
)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-fA-F]{1,6}|[a-zA-Z]{2,8});")
_LEAD = "\xc2-\xf4"  # first bytes of UTF-8, as Latin-1 shows them
_FOLLOW = (  # further bytes, as Latin-1 or Windows-1252 shows them
    "\x80-\xbf\u20ac\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\u017d\u2018\u2019\u201c\u201d"
    "\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\u017e\u0178"
)
_MISREAD = re.compile(f"[{_LEAD}][{_FOLLOW}]")
_LEADS, _FOLLOWS = frozenset(map(chr, range(0xC2, 0xF5))), re.compile(f"[{_FOLLOW}]")
_OLD_CONTROL = frozenset(map(chr, range(0x80, 0xA0)))
_CONTROLLED = re.compile("[\x80-\x9f]")
_SENTENCE = re.compile(r"(?<=[.!?\n])(\s)")
_ENDS = str.maketrans({"\u2028": "\n", "\u2029": "\n\n"})


def repaired(text: str) -> tuple[str, str]:
    """The text, and what was done: "", "encoding" or "entities"."""
    done = ""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "&" in text and _ENTITY.search(text):
        text, done = html.unescape(text), "entities"
    if text.isascii():
        return (text if text.isprintable() else _CONTROL.sub("", text)), done
    letters = outside(text)
    if letters & _OLD_CONTROL or (letters & _LEADS and _FOLLOWS.search("".join(letters)) and _looks_bad(text)):
        mended = _mended(text)
        if mended != text:
            text, done, letters = mended, "encoding", outside(mended)
    if not letters.isdisjoint("\u2028\u2029"):
        text = text.translate(_ENDS)
    if not text.isprintable():
        text = _CONTROL.sub("", text)
    return unicodedata.normalize("NFC", text), done


def _looks_bad(text: str) -> bool:
    """Whether ftfy calls what stands around a suspicious pair of letters bad: it takes long over a whole text."""
    around = (text[max(found.start() - 8, 0) : found.end() + 8] for found in _MISREAD.finditer(text))
    return any(ftfy.badness.is_bad(part) for part in around)


def _mended(text: str) -> str:
    """Sentence by sentence, those that need it."""
    return "".join(map(_fixed, _SENTENCE.split(text)))


def _fixed(part: str) -> str:
    if part.isascii() or not (_CONTROLLED.search(part) or _looks_bad(part)):
        return part
    return ftfy.fix_text(part, uncurl_quotes=False, fix_character_width=False, fix_latin_ligatures=False)
