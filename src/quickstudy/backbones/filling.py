"""A model that says what stands at hidden places, as a backbone whose classes are its vocabulary there.

A unit at a MASKED place is log-probabilities of what may stand there, by the words' own embeddings (weights tied as in
Press & Wolf 2017): of our Small as it says written words, of a Hugging Face model behind a map, a GELU and a norm of
width D as BERT has them (Devlin et al. 2019), which theta holds and learns as "fill.…". Rows in which nothing is MASKED
are read as ever, those with WRITTEN tokens by a model that writes.
"""

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from quickstudy.backbones.encoder import Encoder
from quickstudy.backbones.hub import Body
from quickstudy.backbones.passages import Passages
from quickstudy.backbones.small import Small
from quickstudy.backbones.speaking import Speaking, speaking
from quickstudy.backbones.vocabulary import placed, said
from quickstudy.backbones.writing import decoder
from quickstudy.core.types import GIVEN, MASKED, WRITTEN, Limits, Lower, Marks, Params, QuickstudyError, Text, Written

FILL = "fill."
"""how the names of the weights that only say what is hidden begin: nothing else reads them"""
READS = (
    "this model cannot go on writing a text, only read one; leave tasks that write (language_model, translation, "
    "denoising) out, or name a model that writes, such as smollm2 or gpt2"
)


@functools.lru_cache(maxsize=8)
def filling(encoder: Encoder) -> "Filling":
    """The model as one that fills in. QuickstudyError where it has no words of its own."""
    table = _words(encoder.body)
    other = speaking(encoder) if encoder.writes is not None and encoder.writes.whole is None else Passages(encoder)
    places = replace(encoder, pooling="first", normalise=False)
    return Filling(places, table, not isinstance(encoder.body, Small), other)


@dataclass(frozen=True, eq=False)
class Filling:
    """`units` of rows with MASKED tokens are log-probabilities (B, U, V); of a unit whose span is empty, zeros."""

    encoder: Encoder
    words: str
    """the weight of the body that has a row for each token"""
    mapped: bool
    """whether hidden states are mapped before they meet the words"""
    other: Passages | Speaking
    """the same model where nothing is masked"""

    @property
    def width(self) -> int:
        """D, of units where nothing is masked."""
        return self.encoder.width

    def says(self, params: Params) -> tuple[int, ...]:
        """The roles of tokens of which it says what they are."""
        hidden = not self.mapped or any(name.startswith(FILL) for name in params)
        return (*[MASKED] * hidden, *[WRITTEN] * isinstance(self.other, Speaking))

    @property
    def limit(self) -> int:
        """Tokens a row of a model that writes; 0 of one that does not."""
        return self.other.limit if isinstance(self.other, Speaking) else 0

    def marks(self) -> Marks:
        return decoder(self.other).marks()

    def said(self, params: Params, text: Text) -> Tensor:
        return decoder(self.other).said(params, text)

    def write(self, params: Params, text: Text, limits: Limits) -> Written:
        if not isinstance(self.other, Speaking):
            raise QuickstudyError(READS)
        return self.other.write(params, text, limits)

    def init(self, rng: torch.Generator) -> Params:
        found = self.encoder.init(rng)
        if not self.mapped:
            return found
        size, dtype = self.width, torch.get_default_dtype()
        return found | {
            f"{FILL}map": (torch.randn(size, size, generator=rng, dtype=torch.float64) / size**0.5).to(dtype),
            f"{FILL}map_bias": torch.zeros(size),
            f"{FILL}norm": torch.ones(size),
            f"{FILL}norm_bias": torch.zeros(size),
            f"{FILL}bias": torch.zeros(len(self.encoder.body.get_parameter(self.words))),
        }

    def depth(self, moving: Iterable[str]) -> int:
        return self.encoder.depth(moving)

    def lower(self, params: Params, text: Text, depth: int) -> Lower:
        if is_masked(text):
            return self.encoder.lower(params, _seen(text), depth)
        return self.other.lower(params, text, depth)

    def units(self, params: Params, text: Text, lower: Lower | None = None) -> Tensor:
        if not is_masked(text):
            if not isinstance(self.other, Speaking) and (text.role == WRITTEN).any():
                raise QuickstudyError(READS)
            return self.other.units(params, text, lower)
        hidden = self.encoder.units(params, _seen(text), lower)  # (B, U, D)
        there = text.spans[:, :, 0, 1] > text.spans[:, :, 0, 0]
        return placed(self._saying(params)(hidden[there]), there)

    def _saying(self, params: Params) -> Callable[[Tensor], Tensor]:
        """Hidden states (n, D) -> log-probabilities (n, V)."""
        weight = params.get(f"backbone.{self.words}", self.encoder.body.get_parameter(self.words))
        if not self.mapped:
            return lambda hidden: said(self.encoder, hidden, weight * self.width**-0.5)
        own = {name.removeprefix(FILL): value for name, value in params.items() if name.startswith(FILL)}
        if not own:
            raise QuickstudyError(
                "this model does not say what is hidden: it learns that while `quickstudy pretrain` trains it with "
                "masked_lm, and a student keeps nothing of it; leave the task out"
            )

        def say(hidden: Tensor) -> Tensor:
            made = F.gelu(F.linear(hidden, own["map"].to(hidden), own["map_bias"].to(hidden)))
            made = F.layer_norm(made, made.shape[-1:], own["norm"].to(hidden), own["norm_bias"].to(hidden))
            return said(self.encoder, made, weight.to(made.device), own["bias"])

        return say


def is_masked(text: Text) -> bool:
    return bool((text.role == MASKED).any())


def _seen(text: Text) -> Text:
    """MASKED places as a body reads them: seen from everywhere."""
    return text._replace(role=torch.where(text.role == MASKED, GIVEN, text.role))


def _words(body: nn.Module) -> str:
    if isinstance(body, Small):
        return Small.output
    if isinstance(body, Body):
        weight = body.model.get_input_embeddings().weight  # type: ignore[operator]
        found = next((name for name, own in body.named_parameters() if own is weight), None)
        if found is not None:
            return found
    raise QuickstudyError("this model has no table of words, so nothing can be masked in its texts; name another model")
