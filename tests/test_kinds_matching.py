"""Matching: candidates are classes; rankings, BM25, own candidates, an index, summaries of chosen sentences."""

import contextlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import bm25s
import numpy as np
import pytest
import torch
from few import backbone, encoder, reader
from hypothesis import given
from hypothesis import strategies as some
from sklearn.metrics import ndcg_score, top_k_accuracy_score
from tiny import backbone as tiny_backbone
from tiny import run

import quickstudy as qs
from quickstudy.core import calibrating, index
from quickstudy.core.scoring import scorer
from quickstudy.core.sentences import sentences
from quickstudy.core.types import IGNORE, QuickstudyError
from quickstudy.episodes.matching_files import records
from quickstudy.episodes.matching_rows import queries
from quickstudy.episodes.records import Problems
from quickstudy.episodes.sampling import Shape, Source, draw
from quickstudy.kinds import query, ranking
from quickstudy.kinds.extracting import Document, Extracting, chosen
from quickstudy.kinds.matching import Matching, Ranking
from quickstudy.kinds.query import Query
from quickstudy.learners.aligned import Aligned
from quickstudy.learners.prior_head import PriorHead
from quickstudy.retrieving import Retriever
from quickstudy.text.bm25 import BM25, terms

KIND = Matching(reader())
ANSWERS = ("it takes three days", "call us at once", "at any cash machine", "42")
ASKED = ("where is my card", "somebody stole my card", "how do I change the pin", "how many")
PAIRS = tuple(Query((one,), (other,)) for one, other in zip(ASKED, ANSWERS, strict=True))
CLASSES = dict.fromkeys(ANSWERS, "")


def test_what_is_written_is_read_back() -> None:
    for example in (Query(("a",), ("b",)), Query(("a", "b")), Query(("a",), ("c",), ("b", "c"))):
        assert KIND.read(json.loads(json.dumps(KIND.write(example)))) == example


def test_a_candidate_is_read_as_it_stands() -> None:
    """Unlike the name of a class, `42` is no code."""
    names = KIND.encode(PAIRS, CLASSES).names
    assert ((names.spans[..., 1] - names.spans[..., 0]) > 0).all()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("", "query is empty"),
        ([], "query is empty"),
        ({"query": "a", "candidates": []}, "list of candidates is empty"),
        ({"query": "a", "candidates": ["b", " b "]}, "1 different candidate;"),
        ({"query": ["a", {}]}, "is not a text"),
        ({"candidates": ["a", "b"]}, "query is empty"),
    ],
)
def test_a_bad_question_is_refused_in_one_sentence(asked, said: str) -> None:
    with pytest.raises(QuickstudyError, match=said):
        KIND.ask(asked)


def test_a_right_candidate_must_be_a_candidate() -> None:
    with pytest.raises(QuickstudyError, match="not among its 2 candidates"):
        KIND.read({"query": "a", "right": "d", "candidates": ["b", "c"]})
    with pytest.raises(QuickstudyError, match="not among the 4 of the task"):
        KIND.encode([Query(("a",), ("other",))], CLASSES)
    with pytest.raises(QuickstudyError, match="no candidates"):
        KIND.encode([Query(("a",))], {})


def test_repeated_candidates_count_once() -> None:
    assert KIND.ask({"query": "a", "candidates": ["b", "c", "b  "]}).candidates == ("b", "c")


def test_of_many_turns_the_last_are_read_and_others_left_out_whole() -> None:
    few = Query(("first turn", "second turn", "third turn"))
    text, cut = query.encode_queries(KIND.reader, 2, [few])
    wanted, _ = KIND.reader.read([("second turn third turn",)])
    assert torch.equal(text.tokens, wanted.tokens) and cut.item() == 0
    long = Query(("my card has not come " * 6, "where is my card"))
    text, cut = query.encode_queries(KIND.reader, 2, [long])
    wanted, _ = KIND.reader.read([("where is my card",)])
    assert torch.equal(text.tokens, wanted.tokens) and cut.item() > 20


def test_the_loss_is_over_the_candidates_that_a_query_may_choose() -> None:
    own = Query(("a",), (ANSWERS[0],), ANSWERS[:2])
    batch = KIND.encode([own, PAIRS[2], Query(("b",))], CLASSES)
    assert batch.gold.tolist() == [[0], [2], [IGNORE]]
    assert batch.open.tolist() == [[True, True, False, False], [True] * 4, [True] * 4]
    scores = torch.zeros(3, 1, 4)
    torch.testing.assert_close(KIND.loss(scores, batch), torch.tensor([2.0, 4.0]).log().mean())


def test_several_right_candidates_share_the_likelihood() -> None:
    batch = KIND.encode([Query(("a",), ANSWERS[:2]), Query(("b",), ANSWERS[2:3], ANSWERS[2:])], CLASSES)
    torch.testing.assert_close(KIND.loss(torch.zeros(2, 1, 4), batch), torch.tensor([4.0, 2.0]).log().mean())


def test_answers_are_ranked_and_own_candidates_alone_are_chosen() -> None:
    scores = torch.tensor([[[0.0, 3.0, 1.0, 2.0]], [[0.0, 3.0, 1.0, 2.0]]])
    asked = [Query(("a",)), Query(("a",), (), ANSWERS[2:])]
    first, second = KIND.answer(lambda batch: scores, {}, asked, CLASSES)
    assert first.candidates == tuple(ANSWERS[n] for n in (1, 3, 2, 0)) and first.best == ANSWERS[1]
    assert second.candidates == (ANSWERS[3], ANSWERS[2])
    assert sum(second.probabilities) == pytest.approx(1.0)
    assert (
        Matching(reader(), top=2).answer(lambda batch: scores, {}, asked, CLASSES)[0].candidates == first.candidates[:2]
    )
    assert json.loads(json.dumps(KIND.record(second)))["best"] == ANSWERS[3]


def test_measures_are_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    scores, gold = rng.normal(size=(40, 12)), rng.integers(12, size=40)
    names = [f"n{place}" for place in range(12)]
    ranked = KIND.ranked(torch.from_numpy(scores), None, names, torch.zeros(40))
    found = KIND.measure(ranked, [Query(("a",), (names[place],)) for place in gold])
    assert next(iter(found)) == "recall@1"
    for most in (1, 5, 10):
        wanted = top_k_accuracy_score(gold, scores, k=most, labels=range(12))
        assert found[f"recall@{most}"] == pytest.approx(wanted)
    assert found["ndcg@10"] == pytest.approx(ndcg_score(np.eye(12)[gold], scores, k=10))


def test_measures_with_several_right_are_ranxs() -> None:
    ranx = pytest.importorskip("ranx.metrics")
    rng = np.random.default_rng(1)
    for _ in range(20):
        ranked = [f"n{place}" for place in rng.permutation(15)]
        right = {f"n{place}" for place in rng.choice(15, 3, replace=False)}
        relevant = np.array([[int(one[1:]), 1.0] for one in right])
        run_ = np.array([[int(one[1:]), 15.0 - place] for place, one in enumerate(ranked)])
        for ours, theirs in (
            (ranking.recall(ranked, right, 5), ranx.recall(relevant[None], run_[None], 5)[0]),
            (ranking.reciprocal_rank(ranked, right), ranx.reciprocal_rank(relevant[None], run_[None], 0)[0]),
            (ranking.ndcg(ranked, right, 10), ranx.ndcg(relevant[None], run_[None], 10)[0]),
        ):
            assert ours == pytest.approx(theirs)


@given(some.lists(some.lists(some.sampled_from("abcdefg"), max_size=8), min_size=1, max_size=8))
def test_bm25_never_fails_and_unknown_words_say_nothing(candidates: list[list[str]]) -> None:
    found = BM25(candidates).scores([["a", "a", "z"], []])
    assert found.shape == (2, len(candidates)) and np.isfinite(found).all()
    assert (found[1] == 0).all() and (found[0] > 0).tolist() == ["a" in one for one in candidates]


def test_bm25_is_bm25s() -> None:
    said = [terms(text) for group in (ASKED, ANSWERS) for text in group]
    theirs = bm25s.BM25(k1=1.5, b=0.75, method="lucene")
    theirs.index(said, show_progress=False)
    for asked in (["my", "card"], ["pin", "how", "nothing"]):
        known = [one for one in asked if any(one in other for other in said)]
        torch.testing.assert_close(
            torch.from_numpy(BM25(said).scores([asked])[0]), torch.from_numpy(theirs.get_scores(known)).float() * 2.5
        )


def test_words_of_chinese_are_characters() -> None:
    assert terms("How ARE you, 你好。") == ["how", "are", "you", "你", "好"]


def test_bm25_is_mixed_in_by_a_weight_that_examples_fit() -> None:
    """Where the learner knows nothing and words say everything, the weight rises; where they mislead, it falls."""
    kind = Matching(reader(), mix=0.1)
    names = ("the red house", "a blue car", "one green tree", "that white dog")
    helped = [Query((name,), (name,)) for name in names] * 3
    misled = [Query((name,), (names[place - 1],)) for place, name in enumerate(names)] * 3
    weights = []
    for examples in (helped, misled):
        batch = kind.encode(examples, dict.fromkeys(names, ""))
        weights.append(float(kind.calibrate(torch.zeros(12, 1, 4), batch)["kind.mix"]))
    assert weights[0] > 0.2 and weights[1] < 0.07
    assert kind.fit(lambda batch: batch, [], CLASSES)["kind.mix"] == pytest.approx(0.1)
    asked = [Query(("blue car",))]
    silent = {"kind.mix": torch.tensor(weights[0])}
    found = kind.answer(lambda batch: torch.zeros(1, 1, 4), silent, asked, dict.fromkeys(names, ""))
    assert found[0].best == "a blue car"


def test_the_only_example_of_a_candidate_can_be_left_out() -> None:
    learner = PriorHead(backbone())
    theta = {name: value.double() for name, value in learner.init(torch.Generator()).items()}
    batch = KIND.encode(PAIRS, CLASSES)
    scores, unseen = calibrating.left_out(learner, theta, KIND, batch)
    assert scores.shape == (4, 1, 4) and sorted(unseen.gold.flatten().tolist()) == [0, 1, 2, 3]


def test_queries_bring_candidates_into_an_episode() -> None:
    rows = [Query((f"question {n}",), (f"right {n}",), (f"right {n}", f"wrong {n}")) for n in range(6)]
    drawn = draw(Source("choice", tuple(rows)), KIND, Shape(3, 0, 1), 0)
    assert len(drawn.classes) == 6 and len(drawn.query) == 3
    assert KIND.encode(drawn.query, drawn.classes).open.sum(-1).tolist() == [2, 2, 2]


def test_aligned_is_the_cosine_without_examples_and_moves_all_candidates_with_some() -> None:
    learner = Aligned(backbone())
    theta = {name: value.double() for name, value in learner.init(torch.Generator()).items()}
    none = learner.adapt(theta, KIND.encode([], CLASSES), KIND.loss)
    names = backbone().units({}, KIND.encode([], CLASSES).names)[:, 0]
    wanted = 14.0 * (names - names.mean(0))
    torch.testing.assert_close(none["head.weight"], wanted, rtol=1e-5, atol=1e-5)
    taught = learner.adapt(theta, KIND.encode(PAIRS[:2], CLASSES), KIND.loss)
    assert (taught["head.weight"] - none["head.weight"])[3].abs().max() > 1e-3  # of which there is no example
    batch = KIND.encode(PAIRS[:2], CLASSES)
    before, after = (KIND.loss(learner.predict(theta, one, batch), batch) for one in (none, taught))
    assert after < before


XY = ["x", "y"]
FORMATS = {
    "pairs.csv": ('question,answer\n"where is it","in the post"\n', [("where is it", "in the post")]),
    "faq.csv": (
        "question,answer,more questions\nwhere is it,in the post,how long | when\n",
        [("where is it", "in the post"), ("how long", "in the post"), ("when", "in the post")],
    ),
    "triples.jsonl": ('{"query": "a", "positive": "b", "negatives": ["c", "d"]}\n', [("a", "b", ["b", "c", "d"])]),
    "headless.tsv": (
        "where is it\tin the post\nwhat now\twait a little\n",
        [("where is it", "in the post"), ("what now", "wait a little")],
    ),
    "choice.jsonl": (
        '{"question": "q", "choices": ["x", "y"], "answer": "y"}\n'
        '{"question": "q", "choices": ["x", "y"], "answer": 0}\n'
        '{"question": {"stem": "q", "choices": [{"label": "A", "text": "x"}, {"label": "B", "text": "y"}]},'
        ' "answerKey": "B"}\n'
        '{"context": "c", "question": "q", "choices": {"label": ["1", "2"], "text": ["x", "y"]}, "answerKey": "2"}\n',
        [(["q"], "y", XY), (["q"], "x", XY), (["q"], "y", XY), (["c", "q"], "y", XY)],
    ),
    "columns.csv": ("sentence,option1,option2,answer\nthe _ sat,x,y,1\n", [(["the _ sat"], "x", XY)]),
    "talk.jsonl": (
        '{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]}\n'
        '{"turns": ["a", "b", "c"]}\n{"context": ["a", "b"], "response": "c"}\n',
        [(["hi"], "hello"), (["a"], "b"), (["a", "b"], "c"), (["a", "b"], "c")],
    ),
    "judged.csv": (
        "query,candidate,label\nq,x,0\nq,y,1\nr,z,1\nr,x,0\n",
        [("q", ["y"], XY), ("r", ["z"], ["z", "x"])],
    ),
    "interactions.csv": (
        "user,item,rating\nu,x,5\nu,y,4\nv,y,2\nu,z,1\nv,x,4\nw,z,5\nw,y,4\n",
        [(["x"], "y", ["y", "z"])],
    ),
    "squad.jsonl": (
        '{"question": "q", "context": "One. The answer is two. Three.", "answers": [{"text": "two", "start": 19}]}\n',
        [("q", "The answer is two.")],
    ),
}


@pytest.mark.parametrize("name", FORMATS)
def test_files_are_read(name: str, tmp_path: Path) -> None:
    written, wanted = FORMATS[name]
    (tmp_path / name).write_text(written, encoding="utf-8")
    found = [tuple(one.fields.values()) for one in records(tmp_path / name)]
    order = [
        tuple(one.fields.get(key) for key in ("query", "right", "candidates") if key in one.fields)
        for one in records(tmp_path / name)
    ]
    assert order == wanted and len(found) == len(wanted)
    assert all(KIND.read(one.fields) for one in records(tmp_path / name))


def test_rows_that_cannot_be_used_are_named_with_file_and_line(tmp_path: Path) -> None:
    place = tmp_path / "x.jsonl"
    place.write_text('{"question": "q", "choices": ["x", "y"], "answer": "z"}\n{"turns": ["a"]}\n{"answer": "a"}\n')
    problems = Problems()
    assert not list(records(place, None, problems))
    assert [str(one)[:15] for one in problems.all("x")] == ["x.jsonl, line 1", "x.jsonl, line 2", "x.jsonl, line 3"]
    with pytest.raises(QuickstudyError, match=r"x.jsonl, line 1: the answer 'z' is neither"):
        list(records(place))
    with pytest.raises(QuickstudyError, match="no column 'Frage' for query"):
        list(records(place, {"query": "Frage"}))


NAMES = some.sampled_from(["question", "choices", "answer", "turns", "context", "answers", "label"])
INSIDE = some.recursive(
    some.none() | some.integers() | some.text(max_size=5),
    lambda deep: (
        some.lists(deep, max_size=3) | some.dictionaries(some.sampled_from(["text", "start"]), deep, max_size=2)
    ),
    max_leaves=6,
)


@given(some.dictionaries(NAMES, INSIDE))
def test_no_row_makes_the_reader_fail_otherwise_than_in_a_sentence(fields) -> None:
    with contextlib.suppress(QuickstudyError):
        for one in queries(fields):
            KIND.read(one)


def test_an_index_finds_what_exact_search_finds() -> None:
    rng = torch.Generator().manual_seed(0)
    centres = torch.randn(20, 16, generator=rng)
    vectors = centres[torch.arange(3000) % 20] + 0.5 * torch.randn(3000, 16, generator=rng)
    asked = vectors[:50] + 0.1 * torch.randn(50, 16, generator=rng)
    exact = asked @ vectors.T
    made = index.build(vectors, lists=16)
    found = made.search(asked, 10)
    best = exact.topk(10).indices
    hits = sum(len(set(a) & set(b)) for a, b in zip(best.tolist(), found.places.tolist(), strict=True)) / 500
    assert hits >= 0.9 and made.probes == 4
    torch.testing.assert_close(found.scores, exact.gather(1, found.places), rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(made.scores(asked[0], torch.arange(5)), exact[0, :5], rtol=1e-4, atol=1e-3)
    assert torch.equal(replace(made, probes=16).search(asked, 10).places, best)
    whole = index.build(vectors)
    assert whole.lists is None and torch.equal(whole.search(asked, 5).places, best[:, :5])


def test_an_index_of_fewer_than_are_asked_for_says_so() -> None:
    made = index.build(torch.eye(4), lists=4)
    found = made.search(torch.eye(4)[:1], 3)
    assert made.probes == 1 and found.places.shape == (1, 3)
    assert found.places[0, 0] == 0 and found.places[0, -1] == -1 and found.scores[0, -1] == -torch.inf
    assert made.search(torch.empty(0, 4), 3).places.shape == (0, 3)
    assert index.build(torch.eye(4)).search(torch.eye(4), 9).places.shape == (4, 4)


def test_many_vectors_need_faiss_and_few_do_not(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    assert index.build(torch.eye(4)).search(torch.eye(4), 1).places.flatten().tolist() == [0, 1, 2, 3]
    with pytest.raises(QuickstudyError, match=r"pip install 'quickstudy\[index\]'"):
        index.build(torch.zeros(index.EXACT + 1, 1))


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    return qs.load(tiny_backbone(tmp_path_factory.mktemp("tiny")))


def test_a_retriever_finds_what_the_task_ranks_first(student) -> None:
    pairs = list(zip(ASKED, ANSWERS, strict=True))
    for mix in (0.0, 0.2):
        task = student.learn(pairs, kind={"name": "matching", "mix": mix} if mix else "matching")
        wanted = task.predict([ASKED[0], [ASKED[1], ASKED[2]]])
        exact = Retriever(task)
        sorted_in_lists = replace(index.build(exact.index.vectors, lists=2), probes=2)
        for retriever in (exact, Retriever(task, sorted_in_lists)):
            for got, best in zip(retriever.search([ASKED[0], [ASKED[1], ASKED[2]]], 4), wanted, strict=True):
                assert got.candidates == best.candidates
                assert got.scores == pytest.approx(best.scores, rel=0.02, abs=0.02)
    with pytest.raises(QuickstudyError, match="brings its own candidates"):
        Retriever(task).search([{"query": "a", "candidates": ["b", "c"]}])
    with pytest.raises(QuickstudyError, match="build it anew"):
        Retriever(task, index.build(torch.eye(3)))


def test_a_task_learns_answers_and_grows_candidates_for_once(student, tmp_path: Path) -> None:
    task = student.learn(list(zip(ASKED, ANSWERS, strict=True)), labels=["nobody asks for this"], kind="matching")
    assert len(task.classes) == 5
    assert sorted(task.predict([ASKED[0]])[0].candidates) == sorted([*ANSWERS, "nobody asks for this"])
    own = task.predict([{"query": "a", "candidates": ["new one", ANSWERS[0]]}])[0]
    assert sorted(own.candidates) == sorted(["new one", ANSWERS[0]]) and len(task.classes) == 5
    task.save(tmp_path / "t.qs")
    assert qs.open(tmp_path / "t.qs").predict([ASKED[0]])[0].candidates == task.predict([ASKED[0]])[0].candidates
    bare = student.learn([], kind="matching")
    assert len(bare.predict([{"query": "a", "candidates": ["b", "c", "d"]}])[0].candidates) == 3
    with pytest.raises(QuickstudyError, match="no candidates to choose from"):
        bare.predict(["a"])


def test_the_command_line_ranks(student, tmp_path: Path) -> None:
    where = tmp_path / "choice.jsonl"
    where.write_text(
        "".join(
            json.dumps({"question": a, "choices": list(ANSWERS), "answer": b}) + "\n"
            for a, b in zip(ASKED, ANSWERS, strict=True)
        )
    )
    run("learn", where, "--kind", "matching", "-o", tmp_path / "t.qs", "--model", student.origin)
    done = run("predict", tmp_path / "t.qs", where, "-o", tmp_path / "out.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert done.exit_code == 0 and len(rows) == 4 and "best" in json.dumps(rows[0])


TEXT = "The trial had failed. Nobody knew why! Was it the weather? The new engine was too heavy for the wings."


def test_sentences_stand_where_they_stand() -> None:
    assert [TEXT[start:end][:8] for start, end in sentences(TEXT)] == ["The tria", "Nobody k", "Was it t", "The new "]
    assert sentences("天气很好。我们去公园。\n\n e.g. 3.5 m") == [(0, 5), (5, 11), (14, 18), (19, 24)]


def test_a_summary_is_made_of_the_best_sentences_in_their_order() -> None:
    kind = Extracting(reader(), sentences=2)
    example = kind.read({"document": TEXT, "summary": "The engine was too heavy"})
    assert kind.read(kind.write(example)) == example
    assert chosen([TEXT[a:b] for a, b in sentences(TEXT)], example.summaries[0], 3)[0].startswith("The new engine")
    classes = kind.brought([example], {"summary": ""})
    batch = kind.encode([example], classes)
    assert batch.open.tolist() == [[False, True, True, True, True]] and batch.gold.tolist() == [[4]]
    scores = torch.tensor([[[9.0, 0.0, 1.0, 2.0, 3.0]]])
    found = kind.answer(lambda given: scores, {"kind.lead": torch.tensor(0.0)}, [example], classes)[0]
    assert found.places == (2, 3) and found.text.startswith("Was it the weather? The new engine")
    early = kind.answer(lambda given: scores, {"kind.lead": torch.tensor(9.0)}, [example], classes)[0]
    assert early.places == (0, 1)
    assert kind.measure([found], [example])["rougeL"] > kind.measure([early], [example])["rougeL"]


def test_documents_are_summed_up_without_examples(student) -> None:
    task = student.learn([], kind={"name": "extracting", "sentences": 2})
    found = task.predict([TEXT, Document("One sentence only")])
    assert len(found[0].sentences) == 2 and found[1].sentences == ("One sentence only",)


def test_learners_rank_by_names_alone() -> None:
    learner = PriorHead(encoder())
    theta = learner.init(torch.Generator())
    adapted = learner.adapt(theta, KIND.encode([], CLASSES), KIND.loss)
    answers = KIND.answer(scorer(learner, theta, adapted), {}, [Query((ANSWERS[1],))], CLASSES)
    assert isinstance(answers[0], Ranking) and answers[0].best == ANSWERS[1]
