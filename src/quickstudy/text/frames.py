"""Rows that are given and then written: what stands around a text, by its tokenizer, and where what is written ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from quickstudy.core.types import GIVEN, IGNORE, WIDTH_STEP, WRITTEN, QuickstudyError, Text
from quickstudy.text.reader import CHARACTERS_A_TOKEN, Reader

PLACE = "{}"
"""where the text stands in a template"""
CHAT, CHAT_END = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n", "<|im_end|>"
ENDS = ("<|endoftext|>", "</s>", "<eos>", "<|end_of_text|>", "<|eot_id|>", "<end_of_turn>", "[SEP]", "\n")
"""what a text may end with where the tokenizer ends none, the likeliest first"""
FEWEST = 8
"""tokens of a given text that there must be room for"""


class Rows(NamedTuple):
    """Texts as rows."""

    text: Text
    """a unit stands before each written token; the other units are empty"""
    gold: Tensor
    """(B, U) long: the written tokens"""
    cut: Tensor
    """(B,) long: tokens of both texts that did not fit"""


@dataclass(frozen=True, eq=False)
class Frame:
    """Token ids around a given text, around a written one, and the one that ends it."""

    tokenizer: Tokenizer
    """cuts nothing, and takes no mark that stands in a user's text for one"""
    before: tuple[int, ...]
    after: tuple[int, ...]
    opens: tuple[int, ...]
    end: int

    def ids(self, texts: Sequence[str], limit: int) -> tuple[list[list[int]], list[int]]:
        """Of each text, and how many tokens of it were never looked at, roughly."""
        most = limit * CHARACTERS_A_TOKEN
        found = self.tokenizer.encode_batch_fast([text[:most] for text in texts], add_special_tokens=False)
        return [encoding.ids for encoding in found], [max(0, len(text) - most) // 4 for text in texts]

    def text(self, tokens: Sequence[int]) -> str:
        """What was written, without marks."""
        return self.tokenizer.decode([token for token in tokens if token >= 0], skip_special_tokens=True).strip()


@lru_cache(maxsize=16)
def framed(reader: Reader, template: str = "") -> Frame:
    """`template` is what stands around a given text, `{}`; "" is the chat of a tokenizer that has one, nothing where
    the tokenizer itself says where texts end, and else a line's end."""
    tokenizer = Tokenizer.from_str(reader.tokenizer.to_str())
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = False
    lead, trail = around(tokenizer)
    chat = not template and tokenizer.token_to_id(CHAT_END) is not None
    template = template or (CHAT if chat else PLACE if trail else f"{PLACE}\n")
    if template.count(PLACE) != 1:
        raise QuickstudyError(f"the template {template!r:.60} must hold {PLACE} once, where the text stands")
    before, after = (tokenizer.encode(part, add_special_tokens=False).ids for part in template.split(PLACE))
    end = trail[-1] if trail else _end(tokenizer, CHAT_END if chat or CHAT_END in template else "")
    tokenizer.encode_special_tokens = True
    opens = lead if trail else ()
    return Frame(tokenizer, (*lead, *before), (*after, *trail), opens, end)


def rows(
    frame: Frame, reader: Reader, given: Sequence[str], written: Sequence[str | None], longest: int, leading: str = ""
) -> Rows:
    """A row for each given text and what was written for it, of `longest` tokens at most, None where nothing was yet.
    `leading` stands before every given text. What does not fit goes off the ends; a text cut there has no end."""
    room = reader.limit - longest - len(frame.before) - len(frame.after)
    if room < FEWEST:
        raise QuickstudyError(
            f"there is no room for a text: the model reads {reader.limit} tokens, {longest} of which are kept for what "
            "is written; lower `longest`, or name a model that reads more"
        )
    leading = reader.prompt + leading
    sources, unread = frame.ids([leading + text for text in given], reader.limit)
    targets, unseen = frame.ids([text or "" for text in written], reader.limit)
    made, cut = [], []
    for source, target, said, lost, more in zip(sources, targets, written, unread, unseen, strict=True):
        whole = [*frame.opens, *target, frame.end] if said is not None else []
        made.append(([*frame.before, *source[:room], *frame.after], whole[:longest]))
        cut.append(max(0, len(source) - room) + max(0, len(whole) - longest) + lost + more)
    return _stacked(made, cut, reader)


def _stacked(made: Sequence[tuple[list[int], list[int]]], cut: Sequence[int], reader: Reader) -> Rows:
    longest = max((len(given) + len(written) for given, written in made), default=1)
    width = -(-longest // WIDTH_STEP) * WIDTH_STEP
    units = max(1, max((len(written) for _, written in made), default=1))
    tokens = np.full((len(made), width), reader.filler, dtype=np.int64)
    role = np.zeros(tokens.shape, dtype=np.uint8)
    gold = np.full((len(made), units), IGNORE, dtype=np.int64)
    spans = np.zeros((len(made), units, 1, 2), dtype=np.int64)
    for number, (given, written) in enumerate(made):
        first, end = len(given), len(given) + len(written)
        tokens[number, :end] = [*given, *written]
        role[number, :first], role[number, first:end] = GIVEN, WRITTEN
        gold[number, : len(written)] = written
        place = np.arange(first, end)
        spans[number, : len(written), 0] = np.stack([place - 1, place], -1)
    text = Text(torch.from_numpy(tokens), torch.from_numpy(role), torch.from_numpy(spans))
    return Rows(text, torch.from_numpy(gold), torch.tensor(cut, dtype=torch.long))


def parts(frame: Frame, reader: Reader, texts: Sequence[str], window: int, overlap: int) -> tuple[Rows, Tensor]:
    """Whole texts as rows that are written from the beginning: each of `window` tokens at most and, where it is no
    text's first, with the `overlap` tokens before it as given. Also (B,) which text each row is of. Nothing is cut."""
    if not 0 <= overlap < window:
        raise QuickstudyError(
            f"`overlap` is {overlap} and `window` {window}; give an overlap that is less than the window"
        )
    if window + overlap + len(frame.opens) >= reader.limit:
        raise QuickstudyError(
            f"windows of {window} tokens behind {overlap} do not fit into the {reader.limit} that the model reads; "
            "lower `window` or `overlap`"
        )
    begin = list(frame.opens) or [frame.end]
    made, owner = [], []
    for number, text in enumerate(texts):
        ids = frame.tokenizer.encode(text, add_special_tokens=False).ids
        for start in range(0, max(1, len(ids)), window):
            made.append(([*begin, *ids[max(0, start - overlap) : start]], ids[start : start + window]))
            owner.append(number)
    return _stacked(made, [0] * len(made), reader), torch.tensor(owner, dtype=torch.long)


def around(tokenizer: Tokenizer) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """What the tokenizer itself puts before and behind a text."""
    read = tokenizer.encode("a")
    own = [place for place, special in enumerate(read.special_tokens_mask) if not special]
    if not own:
        return tuple(read.ids), ()
    return tuple(read.ids[: own[0]]), tuple(read.ids[own[-1] + 1 :])


def _end(tokenizer: Tokenizer, wanted: str) -> int:
    for name in (wanted, *ENDS):
        if name and (found := tokenizer.token_to_id(name)) is not None:
            return found
    ids = tokenizer.encode("\n", add_special_tokens=False).ids
    if not ids:
        raise QuickstudyError("this tokenizer has no token that ends a text; name another model")
    return ids[-1]
