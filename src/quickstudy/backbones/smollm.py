"""SmolLM2-135M-Instruct (Ben Allal et al. 2025) out of a GGUF file, as a standard Hugging Face folder."""

from contextlib import redirect_stderr
from importlib.util import find_spec
from io import StringIO
from pathlib import Path

import torch

from quickstudy.backbones.download import one_line, quiet
from quickstudy.core.types import QuickstudyError


def ready() -> None:
    """Raises when what reads GGUF files is not installed; asked before anything is downloaded."""
    if find_spec("gguf") is None:
        raise QuickstudyError("smollm2: reading its file takes gguf; run: pip install 'quickstudy[decoder]'")


def convert(source: Path, folder: Path) -> None:
    """Writes the causal language model in fp16 and its tokenizer; half a minute, once."""
    ready()
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        with quiet(), redirect_stderr(StringIO()):  # one bar of it has no switch
            where, name = source.parent, source.name
            opened = AutoModelForCausalLM.from_pretrained(where, gguf_file=name, dtype=torch.float16)
            tokenizer = AutoTokenizer.from_pretrained(where, gguf_file=name)
            config = opened.config.to_diff_dict()
            config.pop("quantization_config", None)  # what it was read from; with it, it cannot be saved
            plain = AutoModelForCausalLM.from_config(type(opened.config).from_dict(config), dtype=torch.float16)
            plain.load_state_dict(opened.state_dict())
            plain.save_pretrained(folder)
            tokenizer.save_pretrained(folder)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, ImportError) as error:
        raise QuickstudyError(f"{source}: cannot be converted ({one_line(error)}); download it again") from error
