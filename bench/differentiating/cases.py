"""What is differentiated: tasks of BANKING77 in rows of one length, a learner, and the ways to its meta-gradient."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from bench.outside import loops
from bench.shared.data import rows
from quickstudy.backbones import loading
from quickstudy.backbones.encoder import Encoder
from quickstudy.core.params import leaves, map_params, slopes_of
from quickstudy.core.types import Batch, Episode, Params
from quickstudy.kinds.classification import Classification
from quickstudy.kinds.labelled import Labelled
from quickstudy.learners import heads
from quickstudy.learners.descent import path
from quickstudy.learners.engines import Engine, using
from quickstudy.learners.maml import Maml
from quickstudy.learners.updates import Inner, at_rate
from quickstudy.text.reader import Reader

JOINED = 4
"""texts of one class behind each other make a row, cut at its length, so that none is shorter"""


@dataclass(frozen=True)
class Setting:
    """One meta-gradient. `side` is "learn2learn", an engine, "rerun" (the backbone read again at every step) or
    "first" (of first order)."""

    side: str
    scope: str = "last(2)"
    steps: int = 20
    backbone: str = "minilm"
    precision: str = "float32"
    rate: float = 0.01
    ways: int = 5
    shots: int = 5
    queries: int = 5
    length: int = 24
    tasks: int = 4
    chunks: int = 1
    inner: Inner = "sgd"


Way = Callable[[Episode], Params]
"""episode -> slopes with the keys of theta"""


@dataclass(frozen=True)
class Job:
    """A setting with its model in memory."""

    encoder: Encoder
    learner: Maml
    theta: Params
    episodes: tuple[Episode, ...]


def job(setting: Setting, folder: Path) -> Job:
    """Loads the model and draws the tasks; the same settings give the same."""
    loaded = loading.load(setting.backbone, scope=setting.scope, precision=setting.precision, device="cpu")
    learner = Maml(
        loaded.backbone, steps=setting.steps, rate=setting.rate, head_rate=setting.rate, inner=setting.inner,
        order=1 if setting.side == "first" else 2,
    )  # fmt: skip
    read = Reader(loaded.tokenizer, setting.length, loaded.prompt, loaded.filler)
    tasks = tuple(_episode(setting, read, folder, seed) for seed in range(setting.tasks))
    return Job(loaded.backbone, learner, learner.init(torch.Generator().manual_seed(0)), tasks)


def way(setting: Setting, made: Job) -> Way:
    """How the slopes of a task are found."""
    if setting.side == "learn2learn":
        plain = loops.Plain(made.encoder, made.theta, setting.ways)
        return partial(_theirs, plain, made.theta, setting)
    if setting.side == "rerun":
        return partial(_rerun, made.learner, made.theta)
    return partial(_ours, made.learner, made.theta, setting)


def mean_slopes(find: Way, episodes: tuple[Episode, ...]) -> Params:
    """The mean over tasks, one after another."""
    total: Params = {}
    for episode in episodes:
        found = find(episode)
        total = map_params(torch.add, total, found) if total else found
    return {name: value / len(episodes) for name, value in total.items()}


def _ours(learner: Maml, theta: Params, setting: Setting, episode: Episode) -> Params:
    engine = Engine() if setting.side == "first" else Engine(setting.side, setting.chunks)  # type: ignore[arg-type]
    with using(engine):
        return learner.meta_gradient(theta, episode, torch.Generator())[0]


def _theirs(plain: loops.Plain, theta: Params, setting: Setting, episode: Episode) -> Params:
    with sdpa_kernel(SDPBackend.MATH):
        return loops.learn2learn_maml(plain, theta, episode, setting.steps, setting.rate, order=2)


def _rerun(learner: Maml, theta: Params, episode: Episode) -> Params:
    """The head alone moves, and the support is read at each of its steps."""
    at, support = leaves(theta), episode.support

    def loss(head: Params) -> Tensor:
        return episode.loss(heads.score(learner.backbone.units(at, support.text), head), support)

    with torch.enable_grad():
        start = heads.start(learner.backbone, at, support)
        start = {name: value if value.requires_grad else value.requires_grad_() for name, value in start.items()}
        *_, ended = path(loss, start, learner.steps, at_rate(learner.rate, learner.head_rate), 2)
        return slopes_of(episode.loss(learner.predict(at, ended, episode.query), episode.query), at)


def _episode(setting: Setting, read: Reader, folder: Path, seed: int) -> Episode:
    by_label: dict[str, list[str]] = {}
    for row in rows(folder, "banking77/train"):
        by_label.setdefault(row["label"], []).append(row["text"])
    rng = torch.Generator().manual_seed(seed)
    chosen = [sorted(by_label)[place] for place in torch.randperm(len(by_label), generator=rng)[: setting.ways]]
    kind, names = Classification(read), {name.replace("_", " "): "" for name in chosen}
    support, query = [], []
    for label in chosen:
        order = iter(torch.randint(len(by_label[label]), (10_000,), generator=rng).tolist())
        texts = [
            " ".join(by_label[label][place] for place in islice(order, JOINED * -(-setting.length // 24)))
            for _ in range(setting.shots + setting.queries)
        ]
        made = [Labelled(text, (label.replace("_", " "),)) for text in texts]
        support += made[: setting.shots]
        query += made[setting.shots :]
    found = Episode(kind.encode(support, names), kind.encode(query, names), kind.loss)
    _check(found.support, setting.length)
    return found


def _check(batch: Batch, length: int) -> None:
    if not bool((batch.text.role[:, :length] != 0).all()) or batch.text.tokens.shape[1] < length:
        raise SystemExit(f"a row has fewer than {length} tokens")
