"""What a meta-training begins from."""

import dataclasses

from quickstudy.backbones import loading
from quickstudy.backbones.sharding import sharded
from quickstudy.core.types import QuickstudyError
from quickstudy.going_on import Held, check, held
from quickstudy.recipe import Recipe
from quickstudy.student import Student, backbone, fresh
from quickstudy.training.ranks import Ranks


def begin(recipe: Recipe, ranks: Ranks, start: str) -> Student:
    """From a backbone as it comes or, with `start`, from a student: "shipped" or its file. QuickstudyError for what
    does not go together."""
    asked = recipe.student
    found = held(start, asked, recipe.title) if start else None
    if apart(recipe, ranks):  # opened on its own, since its parts replace it
        loaded = sharded(loading.load(asked.backbone, scope=asked.scope, device="cpu"), ranks.size, asked.device)
    else:
        loaded = backbone(asked.backbone, asked.scope, asked.precision, asked.device)
    student = fresh(loaded, recipe.learner, asked.backbone)
    return _knowing(student, found, recipe.title) if found else student


def apart(recipe: Recipe, ranks: Ranks) -> bool:
    """Whether each rank holds a part of the backbone."""
    return recipe.student.held == "sharded" and ranks.size > 1


def _knowing(student: Student, found: Held, title: str) -> Student:
    """The same with what the other has learned."""
    check(found, student.loaded, student.learner, title)
    own = {name: value.shape for name, value in student.theta.items()}
    if {name: value.shape for name, value in found.theta.items()} != own:
        raise QuickstudyError(
            f"{found.path} holds other weights than the learner of {title}; give it the same settings"
        )
    theta = {name: found.theta[name].to(value) for name, value in student.theta.items()}
    return dataclasses.replace(student, theta=theta, about=found.about)
