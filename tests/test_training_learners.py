"""The loop with real learners on a small Transformer that reads real text."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch

from quickstudy.backbones import bytelevel
from quickstudy.backbones.encoder import Encoder
from quickstudy.backbones.scope import Scope
from quickstudy.backbones.small import Sizes, Small
from quickstudy.core.params import same
from quickstudy.core.protocols import Learner
from quickstudy.core.types import Batch, DivergedError, Episode, Params, QuickstudyError
from quickstudy.kinds.classification import Classification
from quickstudy.kinds.labelled import Labelled
from quickstudy.learners.maml import Maml
from quickstudy.learners.prior_head import PriorHead
from quickstudy.learners.reptile import Reptile
from quickstudy.text.reader import Reader
from quickstudy.training.loop import TrainingInterruptedError, meta_train
from quickstudy.training.outcome import Trained, Validation
from quickstudy.training.plan import Plan
from quickstudy.training.slopes import generator

TOPICS = {
    "weather": ["rain in the morning", "a cold wind", "snow on the hills", "the sun is out", "fog at sea"],
    "money": ["my card is lost", "pay the bill", "the bank is closed", "a new account", "the fee is high"],
    "food": ["fresh bread", "soup with rice", "a cup of tea", "ripe apples", "fish and salt"],
    "travel": ["the train is late", "a seat by the window", "book a room", "two tickets", "the road is long"],
}
PLAN = Plan(steps=4, tasks=2, rate=0.01, warmup=0, validate_every=2, checkpoint_minutes=0)
LEARNERS: dict[str, Callable[[Encoder], Learner]] = {
    "prior_head": PriorHead,
    "maml": lambda backbone: Maml(backbone, steps=2),
    "reptile": lambda backbone: Reptile(backbone, steps=2),
}


def kind_and_backbone(scope: Scope) -> tuple[Classification, Encoder]:
    texts = [text for some in TOPICS.values() for text in some]
    small = Small(Sizes(vocabulary=300, width=16, layers=2, heads=2, positions=48))
    backbone = Encoder(small, "layers", 16, scope=scope, precision="float32")
    return Classification(Reader(bytelevel.train(texts, 300), limit=48)), backbone


def draw(kind: Classification, numbers: tuple[int, int, int]) -> Episode:
    """Two ways, two shots."""
    rng = generator(*numbers)
    chosen = [list(TOPICS)[place] for place in torch.randperm(len(TOPICS), generator=rng)[:2].tolist()]
    support, query = [], []
    for topic in chosen:
        order = torch.randperm(len(TOPICS[topic]), generator=rng).tolist()
        examples = [Labelled(TOPICS[topic][place], (topic,)) for place in order]
        support += examples[:2]
        query += examples[2:]
    classes = dict.fromkeys(chosen, "")
    return Episode(kind.encode(support, classes), kind.encode(query, classes), kind.loss)


def test_a_learner_that_learns_nothing_is_refused() -> None:
    _, backbone = kind_and_backbone(Scope("head"))
    learner = Reptile(backbone)
    theta = learner.init(torch.Generator())
    with pytest.raises(QuickstudyError, match="choose a learner or a scope that learns"):
        meta_train(learner, theta, lambda step, history: [], lambda theta: Validation(0.0, 0.0, (0.0,)), PLAN)


@pytest.mark.parametrize(
    ("name", "scope"),
    [
        ("prior_head", Scope("head")),
        ("prior_head", Scope("lora", rank=2)),
        ("maml", Scope("lora", rank=2)),
        ("reptile", Scope("all")),
    ],
    ids=str,
)
def test_real_learners_stop_and_go_on(name: str, scope: Scope, tmp_path: Path) -> None:
    kind, backbone = kind_and_backbone(scope)
    learner = LEARNERS[name](backbone)
    theta = learner.init(torch.Generator().manual_seed(0))

    def episodes(step: int, history: object = ()) -> Sequence[Episode]:
        return [draw(kind, (1, step, place)) for place in range(PLAN.tasks)]

    def validate(theta: Params) -> Validation:
        scores, losses = [], []
        for place in range(3):
            episode = draw(kind, (2, 0, place))
            found = learner.predict(theta, learner.adapt(theta, episode.support, episode.loss), episode.query)
            scores.append((found.argmax(-1) == episode.query.gold).float().mean().item())
            losses.append(episode.loss(found, episode.query).item())
        return Validation(sum(scores) / 3, sum(losses) / 3, tuple(scores))

    def stopping(step: int, history: object) -> Sequence[Episode]:
        if step == 4:
            raise KeyboardInterrupt
        return episodes(step)

    def train(source: Callable[..., Sequence[Episode]], folder: Path | None) -> Trained:
        return meta_train(learner, theta, source, validate, PLAN, folder)

    whole = train(episodes, None)
    with pytest.raises(TrainingInterruptedError, match="after 3 of 4 steps"):
        train(stopping, tmp_path)
    resumed = train(episodes, tmp_path)
    assert same(resumed.theta, whole.theta) and resumed.history == whole.history
    assert whole.skipped == 0 and whole.best.score >= whole.start.score
    assert len({found.loss for _, found in whole.history}) == 3, "theta never moved"


def test_episodes_whose_inner_loop_diverges_are_left_out_and_named(tmp_path: Path) -> None:
    """Every other support is loud enough for the rate to diverge; the rest are learned from."""
    kind, backbone = kind_and_backbone(Scope("head"))
    learner = Maml(backbone, steps=3, head_rate=1.0)
    theta = learner.init(torch.Generator())

    def loud(scores: torch.Tensor, batch: Batch) -> torch.Tensor:
        return (scores.square().sum() + 1) ** 40 * kind.loss(scores, batch)

    def episodes(step: int, history: object) -> Sequence[Episode]:
        quiet, other = draw(kind, (1, step, 0)), draw(kind, (1, step, 1))
        return [quiet, other._replace(loss=loud)]

    found = meta_train(learner, theta, episodes, lambda theta: Validation(0.5, 1.0, (0.5,)), PLAN, tmp_path)
    assert (found.steps, found.skipped) == (PLAN.steps, PLAN.steps)
    lines = [json.loads(line) for line in (tmp_path / "journal.jsonl").read_text().splitlines()]
    skipped = [line for line in lines if line["event"] == "skipped"]
    assert [(line["step"], line["task"]) for line in skipped] == [(step, 1) for step in range(1, PLAN.steps + 1)]
    assert all("the inner loop diverged: at step " in line["why"] for line in skipped)
    assert f"{PLAN.steps} episodes left out because they diverged" in found.summary()
    with pytest.raises(
        DivergedError, match=r"at step \d of 3 the support's .* is not finite; lower the learner's rate"
    ):
        learner.adapt(theta, draw(kind, (1, 0, 0)).support, loud)
