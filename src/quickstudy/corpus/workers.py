"""Work spread over processes: results come in order, and only a few jobs wait, so that memory stays bounded."""

import dataclasses
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import BaseContext
from typing import TypeVar

from quickstudy.core.types import QuickstudyError

Job = TypeVar("Job")
Made = TypeVar("Made")
_WAITING = 2


def spread(work: Callable[[Job], Made], jobs: Iterable[Job], workers: int) -> Iterator[Made]:
    """`work` of every job, in order; in this process where workers is 1. `work` is a function of a module, or a
    frozen dataclass that can be called, since it travels. Processes begin afresh (from a server that has imported the
    work's module, where the system can do that; spawned, where not): no thread or lock is inherited.

    Errors: whatever `work` raises; QuickstudyError when the system ended a worker."""
    if workers <= 1:
        yield from map(work, jobs)
        return
    waiting: deque[Future[Made]] = deque()
    with ProcessPoolExecutor(workers, _context(work), _alone) as pool:
        try:
            for job in jobs:
                waiting.append(pool.submit(work, job))
                if len(waiting) >= workers + _WAITING:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool:
            raise QuickstudyError(
                "corpus: the system ended a worker, probably for want of memory; run the same command again with "
                "fewer workers: it goes on where it was."
            ) from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _context(work: Callable[..., object]) -> BaseContext:
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([type(work).__module__ if dataclasses.is_dataclass(work) else work.__module__])
    return context


def _alone() -> None:
    """Each worker works in one thread: there are as many workers as cores already."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the first process, which ends the others
    threading.Thread(target=_follow, daemon=True).start()


def _follow() -> None:
    """Ends this worker with the first process, should that be killed: it would wait for work for ever."""
    first = multiprocessing.parent_process()
    if first is not None:
        first.join()
        os._exit(1)
