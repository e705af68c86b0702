"""Rewards against scikit-learn, and the recipe's key that names one."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from few import CLASSES, episode, kinds
from sklearn.metrics import accuracy_score, f1_score

from quickstudy import recipe as recipes
from quickstudy.config import REWARDS
from quickstudy.core.types import IGNORE, Batch, QuickstudyError
from quickstudy.kinds.rewards import bleu, exact_match, example_f1, macro_f1, set_macro_f1

EMPTY = episode(kinds()["one label"], 0).query.text


def one_of(rows: int, classes: int, seed: int) -> tuple[torch.Tensor, Batch]:
    rng = torch.Generator().manual_seed(seed)
    scores = torch.randn(rows, 1, classes, generator=rng, dtype=torch.float64)
    return scores, Batch(EMPTY, torch.randint(classes, (rows, 1), generator=rng), None)


def several(rows: int, classes: int, seed: int) -> tuple[torch.Tensor, Batch]:
    rng = torch.Generator().manual_seed(seed)
    scores = torch.randn(rows, 1, classes, generator=rng, dtype=torch.float64)
    gold = (torch.rand(rows, 1, classes, generator=rng) < 0.4).float()
    gold[0] = 0.0
    scores[0] = -1.0  # nothing holds, and nothing is said
    return scores, Batch(EMPTY, gold, None)


@pytest.mark.parametrize("seed", range(5))
def test_where_one_class_holds_rewards_are_scikit_learns(seed: int) -> None:
    scores, batch = one_of(12, 4, seed)
    gold, said = batch.gold[:, 0].numpy(), scores[:, 0].argmax(-1).numpy()
    right = torch.from_numpy(gold == said).double()
    assert torch.equal(exact_match(scores, batch), right)
    assert torch.equal(example_f1(scores, batch), right)
    assert float(set_macro_f1(scores, batch)) == pytest.approx(f1_score(gold, said, average="macro"))


@pytest.mark.parametrize("seed", range(5))
def test_where_several_classes_hold_rewards_are_scikit_learns(seed: int) -> None:
    scores, batch = several(12, 4, seed)
    gold, said = batch.gold[:, 0].numpy(), (scores[:, 0] > 0).numpy()
    assert float(exact_match(scores, batch).mean()) == pytest.approx(accuracy_score(gold, said))
    wanted = f1_score(gold, said, average="samples", zero_division=1.0)
    assert float(example_f1(scores, batch).mean()) == pytest.approx(wanted)
    assert example_f1(scores, batch)[0] == 1.0
    present = (gold.astype(bool) | said).any(0).nonzero()[0]
    wanted = f1_score(gold, said, average="macro", labels=present, zero_division=0.0)
    assert float(set_macro_f1(scores, batch)) == pytest.approx(wanted)


@pytest.mark.parametrize("make", [one_of, several])
def test_macro_f1_gives_a_row_what_its_answer_adds(make) -> None:
    """In the expectation over answers, each row's slope is the slope of the whole: what is taken off a row does not
    depend on its own answer."""
    _, batch = make(3, 2, 0)
    table = list(itertools.product(range(2), repeat=2 if make is several else 1))
    said = [torch.tensor(row).double() if make is several else F.one_hot(torch.tensor(row[0]), 2) for row in table]
    for others in itertools.product(said, repeat=2):
        whole, own = [], []
        for mine in said:
            answers = torch.stack([mine, *others]).double()[:, None]
            whole.append(float(set_macro_f1(answers, batch)))
            own.append(float(macro_f1(answers, batch)[0]) / 3)
        assert [a - whole[0] for a in whole] == pytest.approx([a - own[0] for a in own])


def test_units_that_nobody_judges_and_classes_that_are_closed_do_not_count() -> None:
    scores = torch.eye(3, dtype=torch.float64)[None].repeat(2, 1, 1)  # each row says 0, 1, 2
    gold = torch.tensor([[0, IGNORE, 2], [IGNORE, 1, 0]])
    batch = Batch(EMPTY, gold, None)
    assert exact_match(scores, batch).tolist() == [1.0, 0.0]
    assert example_f1(scores, batch).tolist() == [1.0, 0.5]
    closed = batch._replace(open=torch.tensor([[True, True, True], [True, True, False]]))
    assert example_f1(scores, closed).tolist() == [1.0, 1.0]


def test_bleu_of_answers_is_sacrebleus() -> None:
    """Of three tokens, too, which have no four in a row; with its smoothing of the same name."""
    metrics = pytest.importorskip("sacrebleu.metrics")
    peer = metrics.BLEU(tokenize="none", smooth_method="add-k", smooth_value=1, effective_order=False)
    rng = torch.Generator().manual_seed(0)
    scores = torch.randn(20, 9, 5, generator=rng, dtype=torch.float64)
    gold = torch.randint(5, (20, 9), generator=rng)
    gold[0] = scores[0].argmax(-1)
    gold[:10, 3:] = IGNORE
    found = bleu(scores, Batch(EMPTY, gold, None))
    for row, (said, wanted) in enumerate(zip(scores.argmax(-1).tolist(), gold.tolist(), strict=True)):
        texts = (" ".join(f"t{each[place]}" for place in range(9) if wanted[place] >= 0) for each in (said, wanted))
        hypothesis, reference = texts
        assert 100 * found[row] == pytest.approx(peer.sentence_score(hypothesis, [reference]).score)
    assert found[0] == 1.0
    assert len(found.unique()) > 3


@pytest.mark.parametrize("name", REWARDS)
@pytest.mark.parametrize("kind", kinds().values(), ids=kinds())
def test_every_reward_serves_every_kind(name: str, kind) -> None:
    query = episode(kind, 0).query
    rewards = REWARDS[name](torch.zeros(3, 1, len(CLASSES), dtype=torch.float64), query)
    assert rewards.shape == (3,)
    assert rewards.dtype == torch.float64


def test_a_recipe_names_its_reward() -> None:
    tables = {"train": [{"packaged": "rotten_tomatoes"}]}
    assert recipes.read(tables).reward == "exact_match"
    assert recipes.read({**tables, "episodes": {"reward": "macro_f1", "ways": 2}}).reward == "macro_f1"
    with pytest.raises(QuickstudyError, match=r"\[episodes\]: reward: there is no 'macro_f2'; near: macro_f1"):
        recipes.read({**tables, "episodes": {"reward": "macro_f2"}})
    with pytest.raises(QuickstudyError, match="reward cannot be 3"):
        recipes.read({**tables, "episodes": {"reward": 3}})
