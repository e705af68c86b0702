"""`evaluate` and `meta-train` through the real command line, with a random backbone."""

import json
from pathlib import Path

import pytest
from tiny import backbone, interrupt_at, refused, run, table

from quickstudy.learners.prior_head import PriorHead

WORDS = {"pin": "my secret code", "arrival": "the new card comes", "loss": "somebody stole it", "fee": "too expensive"}
ROWS = [(f"{said} {number}", label) for number in range(8) for label, said in WORDS.items()]
RECIPE = """
[student]
backbone = "{model}"

[[train]]
path = "train.csv"

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
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return backbone(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return table(tmp_path / "data.csv", ROWS)


def evaluated(folder: Path, *arguments: object) -> dict:  # type: ignore[type-arg]
    result = run("evaluate", *arguments, "-o", folder / "report", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert json.loads((folder / "report.json").read_text()) == found
    assert (folder / "report.html").stat().st_size > 1000
    assert (folder / "report.md").read_text().startswith("# ")
    return found


def means(report: dict) -> dict[tuple[str, int], float]:  # type: ignore[type-arg]
    return {(cell["contestant"], cell["shots"]): cell["over_tasks"]["mean"] for cell in report["cells"]}


def test_all_baselines_on_the_same_tasks(data: Path, model: str) -> None:
    report = evaluated(data.parent, data, "--model", model, "--ways", 3, "--shots", "0,2", "--queries", 2,
                       "--episodes", 2)  # fmt: skip
    assert report["contestants"] == [
        "quickstudy", "frozen_linear", "prototypes", "neighbours", "names_alone", "fine_tune:last(2)",
    ]  # fmt: skip
    assert report["shots"] == [0, 2]
    assert report["episodes"] == 4
    assert report["failures"] == []
    assert report["about"]["seeds"] == [0, 1]


def test_episodes_are_run_again_from_their_file_and_by_their_id(data: Path, model: str) -> None:
    folder = data.parent
    few = ("--model", model, "--learners", "prototypes,fine_tune:lora(2, 1)")
    first = evaluated(folder, data, *few, "--ways", 2, "--shots", "1", "--queries", 2, "--episodes", 3, "--export",
                      folder / "tasks.jsonl")  # fmt: skip
    again = evaluated(folder, "--episodes-from", folder / "tasks.jsonl", *few)
    assert means(again) == means(first)
    assert list(again["contestants"]) == ["quickstudy", "prototypes", "fine_tune:lora(2, 1)"]
    identity = json.loads((folder / "tasks.jsonl").read_text().splitlines()[1])["id"]
    one = evaluated(folder, "--episodes-from", folder / "tasks.jsonl", "--id", identity, *few)
    drawn = evaluated(folder, data, "--id", identity, *few)
    assert one["episodes"] == drawn["episodes"] == 1
    assert means(one) == means(drawn)


def test_whether_meta_learning_was_worth_it(data: Path, model: str) -> None:
    few = ("--model", model, "--ways", 3, "--shots", "0,1,2", "--queries", 2, "--episodes", 2, "--worth")
    report = evaluated(data.parent, data, *few)
    assert [one["baseline"] for one in report["worth"]["overall"]] == sorted(
        ["frozen_linear", "prior_head", "names_alone", "named_prototypes", "prototypes", "neighbours",
         "fine_tune:last(2)"],
        key=lambda name: next(
            (one["over_episodes"]["mean"], name) for one in report["worth"]["overall"] if one["baseline"] == name
        ),
    )  # fmt: skip
    same = next(one for one in report["worth"]["overall"] if one["baseline"] == "prior_head")
    assert same["over_episodes"]["mean"] == 0.0  # this student is prior_head that nobody has meta-trained
    shown = run("evaluate", data, *few, "--learners", "prior_head", "-o", data.parent / "report")
    assert "Was meta-learning worth it?" in shown.stdout
    assert "It cannot be told from so few episodes" in shown.stdout  # two that say the same
    assert "Was meta-learning worth it?" in (data.parent / "report.md").read_text()


def test_how_many_classes_tasks_have_is_said(data: Path, model: str) -> None:
    few = ("--model", model, "--shots", "1,7", "--queries", 2, "--episodes", 2, "--learners", "prototypes")
    shown = run("evaluate", data, *few, "--ways", 3, "-o", data.parent / "report.json")
    assert "data: each task has 3 of its 4 classes; --ways 0 takes all" in shown.stderr
    assert "data was left out at 7 shots: 0 of its 4 classes have 9 different texts" in shown.stderr
    assert "2 episodes with 3 classes" in " ".join(shown.stdout.split())
    assert "2 episodes of 1 task with 3 classes" in (data.parent / "report.md").read_text()
    assert json.loads((data.parent / "report.json").read_text())["ways"] == [3]
    table(data, [*ROWS, *((f"more of this {number}", "odd") for number in range(3))])
    said = run("evaluate", data, *few[:2], *few[4:], "--shots", "2", "--ways", 5, "-o", data.parent / "r").stderr
    assert "data: each task has 4 of its 5 classes; not all have the texts" in said
    every = run("evaluate", data, *few[:2], *few[4:], "--shots", "0", "--ways", 0, "-o", data.parent / "r").stderr
    assert "each task has" not in every


def test_files_of_one_name_are_two_tasks(data: Path, model: str) -> None:
    (data.parent / "b").mkdir()
    other = table(data.parent / "b" / "data.csv", [(f"{text} please", label) for text, label in ROWS])
    report = evaluated(data.parent, data, other, "--model", model, "--ways", 2, "--shots", "1", "--queries", 2,
                       "--episodes", 1, "--learners", "prototypes")  # fmt: skip
    assert report["sources"] == [str(data.with_suffix("")), str(other.with_suffix(""))]
    assert report["episodes"] == 2


def test_what_is_refused(data: Path, model: str) -> None:
    few = ("--model", model, "--queries", 2, "-o", data.parent / "r")
    assert "name what to evaluate on" in refused("evaluate", *few)
    assert "whole numbers" in refused("evaluate", data, *few, "--shots", "1-5")
    assert "near: prototypes" in refused("evaluate", data, *few, "--learners", "prototype")
    assert "no scope" in refused("evaluate", data, *few, "--learners", "fine_tune:most")
    assert "fewer" in refused("evaluate", data, *few, "--shots", "100")
    assert "no id" in refused("evaluate", data, "--model", model, "-o", data.parent / "r", "--id", "nonsense")
    assert "no file" in refused("evaluate", data.parent / "none.csv", *few)
    assert "no folder" in refused("evaluate", data, "--model", model, "-o", data.parent / "none" / "r")
    (data.parent / "e.jsonl").write_text('{"a": 1}\n')
    drawn = ("--model", model, "-o", data.parent / "r", "--episodes-from", data.parent / "e.jsonl")
    assert "line 1" in refused("evaluate", *drawn)
    for option in ("--ways", "--shots", "--queries", "--episodes", "--seed"):
        assert f"{option} is for episodes that are yet to be drawn" in refused("evaluate", *drawn, option, 2)
    assert "--shots is for episodes that" in refused("evaluate", data, *few[:2], "--id", "x", "--shots", 2)
    assert "one class has nothing to choose" in refused("evaluate", data, *few, "--ways", 1)
    assert "named twice" in refused("evaluate", data, data, *few)
    own = data.parent / "own.json"
    own.write_text(json.dumps({label: [text for text, each in ROWS if each == label] for label in WORDS}))
    before = own.read_bytes()
    for output in (own, own.with_suffix("")):
        assert "it is read from and would be lost" in refused("evaluate", own, *few[:4], "-o", output)
    assert own.read_bytes() == before
    assert not list(data.parent.glob("r.*"))


def test_meta_training_by_a_recipe_makes_a_student(data: Path, model: str) -> None:
    folder = data.parent
    table(folder / "train.csv", ROWS)
    table(folder / "validation.csv", [(f"{text} please", label) for text, label in ROWS])
    (folder / "tiny.toml").write_text(RECIPE.format(model=model))
    result = run("meta-train", folder / "tiny.toml", "--folder", folder / "run", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["file"] == str(folder / "run" / "student.qs")
    assert "step" in found["about"]["summary"]
    about = json.loads(run("inspect", found["file"], "--json").stdout)
    assert about["what"] == "student"
    done = run("learn", data, "-o", folder / "a.qs", "--model", found["file"], "--no-check")
    assert done.exit_code == 0, done.output
    report = evaluated(folder, folder / "tiny.toml", "--model", found["file"], "--ways", 2, "--shots", "1",
                       "--queries", 2, "--episodes", 1, "--learners", "prototypes")  # fmt: skip
    assert report["sources"] == ["validation"]
    assert report["about"]["facts"]["met before"] == "validation.csv (chosen by)"
    few = ("--model", found["file"], "--ways", 2, "--shots", "1", "--queries", 2, "--episodes", 2, "--learners",
           "prototypes", "-o", folder / "r")  # fmt: skip
    shown = run("evaluate", folder / "tiny.toml", *few, "--worth")
    assert "validation.csv: the student was chosen by a source of this name" in shown.stderr
    assert "But the student was chosen by a source called validation.csv: this is no verdict" in " ".join(
        shown.stdout.split()
    )
    told = run("evaluate", folder / "train.csv", *few)  # one of that name may be anybody's
    assert "of this name" not in told.stderr
    said = refused("learn", data, "-o", folder / "a.qs", "--model", found["file"], "--learner", "maml")
    assert "its own learner" in said


def test_ctrl_c_keeps_what_was_trained(data: Path, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = data.parent
    for name in ("train.csv", "validation.csv"):
        table(folder / name, [(f"{text} {name}", label) for text, label in ROWS])
    long = RECIPE.format(model=model).replace("steps = 2", "steps = 100\npatience = 100")
    (folder / "long.toml").write_text(long)
    interrupt_at(monkeypatch, PriorHead, "meta_gradient", call=4)
    result = run("meta-train", folder / "long.toml", "--folder", folder / "run")
    assert result.exit_code == 130
    assert "goes on from" in result.stderr.splitlines()[-1]
    assert not (folder / "run" / "student.qs").exists()


def test_a_recipe_with_a_slip(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("[trainig]\nsteps = 3\n")
    assert "near: training" in refused("meta-train", tmp_path / "bad.toml")
    assert "no recipe" in refused("meta-train", tmp_path / "none.toml")


def test_models_are_listed() -> None:
    names = [row["name"] for row in json.loads(run("models", "--json").stdout)]
    assert names == ["minilm", "e5-small", "smollm2"]
    assert "minilm" in run("models").stdout
    assert "minilm" in refused("models", "get", "minilmm")


def test_why_a_row_is_empty_is_said(tmp_path: Path) -> None:
    """Without examples nothing says what a vector is."""
    places = {"a": ([1.0, 0.0], [0.9, 0.2]), "b": ([0.0, 1.0], [0.1, 0.8])}
    lines = [json.dumps({"features": vector, "label": name}) for name, own in places.items() for vector in own]
    (tmp_path / "vectors.jsonl").write_text("\n".join(lines))
    done = run("evaluate", tmp_path / "vectors.jsonl", "--model", "vectors:2", "--shots", "0,1", "--queries", 1,
               "--episodes", 2, "--learners", "prototypes", "-o", tmp_path / "report")  # fmt: skip
    assert done.exit_code == 0, done.output
    told = [line for line in done.stderr.splitlines() if "has no answers on 2 episodes; on the first: " in line]
    assert [line.split()[0] for line in told] == ["quickstudy", "prototypes"]
    assert all("there are no examples" in line for line in told)


def test_too_many_shots_and_queries_for_the_data_say_how_many_fit(data: Path, model: str) -> None:
    result = run("evaluate", data, "--model", model, "--shots", "4", "--queries", "5", "-o", data.parent / "report")
    assert "0 of its 4 classes have 9 different texts, shots and queries together" in result.stderr
    assert "ask for 8 or fewer in all" in result.stderr
    assert "data: 0 of" not in result.stderr.splitlines()[0]
