"""Which texts to label next: unsure ones that stand for many, never what is there already, however large the pool."""

import csv
from pathlib import Path

import pytest
import torch
from tiny import ROWS, backbone, refused, run, table

import quickstudy as qs
from quickstudy.core.types import QuickstudyError
from quickstudy.covering import clustered, covering, shortlist
from quickstudy.episodes.repeats import Repeats
from quickstudy.task import Task

POOL = [f"{said} {what} number {n}" for n in range(6) for said in ("where is", "I lost", "block") for what in
        ("my card", "the pin", "a wallet")]  # fmt: skip


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    return qs.load(backbone(tmp_path_factory.mktemp("models") / "tiny")).learn(ROWS)


def test_suggestions_are_of_the_pool_differ_and_are_the_same_again(task: Task) -> None:
    found = task.suggest(POOL, 5)
    assert len({one.place for one in found}) == 5
    assert [POOL[one.place] for one in found] == [one.text for one in found]
    assert found == task.suggest(POOL, 5)
    said = task.predict([one.text for one in found])
    assert [one.label for one in found] == [one.label for one in said]
    assert [one.probability for one in found] == pytest.approx([one.probability for one in said], abs=1e-5)


def test_what_is_there_already_is_never_suggested(task: Task) -> None:
    known = [text for text, _ in ROWS]
    long = "the pin of my old card is blocked since this very morning, and nobody at the bank answers my calls"
    pool = [*known, "WHERE IS MY CARD?", " ", long, long + "!", long + " now", "something else"]
    found = [one.text for one in task.suggest(pool, 10)]
    assert "something else" in found and len(found) == 2
    assert found[0].startswith(long) or found[1].startswith(long)
    assert task.suggest(known, 3) == []


def test_a_task_that_left_out_its_examples_says_that_it_may_suggest_them(task: Task, tmp_path: Path) -> None:
    task.save(tmp_path / "bare.qs", examples=False)
    with pytest.warns(qs.QuickstudyWarning, match="without its examples"):
        assert qs.open(tmp_path / "bare.qs").suggest(["a text", "another"], 1)


def test_without_examples_the_names_lead_and_each_group_is_reached(tmp_path: Path) -> None:
    student = qs.load(backbone(tmp_path / "tiny"))
    found = student.learn(labels=["card arrival", "pin"]).suggest(POOL, 6)
    assert len({one.text for one in found}) == 6


def test_pairs_and_several_labels(tmp_path: Path) -> None:
    student = qs.load(backbone(tmp_path / "tiny"))
    pairs = student.learn([(("a card", "a pin"), "no"), (("a card", "one card"), "yes")])
    found = pairs.suggest([("my pin", "the pin"), ("a", "b"), ("a card", "a pin")], 2)
    assert {one.place for one in found} == {0, 1}
    assert found[0].pair is not None
    several = student.learn([("a card", ["card"]), ("a card and a pin", ["card", "pin"]), ("nothing", [])])
    assert len(several.suggest(POOL, 3)) == 3


def test_each_text_of_the_pool_is_read_once(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = type(task.student.loaded.backbone)
    real, rows = encoder.units, []

    def units(self, params, text, lower=None):  # type: ignore[no-untyped-def]
        rows.append(len(text.tokens))
        return real(self, params, text, lower)

    monkeypatch.setattr(encoder, "units", units)
    task.suggest(POOL, 2)
    assert sum(rows) == len(POOL) + len(task.examples) + 2  # and the two chosen, for what the task says of them


def test_a_large_pool_is_shortened_by_weight() -> None:
    weight = torch.ones(10_000)
    weight[::100] = 1000.0
    some = shortlist(weight, 500)
    assert len(some) <= 500
    assert set(range(0, 10_000, 100)) <= set(some.tolist())
    assert shortlist(torch.ones(3), 5).tolist() == [0, 1, 2]


def test_clusters_and_cover_choose_what_stands_for_the_rest() -> None:
    angles = torch.tensor([0.0, 0.1, 0.2, 1.5, 1.6, 1.7, 3.0])
    vectors = torch.stack([angles.cos(), angles.sin()], dim=1)
    even = torch.ones(7)
    assert set(clustered(vectors, even, 3)) == {1, 4, 6}
    assert covering(vectors, even, vectors[:0], 2)[1] == 1
    assert covering(vectors, even, vectors[[1]], 1)[0] in (4, 5)
    heavy = even.clone()
    heavy[6] = 100.0
    assert covering(vectors, heavy, vectors[[1]], 1) == [6]
    assert sorted(covering(vectors, even, vectors[:0], 9)) == list(range(7))
    same = torch.ones(4, 2) / 2**0.5
    assert len(clustered(same, torch.ones(4), 3)) >= 1


def test_near_repeats() -> None:
    seen = Repeats(["mycardhasnotcomeyetthisweek", "short"])
    assert seen.near("short") and not seen.near("shorts")
    assert seen.near("mycardhasnotcomeyetthisweeks")
    assert not seen.near("thepinofmycardisblockedsincethen")
    seen.add("thepinofmycardisblockedsincethen")
    assert seen.near("thepinofmycardisblockedsincethen")


def test_what_is_refused(task: Task) -> None:
    with pytest.raises(QuickstudyError, match="list of texts"):
        task.suggest("a text")
    with pytest.raises(QuickstudyError, match="empty"):
        task.suggest([])
    with pytest.raises(QuickstudyError, match="n is 0"):
        task.suggest(POOL, 0)
    with pytest.raises(QuickstudyError, match="cannot judge"):
        task.suggest([3])


def test_on_the_command_line_rows_come_back_to_be_labelled_and_added(task: Task, tmp_path: Path) -> None:
    task.save(tmp_path / "a.qs")
    pool = tmp_path / "pool.csv"
    with pool.open("w", newline="") as file:
        csv.writer(file).writerows([("id", "text"), *enumerate([*POOL, ROWS[0][0]])])
    done = run("suggest", tmp_path / "a.qs", pool, "-n", 3, "-o", tmp_path / "todo.csv")
    assert done.exit_code == 0, done.output
    with (tmp_path / "todo.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3
    assert all(POOL[int(row["id"])] == row["text"] and row["label"] for row in rows)
    assert run("add", tmp_path / "a.qs", tmp_path / "todo.csv").exit_code == 0
    lines = run("suggest", tmp_path / "a.qs", "-n", 2, "--json", input="my pin\nmy purse\nwhere is my card\n")
    assert len(lines.stdout.splitlines()) == 2
    assert "no texts" in refused("suggest", tmp_path / "a.qs", input="\n")
    assert "give others" in refused("suggest", tmp_path / "a.qs", table(tmp_path / "b.csv"))
