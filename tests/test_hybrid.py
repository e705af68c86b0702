"""A learner around another: ordinary language modelling beside tasks, and the backbone that fills in what is hidden."""

import pytest
import torch
from few import encoder, episode, kinds, reader, start
from test_contract import finite_difference, random_direction

from quickstudy.backbones.filling import FILL, filling
from quickstudy.backbones.passages import Passages
from quickstudy.config import LEARNERS, build
from quickstudy.core.protocols import Learner, Speaker
from quickstudy.core.types import GIVEN, IGNORE, MASKED, WRITTEN, Batch, Episode, QuickstudyError, Text
from quickstudy.kinds.language_model import LanguageModel


def masked(rows: int = 2, empty: bool = False) -> Batch:
    """Rows of six tokens, two of which are hidden in the first and one in the others."""
    tokens = torch.arange(6 * rows).view(rows, 6) + 10
    role = torch.full((rows, 6), GIVEN, dtype=torch.uint8)
    spans, gold = torch.zeros(rows, 2, 1, 2, dtype=torch.long), torch.full((rows, 2), IGNORE)
    for row, unit, place in [(0, 0, 1), *((row, int(row == 0), 3) for row in range(rows))]:
        role[row, place] = MASKED
        spans[row, unit, 0] = torch.tensor([place, place + 1])
        gold[row, unit] = tokens[row, place]
        tokens[row, place] = 5
    keep = slice(0, 0 if empty else rows)
    return Batch(Text(tokens[keep], role[keep], spans[keep]), gold[keep], None)


def vocabulary_episode() -> Episode:
    return Episode(masked(empty=True), masked(), LanguageModel(reader()).loss)


def hybrid(inner: str = "prior_head", scope: str = "all", **fields: object) -> Learner:
    return build(
        LEARNERS, {"name": "hybrid", "inner": {"name": inner}, **fields}, "here", {"backbone": filling(encoder(scope))}
    )


def test_a_hidden_place_is_said_by_the_words_themselves() -> None:
    made, batch = filling(encoder("all")), masked()
    found = made.units(made.init(torch.Generator()), batch.text)
    assert found.shape == (2, 2, 300)
    torch.testing.assert_close(found[0].exp().sum(-1), torch.ones(2, dtype=found.dtype))
    assert (found[1, 1] == 0).all()  # nobody asks for that one
    small = made.encoder.body
    hidden = small(batch.text.tokens, torch.ones_like(batch.text.role))
    wanted = (hidden[0, 3] @ small.words.weight.T * 8**-0.5).log_softmax(-1)
    torch.testing.assert_close(found[0, 1], wanted)


def test_what_is_hidden_is_seen_from_everywhere_and_other_rows_are_read_as_ever() -> None:
    made, batch = filling(encoder()), masked()
    role = torch.where(batch.text.role == MASKED, GIVEN, batch.text.role)
    spans = torch.tensor([[[[0, 6]]]]).repeat(2, 1, 1, 1)
    plain = Text(batch.text.tokens, role, spans)
    torch.testing.assert_close(made.units({}, plain), Passages(encoder()).units({}, plain))
    other = batch.text._replace(tokens=batch.text.tokens.clone())
    other.tokens[0, 3] += 1  # one hidden place says something of the other
    assert not torch.equal(made.units({}, other)[0, 0], made.units({}, batch.text)[0, 0])


def test_a_model_that_writes_still_writes() -> None:
    made = filling(encoder())
    tokens = torch.tensor([[3, 4, 5, 6]])
    role = torch.tensor([[GIVEN, WRITTEN, WRITTEN, WRITTEN]], dtype=torch.uint8)
    spans = torch.tensor([[[[0, 1]], [[1, 2]], [[2, 3]]]])
    found = made.units({}, Text(tokens, role, spans))
    torch.testing.assert_close(found.exp().sum(-1), torch.ones(1, 3, dtype=found.dtype))
    assert isinstance(made, Speaker)


def test_ordinary_episodes_have_the_plain_slope_of_the_loss() -> None:
    """To finite differences, in float64, through adapt and predict themselves."""
    for scope in ("all", "lora(2)", "last(1)"):
        made = hybrid(scope=scope)
        theta, task = start(made), vocabulary_episode()
        slopes, _ = made.meta_gradient(theta, task, torch.Generator())
        difference = finite_difference(made, theta, task, direction := random_direction(theta))
        found = sum((slopes[key] * direction[key]).sum() for key in theta)
        torch.testing.assert_close(found, difference, rtol=1e-6, atol=1e-9)
        assert all(slopes[name].abs().max() == 0 for name in theta if name.startswith("prior."))


def test_half_as_ordinary_is_half_the_slope() -> None:
    theta, task = start(hybrid()), vocabulary_episode()
    whole, half = (hybrid(ordinary=share).meta_gradient(theta, task, torch.Generator())[0] for share in (1.0, 0.5))
    assert all(torch.equal(half[name], 0.5 * whole[name]) for name in theta)


@pytest.mark.parametrize("inner", ["prior_head", "maml"])
def test_all_other_episodes_are_the_inner_learners(inner: str) -> None:
    made, kind = hybrid(inner), kinds()["one label"]
    theta, task = start(made), episode(kind, 2)
    found, wanted = (one.meta_gradient(theta, task, torch.Generator()) for one in (made, made.inner))
    assert all(torch.equal(found[0][name], wanted[0][name]) for name in theta)
    adapted = made.adapt(theta, task.support, task.loss)
    assert torch.equal(made.predict(theta, adapted, task.query), made.inner.predict(theta, adapted, task.query))


def test_a_vocabulary_with_a_support_is_a_task() -> None:
    """Each domain its own: MAML steps on the support, to finite differences."""
    made = hybrid("maml", "last(1)")
    theta, task = start(made), vocabulary_episode()._replace(support=masked(3))
    assert made.adapt(theta, task.support, task.loss)
    slopes, _ = made.meta_gradient(theta, task, torch.Generator())
    difference = finite_difference(made, theta, task, direction := random_direction(theta))
    torch.testing.assert_close(sum((slopes[key] * direction[key]).sum() for key in theta), difference, rtol=1e-6,
                               atol=1e-9)  # fmt: skip


@pytest.mark.parametrize("inner", ["frozen_linear", "neighbours"])
def test_what_learns_nothing_across_tasks_is_refused(inner: str) -> None:
    with pytest.raises(QuickstudyError, match="learns nothing across tasks"):
        hybrid(inner)


def test_a_model_of_hugging_face_learns_a_map_before_its_words(tmp_path) -> None:
    from transformers import BertConfig, BertModel

    from quickstudy.backbones.encoder import Encoder
    from quickstudy.backbones.hub import Body
    from quickstudy.backbones.scope import scope

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=300,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
        attn_implementation="eager",
    )
    made = filling(
        Encoder(Body(BertModel(config, add_pooling_layer=False)), "model.encoder.layer", 16, scope=scope("lora(2)"))
    )
    learner = build(LEARNERS, {"name": "hybrid"}, "here", {"backbone": made})
    theta, task = learner.init(torch.Generator().manual_seed(0)), vocabulary_episode()
    before = None
    for _ in range(30):
        slopes, loss = learner.meta_gradient(theta, task, torch.Generator())
        before = before or loss
        theta = {name: value - 0.3 * slopes[name] for name, value in theta.items()}
    assert loss < 0.6 * before
    assert {name for name in theta if name.startswith(FILL)} and all(
        slopes[name].abs().max() > 0 for name in theta if name.startswith(FILL)
    )
    with pytest.raises(QuickstudyError, match="pretrain"):
        made.units({}, task.query.text)
    written = torch.where(task.query.text.role == MASKED, WRITTEN, task.query.text.role)
    with pytest.raises(QuickstudyError, match="only read"):
        made.units({}, task.query.text._replace(role=written))


@pytest.mark.parametrize("steps", [1, 6])
def test_what_does_not_move_is_read_once_however_many_steps_are_taken(steps: int) -> None:
    """Once for the support, once for the query, and once for the names: not again in each inner step."""
    made = filling(encoder("last(1)"))
    learner = build(LEARNERS, {"name": "hybrid", "inner": {"name": "anil", "steps": steps}}, "here", {"backbone": made})
    theta, task = start(learner), episode(kinds()["one label"], 2)
    runs = []
    hook = made.encoder.body.layers[0].register_forward_hook(lambda *_: runs.append(1))
    learner.meta_gradient(theta, task, torch.Generator())
    hook.remove()
    assert len(runs) == 3
