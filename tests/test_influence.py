"""Sources weigh by what they do for a target; the report says what helps what. On a small backbone."""

import csv
import json
from itertools import product
from pathlib import Path

import pytest
import torch
from tiny import backbone, refused, run, table

import quickstudy as qs
from quickstudy import influence, lineage, targeting
from quickstudy.core.types import QuickstudyError
from quickstudy.episodes.shapes import Shape
from quickstudy.episodes.sources import Source
from quickstudy.evaluation.sources_report import Judged, SourcesReport, gap_sentence
from quickstudy.evaluation.statistics import Interval
from quickstudy.kinds.classification import Classification
from quickstudy.kinds.labelled import Labelled
from quickstudy.sources_report import different
from quickstudy.student import Student
from quickstudy.training.plan import Plan

CARDS = {"pin": "my secret code", "arrival": "the new card comes", "loss": "somebody stole it", "fee": "too expensive"}
WEATHER = {"rain": "water from the clouds", "wind": "a storm at sea", "sun": "hot and dry", "snow": "white and cold"}
RECIPE = """
[student]
backbone = "{model}"
scope = "last(1)"
[[train]]
path = "cards.csv"
[[train]]
path = "weather.csv"
[[validation]]
path = "validation.csv"
[episodes]
ways = [2, 4]
shots = [0, 2]
queries = 2
[validating]
episodes = 1
shots = [0, 2]
queries = 2
[training]
steps = 2
tasks = 1
validate_every = 1
warmup = 0
rates = {{ "backbone." = 1e-3 }}
"""


def lines(words: dict[str, str], more: str = "", count: int = 6) -> list[tuple[str, str]]:
    return [(f"{said} {more} {number}", label) for number in range(count) for label, said in words.items()]


def source(name: str, words: dict[str, str], more: str = "", count: int = 6) -> Source:
    return Source(name, tuple(Labelled(text, (label,)) for text, label in lines(words, more, count)))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return backbone(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def student(model: str) -> Student:
    return qs.load(model, scope="last(1)")


@pytest.fixture
def recipe(model: str, tmp_path: Path) -> Path:
    table(tmp_path / "cards.csv", lines(CARDS))
    table(tmp_path / "weather.csv", lines(WEATHER))
    table(tmp_path / "validation.csv", lines(CARDS, "please"))
    table(tmp_path / "mine.csv", lines(WEATHER, "today", 3))
    (tmp_path / "tiny.toml").write_text(RECIPE.format(model=model))
    return tmp_path / "tiny.toml"


def test_slopes_agree_with_themselves_and_with_their_like(student: Student) -> None:
    kind = Classification(student.reader)
    both = source("cards", CARDS), source("more cards", CARDS, "now"), source("weather", WEATHER)
    shape = Shape((2, 4), (0, 2), 2)
    found = influence.slopes(student.steady(), student.theta, both, kind, shape)
    assert found.keys() == {"cards", "more cards", "weather"}
    assert all(slopes.keys() == student.theta.keys() for slopes in found.values())
    made = influence.agreement(found, found, Plan())
    assert all(made[name][name] == pytest.approx(1, abs=1e-4) for name in found)
    assert made["cards"]["weather"] == pytest.approx(made["weather"]["cards"], abs=1e-4)
    assert made["cards"]["more cards"] > made["cards"]["weather"]


def test_a_weight_counts_by_its_rate_and_not_by_its_size() -> None:
    first = {"a": torch.tensor([1.0]), "b": torch.tensor([1000.0])}
    second = {"a": torch.tensor([1.0]), "b": torch.tensor([-1000.0])}
    assert influence.agreement({"x": first}, {"y": second}, Plan())["x"]["y"] == pytest.approx(0, abs=1e-5)
    led = influence.agreement({"x": first}, {"y": second}, Plan(rates={"a": 0.03, "b": 0.01}))
    assert led["x"]["y"] == pytest.approx(0.5)
    still = influence.agreement({"x": first}, {"y": {"a": torch.zeros(1), "b": torch.zeros(1)}}, Plan())
    assert still["x"]["y"] == 0
    assert influence.agreement({}, {}, Plan()) == {}


def test_sources_of_like_texts_and_names_are_alike(student: Student) -> None:
    kind = Classification(student.reader)
    others = source("cards", CARDS), source("weather", WEATHER)
    found = influence.likeness(student, others, [source("target", WEATHER, "today")], kind)
    assert found["weather"]["target"] > found["cards"]["target"]


def test_a_small_source_still_gives_an_episode(student: Student) -> None:
    kind = Classification(student.reader)
    two = source("two", CARDS, count=2)
    assert influence.fitting(Shape((2, 9), (3, 16), 5), two, kind) == Shape((2, 4), (1, 16), 1)
    assert influence.slopes(student.steady(), student.theta, [two], kind, Shape((2, 9), (3, 16), 5), 2)
    with pytest.raises(QuickstudyError, match="two classes at least"):
        influence.fitting(Shape(), source("one", CARDS, count=1), kind)


def test_usefulness_stretches_both_scores() -> None:
    made = targeting.usefulness({"a": 0.5, "b": -0.5}, {"a": 0.1, "b": 0.2, "c": 0.3})
    assert made == pytest.approx({"a": 0.5, "b": 0.25, "c": 1.0})  # c has its likeness alone
    assert targeting.usefulness({}, {"a": 0.3, "b": 0.1}) == {"a": 1.0, "b": 0.0}


def test_a_source_whose_episodes_all_diverge_is_no_better_than_the_worst(
    recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = influence.slopes

    def without_weather(learner, theta, sources, *rest, **more):  # type: ignore[no-untyped-def]
        return {name: one for name, one in real(learner, theta, sources, *rest, **more).items() if name != "weather"}

    monkeypatch.setattr(influence, "slopes", without_weather)
    done = run("meta-train", recipe, "--folder", recipe.parent / "run", "--for", recipe.parent / "mine.csv", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)["about"]["usefulness"]
    assert found["weather"]["agreement"] == found["cards"]["agreement"]


def test_meta_training_for_a_target_weighs_sources_and_says_how(recipe: Path) -> None:
    folder = recipe.parent
    done = run("meta-train", recipe, "--folder", folder / "run", "--for", folder / "mine.csv", "--report", "--json")
    assert done.exit_code == 0, done.output
    about = json.loads(done.stdout)["about"]
    assert lineage.met(about, files=[str(folder / "mine.csv")]) == {str(folder / "mine.csv"): "aimed at"}
    found = about["usefulness"]
    assert list(found) == ["weather", "cards"]
    assert sum(row["share"] for row in found.values()) == pytest.approx(1)
    assert found["weather"]["share"] > found["cards"]["share"] > 0
    report = json.loads((folder / "run" / "sources.json").read_text())
    assert report["share"]["weather"] == pytest.approx(found["weather"]["share"])
    assert {one["source"]: one["seen"] for one in report["judged"]} == {
        "cards": True, "weather": True, "validation": False,
    }  # fmt: skip
    assert report["agreement"]["cards"]["validation"] > report["agreement"]["weather"]["validation"]
    assert 1 <= report["different"] <= report["effective"] + 1e-6 <= 2 + 1e-6
    page = (folder / "run" / "sources.html").read_text()
    assert "Which source helps which" in page and "<script" not in page
    again = run("meta-train", recipe, "--folder", folder / "run", "--for", folder / "mine.csv")
    assert "usefulness" in again.stdout
    assert "another" in refused(
        "meta-train", recipe, "--folder", folder / "run"
    )  # without the target: another training


def test_a_learner_that_follows_a_reward_is_weighed_and_reported_by_it(recipe: Path) -> None:
    folder = recipe.parent
    recipe.write_text(recipe.read_text() + '[learner]\nname = "policy_gradient"\ninner = { name = "prior_head" }\n')
    done = run("meta-train", recipe, "--folder", folder / "run", "--for", folder / "mine.csv", "--report", "--json")
    assert done.exit_code == 0, done.output
    assert any(row["agreement"] for row in json.loads(done.stdout)["about"]["usefulness"].values())


def test_a_report_on_going_on_is_held_against_what_was_gone_on_from(recipe: Path) -> None:
    folder = recipe.parent
    assert run("meta-train", recipe, "--folder", folder / "first", "--json").exit_code == 0
    start = folder / "first" / "student.qs"
    recipe.write_text(recipe.read_text().replace("weather.csv", "mine.csv"))
    done = run("meta-train", recipe, "--folder", folder / "run", "--start", start, "--report", "--json")
    assert done.exit_code == 0, done.output
    about = json.loads(done.stdout)["about"]
    assert lineage.met(about, ["weather.csv", "mine.csv", "validation.csv", "later.csv"]) == {  # titles in recipes
        "weather.csv": "trained on", "mine.csv": "trained on", "validation.csv": "chosen by",
    }  # fmt: skip
    table(folder / "still.csv", lines(WEATHER))
    still = recipe.read_text().replace("steps = 2", "steps = 1").replace("1e-3", "1e-30")
    (folder / "still.toml").write_text(still.replace("[training]", "[training]\nrate = 1e-30"))
    assert (
        run("meta-train", folder / "still.toml", "--folder", folder / "stay", "--start", start, "--report").exit_code
        == 0
    )
    judged = json.loads((folder / "stay" / "sources.json").read_text())["judged"]
    assert all(one["before"] == one["after"] for one in judged)  # nothing moved since the start


def test_sources_of_pairs_are_weighed_and_reported_beside_the_others(recipe: Path) -> None:
    folder = recipe.parent
    with (folder / "pairs.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["text", "text2", "label"])
        rows.writerows(
            [f"{one} {day}", f"{other} {day}", "same" if one == other else "different"]
            for day in range(6)
            for one, other in product(("rain", "sun", "snow"), repeat=2)
        )
    pairs = '[[train]]\npath = "pairs.csv"\nname = "in pairs"\nkind = { name = "classification", parts = 2 }\n'
    recipe.write_text(recipe.read_text() + pairs)
    done = run("meta-train", recipe, "--folder", folder / "run", "--for", folder / "mine.csv", "--report", "--json")
    assert done.exit_code == 0, done.output
    assert set(json.loads(done.stdout)["about"]["usefulness"]) == {"cards", "weather", "in pairs"}
    assert set(json.loads((folder / "run" / "sources.json").read_text())["agreement"]) == {
        "cards",
        "weather",
        "in pairs",
    }


def test_what_is_refused(recipe: Path) -> None:
    folder = recipe.parent
    table(folder / "few.csv", [("a", "x"), ("b", "y")])
    assert "two classes at least" in refused(
        "meta-train", recipe, "--folder", folder / "r", "--for", folder / "few.csv"
    )
    (folder / "several.csv").write_text("text,labels\na,x|y\nb,x\nc,y|x\n")
    assert "multilabel" in refused("meta-train", recipe, "--folder", folder / "r", "--for", folder / "several.csv")
    assert "no file" in refused("meta-train", recipe, "--folder", folder / "r", "--for", folder / "none.csv")
    table(folder / "all.csv", [*lines(CARDS), *lines(WEATHER)])
    said = refused("meta-train", recipe, "--folder", folder / "r", "--for", folder / "all.csv")
    assert "every training row" in said


def test_how_many_different_sources() -> None:
    even = torch.tensor([0.5, 0.5])
    assert different(torch.eye(2), even) == pytest.approx(2)
    assert different(torch.ones(2, 3), even) == pytest.approx(1)
    assert different(torch.eye(2), torch.tensor([1.0, 0.0])) == pytest.approx(1)


@pytest.mark.parametrize(
    ("seen", "unseen", "said"),
    [
        (0.05, 0.04, "no sign"),
        (0.05, -0.01, "does not carry over"),
        (0.05, 0.01, "less than half"),
        (0, 0, "nothing was gained"),
    ],
)
def test_meta_overfitting_is_told_by_the_gap(seen: float, unseen: float, said: str) -> None:
    sides = [Interval(value, None, None, 2, 4) for value in (seen, unseen)]
    made = SourcesReport("t", "", (Judged("a", True, 0.5, 0.6, 2),), *sides, {"a": 1.0}, 1.0, 1.0, {"a": {"b": 0.1}})
    assert said in gap_sentence(made)


@pytest.mark.parametrize(("low", "sure"), [(-0.01, False), (0.01, True)])
def test_an_interval_that_holds_zero_leaves_the_gap_open(low: float, sure: bool) -> None:
    sides = Interval(0.05, 0.03, 0.07, 9, 36), Interval(0.04, low, 0.09, 3, 12)
    made = SourcesReport("t", "", (Judged("a", True, 0.5, 0.6, 2),), *sides, {"a": 1.0}, 1.0, 1.0, {"a": {"b": 0.1}})
    assert ("too few sources to be sure" not in gap_sentence(made)) == sure
