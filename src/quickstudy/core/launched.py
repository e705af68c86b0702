"""Which of the processes of one run this is, by the environment that torchrun and `accelerate launch` set.

Imports nothing heavy: the command line asks before torch is there.
"""

import os
from typing import NamedTuple


class Place(NamedTuple):
    """Where a process stands among those of its run."""

    rank: int = 0
    """its number, from 0; the first alone writes files and speaks"""
    size: int = 1
    """how many there are"""
    local: int = 0
    """its number on its machine: which GPU is its own"""
    beside: int = 1
    """how many there are on its machine, among whom its memory is shared out"""


def launched() -> Place:
    """This process's place; alone where nothing launched it with others."""
    try:
        rank, size, local = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
        place = Place(rank, size, local, max(1, int(os.environ.get("LOCAL_WORLD_SIZE", "1"))))
    except (KeyError, ValueError):
        return Place()
    return place if place.size > 1 and "MASTER_ADDR" in os.environ else Place()
