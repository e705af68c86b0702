"""Episodes as JSONL, one a line, so that others can be judged on the very same ones."""

import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from quickstudy.core.protocols import TaskKind
from quickstudy.core.types import Draw, QuickstudyError

FORMAT = "quickstudy.episode.v1"


def export(draws: Iterable[Draw], kind: TaskKind, path: str | Path) -> int:
    """Writes the file whole or not at all; gives back how many episodes stand in it.

    Errors: QuickstudyError when it cannot be written."""
    place = Path(path)
    count = 0
    try:
        handle, name = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.")
    except OSError as error:
        raise QuickstudyError(f"{path}: cannot be written ({error.strerror}); choose another place.") from None
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            for draw in draws:
                file.write(json.dumps(_written(draw, kind), ensure_ascii=False) + "\n")
                count += 1
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(place)
    except OSError as error:
        raise QuickstudyError(
            f"{path}: could not be written ({error.strerror}); free space or choose another place."
        ) from None
    finally:
        temporary.unlink(missing_ok=True)
    return count


def import_(path: str | Path, kind: TaskKind) -> list[Draw]:
    """The episodes of a file that `export` wrote.

    Errors: QuickstudyError with the line of what is not as expected."""
    found: list[Draw] = []
    try:
        with Path(path).open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    found.append(_read(f"{path}, line {number}", line, kind))
    except UnicodeDecodeError:
        raise QuickstudyError(f"{path}: this is no UTF-8 text; export the episodes anew.") from None
    except OSError as error:
        raise QuickstudyError(f"{path}: cannot be read ({error.strerror}); check the path.") from None
    return found


def _written(draw: Draw, kind: TaskKind) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "id": draw.id,
        "source": draw.source,
        "shots": draw.shots,
        "classes": dict(draw.classes),
        "support": [kind.write(example) for example in draw.support],
        "query": [kind.write(example) for example in draw.query],
    }


def _read(where: str, line: str, kind: TaskKind) -> Draw:
    try:
        value = json.loads(line)
        if value["format"] != FORMAT:
            raise QuickstudyError(f"its format is {value['format']}, and {FORMAT} is what is read here")
        classes = {str(name): str(description) for name, description in value["classes"].items()}
        support = tuple(kind.read(fields) for fields in value["support"])
        query = tuple(kind.read(fields) for fields in value["query"])
        return Draw(str(value["id"]), str(value["source"]), int(value["shots"]), support, query, classes)
    except QuickstudyError as error:
        raise QuickstudyError(f"{where}: {error}; export the episodes anew.") from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise QuickstudyError(f"{where}: this is no episode, or a damaged one; export them anew.") from None
