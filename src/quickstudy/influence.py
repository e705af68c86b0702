"""Which source of tasks helps which other: whether the slopes of meta-training on both point the same way, and how
alike their texts and class names are. Cheap stands for leaving each source out in turn: nothing is trained.

One outer step along the slopes of source s changes the loss of task t by minus the inner product of both slopes, to
first order (as in TracIn, Pruthi et al. 2020, and in gradient alignment across tasks, Lopez-Paz & Ranzato 2017). Slopes
of weights with large ones would drown the others, and AdamW would not follow them so; so each weight's are divided by
their usual size and count by the square root of its outer rate."""

from collections.abc import Mapping, Sequence
from statistics import fmean

import torch
from torch import Tensor

from quickstudy.backbones.passages import Passages
from quickstudy.core.params import inner, norm
from quickstudy.core.protocols import Learner, TaskKind
from quickstudy.core.types import Params, QuickstudyError, Reward
from quickstudy.episodes.sampling import Dice, draw
from quickstudy.episodes.shapes import Shape, ends
from quickstudy.episodes.sources import Source, index_of
from quickstudy.learners import heads
from quickstudy.meta_tasks import episode, narrowed
from quickstudy.student import Student
from quickstudy.training.plan import Plan, rate_of
from quickstudy.training.slopes import mean_slopes

EPISODES = 8
"""of each source, whose slopes are averaged"""
TEXTS = 200
"""of each source that are compared"""
FIRST = 10**9
"""the number of the first episode: far from those of any training"""


def slopes(
    learner: Learner,
    theta: Params,
    sources: Sequence[Source],
    kind: TaskKind,
    shape: Shape,
    episodes: int = EPISODES,
    reward: Reward | None = None,
) -> dict[str, Params]:
    """{name of a source: the mean slopes of its episodes at theta}. A source all of whose episodes diverged is left
    out. `reward` is what the learner follows, if it does. QuickstudyError where one has too few examples for an
    episode."""
    found = {}
    for source in sources:
        fit = fitting(shape, source, kind)
        own = source.of(kind)
        drawn = [episode(draw(source, kind, fit, FIRST + number), own, reward) for number in range(episodes)]
        mean = mean_slopes(learner, theta, drawn, 0, 0, 0, episodes)
        if mean.slopes:
            found[source.name] = mean.slopes
    return found


def agreement(first: Mapping[str, Params], second: Mapping[str, Params], plan: Plan) -> dict[str, dict[str, float]]:
    """{name in `first`: {name in `second`: the cosine of their slopes}}, -1 to 1. Above 0, a step for the one lowers
    the loss of the other."""
    every = [*first.values(), *second.values()]
    if not every:
        return {}
    sizes = {name: fmean(float(one[name].square().mean()) for one in every) ** 0.5 for name in every[0]}
    factors = {name: (rate_of(plan, name) ** 0.5 / size if size > 0 else 0.0) for name, size in sizes.items()}

    def scaled(one: Params) -> Params:
        return {name: factors[name] * value for name, value in one.items()}

    rows, columns = ({name: scaled(one) for name, one in side.items()} for side in (first, second))
    return {row: {column: cosine(a, b) for column, b in columns.items()} for row, a in rows.items()}


def cosine(first: Params, second: Params) -> float:
    """Of the angle between two sets of slopes as vectors; 0 where one has no length."""
    length = float(norm(first)) * float(norm(second))
    return float(inner(first, second)) / length if length > 0 else 0.0


def likeness(student: Student, sources: Sequence[Source], targets: Sequence[Source], kind: TaskKind) -> (
    dict[str, dict[str, float]]
):  # fmt: skip
    """{source: {target: how near the target's texts and class names have something in the source}}: the mean over the
    target's of the highest cosine, texts and names counting the same; from what all have in common, their mean is
    taken off first."""
    read = {source.name: _vectors(student, source, kind) for source in (*sources, *targets)}
    middles = [torch.cat([both[part] for both in read.values()]).mean(0) for part in (0, 1)]
    unit = torch.nn.functional.normalize
    found = {
        name: tuple(unit(part - middle, dim=-1) for part, middle in zip(both, middles, strict=True))
        for name, both in read.items()
    }

    def near(source: Source, target: Source) -> float:
        pairs = zip(found[source.name], found[target.name], strict=True)
        return fmean(float((b @ a.T).max(1).values.mean()) for a, b in pairs if len(a) and len(b))

    return {source.name: {target.name: near(source, target) for target in targets} for source in sources}


def fitting(shape: Shape, source: Source, kind: TaskKind) -> Shape:
    """The shape with no more queries than leave half of the second largest class to learn from, and no more shots and
    ways than there are examples and classes. QuickstudyError where no two classes have two examples."""
    sizes = sorted((len(members) for members in index_of(source, kind).members.values()), reverse=True)
    if not large_enough(source, kind):
        raise QuickstudyError(
            f"{source.name}: two classes at least must have two different examples each, so that one can be asked for "
            "while another is learned from; give more"
        )
    low, high = ends(shape.shots)
    queries = max(1, min(shape.queries, sizes[1] // 2, sizes[1] - low))
    shots = (min(low, sizes[1] - queries), high)
    return narrowed(Shape(shape.ways, shots, queries, shape.balanced), source, kind)


def large_enough(source: Source, kind: TaskKind) -> bool:
    """Whether `fitting` finds a shape for it."""
    sizes = sorted(len(members) for members in index_of(source, kind).members.values())
    return len(sizes) > 1 and sizes[-2] > 1


def middles(student: Student, sources: Sequence[Source], kind: TaskKind) -> Tensor:
    """(n, D): the mean unit of some texts of each source, at the student's start, less the mean of those means."""
    found = torch.stack([_vectors(student, source, kind)[0].mean(0) for source in sources])
    return found - found.mean(0) if len(found) > 2 else found


def _vectors(student: Student, source: Source, kind: TaskKind) -> tuple[Tensor, Tensor]:
    """Units of some of its texts, and of the class names that say something, (n, D) and (C, D), at the student's start;
    a pair of texts is their mean."""
    some = Dice(f"likeness\n{source.name}").shuffled(source.examples)[:TEXTS]
    batch = source.of(kind).encode(some, index_of(source, kind).classes)
    reader = Passages(student.loaded.backbone)
    with torch.inference_mode():
        texts = reader.units(student.theta, batch.text)[:, 0, : reader.width].float()
        names = reader.units(student.theta, heads.named(batch))[:, 0, : reader.width].float()
    return texts, names[heads.said(names)]
