"""An encoder and a decoder as one body, so that it writes as a decoder alone does: given text is read by the encoder,
once, and written text by the decoder (T5, BART, Marian)."""

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import safe_open
from tokenizers import Tokenizer
from torch import Tensor, nn

from quickstudy.backbones.survey import probe
from quickstudy.backbones.writing import Whole, Writing, beside, marks
from quickstudy.core.types import GIVEN, WRITTEN


class Translator(nn.Module):
    """tokens (B, S), role (B, S) -> hidden (B, S, D). A row is given, then written. What the decoder makes of the
    tokens before a written one stands at the place before it, as in a decoder alone; zeros stand elsewhere."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.start = int(model.config.decoder_start_token_id)

    def forward(
        self,
        tokens: Tensor,
        role: Tensor,
        past: "Remembered | None" = None,
        sees: Tensor | None = None,
        place: Tensor | None = None,
    ) -> Tensor:
        """With `past` the encoder's part is kept there, and tokens that come later are the decoder's."""
        if past is not None and past.memory is not None:
            return self._decoded(tokens, past.memory, past.seen, past.cache)
        given, written = (role == GIVEN).sum(1), (role == WRITTEN).sum(1)
        longest = max(1, int(given.max()))
        seen = (role[:, :longest] == GIVEN).long()
        memory = self.model.get_encoder()(input_ids=tokens[:, :longest], attention_mask=seen).last_hidden_state
        if past is not None:
            past.memory, past.seen = memory, seen
        place_of = given[:, None] + torch.arange(max(1, int(written.max())), device=tokens.device) - 1
        at = place_of.clamp(0, tokens.shape[1] - 1)
        asked = F.pad(tokens.gather(1, at)[:, 1:], (1, 0), value=self.start)
        hidden = self._decoded(asked, memory, seen, past.cache if past is not None else None)
        return hidden.new_zeros(*tokens.shape, hidden.shape[-1]).scatter(1, at[..., None].expand_as(hidden), hidden)

    def _decoded(self, tokens: Tensor, memory: Tensor, seen: Tensor | None, cache: Any) -> Tensor:
        return self.model.get_decoder()(
            input_ids=tokens,
            encoder_hidden_states=memory,
            encoder_attention_mask=seen,
            past_key_values=cache,
            use_cache=cache is not None,
        ).last_hidden_state


class Remembered:
    """What the encoder made of the rows, and the decoder's keys and values."""

    def __init__(self) -> None:
        from transformers import DynamicCache, EncoderDecoderCache

        self.memory: Tensor | None = None
        self.seen: Tensor | None = None
        self.cache = EncoderDecoderCache(DynamicCache(), DynamicCache())

    def batch_select_indices(self, index: Tensor) -> None:
        """The rows that `index` names, some perhaps twice."""
        assert self.memory is not None and self.seen is not None
        self.memory, self.seen = self.memory[index], self.seen[index]
        self.cache.batch_select_indices(index)


def translating_of(folder: Path, model: Any, body: nn.Module, tokenizer: Tokenizer, limit: int) -> Writing | None:
    """How the Hugging Face encoder-decoder in `folder` writes; None where its files hold no decoder's start or output
    weights."""
    from transformers import AutoModelForSeq2SeqLM

    if getattr(model.config, "decoder_start_token_id", None) is None:
        return None
    try:
        with torch.device("meta"):
            entire = AutoModelForSeq2SeqLM.from_config(model.config)
        head = entire.get_output_embeddings()
    except (AttributeError, KeyError, NotImplementedError, RuntimeError, TypeError, ValueError):
        return None
    whole = Translator(model.to(next(body.parameters()).device)).eval()
    if getattr(model.config, "tie_word_embeddings", True):
        table = model.get_decoder().get_input_embeddings().weight
        output: Any = next((name for name, weight in whole.named_parameters() if weight is table), None)
    else:
        output = beside(folder, next(name for name, module in entire.named_modules() if module is head) + ".weight")
    if output is None:
        return None
    scaled = getattr(model.config, "scale_decoder_outputs", False)
    width = int(whole(*probe(next(body.parameters()).device)).shape[-1])
    return Writing(
        marks(tokenizer, limit),
        output,
        cache=Remembered,
        scale=float(model.config.d_model) ** -0.5 if scaled else 1.0,
        bias=_bias(folder),
        whole=Whole(whole, f"model.{_decoder_path(model)}", width),
    )


def _decoder_path(model: nn.Module) -> str:
    """Of the decoder's list of layers."""
    decoder = model.get_decoder()  # type: ignore[operator]
    above = next(name for name, module in model.named_modules() if module is decoder)
    stacks = {name: module for name, module in decoder.named_modules() if isinstance(module, nn.ModuleList)}
    largest = max(stacks, key=lambda name: sum(weight.numel() for weight in stacks[name].parameters()))
    return f"{above}.{largest}"


def _bias(folder: Path) -> Tensor | None:
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as opened:
            if "final_logits_bias" in set(opened.keys()):
                return opened.get_tensor("final_logits_bias").float().flatten()
    return None
