"""The small Transformer: a vocabulary of the training pairs, and random weights."""

from pathlib import Path

import torch

from bench.translating import pairs
from quickstudy.backbones import bytelevel
from quickstudy.backbones.folder import is_small, open_small, save_small
from quickstudy.backbones.loaded import Loaded
from quickstudy.backbones.scope import scope
from quickstudy.backbones.small import Sizes, Small

WORDS, WIDTH, LAYERS, HEADS, POSITIONS = 4000, 192, 2, 4, 128


def opened(folder: Path, data: Path) -> Loaded:
    """Made where it is not there yet; its weights are random, and all of them move."""
    if not is_small(folder):
        texts = [row[side] for name in pairs.TRAIN.values() for row in pairs.records(data, name) for side in row]
        tokenizer = bytelevel.train(texts, WORDS)
        sizes = Sizes(tokenizer.get_vocab_size(), WIDTH, LAYERS, HEADS, POSITIONS)
        save_small(folder, Small(sizes), tokenizer)
    return open_small(folder, scope=scope("all"), precision="bfloat16", device=torch.device("cpu"))
