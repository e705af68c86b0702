"""Learning with more time: weights of the backbone move where held-out examples say that it pays."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from few import CLASSES, backbone, encoder, examples, kinds, start
from tiny import ROWS, refused, run, table
from tiny import backbone as tiny

import quickstudy as qs
from quickstudy import budgets
from quickstudy.backbones.scope import scope
from quickstudy.backbones.sharing import scoped
from quickstudy.cli.learning import BUDGETS
from quickstudy.core.params import same
from quickstudy.core.types import Batch, Params, QuickstudyError, batch_rows, shortened
from quickstudy.learners import heads, left_out, tuned
from quickstudy.learners.prior_head import PriorHead
from quickstudy.learners.tuned import Tuned

TEXTS = ["the pin", "somebody took my card", "when does it come", ""]
ANIMALS = ("cat", "dog", "cow", "hen", "fox", "owl", "bee", "ant")
TOOLS = ("saw", "axe", "pen", "cup", "key", "nut", "jar", "pot")
WORDS = [(word, label) for label, words in (("animal", ANIMALS), ("tool", TOOLS)) for word in words]


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> qs.Student:
    return qs.load(tiny(tmp_path_factory.mktemp("models") / "tiny"))


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights always go all the way, however few examples there are."""
    monkeypatch.setattr(budgets, "FEWEST", 2)
    monkeypatch.setattr(tuned, "SHARES", (1.0,))
    monkeypatch.setattr(tuned, "SURE", -1e9)


def learner(written: str, **fields: float) -> Tuned:
    return Tuned(backbone(written), **{"steps": 6, "rate": 0.02, "shots": 2, **fields})


def support() -> Batch:
    kind = kinds()["one label"]
    return kind.encode(examples(kind, slice(0, 3)), CLASSES)


def moved(adapted: Params) -> set[str]:
    return {name for name in adapted if not name.startswith("head.")}


@pytest.mark.parametrize("budget", ["10s", "1m"])
@pytest.mark.usefixtures("eager")
def test_what_moved_is_saved_with_the_task_and_predicts_the_same(
    student: qs.Student, tmp_path: Path, budget: str
) -> None:
    before = student.learn(WORDS).predict(TEXTS)
    task = student.learn(WORDS, budget=budget)
    assert any(name.startswith("lora.") and name.endswith(".b") and value.any() for name, value in task.adapted.items())
    assert task.predict(TEXTS) != before
    task.save(tmp_path / "a.qs")
    again = qs.open(tmp_path / "a.qs")
    assert again.budget == budget
    assert again.predict(TEXTS) == task.predict(TEXTS)
    assert student.learn(WORDS).predict(TEXTS) == before, "the backbone is as it was"


@pytest.mark.usefixtures("eager")
def test_the_same_examples_give_the_same_weights(student: qs.Student) -> None:
    first, second = (student.learn(WORDS, budget="10s") for _ in range(2))
    assert same(first.adapted, second.adapted)
    first.add([("gnu", "animal")])
    assert first.predict(TEXTS) == student.learn([*WORDS, ("gnu", "animal")], budget="10s").predict(TEXTS)


@pytest.mark.parametrize("rows", [WORDS, ROWS, []], ids=["8 a class", "2 a class", "none"])
def test_with_few_examples_it_is_the_default(
    student: qs.Student, monkeypatch: pytest.MonkeyPatch, rows: list[tuple[str, str]]
) -> None:
    monkeypatch.setattr(tuned, "SURE", -1e9)
    plain, timed = (student.learn(rows, labels=["pin", "lost card"], budget=each) for each in ("1s", "1m"))
    assert timed.predict(TEXTS) == plain.predict(TEXTS)


def test_weights_move_only_where_held_out_examples_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    made = learner("lora(2)")
    theta, rows = start(made), support()
    kind = kinds()["one label"]
    still = PriorHead(made.backbone).adapt(theta, rows, kind.loss)

    def held_out_loss(factor: float) -> Params:
        """What is adapted to where moved weights have `factor` of the loss of others on what was held out."""

        def scores(self: Tuned, at: Params, known: Batch, asked: Batch, loss: object) -> torch.Tensor:
            right = torch.nn.functional.one_hot(asked.gold, len(CLASSES)).double()
            return right * (1.0 if same({n: at[n] for n in theta}, theta) else factor)

        monkeypatch.setattr(Tuned, "_scores", scores)
        return made.adapt(theta, rows, kind.loss)

    assert not moved(held_out_loss(0.5))
    assert same(held_out_loss(0.5), still)
    assert moved(held_out_loss(50.0)) == {name for name in theta if name.startswith("lora.")}


@pytest.mark.parametrize("kind", kinds().values(), ids=kinds())
@pytest.mark.parametrize("written", ["lora(2)", "last(1)"])
@pytest.mark.usefixtures("eager")
def test_steps_lower_the_loss_that_they_go_down(kind, written: str) -> None:
    made = learner(written)
    theta = start(made)
    rows = kind.encode(examples(kind, slice(0, 3)), CLASSES)

    def value(at: Params) -> float:
        units = made.backbone.units(at, rows.text)
        names = heads.class_names(made.backbone, at, rows)
        return float(kind.loss(left_out.prior_scores(theta, units, names, rows.gold), rows))

    adapted = made.adapt(theta, rows, kind.loss)
    assert moved(adapted)
    assert value({**theta, **adapted}) < value(theta) - 0.01


def test_an_example_is_judged_by_the_prior_of_the_others() -> None:
    """Against prior_head itself, whose head on an empty support's loss is its prior."""
    made = learner("head")
    theta, rows = start(made), support()
    units = made.backbone.units(theta, rows.text)
    names = heads.class_names(made.backbone, theta, rows)
    found = left_out.prior_scores(theta, units, names, rows.gold)
    for row in (0, 4):
        others = torch.arange(len(units)) != row
        _, prior, _ = PriorHead(made.backbone)._prior(theta, batch_rows(rows, others))
        wanted = heads.score(units[row], prior) / theta["prior.log_temperature"].exp()
        torch.testing.assert_close(found[row], wanted)


def test_time_becomes_steps_by_counting_not_by_the_clock() -> None:
    made = learner("lora(2)")
    rows, theta = support(), made.init(torch.Generator().manual_seed(0))
    lora = {name: value for name, value in theta.items() if name.startswith("lora.")}
    one, two = (dataclasses.replace(made, seconds=s, steps=10**6)._afforded(lora, rows, rows)[0] for s in (1e-3, 2e-3))
    assert 0 < one < two <= 2 * one + 4  # judging what is held out is paid once
    short = rows._replace(text=shortened(rows.text, 2))
    most = dataclasses.replace(made, seconds=1e-3, steps=10**6)
    assert one < most._afforded(lora, rows, short)[0] < most._afforded(lora, short, short)[0]  # all is read to judge
    poor = dataclasses.replace(made, seconds=1e-9)
    assert not moved(poor.adapt(theta, rows, kinds()["one label"].loss))


def test_moving_weights_leaves_the_shared_ones_alone() -> None:
    whole = encoder()
    other = scoped(whole, scope("lora(2)"))
    assert other is scoped(whole, scope("lora(2)"))
    ours, theirs = dict(whole.body.named_parameters()), dict(other.body.named_parameters())
    assert all(ours[name] is theirs[name] for name in ours)
    assert not {id(module) for module in whole.body.modules()} & {id(module) for module in other.body.modules()}


def test_a_budget_that_cannot_be_used_is_refused_in_a_sentence(student: qs.Student) -> None:
    with pytest.raises(QuickstudyError, match="there is no '10 s'; near: 10s; all: 10s, 1m, 1s"):
        student.learn(ROWS, budget="10 s")
    with pytest.raises(QuickstudyError, match="is for the learner prior_head, and this student's is maml"):
        qs.load(student.origin, learner="maml").learn(ROWS, budget="10s")
    with pytest.raises(QuickstudyError, match=r"has the scope lora\(1\)"):
        qs.load(student.origin, scope="lora(1)").learn(ROWS, budget="1m")


def test_from_the_command_line(student: qs.Student, tmp_path: Path) -> None:
    assert list(budgets.BUDGETS) == list(BUDGETS)
    rows = table(tmp_path / "in.csv", WORDS)
    made = ("learn", rows, "-o", tmp_path / "a.qs", "--model", student.origin, "--no-check", "--json")
    assert json.loads(run(*made, "--budget", "10s").stdout)["examples"] == len(WORDS)
    assert qs.open(tmp_path / "a.qs").budget == "10s"
    assert "budget: there is no 'an hour'" in refused(*made, "--budget", "an hour")
