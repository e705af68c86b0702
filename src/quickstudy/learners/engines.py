"""Which way the meta-gradient of an inner loop is found. All ways give the same numbers; they differ in memory and time
(docs/meta_gradients.md). Chosen in one place, `using`; learners do not know of it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal, get_args

from quickstudy.core.types import QuickstudyError

Way = Literal["auto", "unroll", "checkpoint", "mixed", "implicit"]
"""`unroll` keeps the graph of every step, `mixed` the weights before each, `checkpoint` those before some; `implicit`
is for learners whose adaptation ends at a minimum, and is theirs in any case; `auto` is the planner's choice, and
`unroll` where no planner ran."""

NO_MINIMUM = (
    "the engine 'implicit' is for learners that adapt to a minimum (imaml, prior_head, aligned), and this one takes "
    "steps; take unroll, checkpoint or mixed"
)
"""said to those who ask for it elsewhere"""


@dataclass(frozen=True)
class Engine:
    """How loops of second order are gone back through."""

    way: Way = "auto"
    chunks: int = 1
    """in how many parts the support is read at each step of `mixed` and `checkpoint`"""

    def __post_init__(self) -> None:
        if self.way not in get_args(Way):
            raise QuickstudyError(f"there is no engine {self.way!a}; choose one of {', '.join(get_args(Way))}")
        if not isinstance(self.chunks, int) or self.chunks < 1:
            raise QuickstudyError(f"the engine's chunks are {self.chunks!a}; give a whole number of 1 or more")


_CURRENT: ContextVar[Engine] = ContextVar("engine", default=Engine())  # noqa: B039 (it is frozen)


def current() -> Engine:
    """The engine of loops that begin now."""
    return _CURRENT.get()


@contextmanager
def using(engine: Engine | Way) -> Iterator[Engine]:
    """Loops that begin within are gone back through by this engine."""
    chosen = engine if isinstance(engine, Engine) else Engine(engine)
    token = _CURRENT.set(chosen)
    try:
        yield chosen
    finally:
        _CURRENT.reset(token)
