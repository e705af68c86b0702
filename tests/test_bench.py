"""The benchmarks' own plumbing: the last line that a run prints, the results that are committed, parts, draws."""

import ast
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from quickstudy.core.types import Batch, batch_rows, rows
from quickstudy.episodes.cleaning import normalised_key
from quickstudy.kinds.labelled import Labelled, texts
from quickstudy.learners.maml import Maml
from quickstudy.learners.meta_sgd import MetaSgd

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT))  # benchmarks are not installed; `python -m` finds them in the project's folder

from bench.contest.drawing import Pool, drawn  # noqa: E402
from bench.known import sinusoid  # noqa: E402
from bench.known.numbers import Perceptron, Stacked  # noqa: E402
from bench.shared.data import data_folder  # noqa: E402
from bench.shared.parts import part  # noqa: E402
from bench.shared.result import Bar, Output  # noqa: E402

RESULTS = sorted((ROOT / "bench" / "results").glob("*.json"))


def check(document: dict) -> None:
    assert {"benchmark", "bars", "machine", "seeds", "date"} <= document.keys()
    assert {"cpu", "cores", "torch", "transformers"} <= document["machine"].keys()
    for bar in document["bars"]:
        assert bar.keys() == {"name", "figure", "bar", "wanted", "met"}
        reached = bar["figure"] <= bar["bar"] if bar["wanted"] == "at most" else bar["figure"] >= bar["bar"]
        assert bar["met"] == reached


def test_imports_prints_its_bars_and_writes_what_it_printed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench.imports", "--repeat", "1", "--write", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    document = json.loads(done.stdout.splitlines()[-1])
    check(document)
    assert [bar["name"] for bar in document["bars"]] == ["import_seconds", "help_seconds"]
    assert json.loads((tmp_path / "imports.json").read_text()) == document
    assert (tmp_path / "imports.txt").read_text().strip() == done.stdout.strip()


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.name)
def test_committed_results_have_the_agreed_form(path: Path) -> None:
    document = json.loads(path.read_text())
    check(document)
    assert document["benchmark"] == path.stem
    assert json.loads(path.with_suffix(".txt").read_text().splitlines()[-1]) == document


def test_kinds_takes_bars_and_intervals_from_results_that_are_kept(tmp_path: Path) -> None:
    kept = {
        "bars": [{"name": "above_LR_at_1", "figure": 6.0, "bar": 5.0, "wanted": "at least", "met": True}],
        "differences": {"frozen + LR, 1 shot": {"mean": 0.06, "low": 0.04, "high": 0.08}},
        "seeds": [0, 1, 2],
        "date": "2026-01-02T03:04:05+00:00",
    }
    (tmp_path / "relation.json").write_text(json.dumps(kept))
    command = [sys.executable, "-m", "bench.kinds", "--only", "relation", "--results", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    document = json.loads(done.stdout.splitlines()[-1])
    check(document)
    assert [(bar["name"], bar["met"]) for bar in document["bars"]] == [("relation: above_LR_at_1", True)]
    assert document["intervals"] == {"relation: above_LR_at_1": [4.0, 8.0]}
    assert document["from"] == {"relation": "bench/results/relation.json, 2026-01-02"} and document["draws"] == {
        "relation": 3
    }
    assert "4 to 8" in done.stdout and "Fewer than 5 draws: relation (3)" in done.stdout


def test_a_bar_is_met_exactly_where_its_figure_reaches_it(capsys: pytest.CaptureFixture[str]) -> None:
    bars = [
        Bar("a", 2.0, 2.0, "at most"),
        Bar("b", 2.1, 2.0, "at most"),
        Bar("c", 0.949, 0.95, "at least"),
        Bar("d", float("nan"), 0.0, "at least"),
    ]
    Output("some").close(bars, {}, {}, (0,), None)
    document = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [bar["met"] for bar in document["bars"]] == [True, False, False, False]
    assert document["bars"][3]["figure"] is None


def test_without_data_one_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("QUICKSTUDY_DATA", raising=False)
    with pytest.raises(SystemExit, match="QUICKSTUDY_DATA"):
        data_folder(None)
    with pytest.raises(SystemExit, match="development"):
        data_folder(str(tmp_path))


def test_a_part_is_made_once_for_its_key(tmp_path: Path) -> None:
    made: list[int] = []

    def make() -> list[int]:
        made.append(len(made))
        return [made[-1]]

    assert part(tmp_path, "a/b", {"weights": "x"}, make) == [0]
    assert part(tmp_path, "a/b", {"weights": "x"}, make) == [0]
    assert part(tmp_path, "a/b", {"weights": "y"}, make) == [1]


@pytest.mark.parametrize("own_query", [True, False])
def test_draws_are_nested_share_a_query_and_no_text(own_query: bool) -> None:
    rows = tuple(Labelled(f"text {n // 2}" + "!" * (n % 2), (f"class {n % 3}",)) for n in range(240))
    asked = tuple(Labelled(f"Text {n}.", (f"class {n % 3}",)) for n in range(5, 12))
    pool = Pool("some", rows, asked if own_query else None, 0)
    draws = drawn(pool, (0, 1, 4), 0)
    assert draws == drawn(pool, (0, 1, 4), 0)
    assert draws[2] != drawn(pool, (4,), 1)[0]
    none, one, four = draws
    assert not none.support
    assert set(one.support) < set(four.support)
    assert [sum(each.labels == (name,) for each in four.support) for name in four.classes] == [4, 4, 4]
    assert none.query == one.query == four.query
    keys = [{normalised_key(texts(each)) for each in side} for side in (four.support, four.query)]
    assert not keys[0] & keys[1]
    assert len(keys[0]) == len(four.support)


@pytest.mark.parametrize("kind", [Maml, MetaSgd])
def test_waves_that_are_adapted_together_are_adapted_as_each_alone(kind: type[Maml] | type[MetaSgd]) -> None:
    learner = Stacked(kind(Perceptron(), steps=2, rate=0.02, head_rate=0.02))
    theta = {name: value.double() for name, value in learner.inner.init(torch.Generator().manual_seed(0)).items()}
    rng = np.random.default_rng(0)
    both = sinusoid.episode(rng, sinusoid.waves(rng, 2), 4, 6, False)

    def alone(batch: Batch, place: int) -> Batch:
        index = torch.arange(len(batch.gold)).view(2, -1)[place]
        return batch_rows(batch, index)._replace(names=rows(batch.names, torch.tensor([place])))

    together, loss = learner.meta_gradient(theta, both, torch.Generator())
    each = [
        learner.meta_gradient(
            theta, both._replace(support=alone(both.support, place), query=alone(both.query, place)), torch.Generator()
        )
        for place in range(2)
    ]
    torch.testing.assert_close(loss, (each[0][1] + each[1][1]) / 2)
    for name, slope in together.items():
        torch.testing.assert_close(slope, (each[0][0][name] + each[1][0][name]) / 2)
    assert (each[0][1] - each[1][1]).abs() > 0.1


BENCHES = sorted((ROOT / "bench").rglob("*.py"))


@pytest.mark.parametrize("path", BENCHES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_benchmark_imports_what_there_is(path: Path) -> None:
    """Most of them run too long to be run here, and import where they need something."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("quickstudy", "bench"):
            module = importlib.import_module(node.module or "")
            for alias in node.names:
                there = hasattr(module, alias.name) or importlib.util.find_spec(f"{node.module}.{alias.name}")
                assert there, f"{node.module} has no {alias.name}"
