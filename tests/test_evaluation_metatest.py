"""Meta-testing a tiny but real learner: bags of letters, and the nearest class mean."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from quickstudy.core.types import IGNORE, Batch, Draw, Prediction, QuickstudyError, Text
from quickstudy.evaluation.metatest import Contestant, meta_test

LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Letters:
    """A kind: examples are (text, labels); a token is a letter's number."""

    threshold: float | None = None
    encoded: list[int] = field(default_factory=list)

    def labels(self, example):
        return frozenset(example[1])

    def encode(self, examples: Sequence[Any], classes) -> Batch:
        self.encoded.append(len(examples))
        rows = [[LETTERS.index(letter) for letter in text if letter in LETTERS] for text, _ in examples]
        tokens = torch.full((len(rows), max(map(len, rows), default=0)), -1)
        for row, numbers in enumerate(rows):
            tokens[row, : len(numbers)] = torch.tensor(numbers)
        names = list(classes)
        places = [names.index(labels[0]) if labels[0] in names else IGNORE for _, labels in examples]
        text = Text(tokens, (tokens >= 0).byte(), torch.zeros(len(rows), 1, 1, 2))
        return Batch(text, torch.tensor(places)[:, None], None)

    def loss(self, scores, batch):
        return F.cross_entropy(scores.flatten(0, 1), batch.gold.flatten())

    def fit(self, score, support, classes):
        return {"kind.seen": torch.tensor(float(len(support)))}

    def answer(self, score, fitted, examples, classes):
        assert fitted["kind.seen"] > 0
        scores = score(self.encode(examples, classes))[:, 0]
        assert not scores.requires_grad
        names, answers = list(classes), []
        for row in scores.softmax(-1).tolist():
            table = dict(zip(names, row, strict=True))
            best = max(table, key=table.__getitem__)
            held = (best,) if self.threshold is None else tuple(n for n in names if table[n] > self.threshold)
            answers.append(Prediction(held[0] if held else None, table[best], table, held))
        return answers

    def measure(self, answers, examples):
        right = [set(answer.labels) == set(labels) for answer, (_, labels) in zip(answers, examples, strict=True)]
        return {"accuracy": sum(right) / len(right)}


@dataclass(frozen=True)
class NearestMean:
    scale: float = 20.0

    def units(self, batch):
        return F.one_hot(batch.text.tokens + 1, 27)[..., 1:].float().mean(1)

    def adapt(self, theta, support, loss):
        gold = support.gold[:, 0]
        means = [self.units(support)[gold == k].mean(0) for k in range(int(gold.max()) + 1)]
        head = torch.stack(means).requires_grad_()
        return {"head.mean": head}

    def predict(self, theta, adapted, query):
        return -self.scale * theta["gain"] * torch.cdist(self.units(query), adapted["head.mean"])[:, None]


@dataclass(frozen=True)
class Refuses(NearestMean):
    """Cannot learn from more than two examples."""

    def adapt(self, theta, support, loss):
        if len(support.gold) > 2:
            raise QuickstudyError("Too many examples for this learner; give two.")
        return super().adapt(theta, support, loss)


@dataclass(frozen=True)
class Diverges(NearestMean):
    def predict(self, theta, adapted, query):
        return super().predict(theta, adapted, query) * float("nan")


THETA = {"gain": torch.tensor(1.0)}


def draw(id: str = "toy-0", shots: int = 1) -> Draw:
    support = (("aaa", ("many a",)), ("bbb", ("many b",))) * shots
    query = (("aab", ("many a",)), ("abb", ("many b",)), ("bb", ("many b",)), ("aaaabbbbb", ("many a",)))
    return Draw(id, "toy", shots, support, query, {"many a": "", "many b": ""})


def test_an_outcome_holds_the_answers_and_their_measures():
    (found,) = meta_test({"nearest": Contestant(NearestMean(), THETA)}, [draw()], Letters())
    assert (found.contestant, found.draw, found.source, found.shots) == ("nearest", "toy-0", "toy", 1)
    assert found.classes == ("many a", "many b")
    assert found.gold == ((0,), (1,), (1,), (0,))
    assert found.predicted == ((0,), (1,), (1,), (1,))
    assert found.top == (0, 1, 1, 1)
    assert all(0.5 <= sure <= 1 for sure in found.confidence)
    assert found.measures["accuracy"] == 0.75
    assert found.measures["macro_f1"] == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert {"brier", "negative_log_likelihood", "weighted_recall"} <= found.measures.keys()
    assert found.seconds_adapt > 0 and found.seconds_answer > 0 and not found.failure


def test_all_contestants_meet_the_same_episodes_and_the_support_is_encoded_once():
    kind = Letters()
    contestants = {name: Contestant(NearestMean(scale), THETA) for name, scale in (("x", 1.0), ("y", 9.0))}
    found = meta_test(contestants, iter([draw("one"), draw("two", shots=2)]), kind)
    assert [(one.contestant, one.draw) for one in found] == [
        ("x", "one"),
        ("y", "one"),
        ("x", "two"),
        ("y", "two"),
    ]
    assert kind.encoded == [2, 4, 4, 4, 4, 4]  # each episode: its support once, its query for each contestant


def test_theta_is_used_and_left_alone():
    theta = {"gain": torch.tensor(0.0)}
    (found,) = meta_test({"flat": Contestant(NearestMean(), theta)}, [draw()], Letters())
    assert set(found.confidence) == {0.5}
    assert theta["gain"] == 0.0


def test_one_contestants_failure_is_recorded_and_the_others_go_on():
    contestants = {"refuses": Contestant(Refuses(), THETA), "nearest": Contestant(NearestMean(), THETA)}
    found = meta_test(contestants, [draw("a", 1), draw("b", 3)], Letters())
    assert [bool(one.failure) for one in found] == [False, False, True, False]
    assert found[2].failure == "Too many examples for this learner; give two."
    assert found[2].measures == {} and found[2].gold == ()


def test_numbers_that_are_none_are_a_failure():
    (found,) = meta_test({"x": Contestant(Diverges(), THETA)}, [draw()], Letters())
    assert "diverged" in found.failure


def test_an_episode_that_cannot_be_judged_fails_for_everyone():
    episode = draw()._replace(query=())
    contestants = {name: Contestant(NearestMean(), THETA) for name in "xy"}
    found = meta_test(contestants, [episode, draw("good")], Letters())
    assert ["no query examples" in one.failure for one in found] == [True, True, False, False]


def test_a_gold_label_outside_the_classes_is_a_failure_that_names_it():
    episode = draw()._replace(query=(("ab", ("elsewhere",)),))
    (found,) = meta_test({"x": Contestant(NearestMean(), THETA)}, [episode], Letters())
    assert "'elsewhere'" in found.failure


def test_a_fault_of_the_code_is_not_swallowed():
    with pytest.raises(KeyError):
        meta_test({"x": Contestant(NearestMean(), {})}, [draw()], Letters())


def test_several_labels_and_none():
    query = (("ab", ("many a", "many b")), ("aaa", ("many a",)), ("bab", ("many b",)))

    @dataclass(frozen=True)
    class Several(Letters):
        threshold: float | None = 0.3

    episode = draw()._replace(query=query)
    (found,) = meta_test({"x": Contestant(NearestMean(2.0), THETA)}, [episode], Several())
    assert found.gold == ((0, 1), (0,), (1,))
    assert found.predicted[0] == (0, 1)
    assert "negative_log_likelihood" not in found.measures
    (none,) = meta_test({"x": Contestant(NearestMean(), THETA)}, [episode], Several(threshold=2.0))
    assert none.predicted == ((), (), ()) and none.measures["micro_f1"] == 0.0


def test_answers_that_are_no_predictions_keep_the_kinds_own_measures():
    @dataclass(frozen=True)
    class Lengths(Letters):
        def answer(self, score, fitted, examples, classes):
            return [len(text) for text, _ in examples]

        def measure(self, answers, examples):
            return {"accuracy": 1.0}

    (found,) = meta_test({"x": Contestant(NearestMean(), THETA)}, [draw()], Lengths())
    assert found.measures == {"accuracy": 1.0} and found.gold == ()


def test_the_watcher_sees_the_whole_way():
    seen = []
    contestants = {name: Contestant(NearestMean(), THETA) for name in "xy"}
    meta_test(contestants, [draw("a"), draw("b")], Letters(), lambda *news: seen.append(news))
    assert [news[:2] for news in seen] == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]
    assert "toy" in seen[0][2]
