"""The learners that map all tasks into one space: what their maps come to know, on small tasks of vectors."""

from collections.abc import Callable, Sequence

import pytest
import torch
from few import Vectors, episode, kinds, rows
from few import backbone as reading
from torch import Tensor
from torch.nn.functional import normalize

from quickstudy.core.params import leaves, slopes_of
from quickstudy.core.protocols import Learner
from quickstudy.core.types import Batch, Episode, Params, Text
from quickstudy.learners import heads
from quickstudy.learners.meta_mapping import MetaMapping, transformed
from quickstudy.learners.shared_space import SharedSpace

KINDS = kinds()
LOSS = KINDS["one label"].loss
SHOWN, ASKED = 300, 330
"""tasks before the first are learned from, those between show the meta-mapping, those behind are never seen"""


Task = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
"""support units, their gold, query units, their gold, names"""


def world(tasks: Sequence[Task]) -> tuple[Vectors, list[Episode]]:
    table: list[Tensor] = []
    found = []

    def put(vectors: Tensor) -> Text:
        at = sum(map(len, table))
        table.append(vectors)
        return rows(torch.arange(at, at + len(vectors)))

    for support, gold, query, asked, names in tasks:
        said = put(names)
        both = (Batch(put(support), gold[:, None], said), Batch(put(query), asked[:, None], said))
        found.append(Episode(*both, LOSS))
    return Vectors(torch.cat(table)), found


@pytest.mark.parametrize("shots", [0, 2])
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("made", [SharedSpace, MetaMapping])
def test_they_start_as_prototypes_with_names(made: type, kind, shots: int) -> None:
    learner = made(reading(), scale=3.0, name_weight=2.0)
    theta = learner.init(torch.Generator().manual_seed(0))
    task = episode(kind, shots)
    names = heads.class_names(learner.backbone, theta, task.support)
    units = learner.backbone.units(theta, task.support.text).flatten(0, 1)
    mean, count = heads.means(units, heads.membership(task.support.gold, len(names)))
    wanted = heads.nearest(heads.blended(names, mean, count, torch.tensor(2.0)), torch.tensor(3.0))
    found = learner.adapt(theta, task.support, task.loss)
    for name, value in wanted.items():
        torch.testing.assert_close(found[name], value, atol=1e-5, rtol=1e-5)


def test_shared_space_learns_the_map_between_names_and_units() -> None:
    """Names are the classes' centres, turned by a rotation that is the same in all tasks."""
    rng = torch.Generator().manual_seed(0)
    turn = torch.linalg.qr(torch.randn(6, 6, generator=rng))[0]
    backbone, tasks = world([turned(rng, turn, shots=number % 2) for number in range(240)])
    learner = SharedSpace(backbone, scale=2.0, name_weight=1.0)
    start = learner.init(rng)
    theta = learned(learner, start, tasks[:200], steps=120, rate=0.2)
    no_shot, one_shot = tasks[200::2], tasks[201::2]
    assert right(learner, start, no_shot) < 0.4
    assert right(learner, theta, no_shot) > 0.75
    assert right(learner, theta, one_shot) > right(learner, start, one_shot) + 0.1


def test_meta_mapping_makes_the_map_that_a_description_asks_for() -> None:
    """What decides differs by task and stands in the names of both classes alike: comparing units with names, through
    whatever linear maps, is chance; a map made from the description is not."""
    rng = torch.Generator().manual_seed(0)
    backbone, tasks = world([described(rng, direction(rng)) for _ in range(ASKED + 30)])
    scores = []
    for learner in (SharedSpace(backbone), MetaMapping(backbone, hidden=32, rank=8)):
        theta = learned(learner, learner.init(rng), tasks[:SHOWN], steps=80, rate=0.03)
        scores.append(right(learner, theta, tasks[SHOWN:]))
    assert scores[0] < 0.65
    assert scores[1] > 0.85


def test_a_meta_mapping_performs_the_negation_of_a_task_it_never_saw() -> None:
    """One theta; which meta-mapping is done, pairs of other tasks say: (task, itself) or (task, its negation)."""
    rng = torch.Generator().manual_seed(0)
    drawn = [direction(rng) for _ in range(ASKED + 30)]
    backbone, tasks = world([described(rng, one, negated) for negated in (False, True) for one in drawn])
    plain, negated = tasks[: len(drawn)], tasks[len(drawn) :]
    learner = MetaMapping(backbone, hidden=32, rank=8)

    def represented(theta: Params, form: list[Episode], places: Sequence[int]) -> Tensor:
        return torch.stack([learner.represent(theta, form[at].support) for at in places])

    def scores(theta: Params, z: Tensor, at: int, form: list[Episode]) -> Tensor:
        """By the names of the plain task: that it is negated, z must say."""
        return learner.predict(theta, learner.perform(theta, z, plain[at].support), form[at].query)

    def loss(theta: Params, step: int) -> Tensor:
        *others, last = pick = torch.randint(SHOWN, (4,), generator=rng).tolist()
        total = torch.zeros(())
        before = represented(theta, plain, pick)
        for form in (plain, negated):
            after = represented(theta, form, pick)
            new = transformed(theta, before[:-1], after[:-1], before[-1])
            for z, at in zip((*after, new), (*others, last, last), strict=True):
                total = total + LOSS(scores(theta, z, at, form), form[at].query)
            total = total + 2 * (new - after[-1].detach()).square().sum()
        return total

    theta = descended(learner.init(rng), loss, steps=160, rate=0.03)
    shown, asked = range(SHOWN, SHOWN + 3), range(ASKED, len(drawn))
    for form in (plain, negated):
        new = transformed(
            theta, represented(theta, plain, shown), represented(theta, form, shown), represented(theta, plain, asked)
        )
        found = [share(scores(theta, z, at, form), form[at]) for z, at in zip(new, asked, strict=True)]
        assert sum(found) / len(found) > 0.8


def turned(rng: torch.Generator, turn: Tensor, shots: int) -> Task:
    """Four classes around random centres."""
    centres = normalize(torch.randn(4, 6, generator=rng), dim=-1)

    def some(each: int) -> tuple[Tensor, Tensor]:
        gold = torch.arange(4 * each) % 4
        return centres[gold] + 0.2 * torch.randn(len(gold), 6, generator=rng), gold

    return *some(shots), *some(5), centres @ turn


def direction(rng: torch.Generator) -> Tensor:
    return normalize(torch.randn(2, generator=rng), dim=0)


def described(rng: torch.Generator, which: Tensor, negated: bool = False) -> Task:
    """Is a point on the side of `which`, or is it not? Names say (which, -1 or 1, whether it is negated); no example
    is given."""
    query = torch.zeros(30, 4)
    query[:, :2] = torch.randn(30, 2, generator=rng)
    gold = ((query[:, :2] @ which > 0) != negated).long()
    marks = torch.tensor([[-1.0, float(negated)], [1.0, float(negated)]])
    names = torch.cat([which.expand(2, 2), marks], dim=1)
    return torch.zeros(0, 4), gold[:0], query, gold, names


def learned(learner: Learner, theta: Params, tasks: Sequence[Episode], steps: int, rate: float) -> Params:
    def loss(theta: Params, step: int) -> Tensor:
        some = [tasks[(4 * step + place) % len(tasks)] for place in range(4)]
        return sum((following(learner, theta, task) for task in some), torch.zeros(()))

    return descended(theta, loss, steps, rate)


def following(learner: Learner, theta: Params, task: Episode) -> Tensor:
    """A value () whose slopes are the learner's own meta-gradient."""
    slopes, loss = learner.meta_gradient(theta, task, torch.Generator())
    linear = sum(((slopes[name] * theta[name]).sum() for name in theta), torch.zeros(()))
    return linear - linear.detach() + loss


def descended(theta: Params, loss: Callable[[Params, int], Tensor], steps: int, rate: float) -> Params:
    """Plain AdamW."""
    at = leaves({name: value.clone() for name, value in theta.items()})
    outer = torch.optim.AdamW(list(at.values()), lr=rate, weight_decay=0.0)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(outer, steps)
    for step in range(steps):
        for name, slope in slopes_of(loss(at, step), at).items():
            at[name].grad = slope
        outer.step()
        falling.step()
    return {name: value.detach() for name, value in at.items()}


def share(scores: Tensor, task: Episode) -> float:
    return float((scores[:, 0].argmax(-1) == task.query.gold[:, 0]).float().mean())


def right(learner: Learner, theta: Params, tasks: Sequence[Episode]) -> float:
    found = [
        share(learner.predict(theta, learner.adapt(theta, each.support, LOSS), each.query), each) for each in tasks
    ]
    return sum(found) / len(found)
