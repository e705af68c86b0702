"""A backbone that does not fit one device: its frozen layers lie in parts on all ranks (PyTorch's FSDP2).

Shared out are the embeddings and the layers below whatever moves; a layer is gathered when it runs, and let go again.
No slope ever runs through them, so learners of every order work, and what moves stays whole and in one place. Ranks
that hold one backbone together must run it together, so each of them takes the very same episodes: what is won is
memory, not time.
"""

from dataclasses import replace

import torch
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

from quickstudy.backbones.encoder import Encoder
from quickstudy.backbones.loaded import Loaded, device_for
from quickstudy.core.types import QuickstudyError


def sharded(loaded: Loaded, size: int, device: str) -> Loaded:
    """The same backbone over `size` ranks, in float32; it is opened on the CPU, and no device ever holds all of it.
    QuickstudyError where nothing of it lies below what moves."""
    encoder = loaded.backbone
    if not isinstance(encoder, Encoder):
        raise QuickstudyError(f"{loaded.name} has no weights that could be sharded; leave `held` out")
    encoder = replace(encoder, precision="float32", _bodies={})
    first = lowest(encoder)
    if first <= 0:
        raise QuickstudyError(
            f"scope {encoder.scope} moves weights from the lowest layer on, so that nothing of the backbone could be "
            "sharded; take head, last(k) or lora(rank, k)"
        )
    where = device_for(device)
    mesh = init_device_mesh(where.type, (size,))
    body = encoder.body
    whole = {weight for name, weight in body.named_parameters() if encoder._level(name) >= first}
    for layer in list(body.get_submodule(encoder.layers).children())[:first]:
        fully_shard(layer, mesh=mesh, reshard_after_forward=True)
    fully_shard(body, mesh=mesh, reshard_after_forward=True, ignored_params=whole)
    for weight in whole:
        weight.data = weight.data.to(where)
    return replace(loaded, backbone=encoder)


def lowest(encoder: Encoder) -> int:
    """The lowest layer of which anything moves; their number where nothing does."""
    moving = encoder.init(torch.Generator().manual_seed(0))
    return min((encoder._level(name.split(".", 1)[1]) for name in moving), default=encoder.height)
