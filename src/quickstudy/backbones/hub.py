"""Any Hugging Face encoder or decoder, from the hub or a folder, as a Backbone; safetensors only, no code.

An encoder-decoder reads by its encoder, and writes by both. sentence-transformers' own files are honoured; without
them an encoder is pooled by the mean and a decoder, which is known by what its first token can see, by its last
token.
"""

import re
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from quickstudy.backbones.download import fetched, one_line, quiet
from quickstudy.backbones.encoder import Encoder
from quickstudy.backbones.loaded import Loaded, fingerprint
from quickstudy.backbones.running import Precision
from quickstudy.backbones.scope import HEAD, Scope
from quickstudy.backbones.sentence import Manner, manner
from quickstudy.backbones.survey import probe
from quickstudy.backbones.translating import translating_of
from quickstudy.backbones.writing import writing_of
from quickstudy.core.types import PADDING, QuickstudyError

LONGEST = 2048
"""Tokens a row where neither the tokenizer nor sentence-transformers' files set a lower limit."""
UNKNOWN_LIMIT = 512
HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
_FAULTS = (
    *(OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, ImportError, IndexError),
    *(AssertionError, SafetensorError),
)


class Body(nn.Module):
    """A Hugging Face model as `(tokens (B, S), role (B, S)) -> hidden (B, S, D)`."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        tokens: Tensor,
        role: Tensor,
        past: Any = None,
        sees: Tensor | None = None,
        place: Tensor | None = None,
    ) -> Tensor:
        """With a cache `past` it reads on, and fills it; `sees` (S, T), or (B, S, T), then says what each token sees of
        all T in its row, and `place` (B, S) where it stands."""
        more: dict[str, Any] = {} if past is None else {"past_key_values": past, "use_cache": True}
        if sees is None:
            more["attention_mask"] = (role != PADDING).long()
        else:
            least = torch.finfo(dtype := next(self.model.parameters()).dtype).min
            mask = torch.zeros(sees.shape, dtype=dtype, device=sees.device).masked_fill(~sees, least)
            more |= {"attention_mask": mask[None, None] if mask.ndim == 2 else mask[:, None], "position_ids": place}
        return self.model(input_ids=tokens, **more).last_hidden_state


def from_hub(name: str, *, scope: Scope = HEAD, precision: Precision = "auto", device: torch.device) -> Loaded:
    """The model of a hub id, from the local cache where it is there and else downloaded."""
    return from_folder(fetched(name), name, scope=scope, precision=precision, device=device)


def from_folder(
    folder: Path, name: str, *, scope: Scope = HEAD, precision: Precision = "auto", device: torch.device
) -> Loaded:
    """The model in a folder as `save_pretrained` or sentence-transformers writes it."""
    how = manner(folder)
    inside = folder / how.inside
    if not (inside / "config.json").is_file():
        raise QuickstudyError(f"{name}: no config.json in {inside}; name a folder that holds a model")
    if not any(inside.glob("*.safetensors")):
        raise QuickstudyError(
            f"{name}: no weights in the safetensors format in {inside}; convert the model with "
            "save_pretrained (other formats can run code when they are opened)"
        )
    try:
        with quiet():
            model, tokenizer = _opened(inside)
            body = Body(_what_reads(model))
            layers = find_layers(body)
            causal = is_causal(body)
            _check_padding(body)
            pooling = how.pooling or ("last" if causal else "mean")
            width = _width(body)
            limit = _limit(how, model, tokenizer)
            writing = translating_of if model.config.is_encoder_decoder else writing_of if causal else _never
            writes = writing(inside, model, body.to(device), tokenizer.backend_tokenizer, limit)
            backbone = Encoder(body.to(device), layers, width, pooling, how.normalise, scope, precision, writes)
            backbone.depth(())  # surveys it: what cannot be read as a stack of layers shows here
    except _FAULTS as error:
        raise QuickstudyError(
            f"{name}: cannot be opened as an encoder or decoder of text: {one_line(error)}"
        ) from error
    filler = next((i for i in (tokenizer.pad_token_id, tokenizer.eos_token_id) if i is not None), 0)
    return Loaded(
        name=name,
        backbone=backbone,
        tokenizer=tokenizer.backend_tokenizer,
        limit=limit,
        prompt=_e5_prompt(name) if how.prompt is None else how.prompt,
        filler=filler,
        fingerprint=fingerprint(body if writes is None or writes.whole is None else writes.whole.body),
        languages=_languages(folder),
    )


def find_layers(body: nn.Module) -> str:
    """The dotted path of the stack of layers: the list of modules of one class with the most weights."""
    found: dict[str, int] = {}
    for path, module in body.named_modules():
        inside = any(path.startswith(outer + ".") for outer in found)
        alike = isinstance(module, nn.ModuleList) and len({type(layer) for layer in module}) == 1
        if alike and not inside:
            found[path] = sum(weight.numel() for weight in module.parameters())
    if not found:
        raise ValueError("it has no list of layers")
    return max(found, key=lambda path: found[path])


def is_causal(body: nn.Module) -> bool:
    """Whether the first token sees nothing of what follows."""
    device = next(body.parameters()).device
    body.eval()
    with torch.no_grad():
        one, other = (body(*probe(device, 3, 4, last))[0, 0] for last in (5, 6))
    return torch.equal(one, other)


def _check_padding(body: nn.Module) -> None:
    """A model that mixes padding into a text (FNet) would read it by the company it keeps."""
    tokens, role = probe(next(body.parameters()).device, 3, 4, 5, 0)
    role[:, 3] = PADDING
    with torch.no_grad():
        alone, beside = body(tokens[:, :3], role[:, :3]), body(tokens, role)[:, :3]
    if not torch.allclose(alone, beside, rtol=1e-2, atol=1e-2 * float(alone.abs().max())):
        raise ValueError("what it makes of a text depends on the padding beside it")


def _opened(folder: Path) -> tuple[Any, Any]:
    """(model, tokenizer)"""
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    if not tokenizer.is_fast:
        raise ValueError("its tokenizer has no fast version (tokenizer.json)")
    model, told = AutoModel.from_pretrained(
        folder, dtype=torch.float32, use_safetensors=True, trust_remote_code=False, output_loading_info=True
    )
    if isinstance(getattr(model, "pooler", None), nn.Module):
        model.pooler = None  # never read, and often not trained
    missing = sorted(name for name in set(told["missing_keys"]) & set(model.state_dict()) if not _is_made(model, name))
    if missing:
        raise ValueError(f"its file lacks {len(missing)} weights of the model, such as {missing[0]}")
    model.config.use_cache = False
    return model, tokenizer


def _is_made(model: nn.Module, name: str) -> bool:
    """Whether a weight is a table of sines, which no file holds (Marian)."""
    return "Sinusoidal" in type(model.get_submodule(name.rpartition(".")[0])).__name__


def _what_reads(model: Any) -> Any:
    """The model, or its encoder."""
    found = model.get_encoder() if model.config.is_encoder_decoder else model
    found.config.use_cache = False
    _share_position_bias(found)
    return found


def _never(*_: object) -> None:
    """How a model that only reads writes."""


def _share_position_bias(model: Any) -> None:
    """T5's first layer alone has the position bias and hands it on; once all have it, any may come first."""
    attentions = [module.SelfAttention for module in model.modules() if hasattr(module, "SelfAttention")]
    if not attentions:
        return
    first = attentions[0]
    if getattr(first, "has_relative_attention_bias", False):
        for attention in attentions[1:]:
            if not attention.has_relative_attention_bias:
                attention.relative_attention_bias = first.relative_attention_bias
                attention.has_relative_attention_bias = True


def _width(body: nn.Module) -> int:
    with torch.no_grad():
        return int(body(*probe(next(body.parameters()).device)).shape[-1])


def _limit(how: Manner, model: Any, tokenizer: Any) -> int:
    if how.limit:
        return how.limit
    told = [getattr(model.config, "max_position_embeddings", None), tokenizer.model_max_length]
    for path, module in model.named_modules():
        if path.endswith("position_embeddings") and getattr(module, "padding_idx", None) is not None:
            told.append(module.num_embeddings - module.padding_idx - 1)  # RoBERTa counts from behind padding
    sensible = [int(limit) for limit in told if limit and 0 < limit < 1e9]
    return min(*sensible, LONGEST) if sensible else UNKNOWN_LIMIT


def _e5_prompt(name: str) -> str:
    """The e5 models (Wang et al. 2022) were trained with a prompt that their files do not tell."""
    return "query: " if re.match(r"intfloat/(?!.*instruct).*e5", name) else ""


def _languages(folder: Path) -> tuple[str, ...]:
    """The languages that a model card names; empty when it says "multilingual" or nothing."""
    from huggingface_hub import metadata_load

    card = folder / "README.md"
    try:
        told = (metadata_load(card) or {}).get("language") if card.is_file() else None
    except Exception:  # a card is free text and its YAML may be anything; it must not keep a model from loading
        return ()
    codes = [told] if isinstance(told, str) else told if isinstance(told, list) else []
    plain = tuple(code for code in codes if isinstance(code, str) and re.fullmatch(r"[a-z]{2,3}", code))
    return plain if len(plain) == len(codes) else ()
