"""Strings to what a backbone reads: token rows, roles and spans, with everything that was cut counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from tokenizers import Encoding, Tokenizer
from torch import Tensor

from quickstudy.core.types import APART, GIVEN, WIDTH_STEP, Text

CHARACTERS_A_TOKEN = 64
"""No more than this many characters a token are ever looked at: a 10 MB text costs no more than a long one."""


class Read(NamedTuple):
    """Texts as tokens."""

    text: Text
    """one unit a row, over the whole text, with as many parts as each item had texts"""
    cut: Tensor
    """(B,) long: tokens at the end that did not fit"""


@dataclass(frozen=True, eq=False)
class Reader:
    """A tokenizer with the limit and the prompt its backbone was trained with."""

    tokenizer: Tokenizer
    limit: int
    """tokens a row at most, special ones included"""
    prompt: str = ""
    """stands before every text, as e5's "query: " """
    filler: int = 0
    """the token that fills rows up; never looked at"""

    def __post_init__(self) -> None:
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(self.limit, strategy="longest_first")

    def read(self, items: Sequence[tuple[str, ...]]) -> Read:
        """Rows of one or two texts each, all alike. Of two, the second stands behind the first in the row, to be read
        apart from it; each is a part of the row's one unit and has the limit to itself."""
        parts = len(items[0]) if items else 1
        if parts > 2 or any(len(item) != parts for item in items):
            raise ValueError("every row holds one text, or every row holds two")
        most = self.limit * CHARACTERS_A_TOKEN
        encodings = self.tokenizer.encode_batch_fast([self.prompt + part[:most] for item in items for part in item])
        ids = [encoding.ids for encoding in encodings]
        tokens, role, spans = self._rows([ids[start : start + parts] for start in range(0, len(ids), parts)], parts)
        cut = [
            sum(_cut(part, encoding, most) for part, encoding in zip(item, read, strict=True))
            for item, read in zip(items, _pieces(encodings, parts), strict=True)
        ]
        text = Text(torch.from_numpy(tokens), torch.from_numpy(role), torch.from_numpy(spans))
        return Read(text, torch.tensor(cut, dtype=torch.long))

    def unread(self, texts: Sequence[str]) -> list[int]:
        """How many tokens of each text do not fit. Only texts that may be too long are tokenised."""
        long = [text for text in texts if self.may_cut(text)]
        cut = iter(self.read([(text,) for text in long]).cut.tolist())
        return [next(cut) if self.may_cut(text) else 0 for text in texts]

    def may_cut(self, text: str) -> bool:
        """Whether a text can be too long: a token takes a byte at least, but for the two at the ends."""
        size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
        return size > self.limit - 2 - len(self.prompt)

    def _rows(self, rows: list[list[list[int]]], parts: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Tokens (B, S), roles (B, S) and spans (B, 1, P, 2) of rows of one or two lists of token ids."""
        longest = max((sum(map(len, row)) for row in rows), default=0)
        width = max(longest, min(parts * self.limit, -(-max(longest, 1) // WIDTH_STEP) * WIDTH_STEP))
        tokens = np.full((len(rows), width), self.filler, dtype=np.int64)
        role = np.zeros(tokens.shape, dtype=np.uint8)
        spans = np.zeros((len(rows), 1, parts, 2), dtype=np.int64)
        for number, row in enumerate(rows):
            end = 0
            for part, ids in enumerate(row):
                start, end = end, end + len(ids)
                tokens[number, start:end] = ids
                role[number, start:end] = (GIVEN, APART)[part]
                spans[number, 0, part] = start, end
            if end == 0:
                role[number, 0] = GIVEN  # an empty row still needs something to attend to
        return tokens, role, spans


def _cut(part: str, encoding: Encoding, most: int) -> int:
    """Tokens of a text that did not fit; what was never tokenised counts as four characters a token."""
    over = sum(1 - mask for over in encoding.overflowing for mask in over.special_tokens_mask)
    return over + max(0, len(part) - most) // 4


def _pieces(encodings: list[Encoding], parts: int) -> list[list[Encoding]]:
    return [encodings[start : start + parts] for start in range(0, len(encodings), parts)]
