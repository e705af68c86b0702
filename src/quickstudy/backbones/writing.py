"""How a model writes: its output weights, and the marks by which texts are joined into what it reads on from."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import safe_open
from tokenizers import Tokenizer
from torch import Tensor, nn

from quickstudy.core.protocols import Backbone, Decoder
from quickstudy.core.types import GIVEN, Marks, Params, QuickstudyError


@dataclass(frozen=True, eq=False)
class Own:
    """Output weights that are no input embedding: read when first asked for."""

    file: Path
    name: str

    @cached_property
    def weight(self) -> Tensor:
        with torch.inference_mode(False), safe_open(self.file, framework="pt") as opened:
            return opened.get_tensor(self.name).float()


class Whole(NamedTuple):
    """A body that is more than what reads: an encoder and a decoder."""

    body: nn.Module
    layers: str
    """dotted path of the decoder's layers"""
    width: int


@dataclass(frozen=True, eq=False)
class Writing:
    """How a body writes: logits are its hidden states times output weights (V, D), plus a bias where it has one."""

    marks: Marks
    output: str | Own
    """a weight of the body, by its name; or one beside it, which never moves"""
    past: Callable[[], Any] | None = None
    """makes an empty key/value cache that rows packed into one can be read on from; None: they are read whole"""
    cache: Callable[[], Any] | None = None
    """makes one that rows beside each other can be; None: they are read again for each token"""
    scale: float = 1.0
    """of the output weights"""
    bias: Tensor | None = None
    """(V,)"""
    whole: Whole | None = None
    """what writes where it is not what reads"""

    def weight(self, moved: Params, body: nn.Module) -> Tensor:
        """(V, D), as moved where it is among the weights that moved."""
        if isinstance(self.output, Own):
            found = self.output.weight
        else:
            found = moved[self.output] if self.output in moved else body.get_parameter(self.output)
        return found if self.scale == 1 else found * self.scale


def writer(writing: Writing | None) -> Writing:
    """Refuses a model that only reads, and one whose encoder alone does."""
    if writing is None or writing.whole is not None:
        raise QuickstudyError(ONLY_READS)
    return writing


def decoder(backbone: Backbone) -> Decoder:
    """The backbone as one that writes."""
    if not isinstance(backbone, Decoder):
        raise QuickstudyError(ONLY_READS)
    return backbone


ONLY_READS = (
    "in_context needs a model that writes, such as smollm2 or gpt2, and this one only reads; name another model"
)


def marks(tokenizer: Tokenizer, limit: int) -> Marks:
    """In a tokenizer's ids. Texts and answers begin a line, since each is tokenised alone."""

    def ids(written: str) -> tuple[int, ...]:
        return tuple(tokenizer.encode(written, add_special_tokens=False).ids)

    around = tuple(tokenizer.encode("").ids)
    return Marks(
        limit,
        first=around[:1],
        text=ids("Input:\n"),
        between=ids("\n"),
        answer=ids("\nLabel:\n"),
        end=ids("\n\n"),
        around=around,
        digits=tuple(ids(str(digit)) for digit in range(10)),
    )


def writing_of(folder: Path, model: Any, body: nn.Module, tokenizer: Tokenizer, limit: int) -> Writing | None:
    """How the Hugging Face decoder in `folder` writes; None where that is not by output weights alone."""
    from transformers import AutoModelForCausalLM, DynamicCache

    if any(getattr(model.config, name, None) not in (None, 1, 1.0) for name in MORE_THAN_WEIGHTS):
        return None
    try:
        with torch.device("meta"):
            entire = AutoModelForCausalLM.from_config(model.config)
        head = entire.get_output_embeddings()
    except (AttributeError, KeyError, NotImplementedError, RuntimeError, TypeError, ValueError):
        return None
    if not isinstance(head, nn.Linear) or head.bias is not None:
        return None
    if getattr(model.config, "tie_word_embeddings", False):
        table = model.get_input_embeddings().weight
        output = next((name for name, weight in body.named_parameters() if weight is table), None)
    else:
        output = beside(folder, next(name for name, module in entire.named_modules() if module is head) + ".weight")
    if output is None:
        return None
    past = DynamicCache if _reads_on(body, model.config, DynamicCache, limit) else None
    return Writing(marks(tokenizer, limit), output, past, past)


def beside(folder: Path, name: str) -> Own | None:
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as opened:
            if name in set(opened.keys()):
                return Own(file, name)
    return None


MORE_THAN_WEIGHTS = ("final_logit_softcapping", "logit_scale", "logits_scaling")
"""what a config says of logits that are more than hidden states times weights"""


def _reads_on(body: nn.Module, config: Any, past: Callable[[], Any], limit: int) -> bool:
    """Whether tokens can be read on from a cache, several rows packed into one; shown by doing it."""
    window = getattr(config, "sliding_window", None)
    if window is not None and window < limit:
        return False
    device = next(body.parameters()).device
    tokens = torch.tensor([[3, 4, 5, 6]], device=device)
    role = torch.full_like(tokens, GIVEN)
    sees = torch.tensor([[1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 0, 1]], dtype=torch.bool, device=device)
    cache = past()
    try:
        with torch.no_grad():
            body(tokens[:, :1], role[:, :1], cache)
            found = body(tokens[:, 1:], role[:, 1:], cache, sees, torch.tensor([[1, 2, 2]], device=device))[0]
            cache.crop(-3)
            wanted = torch.cat([body(tokens[:, [0, 1, last]], role[:, :3])[0, -1:] for last in (2, 3)])
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError):
        return False
    return torch.allclose(found[1:], wanted, rtol=1e-2, atol=1e-3 * float(wanted.abs().max()))
