"""What weights and layers of an unknown stack are to each other, found by running it once on three tokens.

The order in which a module lists its weights does not say where they are used (the position biases of MPNet
and DeBERTa are listed after the layers and used in each), so the graph of one forward pass is asked
instead.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from quickstudy.core.types import GIVEN


@dataclass(frozen=True)
class Survey:
    """What one forward pass showed."""

    levels: dict[str, int]
    """weight -> the layer that it belongs to; -1 below or beside them, their number above the last.
    A weight that nothing is derived from (a table of sines) is left out"""
    returns: int | None
    """a layer hands on a tuple of this many; None: a tensor"""
    shared: bool
    """one layer runs several times over (ALBERT)"""


def survey(body: nn.Module, layers: str) -> Survey:
    """Runs `body` once; the weights' requires_grad is as before afterwards."""
    stack = list(body.get_submodule(layers).children())
    own = dict(body.named_parameters())
    before = {name: weight.requires_grad for name, weight in own.items()}
    calls: list[object] = []
    hooks = [layer.register_forward_hook(lambda *seen: calls.append(seen[2])) for layer in stack]
    try:
        with torch.inference_mode(False), torch.enable_grad():
            for weight in own.values():
                weight.requires_grad_(weight.is_floating_point())
            tokens, role = probe(next(iter(own.values())).device)
            output = body(tokens, role)
    finally:
        for hook in hooks:
            hook.remove()
        for name, weight in own.items():
            weight.requires_grad_(before[name])
    if not calls:
        raise ValueError(f"the layers at {layers} are not run one by one")
    top = calls[-1]
    below, somewhere = ({*map(id, _leaves(made))} for made in (_first(top), output))
    levels = {}
    for name, weight in own.items():
        if name.startswith(layers + "."):
            levels[name] = int(name.removeprefix(layers + ".").split(".", 1)[0])
        elif id(weight) in somewhere:
            levels[name] = -1 if id(weight) in below else len(stack)
    return Survey(levels, len(top) if isinstance(top, tuple) else None, len(calls) > len(stack))


def probe(device: torch.device, *tokens: int) -> tuple[Tensor, Tensor]:
    """(tokens (1, S), role (1, S)) of a short row that any vocabulary holds."""
    row = torch.tensor([tokens or (0, 1, 2)], device=device)
    return row, torch.full_like(row, GIVEN, dtype=torch.uint8)


def _first(output: object) -> Tensor:
    found = output[0] if isinstance(output, tuple) else output
    if not isinstance(found, Tensor):
        raise ValueError("its layers do not hand on hidden states")
    return found


def _leaves(output: Tensor) -> Iterator[Tensor]:
    """The weights that a tensor was derived from."""
    waiting, seen = [output.grad_fn], set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            yield node.variable
        waiting += [parent for parent, _ in node.next_functions]
