"""What a contest's tables must reach: gains, the worst set, the curve; and how an arm's numbers come about."""

import math
import sys
from pathlib import Path

import pytest
import torch
from tiny import ROWS, backbone

import quickstudy as qs
from quickstudy.kinds.labelled import Labelled

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT))  # benchmarks are not installed; `python -m` finds them in the project's folder

from bench.contest import judging, sets  # noqa: E402
from bench.contest.arms import Arm, contest  # noqa: E402
from bench.contest.drawing import Pool  # noqa: E402
from bench.contest.rivals import Score  # noqa: E402
from bench.contest.sets import Set  # noqa: E402
from bench.shared import parts  # noqa: E402

Table = dict[tuple[str, int], list[Score]]


def results(values: dict[str, dict[str, dict[int, list[float]]]]) -> Table:
    """contestant -> set -> shots -> accuracy by seed, as a contest gives it."""
    found: Table = {}
    for contestant, by_set in values.items():
        for name, by_shots in by_set.items():
            for shots, accuracies in by_shots.items():
                for seed, accuracy in enumerate(accuracies):
                    found.setdefault((name, seed), []).append(Score(contestant, shots, accuracy, 0.0, 0.0, 0.0))
    return found


def test_means_are_of_the_means_of_sets() -> None:
    table = results({"quickstudy": {"a": {1: [0.2, 0.4]}, "b": {1: [0.9, 0.9]}}})
    assert judging.means(table, "quickstudy", 1) == pytest.approx(60)
    assert judging.means(table, "quickstudy", 1, ["a"]) == pytest.approx(30)
    assert math.isnan(judging.means(table, "quickstudy", 4))


def test_the_worst_set_is_the_one_whose_loss_is_surest() -> None:
    ours = {"steady": {4: [0.50, 0.51, 0.49]}, "wild": {4: [0.1, 0.9, 0.2]}, "better": {4: [0.9, 0.9, 0.9]}}
    theirs = {"steady": {4: [0.54, 0.55, 0.52]}, "wild": {4: [0.9, 0.5, 0.3]}, "better": {4: [0.1, 0.2, 0.3]}}
    losses = judging.losses(results({"quickstudy": ours, "other": theirs}), "other", (4,))
    where, figure = judging.worst(losses)
    assert where == ("steady", 4)
    assert 1 < figure < 100 * losses["steady", 4].mean < 100 * losses["wild", 4].mean
    once = results({"quickstudy": {"a": {4: [0.5]}}, "other": {"a": {4: [0.9]}}})
    assert math.isnan(judging.worst(judging.losses(once, "other", (4,)))[1])


def test_the_curve_says_where_it_dips() -> None:
    curve = {0: [0.5, 0.5], 1: [0.4, 0.41], 2: [0.6, 0.6], 4: [0.7, 0.7]}
    other = {0: [0.2, 0.2], 1: [0.5, 0.5], 2: [0.5, 0.5], 4: [0.5, 0.5]}
    table = results({"quickstudy": {"a": curve, "b": other}})
    assert judging.above_zero_shot(table, (0, 1, 2, 4)) == pytest.approx(10.25)
    assert judging.least_step(table, (0, 1, 2, 4)) == pytest.approx(5)
    assert list(judging.dips(table, (0, 1, 2, 4))) == [("a", 1)]


def test_an_unknown_set_is_refused_and_the_chosen_ones_are_there() -> None:
    assert [each.name for each in sets.chosen(sets.ENGLISH, ["yelp"])] == ["yelp"]
    assert len(sets.chosen(sets.ENGLISH, sets.SETFIT_OF_FEW)) == 8
    assert len(sets.LEOPARD) == 8
    with pytest.raises(SystemExit, match="no set yelb"):
        sets.chosen(sets.ENGLISH, ["yelb"])


def test_an_arm_is_asked_once_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    student = qs.load(backbone(tmp_path / "tiny"))
    examples = tuple(Labelled(text, (label,)) for text, label in ROWS)
    pool = Pool("cards", examples, (Labelled("the pin", ("pin",)), Labelled("a lost card", ("lost card",))), 0)
    arms = [Arm("quickstudy", student, {}), Arm("examples", student, {"other": 1}, needs_examples=True)]
    asked = (tmp_path / "parts", arms, Set("cards", ("here",)), pool, (0, 1, 2), (0, 1), 10)
    found, rights = contest(*asked)
    assert [(one.contestant, one.shots) for one in found["cards", 1]] == [
        ("quickstudy", 0), ("quickstudy", 1), ("quickstudy", 2), ("examples", 1), ("examples", 2),
    ]  # fmt: skip
    task = student.learn([(one.text, one.labels[0]) for one in examples])
    said = [each.label for each in task.predict([one.text for one in pool.query])]
    assert rights["cards", "quickstudy", 2].count("1") == sum(
        one.labels[0] == label for one, label in zip(pool.query, said, strict=True)
    )
    monkeypatch.setattr(parts, "write_whole", lambda *_: pytest.fail("a part was made again"))
    torch.manual_seed(1)
    assert contest(*asked) == (found, rights)
