"""The catalogue: every name a recipe or a stored task may use, and how a table becomes an object."""

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from quickstudy.core.protocols import Backbone, Learner
from quickstudy.core.types import QuickstudyError, Reward
from quickstudy.episodes import matching_files
from quickstudy.episodes.records import Problems, Record
from quickstudy.kinds.classification import Classification
from quickstudy.kinds.matching import Matching as Ranking
from quickstudy.kinds.multilabel import MultiLabel
from quickstudy.kinds.rewards import exact_match, example_f1, macro_f1
from quickstudy.learners.anil import Anil
from quickstudy.learners.fine_tune import FineTune
from quickstudy.learners.frozen_linear import FrozenLinear
from quickstudy.learners.imaml import Imaml
from quickstudy.learners.in_context import InContext
from quickstudy.learners.learned_optimizer import LearnedOptimizer
from quickstudy.learners.leopard import Leopard
from quickstudy.learners.maml import Maml
from quickstudy.learners.maml_pp import MamlPP
from quickstudy.learners.matching import Matching
from quickstudy.learners.meta_mapping import MetaMapping
from quickstudy.learners.meta_sgd import MetaSgd
from quickstudy.learners.named_prototypes import NamedPrototypes
from quickstudy.learners.names_alone import NamesAlone
from quickstudy.learners.neighbours import Neighbours
from quickstudy.learners.policy_gradient import PolicyGradient
from quickstudy.learners.prior_head import PriorHead
from quickstudy.learners.proto_maml import ProtoMaml
from quickstudy.learners.prototypes import Prototypes
from quickstudy.learners.relation_network import RelationNetwork
from quickstudy.learners.reptile import Reptile
from quickstudy.learners.ridge import Ridge
from quickstudy.learners.shared_space import SharedSpace
from quickstudy.learners.tuned import Tuned

LEARNERS: Mapping[str, type] = {
    "prior_head": PriorHead,
    "prototypes": Prototypes,
    "frozen_linear": FrozenLinear,
    "fine_tune": FineTune,
    "tuned": Tuned,
    "maml": Maml,
    "anil": Anil,
    "meta_sgd": MetaSgd,
    "maml_pp": MamlPP,
    "proto_maml": ProtoMaml,
    "imaml": Imaml,
    "reptile": Reptile,
    "neighbours": Neighbours,
    "names_alone": NamesAlone,
    "ridge": Ridge,
    "named_prototypes": NamedPrototypes,
    "matching": Matching,
    "relation_network": RelationNetwork,
    "leopard": Leopard,
    "learned_optimizer": LearnedOptimizer,
    "policy_gradient": PolicyGradient,
    "shared_space": SharedSpace,
    "meta_mapping": MetaMapping,
    "in_context": InContext,
}
STILL = (
    "prior_head", "prototypes", "frozen_linear", "neighbours", "names_alone", "ridge", "named_prototypes", "matching",
    "relation_network", "shared_space", "meta_mapping", "anil",
)  # fmt: skip
"""Learners whose adaptation leaves the backbone as meta-training left it: what that learned is put into the weights
when a student is opened."""
WITHIN: Mapping[str, Mapping[str, Any]] = {"policy_gradient": {"inner": {"name": "prior_head"}}}
"""What a learner that wraps another one wraps where a recipe does not say."""
KINDS: Mapping[str, type] = {"classification": Classification, "multilabel": MultiLabel, "matching": Ranking}
LABELLED = (Classification, MultiLabel)
"""Kinds whose examples are texts with labels, and whose answers are Predictions."""
FILES: Mapping[str, Callable[[str | Path, Mapping[str, str] | None, Problems | None], Iterator[Record]]] = {
    "matching": matching_files.records,
}
"""kind -> what reads the formats that its files come in; other kinds read rows of fields alone"""
FIELDS: Mapping[str, tuple[str, ...]] = {"matching": ("query", "right", "candidates")}
"""kind -> the fields of a record, in the order in which a tuple holds them"""
CHOOSING: tuple[type, ...] = (Ranking,)
"""Kinds whose classes are texts to choose from, of which there may be very many."""
REWARDS: Mapping[str, Reward] = {"exact_match": exact_match, "macro_f1": macro_f1, "example_f1": example_f1}


def build(catalogue: Mapping[str, type], table: Mapping[str, Any], where: str, given: Mapping[str, Any]) -> Any:
    """The object that `table` (its "name" and its fields) describes; `given` are the fields that no file holds."""
    name = table.get("name")
    if name is None:
        raise QuickstudyError(
            f'{where}: nothing says which it is; give it a name, such as name = "{next(iter(catalogue))}"'
        )
    stem, _, version = str(name).partition(".v")
    made = pick(catalogue, stem, where)
    if version not in ("", "1"):
        raise QuickstudyError(f"{where}: {name} is of a newer quickstudy; upgrade it")
    known = {field.name for field in dataclasses.fields(made)}
    hints = typing.get_type_hints(made)
    fields = {key: value for key, value in given.items() if key in known}
    for key, value in {**WITHIN.get(stem, {}), **table}.items():
        if key == "name":
            continue
        if key not in known - given.keys():
            raise QuickstudyError(f"{where}: {made.__name__} has no field {near(key, known - given.keys())}")
        if hints[key] is Learner:
            inside = {"name": value} if isinstance(value, str) else value
            if not isinstance(inside, Mapping):
                raise QuickstudyError(f"{where}: {key} cannot be {value!r}; it takes a learner's name or its table")
            fields[key] = build(catalogue, inside, f"{where}: {key}", given)
        else:
            fields[key] = _sensible(checked(value, hints[key], f"{where}: {key}"), f"{where}: {key}")
    return made(**fields)


def table(catalogue: Mapping[str, type], made: Any, *leaving: str) -> dict[str, Any]:
    """The inverse of `build`: the versioned name and the fields of an object, without those named."""
    fields = {field.name: getattr(made, field.name) for field in dataclasses.fields(made) if field.name not in leaving}
    return {"name": f"{name_of(catalogue, made)}.v1"} | {
        key: table(catalogue, value, *leaving) if type(value) in catalogue.values() else value
        for key, value in fields.items()
    }


def name_of(catalogue: Mapping[str, type], made: Any) -> str:
    """What the catalogue calls the class of an object."""
    return next(name for name, kind in catalogue.items() if kind is type(made))


def reading(learner: Any, backbone: Backbone) -> Any:
    """The same learner, and those within it, reading through another backbone."""
    fields = {field.name: getattr(learner, field.name) for field in dataclasses.fields(learner)}
    changed = {key: reading(value, backbone) for key, value in fields.items() if type(value) in LEARNERS.values()}
    if "backbone" in fields:
        changed["backbone"] = backbone
    return dataclasses.replace(learner, **changed)


def pick(catalogue: Mapping[str, Any], name: str, where: str) -> Any:
    """The entry of that name, or a refusal that names the near miss."""
    if name not in catalogue:
        raise QuickstudyError(f"{where}: there is no {near(name, catalogue)}")
    return catalogue[name]


def near(name: str, known: typing.Iterable[str]) -> str:
    """`'mamml'; near: maml; all: …`"""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"{name!r}; " + (f"near: {close[0]}; " if close else "") + f"all: {', '.join(known) or 'none'}"


def checked(value: Any, hint: Any, where: str) -> Any:
    """`value` as the type that a field asks for; TOML's lists become tuples and whole numbers floats."""
    if not _fits(value, hint):
        raise QuickstudyError(f"{where} cannot be {value!r}; it takes {_words(hint)}")
    if isinstance(value, list):
        return tuple(value)
    return float(value) if hint is float else value


def _sensible(value: Any, where: str) -> Any:
    """A number that a step count, a size, a rate or a scale can be; whatever is no number passes."""
    least = 1 if isinstance(value, int) else 0
    if isinstance(value, int | float) and not isinstance(value, bool) and not least <= value < math.inf:
        raise QuickstudyError(f"{where} is {value!r}; give {'1' if least else 'a number of 0'} or more")
    return value


def _fits(value: Any, hint: Any) -> bool:
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return True
    if origin is typing.Literal:
        return value in inside
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, part) for part in inside)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            return False
        parts = (inside[0],) * len(value) if inside[-1] is ... else inside
        return len(parts) == len(value) and all(map(_fits, value, parts))
    if origin is dict:
        return isinstance(value, Mapping) and all(
            _fits(key, inside[0]) and _fits(part, inside[1]) for key, part in value.items()
        )
    if isinstance(value, bool):
        return hint is bool
    return isinstance(value, int | float) if hint is float else isinstance(value, hint)


def _words(hint: Any) -> str:
    if typing.get_origin(hint) is typing.Literal:
        return " or ".join(map(repr, typing.get_args(hint)))
    if typing.get_origin(hint) in (tuple, dict):
        return "a list" if typing.get_origin(hint) is tuple else "a table"
    return getattr(hint, "__name__", None) or str(hint).replace("typing.", "")
