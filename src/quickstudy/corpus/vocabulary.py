"""A tokenizer as the compiler reads with it."""

from tokenizers import Tokenizer


def plain(tokenizer: Tokenizer) -> Tokenizer:
    """Cuts nothing, fills nothing, and takes no "[MASK]" in a text for the mark."""
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True
    return tokenizer
