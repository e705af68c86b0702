"""Strings to what a backbone reads: token rows, roles and spans, with everything that was cut counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from tokenizers import Encoding, Tokenizer
from torch import Tensor

from quickstudy.core.types import GIVEN, Text

CHARACTERS_A_TOKEN = 64
"""No more than this many characters a token are ever looked at: a 10 MB text costs no more than a long one."""
WIDTH_STEP = 8
"""Rows are as wide as a multiple of this, so that like texts meet like shapes wherever they are read."""


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
        """Rows of one or two texts each, all alike; two are read jointly, each as a part of the unit."""
        parts = len(items[0]) if items else 1
        if parts > 2 or any(len(item) != parts for item in items):
            raise ValueError("every row holds one text, or every row holds two")
        most = self.limit * CHARACTERS_A_TOKEN
        given = [tuple(self.prompt + part[:most] for part in item) for item in items]
        encodings = self.tokenizer.encode_batch_fast(given if parts == 2 else [item[0] for item in given])
        lengths = [len(encoding.ids) for encoding in encodings]
        longest = max(lengths, default=0)
        width = max(longest, min(self.limit, -(-max(longest, 1) // WIDTH_STEP) * WIDTH_STEP))
        tokens = np.full((len(items), width), self.filler, dtype=np.int64)
        role = np.zeros(tokens.shape, dtype=np.uint8)
        spans = np.zeros((len(items), 1, parts, 2), dtype=np.int64)
        for row, (encoding, length) in enumerate(zip(encodings, lengths, strict=True)):
            tokens[row, :length] = encoding.ids
            role[row, : max(length, 1)] = GIVEN  # an empty row still needs something to attend to
            spans[row, 0] = [(0, length)] if parts == 1 else _parts(encoding)
        cut = [
            sum(1 - mask for over in encoding.overflowing for mask in over.special_tokens_mask)
            + sum(max(0, len(part) - most) // 4 for part in item)  # never tokenised: four characters a token
            for encoding, item in zip(encodings, items, strict=True)
        ]
        text = Text(torch.from_numpy(tokens), torch.from_numpy(role), torch.from_numpy(spans))
        return Read(text, torch.tensor(cut, dtype=torch.long))


def _parts(encoding: Encoding) -> list[tuple[int, int]]:
    """The token ranges of the two texts of a pair."""
    which = encoding.sequence_ids
    found = []
    for part in (0, 1):
        places = [place for place, owner in enumerate(which) if owner == part]
        found.append((places[0], places[-1] + 1) if places else (0, 0))
    return found
