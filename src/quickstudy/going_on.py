"""Going on from a student: what it learned of its backbone is trained further beside the weights, not within them."""

from pathlib import Path
from typing import Any, NamedTuple

import torch

from quickstudy import config, starts
from quickstudy.backbones.loaded import Loaded
from quickstudy.backbones.scope import scope
from quickstudy.core.protocols import Learner
from quickstudy.core.types import Params, QuickstudyError
from quickstudy.recipe import StudentTable
from quickstudy.store.artifact import open_artifact
from quickstudy.student import STUDENT, check_weights
from quickstudy.task import settled

SHIPPED = "shipped"
"""the start that ships for the recipe's backbone"""


class Held(NamedTuple):
    """What a student's file holds."""

    path: Path
    theta: Params
    learner: dict[str, Any]
    fingerprint: str
    """of the backbone as it came"""
    about: dict[str, Any]
    """how it was trained"""


def held(start: str, asked: StudentTable, title: str) -> Held:
    """Of `start`: "shipped", or a student's file. QuickstudyError where the recipe `title` asks for another backbone or
    scope, or for a share of what the start already holds."""
    path = _file(start, asked.backbone)
    theta, document = open_artifact(path, STUDENT)
    theta = {name: value.float() if value.dtype == torch.float16 else value for name, value in theta.items()}
    try:
        name, own, learner = document["backbone"]["name"], document["scope"], document["learner"]
        found = Held(path, theta, learner, document["backbone"]["fingerprint"], dict(document.get("about", {})))
    except (KeyError, TypeError, ValueError) as error:
        raise QuickstudyError(f"{path} does not say what its student is made of ({error})") from None
    if name not in (asked.backbone, settled(asked.backbone)) or scope(own) != scope(asked.scope):
        raise QuickstudyError(
            f"{path} is a student of {name} in the scope {own}, and {title} says {asked.backbone} in "
            f"{asked.scope}; write the student's own into [student]"
        )
    some = any(name.startswith("lora.") and name.endswith(".b") and value.any() for name, value in theta.items())
    if some and asked.share < 1:
        raise QuickstudyError(
            f"{title} keeps {asked.share:g} of the low-rank additions, and {path} begins with some, of which it "
            "would also keep no more; set share = 1 in [student] to go on from it"
        )
    return found


def check(found: Held, loaded: Loaded, learner: Learner, title: str) -> None:
    """QuickstudyError for a backbone of other weights, or another learner."""
    check_weights(loaded, found.fingerprint, found.path)
    own, wanted = found.learner["name"], config.table(config.LEARNERS, learner, "backbone")["name"]
    if wanted != own:
        raise QuickstudyError(f"{found.path} learns by {own}, and {title} by {wanted}; name the former")


def _file(start: str, backbone: str) -> Path:
    if start != SHIPPED:
        return Path(start)
    if backbone not in starts.shipped():
        raise QuickstudyError(
            f"no start ships for {backbone}, but for {', '.join(starts.shipped())}; leave out the start"
        )
    return starts.FOLDER / f"{backbone}.student"
