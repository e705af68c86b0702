"""The contract where a row has several units, some of which nobody judges: words of a sentence, spans of a context."""

import pytest
import torch
from few import reader, start
from test_contract import finite_difference, learner, random_direction, those_whose_slopes_are

from quickstudy.config import LEARNERS
from quickstudy.core.protocols import TaskKind
from quickstudy.core.types import Episode
from quickstudy.kinds.answering import Answering
from quickstudy.kinds.tagging import Tagging

TAGGED = (
    {"tokens": ["my", "card", "is", "in", "Leeds"], "tags": ["O", "B-thing", "O", "O", "B-place"]},
    {"tokens": ["a", "pin"], "tags": ["O", "B-thing"]},
    {"tokens": ["York", "has", "my", "new", "wallet"], "tags": ["B-place", "O", "O", "B-thing", "I-thing"]},
)
ANSWERED = (
    {"question": "where is it?", "context": "my card is in Leeds", "answers": [{"text": "Leeds", "start": 14}]},
    {"question": "what came?", "context": "the pin has come", "answers": [{"text": "the pin", "start": 0}]},
    {"question": "who came?", "context": "my new wallet has come", "answers": [{"text": "my new wallet", "start": 0}]},
)
ROWS = {"tagging": (Tagging, TAGGED, {"thing": "", "place": ""}), "answering": (Answering, ANSWERED, {"answer": ""})}
LABELS_ALONE = {
    "policy_gradient": "follows a reward, and these episodes bring none",
    "tuned": "asks how many examples a class has, and takes a row for one",
    "in_context": "writes a text's class behind it, and a row has one place for that",
}


def task(name: str, shots: int) -> tuple[TaskKind, Episode]:
    made, rows, classes = ROWS[name]
    kind = made(reader())
    examples = [kind.read(row) for row in rows]
    support, query = kind.encode(examples[:shots], classes), kind.encode(examples[shots:], classes)
    return kind, Episode(support, query, kind.loss)


@pytest.mark.parametrize("shots", [0, 2])
@pytest.mark.parametrize("kind", ROWS)
@pytest.mark.parametrize("name", sorted(LEARNERS.keys() - LABELS_ALONE.keys()))
def test_a_learner_judges_every_unit(name: str, kind: str, shots: int) -> None:
    made, (_, episode) = learner(name, "last(1)"), task(kind, shots)
    theta = start(made)
    adapted = made.adapt(theta, episode.support, episode.loss)
    scores = made.predict(theta, adapted, episode.query)
    assert scores.shape[:2] == episode.query.gold.shape[:2]
    assert scores.isfinite().all()
    slopes, loss = made.meta_gradient(theta, episode, torch.Generator().manual_seed(0))
    assert all(value.isfinite().all() for value in slopes.values())
    torch.testing.assert_close(loss, episode.loss(scores, episode.query))


@pytest.mark.parametrize("shots", [0, 2])
@pytest.mark.parametrize("kind", ROWS)
@pytest.mark.parametrize("name", sorted(set(those_whose_slopes_are("exact")) - LABELS_ALONE.keys()))
def test_an_exact_meta_gradient_agrees_with_finite_differences(name: str, kind: str, shots: int) -> None:
    made, (_, episode) = learner(name, "last(1)"), task(kind, shots)
    theta = start(made)
    slopes, _ = made.meta_gradient(theta, episode, torch.Generator())
    difference = finite_difference(made, theta, episode, direction := random_direction(theta))
    found = sum((slopes[key] * direction[key]).sum() for key in theta)
    torch.testing.assert_close(found, difference, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("kind", ROWS)
def test_what_a_row_is_filled_up_with_changes_nothing(kind: str) -> None:
    """The same support with more units that nobody judges gives the same head."""
    made, (_, episode) = learner("prior_head", "head"), task(kind, 2)
    theta, support = start(made), episode.support
    more = 5
    spans = torch.cat([support.text.spans, torch.zeros_like(support.text.spans[:, :1]).expand(-1, more, -1, -1)], 1)
    gold = torch.cat(
        [support.gold, torch.full_like(support.gold[:, :1], -100).expand(-1, more, *support.gold.shape[2:])], 1
    )
    wider = support._replace(text=support.text._replace(spans=spans), gold=gold)
    found, wanted = (made.adapt(theta, one, episode.loss) for one in (wider, support))
    for name, value in wanted.items():
        torch.testing.assert_close(found[name], value)
