"""What this machine has: memory that is free, and the speed of its processor."""

import time
from functools import cache
from pathlib import Path

import torch

from quickstudy.core.launched import launched

USED = 0.45
"""how much of what a large matrix product reaches a whole step does"""
ROOM = 0.9
"""how much of the memory that is free is taken where no limit is given"""


def free_memory(device: torch.device) -> int:
    """Bytes that may be used: by each of several processes on one machine, its share."""
    if device.type == "cuda":
        return int(ROOM * torch.cuda.mem_get_info(device)[0])
    try:
        told = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines())
        return int(ROOM * 1024 * int(told["MemAvailable"].split()[0]) / launched().beside)
    except (OSError, KeyError, ValueError):
        return 4 * 2**30


@cache
def speed() -> float:
    """Operations a second of what a step does, from a few matrix products; of the processor's own time, since other
    programs may be at work."""
    a, b = torch.randn(600, 384), torch.randn(384, 1536)
    took = []
    for _ in range(8):
        began = time.process_time()
        a @ b
        took.append(time.process_time() - began)
    return USED * 2 * 600 * 384 * 1536 / max(1e-6, min(took) / torch.get_num_threads())
