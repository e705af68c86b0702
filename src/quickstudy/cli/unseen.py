"""The tasks of a meta-test: drawn from data files, packaged data sets or a recipe, or read from a file of episodes."""

import dataclasses
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from quickstudy import config, given, lineage, meta_sources
from quickstudy import recipe as recipes
from quickstudy.cli.console import say
from quickstudy.core.protocols import TaskKind
from quickstudy.core.types import Draw, QuickstudyError, QuickstudyWarning
from quickstudy.episodes.exchange import import_
from quickstudy.episodes.packaged import PACKAGED, packaged_source
from quickstudy.episodes.sampling import draw, redraw
from quickstudy.episodes.shapes import Shape
from quickstudy.episodes.sources import Source, by_name, index_of
from quickstudy.evaluation.metatest import Outcome
from quickstudy.evaluation.wording import listed
from quickstudy.kinds import labelled
from quickstudy.kinds.multilabel import MultiLabel
from quickstudy.kinds.vectors import Vectors
from quickstudy.kinds.writing import Writing
from quickstudy.text.reader import Reader

Asked = str | Mapping[str, Any] | None
"""a kind's name, or a table of it and its settings"""


def sources_of(
    names: Sequence[str], reader: Reader, columns: Mapping[str, str] | None, asked: Asked = None
) -> tuple[tuple[Source, ...], TaskKind]:
    """Data files, packaged data sets and recipes (their validation sources), and the one kind they share: `asked`, or
    the kind of labels that they show to be."""
    found: list[Source] = []
    tables: list[dict[str, Any]] = []
    called = _titles(names)
    for name in names:
        if name.endswith(".toml"):
            read = recipes.read(name)
            kind = _kind(read.kind, reader)
            found += meta_sources.sources(read, kind)[1]
            tables.append({"parts": 1, **read.kind} if isinstance(kind, config.LABELLED) else dict(read.kind))
        elif name in PACKAGED and not Path(name).exists():
            found.append(packaged_source(name, _kind({"name": "classification"}, reader)))
            tables.append({"name": "classification", "parts": 1})
        else:
            gathered, _ = given.everything(reader, name, (), asked, columns)
            found.append(Source(called[name], gathered.examples, gathered.classes))
            tables.append(gathered.kind)
            for problem in gathered.problems:
                warnings.warn(str(problem), QuickstudyWarning, stacklevel=2)
    if any(table != tables[0] for table in tables):
        raise QuickstudyError("the data are of several kinds (labels or texts a row); evaluate each kind alone")
    by_name(found)
    return tuple(found), _kind(tables[0], reader)


def _titles(names: Sequence[str]) -> dict[str, str]:
    """What each file is called: its stem, or its whole path without ending where another has the same."""
    for place, name in enumerate(names):
        if name in names[:place]:
            raise QuickstudyError(f"{name} is named twice; name it once")
    stems = Counter(Path(name).stem for name in names)
    return {
        name: (stem if stems[stem] == 1 else str(Path(name).with_suffix(""))) if (stem := Path(name).stem) else name
        for name in names
    }


def named(data: Sequence[str], draws: Sequence[Draw]) -> tuple[list[str], list[str]]:
    """The titles of what is evaluated on, as recipes give them, and the files. Of drawn episodes that lie in a file,
    the titles that no file of somebody's is likely to have."""
    files = [name for name in data if not name.endswith(".toml") and (name not in PACKAGED or Path(name).exists())]
    tables = [recipes.read(name).written.get("validation", ()) for name in data if name.endswith(".toml")]
    titles = [lineage.title(table) for some in tables for table in some]
    titles += [name for name in data if name not in files and not name.endswith(".toml")]
    if not data:
        titles += [name for name in dict.fromkeys(one.source for one in draws) if "/" in name or name in PACKAGED]
    return titles, files


def drawn(
    sources: Sequence[Source],
    kind: TaskKind,
    ways: int,
    shots: Sequence[int],
    queries: int,
    episodes: int,
    seed: int,
) -> list[Draw]:
    """`episodes` tasks of every source at every number of shots. `ways` 0: all its classes. What a source has too few
    examples for is left out with a warning; QuickstudyError where nothing is left."""
    if ways == 1 and isinstance(kind, config.LABELLED):
        raise QuickstudyError("--ways 1: a task of one class has nothing to choose between; ask for 2 or more")
    found: list[Draw] = []
    problems: list[str] = []
    for source in sources:
        before, left = len(found), {}
        for number in shots:
            try:
                shape = Shape(_narrowed(source, kind, ways, number + queries) if ways else None, number, queries)
                found += [draw(source, kind, shape, seed + step) for step in range(episodes)]
            except QuickstudyError as error:
                left[number] = str(error).removeprefix(f"{source.name}: ")
        if left:
            at = listed(tuple(map(str, left))) + (" shot" if list(left) == [1] else " shots")
            problems.append(f"{source.name} was left out at {at}: {next(iter(left.values()))}")
        if isinstance(kind, config.LABELLED):
            _tell_ways(source, [len(one.classes) for one in found[before:]], len(index_of(source, kind).classes), ways)
    if not found:
        raise QuickstudyError("; ".join(problems) or "there is nothing to evaluate on; name a data file")
    for problem in problems:
        warnings.warn(problem, QuickstudyWarning, stacklevel=2)
    return found


def _tell_ways(source: Source, drawn: Sequence[int], of: int, ways: int) -> None:
    """Where tasks have fewer classes than the source, which makes them easier."""
    if drawn and min(drawn) < of:
        few, most = min(drawn), max(drawn)
        how_many = f"{few}" if few == most else f"{few} to {most}"
        why = "not all have the texts for more shots and queries" if few < min(ways, of) else "--ways 0 takes all"
        say(f"{source.name}: each task has {how_many} of its {of} classes; {why}")


def _narrowed(source: Source, kind: TaskKind, ways: int, need: int) -> int:
    """No more ways than there are classes with enough examples."""
    sizes = [len(members) for members in index_of(source, kind).members.values()]
    enough = sum(size >= need for size in sizes)
    if enough and len(sizes) == 1 and not isinstance(kind, config.LABELLED):
        return 1
    if enough < 2:
        raise QuickstudyError(
            f"{source.name}: {enough} of its {len(sizes)} classes have {need} different texts, shots and queries "
            f"together, and two at least must; {_fitting(sizes)}"
        )
    return min(ways, enough)


def _fitting(sizes: Sequence[int]) -> str:
    """What to ask for instead."""
    second = sorted(sizes)[-2] if len(sizes) > 1 else 0
    return f"ask for {second} or fewer in all" if second > 1 else "give more examples"


def redrawn(identity: str, sources: Sequence[Source], kind: TaskKind) -> list[Draw]:
    """The one episode of that id."""
    return [redraw(identity, sources, kind)]


def stored(path: Path, identity: str | None, reader: Reader, asked: Asked = None) -> tuple[list[Draw], TaskKind]:
    """The episodes of a file, or the one of that id, and the kind that they are of: `asked`, or one of labels."""
    read = _kind(asked if isinstance(asked, Mapping) else {"name": asked or "multilabel"}, reader)
    draws = import_(path, read)
    if not draws:
        raise QuickstudyError(f"{path}: there are no episodes in it; export some")
    if identity is not None:
        known = [one.id for one in draws]
        if identity not in known:
            raise QuickstudyError(f"{path}: there is no episode {identity!r}; one of its {len(known)} is {known[0]}")
    chosen = [one for one in draws if identity in (None, one.id)]
    if isinstance(read, Vectors):
        return chosen, dataclasses.replace(read, parts=_parts(path, draws))
    return chosen, read if not isinstance(read, config.LABELLED) else _of_labels(path, draws, reader)


def _of_labels(path: Path, draws: Sequence[Draw], reader: Reader) -> TaskKind:
    """The kind of labels that a file's episodes show to be."""
    several = any(len(example.labels) != 1 for one in draws for example in (*one.support, *one.query))
    name = "multilabel" if several else "classification"
    return _kind({"name": name, "parts": _parts(path, draws)}, reader)


def _parts(path: Path, draws: Sequence[Draw]) -> int:
    """How many texts, or vectors, each example has."""
    parts = {len(labelled.texts(example)) for one in draws for example in (*one.support, *one.query)} or {1}
    if len(parts) > 1:
        raise QuickstudyError(f"{path}: some rows hold one text and some a pair; evaluate each kind alone")
    return parts.pop()


def measure(kind: TaskKind, outcomes: Sequence[Outcome]) -> str:
    """What counts: accuracy where answers are labels, else what the kind measures first."""
    if isinstance(kind, config.LABELLED):
        return "accuracy"
    return next((name for one in outcomes for name in one.measures), "accuracy")


def signed(kind: TaskKind) -> dict[str, str]:
    """How the measures of written texts were computed, by which others can compute the same."""
    own = kind.signatures() if isinstance(kind, Writing) else {}
    return {f"{name} by sacrebleu": signature for name, signature in own.items()}


def several(kind: TaskKind) -> bool:
    """Whether more than one class may hold."""
    return isinstance(kind, MultiLabel)


def _kind(table: Mapping[str, Any], reader: Reader) -> TaskKind:
    made: TaskKind = config.build(config.KINDS, table, "kind", {"reader": reader})
    return made
