"""The catalogue: every name a recipe or a stored task may use, and how a table becomes an object."""

import dataclasses
import difflib
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from quickstudy.checking import checked, sensible
from quickstudy.core.protocols import Backbone, Learner
from quickstudy.core.types import QuickstudyError, Reward
from quickstudy.episodes import (
    answering_files,
    matching_files,
    relation_files,
    tagging_files,
    vector_files,
    writing_files,
)
from quickstudy.episodes.records import Problems, Record
from quickstudy.kinds.answering import Answering
from quickstudy.kinds.classification import Classification
from quickstudy.kinds.extracting import Extracting
from quickstudy.kinds.language_model import LanguageModel
from quickstudy.kinds.matching import Matching as MatchingKind
from quickstudy.kinds.multilabel import MultiLabel
from quickstudy.kinds.relation import Relation
from quickstudy.kinds.rewards import bleu, exact_match, example_f1, macro_f1
from quickstudy.kinds.tagging import Tagging
from quickstudy.kinds.vector_matching import VectorMatching
from quickstudy.kinds.vector_tagging import VectorTagging
from quickstudy.kinds.vectors import Vectors
from quickstudy.kinds.writing import Writing
from quickstudy.learners.aligned import Aligned
from quickstudy.learners.anil import Anil
from quickstudy.learners.fine_tune import FineTune
from quickstudy.learners.frozen_linear import FrozenLinear
from quickstudy.learners.hybrid import Hybrid
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
from quickstudy.learners.reptile_adam import ReptileAdam
from quickstudy.learners.ridge import Ridge
from quickstudy.learners.shared_space import SharedSpace
from quickstudy.learners.tuned import Tuned
from quickstudy.pretext.catalogue import PRETEXTS as PRETEXTS

LEARNERS: Mapping[str, type] = {
    "prior_head": PriorHead,
    "aligned": Aligned,
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
    "reptile_adam": ReptileAdam,
    "neighbours": Neighbours,
    "names_alone": NamesAlone,
    "ridge": Ridge,
    "named_prototypes": NamedPrototypes,
    "matching": Matching,
    "relation_network": RelationNetwork,
    "leopard": Leopard,
    "learned_optimizer": LearnedOptimizer,
    "policy_gradient": PolicyGradient,
    "hybrid": Hybrid,
    "shared_space": SharedSpace,
    "meta_mapping": MetaMapping,
    "in_context": InContext,
}
STILL = (
    "prior_head", "prototypes", "frozen_linear", "neighbours", "names_alone", "ridge", "named_prototypes", "matching",
    "relation_network", "shared_space", "meta_mapping", "anil", "aligned",
)  # fmt: skip
"""Learners whose adaptation leaves the backbone as meta-training left it: what that learned is put into the weights
when a student is opened."""
WITHIN: Mapping[str, Mapping[str, Any]] = {
    name: {"inner": {"name": "prior_head"}} for name in ("policy_gradient", "hybrid")
}
"""What a learner that wraps another one wraps where a recipe does not say."""
NONE_WILL_DO = ("shots", "overlap")
"""whole numbers of which 0 is one"""
KINDS: Mapping[str, type] = {
    "classification": Classification,
    "multilabel": MultiLabel,
    "matching": MatchingKind,
    "extracting": Extracting,
    "tagging": Tagging,
    "answering": Answering,
    "relation": Relation,
    "vectors": Vectors,
    "vector_tagging": VectorTagging,
    "vector_matching": VectorMatching,
    "writing": Writing,
    "language_model": LanguageModel,
}
LABELLED = (Classification, MultiLabel)
"""Kinds whose examples are texts with labels, and whose answers are Predictions."""
FILES: Mapping[str, Callable[[str | Path, Mapping[str, str] | None, Problems | None], Iterator[Record]]] = {
    "matching": matching_files.records,
    "tagging": tagging_files.records,
    "answering": answering_files.records,
    "relation": relation_files.records,
    "vectors": vector_files.records,
    "vector_tagging": vector_files.records,
    "vector_matching": vector_files.records,
    "writing": writing_files.records,
    "language_model": writing_files.prose,
}
"""kind -> what reads the formats that its files come in; other kinds read rows of fields alone"""
FIELDS: Mapping[str, tuple[str, ...]] = {
    "matching": ("query", "right", "candidates"),
    "extracting": ("document", "summary"),
    "tagging": ("text", "spans"),
    "answering": ("question", "context", "answers"),
    "relation": ("text", "label"),
    "vectors": ("features", "label"),
    "vector_tagging": ("features", "tags"),
    "vector_matching": ("query", "right", "candidates"),
    "writing": ("source", "target"),
    "language_model": ("text",),
}
"""kind -> the fields of a record, in the order in which a tuple holds them"""
CHOOSING: tuple[type, ...] = (MatchingKind, Extracting, VectorMatching)
"""Kinds whose classes are what is to be chosen from, of which there may be very many."""
NUMERIC: tuple[type, ...] = (Vectors, VectorTagging, VectorMatching)
"""Kinds that judge given vectors instead of texts."""
OVER_VECTORS: Mapping[str, Mapping[str, Any]] = {
    "classification": {"name": "vectors"},
    "multilabel": {"name": "vectors", "task": "multilabel"},
    "tagging": {"name": "vector_tagging"},
    "matching": {"name": "vector_matching"},
}
"""a kind of texts -> the same over given vectors"""
WRITING: tuple[type, ...] = (Writing, LanguageModel)
"""Kinds whose classes are the vocabulary of a model that writes."""
UNLABELLED: tuple[type, ...] = (*WRITING, Answering)
"""Kinds whose classes are none that a user names."""
REWARDS: Mapping[str, Reward] = {
    "exact_match": exact_match,
    "macro_f1": macro_f1,
    "example_f1": example_f1,
    "bleu": bleu,
}


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
            found = checked(value, hints[key], f"{where}: {key}")
            fields[key] = sensible(found, f"{where}: {key}", 0 if key in NONE_WILL_DO else 1)
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
