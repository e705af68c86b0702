"""A small Transformer of our own, from random weights: encoder, causal or prefix by its tokens' roles.

Pre-norm blocks (Xiong et al. 2020). What a token sees follows from the roles alone (as in the prefix
language model of Raffel et al. 2019): given text is seen from everywhere, written text only from behind. So
all GIVEN makes an encoder, all WRITTEN a causal decoder, GIVEN then WRITTEN a prefix model. Nothing
branches on data and nothing is drawn while it runs, so that `vmap` and second derivatives (under the MATH
kernel) work.
"""

from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from quickstudy.core.types import GIVEN, PADDING, WRITTEN


@dataclass(frozen=True)
class Sizes:
    """The sizes of a Small; its seed draws the weights it starts from."""

    vocabulary: int
    width: int = 128
    layers: int = 4
    heads: int = 4
    positions: int = 256
    seed: int = 0

    def __post_init__(self) -> None:
        if min(asdict(self).values()) < 0 or 0 in (self.vocabulary, self.width, self.layers, self.heads):
            raise ValueError(f"sizes must be positive: {self}")
        if self.width % self.heads:
            raise ValueError(f"a width of {self.width} does not divide into {self.heads} heads")


class Small(nn.Module):
    """tokens (B, S) long, role (B, S) uint8 -> hidden (B, S, D)."""

    output = "words.weight"
    """what hidden states are multiplied with where it writes"""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.words = nn.Embedding(sizes.vocabulary, sizes.width)
        self.places = nn.Embedding(sizes.positions, sizes.width)
        self.layers = nn.ModuleList(Block(sizes.width, sizes.heads) for _ in range(sizes.layers))
        self.norm = nn.LayerNorm(sizes.width)
        self._draw(torch.Generator().manual_seed(sizes.seed))

    def forward(
        self,
        tokens: Tensor,
        role: Tensor,
        past: "Past | None" = None,
        sees: Tensor | None = None,
        place: Tensor | None = None,
    ) -> Tensor:
        """With `past` it reads on, and fills it; `sees` (B, S, T) then says what each token sees of all T of its row,
        and `place` (B, S) where it stands."""
        if place is None:
            place = torch.arange(tokens.shape[-1], device=tokens.device)
        hidden = self.words(tokens) + self.places(place)
        mask = (visible(role) if sees is None else sees).unsqueeze(-3)
        for number, layer in enumerate(self.layers):
            hidden = layer(hidden, mask) if past is None else layer(hidden, mask, past, number)
        return self.norm(hidden)

    def _draw(self, rng: torch.Generator) -> None:
        """Weights at scale 1 / sqrt(n); what joins the stream, smaller by the joins (Radford et al. 2019)."""
        joins = (2 * self.sizes.layers) ** 0.5
        with torch.no_grad():
            for name, weight in self.named_parameters():
                if weight.ndim < 2:
                    continue  # norms begin as the identity, biases at zero
                scale = 1.0 if name.startswith(("words", "places")) else 1 / weight.shape[1] ** 0.5
                scale /= joins if name.endswith(("attend_out.weight", "think_out.weight")) else 1
                weight.copy_(torch.randn(weight.shape, generator=rng, dtype=torch.float64) * scale)


class Block(nn.Module):
    """One layer: attention, then a feed-forward map, each added to the stream."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.attend_norm = nn.LayerNorm(width)
        self.attend_in = nn.Linear(width, 3 * width)
        self.attend_out = nn.Linear(width, width)
        self.think_norm = nn.LayerNorm(width)
        self.think_in = nn.Linear(width, 4 * width)
        self.think_out = nn.Linear(4 * width, width)
        for linear in (self.attend_in, self.attend_out, self.think_in, self.think_out):
            nn.init.zeros_(linear.bias)

    def forward(self, hidden: Tensor, mask: Tensor, past: "Past | None" = None, number: int = 0) -> Tensor:
        parts = self.attend_in(self.attend_norm(hidden)).chunk(3, dim=-1)
        query, key, value = (part.unflatten(-1, (self.heads, -1)).transpose(-2, -3) for part in parts)
        if past is not None:
            key, value = past.joined(number, key, value)
        seen = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)  # (B, H, S, D / H)
        hidden = hidden + self.attend_out(seen.transpose(-2, -3).flatten(-2))
        return hidden + self.think_out(F.gelu(self.think_in(self.think_norm(hidden))))


class Past:
    """The keys and values (B, H, S, D / H) of what every layer has read."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[Tensor, Tensor]] = {}

    def joined(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Those of a layer with new ones behind, which are kept from now on."""
        if layer in self._kept:
            before = self._kept[layer]
            key, value = torch.cat([before[0], key], dim=-2), torch.cat([before[1], value], dim=-2)
        self._kept[layer] = key, value
        return key, value

    def batch_select_indices(self, index: Tensor) -> None:
        """The rows that `index` names, some perhaps twice. The name is that of the caches of transformers."""
        self._kept = {layer: (key[index], value[index]) for layer, (key, value) in self._kept.items()}


def visible(role: Tensor) -> Tensor:
    """(…, S) roles -> (…, S, S) bool: whether the token of a row sees the token of a column."""
    place = torch.arange(role.shape[-1], device=role.device)
    viewer, seen = role.unsqueeze(-1), role.unsqueeze(-2)
    behind = place.unsqueeze(-1) >= place
    allowed = (seen == GIVEN) | ((viewer == WRITTEN) & (seen != PADDING) & behind)
    return allowed | (place.unsqueeze(-1) == place)  # padding sees itself: a row of nothing would become NaN
