"""How a body runs where slopes through it are wanted: in which precision, by which attention."""

import platform
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

Precision = Literal["auto", "float32", "bfloat16"]


def has_bfloat16(device: torch.device) -> bool:
    """Whether this device multiplies bfloat16 natively."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu":
        return False
    if platform.machine().lower() in ("x86_64", "amd64"):  # mkldnn says yes to AVX-512 alone, which emulates it
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.ops.mkldnn._is_mkldnn_bf16_supported()


def in_bfloat16(precision: Precision, device: torch.device, slopes: bool) -> bool:
    """Whether to multiply in bfloat16: only where the device does that natively, for one that emulates it takes many
    times as long as with float32; where slopes are wanted, only when asked for by name."""
    return has_bfloat16(device) and (precision == "bfloat16" or (precision == "auto" and not slopes))


def want_slopes(weights: Iterable[Tensor]) -> bool:
    return torch.is_grad_enabled() and any(weight.requires_grad for weight in weights)


@contextmanager
def towards_slopes(weights: Iterable[Tensor], device: torch.device, mixed: bool) -> Iterator[None]:
    """Mixed precision where `mixed`; on a CPU the plain attention, since the fused kernel's way back takes longer there
    than it saves on the way there (docs/findings.md)."""
    with torch.autocast(device.type, torch.bfloat16, enabled=mixed, cache_enabled=False):
        if device.type == "cpu" and want_slopes(weights):
            with sdpa_kernel(SDPBackend.MATH):
                yield
        else:
            yield
