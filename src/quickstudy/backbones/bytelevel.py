"""A small byte-level BPE tokenizer trained on given texts: every text in every language can be read.

Byte-level byte-pair encoding after Radford et al. 2019; the work is done by `tokenizers`.
"""

from collections.abc import Iterable

from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.normalizers import NFKC
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import BpeTrainer

PAD, UNKNOWN, BEGIN, END = "<pad>", "<unk>", "<s>", "</s>"
SPECIAL = (PAD, UNKNOWN, BEGIN, END)
"""their ids are 0, 1, 2, 3"""
SMALLEST = len(SPECIAL) + 256


def train(texts: Iterable[str], vocabulary: int = 4096) -> Tokenizer:
    """A tokenizer of at most `vocabulary` pieces, always with the 256 bytes and four special tokens."""
    if vocabulary < SMALLEST:
        raise ValueError(f"a vocabulary of {vocabulary} does not hold the 256 bytes and {len(SPECIAL)} special tokens")
    tokenizer = Tokenizer(BPE(unk_token=UNKNOWN))
    tokenizer.normalizer = NFKC()
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.decoder = ByteLevelDecoder()
    trainer = BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIAL),
        initial_alphabet=ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = TemplateProcessing(
        single=f"{BEGIN} $A {END}",
        pair=f"{BEGIN} $A {END} $B:1 {END}:1",
        special_tokens=[(name, SPECIAL.index(name)) for name in (BEGIN, END)],
    )
    return tokenizer
