"""Answering: files, spans, windows, SQuAD's and CMRC's measures, and learners through the same waist as other kinds."""

import itertools
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from few import backbone
from hypothesis import given, settings
from hypothesis import strategies as some
from torch import Tensor

from quickstudy.backbones import bytelevel
from quickstudy.core.placing import placed
from quickstudy.core.scoring import scorer
from quickstudy.core.types import Batch, Episode, QuickstudyError, Text
from quickstudy.episodes.answering_files import records
from quickstudy.episodes.records import Problems
from quickstudy.kinds import answering, passages, question, spans, squad
from quickstudy.kinds.answering import Answering
from quickstudy.kinds.question import Question, Span
from quickstudy.kinds.windows import Answer
from quickstudy.learners.fine_tune import FineTune
from quickstudy.learners.frozen_linear import FrozenLinear
from quickstudy.learners.prior_head import PriorHead
from quickstudy.text.reader import Reader

CONTEXT = "The old mill was built in 1854 by Anna Berg. It burned down in 1901, and nobody was hurt."
RED = Question("when was it built?", CONTEXT, (Span("1854", CONTEXT.index("1854")),))


def kind(limit: int = 96, **fields: Any) -> Answering:
    texts = [CONTEXT, "when was it built? who built it?", "黑豹队的防守丢了多少分？"]
    return Answering(Reader(bytelevel.train(texts, 300), limit=limit), **fields)


def example(context: str, answer: str, asked: str = "where is it?") -> Question:
    return Question(asked, context, (Span(answer, context.index(answer)),))


def looking_for(own: Answering, mark: str) -> Callable[[Batch], Tensor]:
    """Scores that know the answer by its first token."""
    wanted = own.reader.tokenizer.encode(mark, add_special_tokens=False).ids[0]

    def score(batch: Batch) -> Tensor:
        first = batch.text.spans[..., 0, 0]
        hit = (batch.text.tokens.gather(1, first) == wanted) & (batch.text.spans[..., 0, 1] > first)
        scores = torch.zeros(*hit.shape, 4)
        scores[..., spans.BEGINS] = scores[..., spans.ENDS] = torch.where(hit, 9.0, -9.0)
        return scores

    return score


def test_a_span_has_its_softmax_probability() -> None:
    torch.manual_seed(0)
    scores, limit = torch.randn(2, 7, 4, dtype=torch.float64), 3
    seen = torch.tensor([[True] * 6, [True] * 4 + [False] * 2])
    fits = spans.Legal(seen, seen)
    own = scores - scores[..., :1]
    for row, words in enumerate((6, 4)):
        legal = [(i, j) for i in range(words) for j in range(i, min(words, i + limit))]
        values = [own[row, 0, 3], *(own[row, 1 + i, 1] + own[row, 1 + j, 2] for i, j in legal)]
        wanted = torch.stack(values).log_softmax(0)
        for place, (i, j) in enumerate(legal, start=1):
            gold = torch.zeros(2, 7, 4)
            gold[row, 1 + i, 1] = gold[row, 1 + j, 2] = 1
            found = spans.likelihood(scores, gold, fits, limit)[row]
            assert torch.isclose(found, wanted[place])
        gold = torch.zeros(2, 7, 4)
        gold[row, 0, 3] = 1
        assert torch.isclose(spans.likelihood(scores, gold, fits, limit)[row], wanted[0])
        best = spans.best(scores, fits, limit, torch.tensor([[0, 99], [0, 99]]))
        assert (int(best.begin[row]), int(best.end[row])) == legal[int(wanted[1:].argmax())]
        assert math.isclose(float(best.score[row]), float(wanted[1:].max() - wanted[0]))
        assert math.isclose(float(best.total[row]), float(torch.stack(values[1:]).logsumexp(0) - values[0]))


def test_the_loss_is_convex_and_its_slopes_are_finite_where_words_were_cut_off() -> None:
    own = kind()
    batch = own.encode([RED, Question("who?", "x " * 40, ())], {})
    torch.manual_seed(1)
    first, second = (3 * torch.randn(*batch.gold.shape, dtype=torch.float64) for _ in range(2))
    middle = own.loss((first + second) / 2, batch)
    assert middle <= (own.loss(first, batch) + own.loss(second, batch)) / 2
    at = first.requires_grad_()
    slope = torch.autograd.grad(own.loss(at, batch), at)[0]
    assert slope.isfinite().all() and (slope != 0).any()
    assert (slope[batch.gold < 0] == 0).all()


def test_every_class_counts_as_often_in_a_row() -> None:
    batch = kind(every=1, about=20).encode([RED], {})
    held, nothing = batch.gold.clamp(min=0).sum(1)
    assert held.tolist() == pytest.approx([1, 1, 1, 0]) and nothing.tolist() == pytest.approx([1, 0, 0, 1])


def test_the_loss_times_its_count_is_the_sum_over_rows() -> None:
    own = kind()
    batch = own.encode([RED, example("a b c", "b")], {})
    scores = torch.zeros(batch.gold.shape)
    count = int((batch.gold[..., 0] >= 0).sum())
    words = [int(row.sum()) for row in spans.legal(batch.text).begins]
    choices = [1 + sum(min(own.longest, many - start) for start in range(many)) for many in words]
    assert math.isclose(float(own.loss(scores, batch)) * count, sum(map(math.log, choices)), rel_tol=1e-5)


@pytest.mark.parametrize("about", [12, 30, 200])
def test_what_is_learned_from_holds_the_answer(about: int) -> None:
    own = kind(about=about, every=1)
    words = CONTEXT.split()
    for place, word in enumerate(words):
        start = len(" ".join(words[:place])) + (place > 0)
        text = word.strip(".,")
        [one, *_] = [piece for piece, _ in own._pieces(0, Question(f"which? {place}", CONTEXT, (Span(text, start),)))]
        assert one.gold is not None and CONTEXT[one.start : one.start + len(one.text)] == one.text
        batch = own.encode([Question(f"which? {place}", CONTEXT, (Span(text, start),))], {})
        begin, end = (int(batch.gold[0, :, which].argmax()) for which in (spans.BEGINS, spans.ENDS))
        low, high = one.units[begin - 1][0], one.units[end - 1][1]
        assert one.text[low:high] == text
        assert (batch.gold[1:, 0, spans.NOTHING] == 1).all()


def test_an_answer_longer_than_the_longest_is_learned_from_whole() -> None:
    own = kind(longest=2)
    batch = own.encode([example("a b c d e f", "b c d e")], {})
    assert batch.gold[0, 2, spans.BEGINS] == 1 and batch.gold[0, 5, spans.ENDS] == 1
    right = torch.zeros(batch.gold.shape)
    right[0, 2, spans.BEGINS] = right[0, 5, spans.ENDS] = 50.0
    assert float(own.loss(right, batch)) == pytest.approx(0.0, abs=1e-6)


def test_answers_as_long_as_an_examples_are_looked_for() -> None:
    own = kind(longest=2)
    shown = example("a b c d e f", "b c d e")
    wanted = own.reader.tokenizer.encode("#", add_special_tokens=False).ids[0]

    def score(batch: Batch) -> Tensor:
        hit = batch.text.tokens.gather(1, batch.text.spans[..., 0, 0]) == wanted
        scores = torch.zeros(*hit.shape, 4)
        scores[..., spans.BEGINS] = torch.where(hit & (hit.cumsum(1) == 1), 9.0, -9.0)
        scores[..., spans.ENDS] = torch.where(hit & (hit.cumsum(1) == 2), 9.0, -9.0)
        return scores

    asked = Question("where?", "a # c d # f")
    assert own.answer(score, own.fit(score, [shown], {}), [asked], {})[0].text == "# c d #"
    assert own.answer(score, own.fit(score, [RED], {}), [asked], {})[0].text != "# c d #"


def test_an_answer_that_cannot_be_read_whole_is_refused() -> None:
    context = "word " * 90
    record = {"question": "what?", "context": context, "answers": [{"text": context.strip(), "start": 0}]}
    assert kind(limit=400).read(record).answers
    with pytest.raises(QuickstudyError, match="longer than what is read at once"):
        kind(limit=64).read(record)


def test_what_nobody_answered_is_not_learned_from() -> None:
    batch = kind().encode([Question("when?", CONTEXT)], {})
    assert (batch.gold < 0).all()
    assert float(kind().loss(torch.zeros(batch.gold.shape), batch)) == 0.0


def test_every_span_is_looked_for_in_one_window() -> None:
    own = kind(limit=48)
    asked = Question("where?", " ".join(f"w{place}" for place in range(90)))
    found: list[tuple[int, int]] = []
    for one in passages.all_of(own.reader, asked, own.window):
        for begin, end in itertools.combinations_with_replacement(range(len(one.units)), 2):
            if end - begin < 3 and one.own[0] <= begin + end < one.own[1]:
                found.append((one.start + one.units[begin][0], one.start + one.units[end][1]))
    words = [match.span() for match in re.finditer(r"\w+", asked.context)]
    assert sorted(found) == sorted((a[0], b[1]) for n in range(3) for a, b in zip(words, words[n:], strict=False))


@pytest.mark.parametrize("place", [0, 1, 17, 60, 118, 119])
def test_an_answer_is_found_in_any_window_of_a_long_context(place: int) -> None:
    own = kind(limit=48)
    words = ["word"] * 120
    words[place] = "#"
    asked = Question("where?", " ".join(words))
    found = passages.all_of(own.reader, asked, own.window)
    assert len(found) > 5 and max(len(one.units) for one in found) < 40
    [answer] = own.answer(looking_for(own, "#"), {}, [asked], {})
    assert (answer.text, answer.start, answer.end) == ("#", 5 * place, 5 * place + 1)
    assert answer.probability > 0.9 and answer.cut == 0


def test_no_answer_is_answered_only_where_the_task_has_such_questions() -> None:
    own = kind()
    asked = Question("where?", "nothing of it here")
    without = own.fit(looking_for(own, "#"), [RED], {})
    having = own.fit(looking_for(own, "#"), [RED, Question("who?", CONTEXT, ())], {})
    [forced] = own.answer(looking_for(own, "#"), without, [asked], {})
    [free] = own.answer(looking_for(own, "#"), having, [asked], {})
    assert forced.text and forced.nothing > 0.9
    assert (free.text, free.start, free.end) == ("", 0, 0) and free.probability == free.nothing > 0.9
    [allowed] = kind(empty="allowed").answer(looking_for(own, "#"), without, [asked], {})
    [never] = kind(empty="never").answer(looking_for(own, "#"), having, [asked], {})
    assert not allowed.text and never.text


def test_a_question_that_does_not_fit_is_counted() -> None:
    own = kind(limit=32)
    [answer] = own.answer(looking_for(own, "#"), {}, [Question("why " * 50, "it is # there")], {})
    assert answer.text == "#" and answer.cut > 100


def test_chinese_is_answered_by_character() -> None:
    own = kind()
    asked = example("黑豹队的防守只丢了308分，排名第六。", "第六", "排名第几？")
    batch = own.encode([asked], {})
    begin, end = (int(batch.gold[0, :, which].argmax()) for which in (spans.BEGINS, spans.ENDS))
    assert end == begin + 1
    first, last = (passages.about(own.reader, asked, None, 96).units[place - 1] for place in (begin, end))
    said = Answer(asked.context[first[0] : last[1]], first[0], last[1], 1.0, 0.0)
    assert own.measure([said], [asked]) == {"f1": 1.0, "exact_match": 1.0}


def test_words_within_one_token_are_answered_together() -> None:
    places = torch.tensor([[0, 1], [1, 2], [1, 2], [2, 3], [3, 4], [3, 4], [0, 0]])
    text = Text(torch.zeros(1, 4).long(), torch.ones(1, 4).byte(), places[None, :, None])
    where = spans.legal(text)
    assert where.begins[0].tolist() == [True, False, True, True, False, False]
    assert where.ends[0].tolist() == [False, True, True, False, True, False]
    gold = torch.full((7, 4), -100.0)
    one = passages.Passage("which?", "abcde", 0, tuple((n, n + 1) for n in range(5)), Span("bcd", 1))
    answering._mark(gold, one, places)
    assert gold.argmax(1)[[0, 1, 3, 5]].tolist() == [spans.OUTSIDE, spans.BEGINS, spans.OUTSIDE, spans.ENDS]
    assert (gold.amax(1) < 0).tolist() == [False, False, True, False, True, False, True]
    scores = torch.zeros(1, 7, 4)
    scores[0, [4, 5], spans.BEGINS] = scores[0, [4, 5], spans.ENDS] = 3.0
    found = spans.best(scores, where, 5, torch.tensor([[0, 99]]))
    assert (int(found.begin), int(found.end)) == (3, 4)


@pytest.mark.parametrize(
    ("said", "gold", "f1", "exact"),
    [
        ("The Broncos!", "broncos", 1.0, 1.0),
        ("an old mill", "the mill", 2 / 3, 0.0),
        ("Denver Broncos won", "the Denver Broncos", 0.8, 0.0),
        ("mill mill", "mill", 2 / 3, 0.0),
        ("6½", "6½", 1.0, 1.0),
        ("theatre", "the atre", 0.0, 0.0),
        ("", "mill", 0.0, 0.0),
        ("a-b", "ab", 1.0, 1.0),
    ],
)
def test_squad_counts_as_its_script_does(said: str, gold: str, f1: float, exact: float) -> None:
    """Known cases; torchmetrics and this agreed on 450 pieces of real contexts."""
    assert squad.squad(said, gold) == pytest.approx((f1, exact))


@pytest.mark.parametrize(
    ("said", "gold", "f1", "exact"),
    [
        ("第六", "第六。", 1.0, 1.0),
        ("排名第六", "第六", 2 / 3, 0.0),
        ("六第", "第六", 0.5, 0.0),
        ("Astra 2A 卫星", "astra 2a", 2 / 3, 0.0),
        ("308分", "308 分", 1.0, 0.0),
        ("乙", "甲", 0.0, 0.0),
    ],
)
def test_cmrc_counts_as_its_script_does(said: str, gold: str, f1: float, exact: float) -> None:
    assert squad.cmrc(said, gold) == pytest.approx((f1, exact))


def test_the_best_accepted_answer_counts_and_none_is_right_where_there_is_none() -> None:
    two = Question("who?", CONTEXT, (Span("Anna Berg", 34), Span("Berg", 39)))
    assert squad.score("Berg", two) == (1.0, 1.0)
    assert squad.score("", Question("who?", CONTEXT, ())) == (1.0, 1.0)
    assert squad.score("Berg", Question("who?", CONTEXT, ())) == (0.0, 0.0)
    assert squad.score("", two) == (0.0, 0.0)


@pytest.mark.parametrize("learner", [PriorHead, FrozenLinear, FineTune])
def test_learners_learn_it_as_they_stand(learner: Any) -> None:
    own = kind(limit=160, every=100)
    shown = [example(f"the {a} and the #{b} are {c}", f"#{b}") for a, b, c in itertools.permutations("xyz", 3)][:4]
    reads = learner(backbone("all" if learner is FineTune else "head"))
    theta = reads.init(torch.Generator().manual_seed(0))
    support = own.encode(shown, {})
    before, after = (
        float(own.loss(scorer(reads, theta, reads.adapt(theta, own.encode(given, {}), own.loss))(support), support))
        for given in ([], shown)
    )
    assert after < before


def test_prior_heads_slopes_agree_with_finite_differences() -> None:
    own = kind(limit=160, every=2)
    reads = PriorHead(backbone("head"))
    theta = {name: value.double() for name, value in reads.init(torch.Generator().manual_seed(0)).items()}
    episode = Episode(own.encode([RED], {}), own.encode([example(CONTEXT, "1901", "when did it burn?")], {}), own.loss)
    slopes, _ = reads.meta_gradient(theta, episode, torch.Generator())
    for name in theta:
        ends = []
        for step in (1e-5, -1e-5):
            moved = {**theta, name: theta[name] + step}
            ends.append(float(reads.meta_gradient(moved, episode, torch.Generator())[1]))
        assert float(slopes[name]) == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-3, abs=1e-6)


def test_what_is_asked_and_what_is_answered() -> None:
    own = kind()
    assert (
        own.ask(("when?", CONTEXT)) == own.ask({"question": "when?", "context": CONTEXT}) == Question("when?", CONTEXT)
    )
    assert own.ask(RED).answers is None
    for wrong in ("when?", ("when?",), ("when?", " "), 7, {"question": "when?"}):
        with pytest.raises(QuickstudyError):
            own.ask(wrong)
    [answer] = own.answer(looking_for(own, "1854"), {}, [RED], {})
    told = own.record(answer)
    assert list(told)[:4] == ["text", "start", "end", "probability"]
    assert json.loads(json.dumps(told))["text"] == CONTEXT[told["start"] : told["end"]]


@given(some.text(max_size=30), some.text(min_size=1, max_size=3), some.integers(-9, 40))
@settings(max_examples=200, deadline=None)
def test_a_piece_is_placed_at_the_nearest_place(text: str, piece: str, start: int) -> None:
    places = [at for at in range(len(text)) if text.startswith(piece, at)]
    found = placed(text, piece, start)
    assert (found is None) == (not places)
    if found is not None:
        aim = min(max(start, 0), len(text))
        assert found in places and abs(found - aim) == min(abs(at - aim) for at in places)


@given(some.text(max_size=40), some.text(max_size=60))
@settings(max_examples=100, deadline=None)
def test_any_text_is_refused_or_answered(asked: str, context: str) -> None:
    own = kind(limit=32)
    try:
        value = own.ask((asked, context))
    except QuickstudyError:
        assert not asked.strip() or not context.strip()
        return
    [answer] = own.answer(looking_for(own, "#"), {}, [value], {})
    assert answer.text == value.context[answer.start : answer.end]


def squad_file(path: Path, asked: list[dict[str, Any]]) -> Path:
    whole = {"version": "v2.0", "data": [{"title": "mill", "paragraphs": [{"context": CONTEXT, "qas": asked}]}]}
    path.write_text(json.dumps(whole), encoding="utf-8")
    return path


def test_squads_json(tmp_path: Path) -> None:
    asked = [
        {"id": "a1", "question": "when?", "answers": [{"text": "1854", "answer_start": 26}], "is_impossible": False},
        {"id": "a2", "question": "who sold it?", "answers": [], "is_impossible": True, "plausible_answers": [{}]},
        {"id": "a3", "question": "by whom?", "answers": [{"text": "Anna Berg", "answer_start": 30}]},
        {"id": "a4", "question": "where?", "answers": [{"text": "Oslo", "answer_start": 3}]},
        {"id": "a5", "question": "how?"},
    ]
    problems = Problems()
    found = [question.read(row.fields) for row in records(squad_file(tmp_path / "x.json", asked), None, problems)]
    assert [one.answers for one in found] == [(Span("1854", 26),), (), (Span("Anna Berg", 34),), None]
    told = [str(each) for each in problems.all("x.json")]
    assert any("question 3 (id a3)" in one and "found at 34" in one for one in told)
    assert any("question 4 (id a4)" in one and "Oslo" in one for one in told)
    with pytest.raises(QuickstudyError, match=r"x\.json, question 4 \(id a4\).*'Oslo' does not stand"):
        list(records(tmp_path / "x.json"))


def test_cmrcs_json(tmp_path: Path) -> None:
    whole = [{"context_id": "T1", "context_text": "排名第六。", "qas": [{"query_text": "第几？", "answers": ["第六"]}]}]
    path = tmp_path / "cmrc.json"
    path.write_text(json.dumps(whole), encoding="utf-8")
    [row] = records(path)
    assert question.read(row.fields) == Question("第几？", "排名第六。", (Span("第六", 2),))


def test_rows_of_every_kind_of_file(tmp_path: Path) -> None:
    line = {"question": "when?", "context": CONTEXT, "answers": [{"text": "1854", "start": 26}]}
    (tmp_path / "x.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
    (tmp_path / "x.csv").write_text(f'frage,context,answer,start\nwhen?,"{CONTEXT}",1854,26\n', encoding="utf-8")
    hub = {"question": "when?", "context": CONTEXT, "answers": {"text": ["1854"], "answer_start": [26]}}
    (tmp_path / "x.json").write_text(json.dumps([hub]), encoding="utf-8")
    for name, columns in (("x.jsonl", None), ("x.csv", {"question": "frage"}), ("x.json", None)):
        [row] = records(tmp_path / name, columns)
        found = question.read(row.fields)
        assert found == Question("when?", CONTEXT, (Span("1854", 26),))
        assert question.read(question.write(found)) == found
    with pytest.raises(QuickstudyError, match="no column 'x'"):
        list(records(tmp_path / "x.csv", {"question": "x"}))


@pytest.mark.parametrize(
    "row",
    [
        {"question": "", "context": "a"},
        {"question": "why?", "context": 3},
        {"question": "why?", "context": "a b", "answers": [{"text": "", "start": 0}]},
        {"question": "why?", "context": "a b", "answers": [{"text": "a", "start": "x"}]},
        {"question": "why?", "context": "a b", "answers": {"text": ["a"], "answer_start": []}},
        {"question": "why?", "context": "a b", "answers": [3]},
        {"question": "why?", "context": "a b", "answers": [{"text": "c", "start": 10**400}]},
    ],
)
def test_rows_that_cannot_be_used_are_reported_with_their_line(tmp_path: Path, row: dict[str, Any]) -> None:
    good = {"question": "when?", "context": "a b", "answers": [{"text": "b", "start": 2}]}
    path = tmp_path / "x.jsonl"
    path.write_text(f"{json.dumps(good)}\n{json.dumps(row)}\n", encoding="utf-8")
    problems = Problems()
    assert len(list(records(path, None, problems))) == 1
    assert "x.jsonl, line 2" in str(problems.first())
    with pytest.raises(QuickstudyError, match=r"x\.jsonl, line 2: "):
        list(records(path))
