"""Linear heads: what every learner predicts through, and what class vectors can be made of.

Shapes: n support units, C classes, W width of a unit.
"""

import torch
from torch import Tensor

from quickstudy.backbones.pooling import joined_width
from quickstudy.core.protocols import Backbone, Speaker
from quickstudy.core.types import IGNORE, Adapted, Batch, Params, QuickstudyError, Text


def score(units: Tensor, head: Adapted) -> Tensor:
    """(B, U, W) units, "head.weight" (C, W), "head.bias" (C) -> (B, U, C). Units that are scores have no head."""
    if "head.weight" not in head:
        return units
    return units @ head["head.weight"].to(units).T + head["head.bias"].to(units)


def class_names(backbone: Backbone, theta: Params, batch: Batch) -> Tensor:
    """(C, W): the vector of each class's name; zeros where a name says nothing."""
    return backbone.units(theta, named(batch))[:, 0]


def named(batch: Batch) -> Text:
    """The names of the C classes, which a learner that makes a head for each cannot do without."""
    if batch.names is None:
        raise QuickstudyError(
            "this learner chooses among named classes, and this batch names none; take a kind of task that has some, "
            "or, for one that writes, a learner that moves the model: fine_tune, maml, reptile, in_context; "
            "to pretrain on words with nothing to adapt to, hybrid around this one"
        )
    return batch.names


def membership(gold: Tensor, classes: int) -> Tensor:
    """Gold (B, U) or multi-hot (B, U, C) -> (n, C): 1 where a judged unit has a class; n = B U."""
    if gold.ndim == 3:
        return torch.where(gold == IGNORE, 0.0, gold.float()).flatten(0, 1)
    flat = gold.flatten()
    return torch.nn.functional.one_hot(flat.clamp(min=0), classes).float() * (flat >= 0)[:, None]


def judged(gold: Tensor) -> int:
    """How many units somebody judged."""
    return int(which_judged(gold).sum())


def which_judged(gold: Tensor) -> Tensor:
    """(n,) bool: whether somebody judged a unit."""
    return (gold >= 0 if gold.ndim == 2 else (gold != IGNORE).any(-1)).flatten()


def said(names: Tensor) -> Tensor:
    """(C, W) -> (C,) bool: whether the name of a class says anything."""
    return (names.detach() != 0).any(-1)


def means(units: Tensor, member: Tensor) -> tuple[Tensor, Tensor]:
    """(n, W) units and (n, C) membership -> each class's mean (C, W), zero where empty, and count (C,). A unit may be
    member in part."""
    member = member.to(units)
    count = member.sum(0)
    return member.T @ units / count.clamp(min=1e-9)[:, None], count


def prototypes(backbone: Backbone, theta: Params, support: Batch) -> Tensor:
    """(C, W): the mean of each class's units; its name where it has none."""
    units = backbone.units(theta, support.text).flatten(0, 1)
    mean, count = means(units, membership(support.gold, len(named(support).tokens)))
    if count.all():
        return mean
    return torch.where(count[:, None] > 0, mean, class_names(backbone, theta, support))


def blended(names: Tensor, mean: Tensor, count: Tensor, name_weight: Tensor) -> Tensor:
    """Class vectors (C, W): the mean of a class's units, its name counting as `name_weight` () of them. Names that
    say nothing (zeros) count nothing."""
    pulled = name_weight.to(names) * said(names)
    total = pulled[:, None] * names + count[:, None] * mean
    return total / (pulled + count).clamp(min=1e-9)[:, None]


def nearest(prototype: Tensor, scale: Tensor) -> Params:
    """The head whose scores are -scale |u - p|^2 but for -scale |u|^2, equal for all classes (Snell et al. 2017,
    section 2.4)."""
    scale = scale.to(prototype)
    return {"head.weight": 2 * scale * prototype, "head.bias": -scale * prototype.square().sum(-1)}


def widest(backbone: Backbone) -> int:
    """W of units of two parts. A map from units that serves tasks of one part and of two has so many columns, and
    the former use the first D of them, in which names and pairs can be compared, too."""
    return joined_width(backbone.width, 2)


def headless(backbone: Backbone, batch: Batch) -> bool:
    """Whether the units of a backbone are scores already: the classes are its vocabulary."""
    return batch.names is None and isinstance(backbone, Speaker)


def blank(backbone: Backbone, theta: Params, batch: Batch) -> Params:
    """A head by which every class is as probable; none where units are scores."""
    if headless(backbone, batch):
        return {}
    with torch.no_grad():
        names = class_names(backbone, theta, batch)
    return {"head.weight": torch.zeros_like(names), "head.bias": torch.zeros_like(names[:, 0])}


def start(backbone: Backbone, theta: Params, batch: Batch) -> Params:
    """A head that judges by names alone: weight theta["head.scale"] * names, bias zero; none where units are scores."""
    if headless(backbone, batch):
        return {}
    names = class_names(backbone, theta, batch)
    weight = theta["head.scale"].to(names) * names
    return {"head.weight": weight, "head.bias": torch.zeros_like(weight[:, 0])}
