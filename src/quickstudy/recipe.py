"""A recipe: everything a meta-training depends on, as a TOML file that is checked before anything runs."""

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast, get_type_hints

from quickstudy import config
from quickstudy.backbones.running import Precision
from quickstudy.core.types import QuickstudyError
from quickstudy.episodes.choosing import Choosing
from quickstudy.episodes.distillation import Distillation
from quickstudy.episodes.shapes import Shape
from quickstudy.episodes.wording import Wording
from quickstudy.planning import EngineTable
from quickstudy.remarks import meant
from quickstudy.training.plan import Plan

DATA = "QUICKSTUDY_DATA"
TABLES = (
    "student", "learner", "kind", "episodes", "train", "validation", "test", "validating", "training", "choosing",
    "wording", "engine", "distillation",
)  # fmt: skip


@dataclass(frozen=True)
class StudentTable:
    """What is meta-trained."""

    backbone: str = "minilm"
    scope: str = "head"
    precision: Precision = "auto"
    device: str = "auto"
    share: float = 1.0
    """how much of what was learned of the backbone is kept at the end: 0 its own weights, 1 the learned ones"""
    stored: Literal["float32", "float16"] = "float32"
    """how weights of the backbone that were learned are rounded at the end; float16 takes half the room"""
    held: Literal["whole", "sharded"] = "whole"
    """by each of several ranks; "sharded": the layers below what moves lie in parts on all of them, which saves memory,
    not time (docs/distributed.md)"""


@dataclass(frozen=True)
class SourceTable:
    """One data set, by exactly one of `path` (beside the recipe), `data` (under QUICKSTUDY_DATA) and `packaged`."""

    path: str = ""
    data: str = ""
    packaged: str = ""
    name: str = ""
    weight: float = 1.0
    licence: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    rows: int = 0
    """only so many, picked at random once and for all; 0: every one"""
    called: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """class -> what else it may be called; `[wording] other` says how often"""
    without: tuple[str, ...] = ()
    """classes that are left out, with their examples: what an evaluation will ask for"""
    within: str = ""
    """a column: every episode's classes are of one value of it, such as the intents of one domain"""
    ways: tuple[int, ...] = ()
    """from, to: other ways than those of [episodes]"""
    shots: tuple[int, ...] = ()
    """from, to: other shots than those of [episodes]"""
    queries: int = 0
    """other queries than those of [episodes]; 0: as many"""
    kind: dict[str, Any] = field(default_factory=dict)
    """what kind of tasks it gives, where that is not the recipe's [kind]"""

    @property
    def title(self) -> str:
        return self.name or self.data or self.packaged or Path(self.path).stem


@dataclass(frozen=True)
class ValidatingTable:
    """The validation tasks: for each source and number of shots, `episodes` of them."""

    episodes: int = 2
    shots: tuple[int, ...] = (0, 1, 4, 16)
    queries: int = 5
    ways: int = 0
    """0: every class of the source; otherwise so many at most"""
    measure: Literal["accuracy", "likelihood"] = "accuracy"
    """what is to rise: the share judged right, or the geometric mean of the gold labels' probabilities"""
    fraction: float = 0.2
    """of the training sources' classes, held out where the recipe names no validation source"""


@dataclass(frozen=True)
class Recipe:
    """The whole of it."""

    title: str
    folder: Path
    student: StudentTable
    learner: dict[str, Any]
    kind: dict[str, Any]
    episodes: Shape
    alpha: float
    reward: str
    """what learners that follow one are rewarded by, of config.REWARDS"""
    wording: Wording
    choosing: Choosing | None
    """None: sources are drawn by weight and alpha to the end"""
    train: tuple[SourceTable, ...]
    validation: tuple[SourceTable, ...]
    test: tuple[SourceTable, ...]
    """never trained on and never judged here: only the leak check reads them"""
    validating: ValidatingTable
    training: Plan
    engine: EngineTable | None
    """None: every loop is unrolled"""
    distillation: Distillation | None
    written: dict[str, Any]


def read(given: str | Path | Mapping[str, Any]) -> Recipe:
    """A recipe from its file or from the same tables in Python. Unknown keys fail and name the near miss."""
    title, folder, tables = opened(given)
    check_tables(tables, TABLES, title)
    student = made(StudentTable, tables.get("student", {}), f"{title}, [student]")
    episodes = named(tables.get("episodes", {}), f"{title}, [episodes]")
    alpha = config.checked(episodes.pop("alpha", 0.0), float, f"{title}, [episodes]: alpha")
    reward = _reward(episodes.pop("reward", "exact_match"), f"{title}, [episodes]: reward")
    choosing = _choosing(episodes.pop("choose", "weights"), tables, title)
    train = _sources(tables.get("train", []), f"{title}, [[train]]")
    if not train:
        raise QuickstudyError(f"{title}: there is no [[train]] source; name one data set at least")
    return Recipe(
        title,
        folder,
        student,
        named(tables.get("learner", "prior_head"), f"{title}, [learner]"),
        meant(student.backbone, named(tables.get("kind", "classification"), f"{title}, [kind]")),
        made(Shape, episodes, f"{title}, [episodes]"),
        alpha,
        reward,
        made(Wording, tables.get("wording", {}), f"{title}, [wording]"),
        choosing,
        train,
        _sources(tables.get("validation", []), f"{title}, [[validation]]"),
        _sources(tables.get("test", []), f"{title}, [[test]]"),
        made(ValidatingTable, tables.get("validating", {}), f"{title}, [validating]"),
        made(Plan, tables.get("training", {}), f"{title}, [training]"),
        made(EngineTable, tables["engine"], f"{title}, [engine]") if "engine" in tables else None,
        made(Distillation, tables["distillation"], f"{title}, [distillation]") if "distillation" in tables else None,
        dict(tables),
    )


def place(source: SourceTable, recipe: Recipe) -> str:
    """Where the rows of a source lie: a path, or a name on the hub."""
    if source.path:
        return source.path if source.path.startswith("hf:") else str(recipe.folder / source.path)
    root = os.environ.get(DATA)
    if not root:
        raise QuickstudyError(
            f"{recipe.title} reads {source.data!r} under the folder that {DATA} names, which is not set; "
            "docs/data.md says where to get the data sets"
        )
    return str(Path(root) / f"{source.data}.jsonl")


def opened(given: str | Path | Mapping[str, Any]) -> tuple[str, Path, dict[str, Any]]:
    """A recipe's title, the folder that its paths start from, and its tables."""
    if isinstance(given, Mapping):
        return "the recipe", Path(), dict(given)
    path = Path(given)
    try:
        return path.name, path.parent, tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise QuickstudyError(f"there is no recipe {path}; give the path of a TOML file") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise QuickstudyError(f"{path} cannot be read as TOML: {error}") from None


def check_tables(tables: Mapping[str, Any], known: Sequence[str], title: str) -> None:
    """QuickstudyError for a table that nobody reads."""
    for key in tables:
        if key not in known:
            raise QuickstudyError(f"{title}: there is no table {config.near(key, known)}")


def named(given: Any, where: str) -> dict[str, Any]:
    """A table of its own; a name alone stands for a table that holds nothing else."""
    return {"name": given} if isinstance(given, str) else dict(config.checked(given, dict[str, Any], where))


def _reward(name: Any, where: str) -> str:
    config.pick(config.REWARDS, config.checked(name, str, where), where)
    return str(name)


def _choosing(choose: Any, tables: Mapping[str, Any], title: str) -> Choosing | None:
    """How sources are chosen by progress, where the recipe says that they are."""
    if config.checked(choose, Literal["weights", "progress"], f"{title}, [episodes]: choose") == "progress":
        return cast(Choosing, made(Choosing, tables.get("choosing", {}), f"{title}, [choosing]"))
    if "choosing" in tables:
        raise QuickstudyError(f'{title}: [choosing] is read only where [episodes] says choose = "progress"; say so')
    return None


def _sources(tables: Any, where: str) -> tuple[SourceTable, ...]:
    if not isinstance(tables, Sequence) or isinstance(tables, str):
        raise QuickstudyError(f"{where} must be a list of tables")
    found = tuple(made(SourceTable, _kind_named(table), where) for table in tables)
    for source in found:
        if sum(map(bool, (source.path, source.data, source.packaged))) != 1:
            raise QuickstudyError(f"{where}: give each source exactly one of path, data and packaged")
        for what, least in (("ways", 1), ("shots", 0)):
            given = getattr(source, what)
            if given and not (len(given) == 2 and least <= given[0] <= given[1]):
                raise QuickstudyError(f"{where}: {source.title} has the {what} {list(given)}; give two, from and to")
        if source.within and source.packaged:
            raise QuickstudyError(f"{where}: {source.title} has no column {source.within!r}; leave `within` out")
    return found


def _kind_named(table: Any) -> Any:
    """A source whose kind is a name alone, with the table that it stands for."""
    named = isinstance(table, Mapping) and isinstance(table.get("kind"), str)
    return {**table, "kind": {"name": table["kind"]}} if named else table


def made(kind: type, table: Any, where: str) -> Any:
    """A frozen dataclass from a table; its fields' names and types are the schema."""
    if not isinstance(table, Mapping):
        raise QuickstudyError(f"{where} must be a table")
    hints = get_type_hints(kind)
    for key in table:
        if key not in hints:
            raise QuickstudyError(f"{where}: there is no key {config.near(key, hints)}")
    return kind(**{key: config.checked(value, hints[key], f"{where}: {key}") for key, value in table.items()})
