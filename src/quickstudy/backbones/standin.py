"""What stands in a stack for layers that are not run, so that the rest of it can be."""

import torch
from torch import Tensor, nn


class Pass(nn.Module):
    """Stands for a layer that is not run."""

    def __init__(self, layer: nn.Module, returns: int | None) -> None:
        super().__init__()
        self.returns = returns
        for name, value in vars(layer).items():  # a stack may ask its layers: ModernBERT's attention_type
            if isinstance(value, str | int | float) and not name.startswith("_"):
                setattr(self, name, value)

    def forward(self, hidden: Tensor, *_: object, **__: object) -> Tensor | tuple[Tensor | None, ...]:
        return hidden if self.returns is None else (hidden, *[None] * (self.returns - 1))


class Kept(Pass):
    """Stands for the lowest layer: hands on hidden states that were kept, which arrive as its only weight."""

    kept: Tensor

    def __init__(self, layer: nn.Module, returns: int | None) -> None:
        super().__init__(layer, returns)
        self.register_buffer("kept", torch.empty(0), persistent=False)

    def forward(self, hidden: Tensor, *_: object, **__: object) -> Tensor | tuple[Tensor | None, ...]:
        return super().forward(self.kept)
