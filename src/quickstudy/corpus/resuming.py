"""Where a build keeps its parts, so that the same command goes on with them."""

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

import quickstudy
from quickstudy.core.files import TEMPORARY, claim, shown, write_whole
from quickstudy.core.types import QuickstudyError
from quickstudy.corpus import store
from quickstudy.corpus.places import Place
from quickstudy.corpus.settings import Settings

MARK = "build.json"
LAYOUT = 3
"""of the shards: of another one, nothing can be used"""
PARTS = ("texts", "tokens", "index", "made", "check")
LOCK = "lock"


def key(found: Sequence[Place], settings: Settings) -> str:
    """Of everything that a build depends on."""
    files = [(place.name, [str(path) for path in place.files], place.written) for place in found]
    others = [
        (name, stat.st_size, stat.st_mtime_ns)
        for name in (*settings.without, settings.tokenizer)
        if Path(name).is_file()
        for stat in [Path(name).stat()]
    ]
    about = json.dumps([quickstudy.__version__, store.VERSION, LAYOUT, files, others, asdict(settings)], sort_keys=True)
    return hashlib.sha256(about.encode("utf-8", "surrogatepass")).hexdigest()


@contextmanager
def folder(goal: Path, build: str) -> Iterator[Path]:
    """The folder beside `goal`, with what an earlier run of this very build left; what another one left goes.

    Errors: QuickstudyError for something else of that name, or while another process builds there."""
    work = _beside(goal)
    mark = work / MARK
    if work.exists() and not mark.is_file() and not _begun(work):
        raise QuickstudyError(f"{shown(work)}: this is in the way and not of a build; move it.")
    try:
        work.mkdir(parents=True, exist_ok=True)
        lock = (work / LOCK).open("wb")
    except OSError as error:
        raise QuickstudyError(
            f"{shown(work)}: cannot be written ({error.strerror or error}); choose another folder."
        ) from None
    with lock:
        claim(lock, f"{shown(work)}: another process builds this corpus; wait for it.")
        if mark.is_file() and _said(mark, "build") != build:
            for part in PARTS:
                shutil.rmtree(work / part, ignore_errors=True)
            for path in work.glob("*.np[yz]"):
                path.unlink()
        write_whole(mark, json.dumps({"build": build}).encode())
        for part in PARTS[:2]:
            (work / part).mkdir(exist_ok=True)
        try:
            yield work
        except BaseException as error:
            made = (work / "made" / "manifest.json").is_file()
            if not any((work / "texts").glob("*.npz")) or (_refused(error) and not made):
                _remove(work)
            if isinstance(error, OSError):
                what = f"{shown(error.filename or work)}: {error.strerror or 'not all could be written'}"
                raise QuickstudyError(
                    f"{what}; free some space or mend what else is wrong there, and the same command goes on."
                ) from None
            raise
        _remove(work)


def settle(work: Path, goal: Path) -> None:
    """Moves what was made to where it belongs, and first leaves word of what that is."""
    made = json.loads((work / MARK).read_text(encoding="utf-8")) | {"made": _digest(work / "made")}
    write_whole(work / MARK, json.dumps(made).encode())
    store.settle(work / "made", goal)


def finished(goal: Path, build: str) -> bool:
    """Whether the corpus at `goal` is what this very build made, and was killed before it had cleaned up. Whatever
    build made it: what lies beside it is of no more use, and goes."""
    work = _beside(goal)
    if not (goal / "manifest.json").is_file() or _said(work / MARK, "made") != _digest(goal):
        return False
    own = _said(work / MARK, "build") == build
    with suppress(QuickstudyError, OSError), (work / LOCK).open("wb") as lock:
        claim(lock, "it is being cleaned up")
        _remove(work)
    return own


def _remove(work: Path) -> None:
    """The mark goes last but for the lock: whoever is killed meanwhile leaves what the next build knows for its own.
    What cannot go, as an open file on some disks, harms nobody."""
    for part in PARTS:
        shutil.rmtree(work / part, ignore_errors=True)
    with suppress(OSError):
        for path in sorted(work.iterdir(), key=lambda path: (path.name == LOCK, path.name == MARK)):
            path.unlink()
        work.rmdir()


def _beside(goal: Path) -> Path:
    return goal.with_name(goal.name + ".building")


def _digest(corpus: Path) -> str:
    return hashlib.sha256((corpus / "manifest.json").read_bytes()).hexdigest()


def _refused(error: BaseException) -> bool:
    """Whether the same command would say the same again: other texts or settings use nothing of this build. A disk that
    is full and a worker that was ended are no such thing; a worker's own error comes with its traceback."""
    outside = error.__cause__ is not None or isinstance(error.__context__, OSError | BrokenProcessPool)
    return isinstance(error, QuickstudyError) and not outside


def _begun(work: Path) -> bool:
    """Whether a build was stopped here before it had left its mark."""
    return work.is_dir() and all(path.name == LOCK or path.match(TEMPORARY.format("*")) for path in work.iterdir())


def _said(mark: Path, what: str) -> str:
    try:
        return str(json.loads(mark.read_text(encoding="utf-8"))[what])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
