"""Several processes ("ranks") that meta-train as one: each takes whole episodes, and one sum follows.

torchrun and `accelerate launch` start them. The meta-gradient is found on the bare model, since wrappers such as DDP
refuse `create_graph`; so all that ranks ever do together is to add tensors and to pass a few bytes on.
"""

import atexit
import functools
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import FrameType
from typing import Any, NoReturn, Protocol

import torch
import torch.distributed as dist

from quickstudy.core.launched import launched
from quickstudy.core.types import Episode, Params, QuickstudyError

WAIT = timedelta(minutes=30)
"""how long the others are waited for: longer than one rank's share of a step or of a validation ever takes. A process
that ends is noticed at once; this is for one that hangs, or a machine that is cut off"""

NO_PORT = (
    "MASTER_PORT is 0, at which ranks cannot meet; start them by `torchrun --standalone`, or name a free port "
    "(`--master-port 29500`)"
)


class Ranks(Protocol):
    """What the processes of a run do together. All of them must call the same things in the same order."""

    @property
    def rank(self) -> int:
        """This process's number, from 0."""

    @property
    def size(self) -> int: ...

    def summed(self, params: Params) -> Params:
        """The sums over all ranks of tensors of the same names and shapes, in float64. That many bits make a sum the
        same in any order once it is rounded to float32, but for one number in hundreds of millions."""

    def from_first(self, data: bytes) -> bytes:
        """What the first rank gave."""

    def texts(self, text: str) -> list[str]:
        """What each rank gave, in their order."""


@dataclass(frozen=True)
class Alone:
    """One process: nothing to wait for."""

    rank: int = 0
    size: int = 1

    def summed(self, params: Params) -> Params:
        return params

    def from_first(self, data: bytes) -> bytes:
        return data

    def texts(self, text: str) -> list[str]:
        return [text]


ALONE = Alone()


@dataclass(frozen=True)
class Together:
    """Several processes, through torch.distributed. QuickstudyError where another has ended or does not answer."""

    rank: int
    size: int

    def summed(self, params: Params) -> Params:
        found: Params = {}
        for device in dict.fromkeys(value.device for value in params.values()):  # theta may lie on two
            part = {name: value for name, value in params.items() if value.device == device}
            flat = torch.cat([value.to(torch.float64).reshape(-1) for value in part.values()])
            with self._heard():
                dist.all_reduce(flat)
            sums = flat.split([value.numel() for value in part.values()])
            found |= {name: total.view(part[name].shape) for name, total in zip(part, sums, strict=True)}
        return found

    def from_first(self, data: bytes) -> bytes:
        return self._from(0, data)

    def texts(self, text: str) -> list[str]:
        return [self._from(rank, text.encode()).decode() for rank in range(self.size)]

    def _from(self, rank: int, data: bytes) -> bytes:
        mine = rank == self.rank
        with self._heard():
            size = torch.tensor([len(data) if mine else 0])
            dist.broadcast(size, rank)
            held = bytearray(data) if mine else bytearray(int(size))
            if held:
                dist.broadcast(torch.frombuffer(held, dtype=torch.uint8), rank)
        return bytes(held)

    @contextmanager
    def _heard(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            raise _lost(f"another of the {self.size} ranks ended or does not answer ({_short(error)})") from None


@functools.cache
def here() -> Ranks:
    """The ranks that this process belongs to, met at the first call. Alone where nothing launched it with others."""
    place = launched()
    if place.size == 1:
        return ALONE
    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(place.local % torch.cuda.device_count())
    if not dist.is_initialized():
        if os.environ.get("MASTER_PORT", "").strip() == "0":  # each would wait for the others at a port of its own
            raise QuickstudyError(NO_PORT)
        try:
            dist.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo", timeout=WAIT)
        except (RuntimeError, ValueError) as error:
            raise QuickstudyError(
                f"the {place.size} ranks did not find each other ({_short(error)}); start all of them with the same "
                "torchrun or accelerate command, and let their machines reach the first one's port"
            ) from None
        atexit.register(_part)
        if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
            signal.signal(signal.SIGTERM, _told_to_end)
    return Together(dist.get_rank(), dist.get_world_size())


def check_alike(ranks: Ranks, what: dict[str, str]) -> None:
    """QuickstudyError unless every rank was started with the very same plan, start, recipe and data."""
    for rank, theirs in enumerate(ranks.texts(repr(sorted(what.items())))):
        if theirs != repr(sorted(what.items())):
            raise QuickstudyError(
                f"rank {rank} was started with another recipe, other data or another start than rank {ranks.rank}; "
                "start all ranks on the same files"
            )


class Drawn(Sequence[Episode]):
    """Episodes that are made when they are asked for, so that a rank makes none but its own."""

    def __init__(self, count: int, make: Callable[[int], Episode]) -> None:
        self._count, self._make = count, make

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self._make(each) for each in range(self._count)[place]]
        return self._make(range(self._count)[place])


def _told_to_end(number: int, frame: FrameType | None) -> NoReturn:
    """What launchers do to the rest as soon as one rank has died, often before the rest could notice."""
    raise _lost("this rank was told to end (SIGTERM), as launchers do when another has ended")


def _lost(what: str) -> QuickstudyError:
    """Said once: this process ends now, so that being told to end is no news."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return QuickstudyError(
        f"{what}; see what the first to end said, and start the same command again, on any number of ranks: it goes on "
        "from the last checkpoint"
    )


def _short(error: Exception) -> str:
    """The first sentence of what torch says, without the place in its sources."""
    return re.sub(r"^\[\S+:\d+\] ", "", str(error)).partition(". ")[0][:200]


def _part() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()
