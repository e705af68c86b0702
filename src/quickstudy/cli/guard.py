"""What stands between a command and the shell: every way to end has its exit code, and no user sees a traceback."""

import errno
import os
import sys
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from quickstudy.cli.console import say
from quickstudy.core.launched import launched

DEBUG = "QUICKSTUDY_DEBUG"
REFUSED, BROKEN, INTERRUPTED, NO_READER = 1, 70, 130, 141


class Guarded(TyperGroup):
    """A group of commands whose errors become one line and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the command and sends its output off."""
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.showwarning = _show  # type: ignore[assignment]
            try:
                done = super().invoke(ctx)
                sys.stdout.flush()
                return done
            except (typer.Exit, typer.Abort):
                raise
            except (Exception, KeyboardInterrupt) as error:
                if _is_usage(error):
                    raise
                raise typer.Exit(ended(error, bool(ctx.obj))) from None


def guarded(app: Callable[[], Any]) -> NoReturn:
    """Runs the whole program; Ctrl-C before or after a command is still no traceback, nor is a full disk at the end."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # texts in any script, whatever the terminal's language is
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    code: Any = 0
    try:
        app()
    except SystemExit as end:
        code = end.code
    except (Exception, KeyboardInterrupt) as error:  # outside any command: while it prints help, say
        code = ended(error, False)
    try:
        sys.stdout.flush()
    except OSError as error:
        code = ended(error, False)
    sys.exit(code)


def ended(error: BaseException, debug: bool) -> int:
    """Says in one line what went wrong; the exit code."""
    if debug or os.environ.get(DEBUG, "") not in ("", "0"):
        traceback.print_exception(error)
    if isinstance(error, KeyboardInterrupt):
        say("interrupted; nothing was left half-written")
        return INTERRUPTED
    if isinstance(error, BrokenPipeError):
        _let_go()
        return NO_READER
    if _is(error, "quickstudy.core.types", "QuickstudyError"):
        rank = launched().rank
        stopped = _is(error, "quickstudy.training.loop", "TrainingInterruptedError")
        if not (rank and stopped):  # the first says it for all
            say(f"error: {f'rank {rank}: ' * bool(rank)}{error}")
        return INTERRUPTED if stopped else REFUSED
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        say(f"error: the output could not be written: {error.strerror}; free some space and try again")
        _let_go()
        return REFUSED
    if isinstance(error, MemoryError):
        say("error: there is not enough memory for this; give fewer or shorter examples")
        return REFUSED
    say(
        f"error: quickstudy stumbled ({type(error).__name__}: {error}); this is its own fault: set {DEBUG}=1 to see "
        "where, and report it"
    )
    return BROKEN


def _is(error: BaseException, module: str, name: str) -> bool:
    """isinstance, without importing what cannot have been raised."""
    found = sys.modules.get(module)
    return found is not None and isinstance(error, getattr(found, name))


def _is_usage(error: BaseException) -> bool:
    """Whether typer (whose own click it may be) says it best: a command that was not understood."""
    return hasattr(error, "format_message") and hasattr(error, "exit_code")


def _let_go() -> None:
    """Nothing more can be written; the interpreter must not try to as it ends."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _show(message: Warning | str, category: type[Warning], *_: object) -> None:
    """Ours for the user, in one line and once for all ranks; those of libraries are for developers."""
    if category.__name__ == "QuickstudyWarning" and not launched().rank:
        say(f"warning: {message}")
