"""The floor: what the backbone's own forward pass costs, with none of this project's code.

The Hugging Face model in the same precision, over texts sorted by length and trimmed to the longest of each batch,
then the mean over tokens. Tokens come straight from the `tokenizers` library. How rows are cut into batches is
chosen by trying: the floor is the fastest way found.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

BATCHES = ((16, 0), (32, 0), (64, 0), (128, 0), (0, 2048), (0, 4096), (0, 8192))
"""rows a batch, or tokens a batch"""


@dataclass
class Bare:
    """A Hugging Face encoder and its tokenizer."""

    folder: Path
    limit: int
    dtype: torch.dtype
    normalise: bool
    model: Any = field(init=False)
    tokenizer: Tokenizer = field(init=False)

    def __post_init__(self) -> None:
        from transformers import AutoModel

        self.model = AutoModel.from_pretrained(self.folder, dtype=self.dtype).eval()
        self.model.pooler = None
        self.tokenizer = Tokenizer.from_file(str(self.folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(self.limit)

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        return [encoding.ids for encoding in self.tokenizer.encode_batch_fast(list(texts))]

    def forward(self, tokens: Sequence[list[int]], batch: tuple[int, int]) -> Tensor:
        """(texts, width), in the order of the texts."""
        rows, budget = batch
        order = sorted(range(len(tokens)), key=lambda at: len(tokens[at]), reverse=True)
        found = torch.empty(len(tokens), self.model.config.hidden_size)
        start = 0
        with torch.inference_mode():
            while start < len(order):
                longest = len(tokens[order[start]])
                which = order[start : start + (rows or max(1, budget // longest))]
                found[which] = self._pooled([tokens[at] for at in which], longest)
                start += len(which)
        return found

    def _pooled(self, tokens: list[list[int]], longest: int) -> Tensor:
        ids = np.zeros((len(tokens), longest), dtype=np.int64)
        mask = np.zeros((len(tokens), longest), dtype=np.int64)
        for row, own in enumerate(tokens):
            ids[row, : len(own)] = own
            mask[row, : len(own)] = 1
        seen = torch.from_numpy(mask)
        hidden = self.model(input_ids=torch.from_numpy(ids), attention_mask=seen).last_hidden_state.float()
        mean = (hidden * seen[:, :, None]).sum(1) / seen.sum(1, keepdim=True)
        return torch.nn.functional.normalize(mean, dim=-1) if self.normalise else mean

    def fastest(self, tokens: Sequence[list[int]], rounds: int = 2) -> tuple[tuple[int, int], dict[str, float]]:
        """The way to cut batches that took the least time on these tokens, and the seconds of all."""
        took: dict[tuple[int, int], float] = {}
        for _ in range(rounds):
            for batch in BATCHES:
                start = time.perf_counter()
                self.forward(tokens, batch)
                took[batch] = min(took.get(batch, 1e9), time.perf_counter() - start)
        return min(took, key=lambda batch: took[batch]), {batch_name(b): s for b, s in took.items()}


def batch_name(batch: tuple[int, int]) -> str:
    return f"{batch[0]} rows" if batch[0] else f"{batch[1]} tokens"
