"""Writing and language models: what is judged, what is written, what is measured, and how a student learns them."""

import json
import math
import warnings
from pathlib import Path

import pytest
import torch
from few import CLASSES, encoder, episode, kinds
from tiny import refused, run

from quickstudy import load
from quickstudy import open as open_task
from quickstudy.backbones import bytelevel
from quickstudy.backbones.folder import save_small
from quickstudy.backbones.passages import Passages
from quickstudy.backbones.small import Past, Sizes, Small
from quickstudy.backbones.speaking import speaking
from quickstudy.backbones.writing import Writing as Writes
from quickstudy.backbones.writing import marks
from quickstudy.config import LEARNERS, build
from quickstudy.core.scoring import scorer
from quickstudy.core.types import GIVEN, IGNORE, WRITTEN, Episode, QuickstudyError, QuickstudyWarning
from quickstudy.kinds.language_model import LanguageModel
from quickstudy.kinds.rewards import bleu
from quickstudy.kinds.writing import Writing
from quickstudy.kinds.written import Sample, Sentence
from quickstudy.kinds.written_measures import measured
from quickstudy.learners.fine_tune import FineTune
from quickstudy.learners.policy_gradient import answers, uniforms
from quickstudy.meta import meta_train
from quickstudy.text.frames import framed
from quickstudy.text.reader import Reader

PAIRS = [
    ("a man", "un homme"),
    ("a dog", "un chien"),
    ("a woman runs", "une femme court"),
    ("two dogs run", "deux chiens courent"),
    ("a red car", "une voiture rouge"),
]
ANSWER = {"answer": ""}
TOKENIZER = bytelevel.train([text for pair in PAIRS for text in pair], 300)
STAYS = ("anil", "names_alone", "in_context")
MOVES = ("fine_tune", "maml", "reptile", "reptile_adam", "meta_sgd", "maml_pp", "imaml", "learned_optimizer", *STAYS)


def reader(limit: int = 64) -> Reader:
    return Reader(TOKENIZER, limit)


def kind(**more) -> Writing:
    return Writing(reader(), **{"longest": 24, **more})


def backbone(scope: str = "all"):
    made = encoder(scope, TOKENIZER.get_vocab_size())
    writes = Writes(marks(TOKENIZER, 64), Small.output, cache=Past, scale=8**-0.5)
    return speaking(type(made)(made.body, made.layers, made.width, scope=made.scope, writes=writes))


def examples(own: Writing) -> list[Sample]:
    return [own.read({"src": source, "tgt": target}) for source, target in PAIRS]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    made = tmp_path_factory.mktemp("small")
    sizes = Sizes(TOKENIZER.get_vocab_size(), width=32, layers=2, heads=2, positions=96)
    save_small(made, Small(sizes), TOKENIZER)
    return str(made)


def test_a_unit_stands_before_each_written_token() -> None:
    own = kind()
    batch = own.encode(examples(own)[:2], ANSWER)
    assert batch.names is None
    for row, (source, target) in enumerate(PAIRS[:2]):
        tokens, role = batch.text.tokens[row], batch.text.role[row]
        assert TOKENIZER.decode(tokens[role == GIVEN].tolist()) == source
        assert TOKENIZER.decode(tokens[role == WRITTEN].tolist()) == target
        gold = batch.gold[row]
        for (start, end), wanted in zip(batch.text.spans[row, :, 0].tolist(), gold.tolist(), strict=True):
            assert (wanted == IGNORE) if start == end else (tokens[end] == wanted and end - start == 1)
        assert gold[gold != IGNORE][-1] == framed(own.reader).end


def test_the_loss_is_the_mean_over_written_tokens() -> None:
    own = kind()
    batch = own.encode(examples(own), ANSWER)
    scores = torch.randn(*batch.gold.shape, TOKENIZER.get_vocab_size()).log_softmax(-1)
    told = [scores[row, unit, token] for row, unit in (batch.gold != IGNORE).nonzero().tolist()
            for token in [batch.gold[row, unit]]]  # fmt: skip
    torch.testing.assert_close(own.loss(scores, batch), -torch.stack(told).mean())
    smooth = kind(smoothing=0.1).loss(scores, batch)
    torch.testing.assert_close(smooth, 0.9 * own.loss(scores, batch) - 0.1 * scores[batch.gold != IGNORE].mean())


@pytest.mark.parametrize("name", LEARNERS)
def test_a_learner_moves_what_writes_or_says_that_it_cannot(name: str) -> None:
    """Shapes, finite slopes with theta's keys, and a loss that adaptation lowers."""
    own = kind()
    learner = build(LEARNERS, {"name": name}, "here", {"backbone": backbone()})
    some = examples(own)
    support, query = own.encode(some[:3], ANSWER), own.encode(some[3:], ANSWER)
    task = episode(kinds()["one label"], 1)._replace(support=support, query=query, loss=own.loss)
    theta = {key: value.double() for key, value in learner.init(torch.Generator().manual_seed(0)).items()}
    if name not in MOVES:
        with pytest.raises(QuickstudyError, match=r"named classes"):
            learner.predict(theta, learner.adapt(theta, support, own.loss), query)
        return
    adapted = learner.adapt(theta, support, own.loss)
    scores = learner.predict(theta, adapted, query)
    assert scores.shape == (*query.gold.shape, TOKENIZER.get_vocab_size())
    torch.testing.assert_close(scores[query.gold != IGNORE].exp().sum(-1), torch.ones(1).double().expand(
        int((query.gold != IGNORE).sum())))  # fmt: skip
    slopes, loss = learner.meta_gradient(theta, task, torch.Generator().manual_seed(0))
    assert slopes.keys() == theta.keys() and all(value.isfinite().all() for value in slopes.values())
    torch.testing.assert_close(loss, own.loss(scores, query))
    if name not in STAYS and name != "learned_optimizer":
        before, after = (own.loss(learner.predict(theta, at, support), support) for at in ({}, adapted))
        assert after < before


def test_a_policy_follows_bleu() -> None:
    """A step along its slopes raises the BLEU that is expected of the query."""
    own = kind()
    table = {"name": "policy_gradient", "inner": {"name": "maml", "order": 1}, "pairs": 32}
    learner = build(LEARNERS, table, "here", {"backbone": backbone("last(1)")})
    support, query = own.encode(examples(own)[:2], ANSWER), own.encode(examples(own)[:2], ANSWER)
    task = Episode(support, query, own.loss, bleu)
    theta = {key: value.double() for key, value in learner.init(torch.Generator().manual_seed(0)).items()}
    slopes, _ = learner.meta_gradient(theta, task, torch.Generator().manual_seed(0))
    assert slopes.keys() == theta.keys() and all(value.isfinite().all() for value in slopes.values())
    length = sum(value.square().sum() for value in slopes.values()).sqrt()
    moved = {key: value - slopes[key] / length for key, value in theta.items()}

    def rewarded(at) -> float:
        scores = learner.predict(at, learner.adapt(at, support, own.loss), query)
        drawn = uniforms(scores, query, 64, torch.Generator().manual_seed(1)).flatten(0, 1)
        return float(torch.stack([bleu(answers(scores, query, each), query) for each in drawn]).mean())

    assert rewarded(moved) > 1.1 * rewarded(theta) > 0


@pytest.mark.parametrize("name", ["maml", "meta_sgd", "imaml", "in_context"])
def test_exact_slopes_through_what_is_written_agree_with_finite_differences(name: str) -> None:
    own = kind()
    learner = build(LEARNERS, {"name": name}, "here", {"backbone": backbone("last(1)")})
    support, query = own.encode(examples(own)[:2], ANSWER), own.encode(examples(own)[2:4], ANSWER)
    task = Episode(support, query, own.loss)
    rng = torch.Generator().manual_seed(0)
    theta = {key: value.double() for key, value in learner.init(rng).items()}
    theta = {key: value + 0.02 * torch.randn(value.shape, generator=rng).double() for key, value in theta.items()}
    direction = {key: torch.randn(value.shape, generator=rng).double() for key, value in theta.items()}
    slopes, _ = learner.meta_gradient(theta, task, torch.Generator())
    step = 1e-5
    ends = []
    for sign in (1, -1):
        at = {key: value + sign * step * direction[key] for key, value in theta.items()}
        scores = learner.predict(at, learner.adapt(at, support, own.loss), query)
        ends.append(own.loss(scores, query))
    wanted = (ends[0] - ends[1]) / (2 * step)
    found = sum((slopes[key] * direction[key]).sum() for key in theta)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-8)


def test_fine_tuning_on_a_few_rows_a_step_sees_them_all() -> None:
    own = kind()
    batch = own.encode(examples(own), ANSWER)
    learner = FineTune(backbone(), steps=60, rate=3e-2, rows=2)
    theta = learner.init(torch.Generator().manual_seed(0))
    adapted = learner.adapt(theta, batch, own.loss)
    assert own.loss(learner.predict(theta, adapted, batch), batch) < 0.5
    with torch.no_grad():
        each = learner.predict(theta, adapted, batch)
    for row in range(len(PAIRS)):
        there = batch.gold[row] != IGNORE
        assert -each[row, there].gather(1, batch.gold[row, there][:, None]).mean() < 1


def test_with_scope_head_nothing_moves() -> None:
    own = kind()
    batch = own.encode(examples(own), ANSWER)
    learner = FineTune(backbone("head"))
    assert learner.adapt({}, batch, own.loss) == {}
    assert learner.predict({}, {}, batch).isfinite().all()


def test_a_student_learns_to_write_and_is_opened_again(folder: str, tmp_path: Path) -> None:
    table = {"name": "fine_tune", "steps": 120, "rate": 3e-3}
    student = load(folder, learner=table, scope="all", precision="float32")
    task = student.learn(PAIRS, kind={"name": "writing", "longest": 24})
    said = task.predict([source for source, _ in PAIRS])
    assert [one.text for one in said] == [target for _, target in PAIRS]
    assert all(one.ended and not one.cut and -20 < one.log_likelihood < 0 for one in said)
    task.save(tmp_path / "task.qs")
    again = open_task(tmp_path / "task.qs").predict([source for source, _ in PAIRS])
    assert [(one.text, one.log_likelihood) for one in again] == [(one.text, one.log_likelihood) for one in said]
    for search in ("beam", "sample"):
        other = student.learn(PAIRS, kind={"name": "writing", "longest": 24, "search": search, "top": 0.5})
        assert [one.text for one in other.predict([source for source, _ in PAIRS])] == [target for _, target in PAIRS]


def test_likelihoods_of_prose_are_those_of_its_tokens(folder: str) -> None:
    """Whatever the windows are, every token is judged once, and a longer look back changes only what it sees."""
    text = " ".join(target for _, target in PAIRS)
    student = load(folder, learner="fine_tune", scope="all", precision="float32")
    ids = TOKENIZER.encode(text, add_special_tokens=False).ids
    for window, overlap in ((8, 1), (8, 4), (40, 8)):
        task = student.learn([], kind={"name": "language_model", "window": window, "overlap": overlap})
        (found,) = task.predict([text])
        assert found.tokens == len(ids)
        assert found.bytes == len(text.encode()) and found.words == len(text.split())
    whole = student.learn([], kind={"name": "language_model", "window": 48, "overlap": 1})
    frame = framed(student.reader)
    small = student.loaded.backbone.body
    tokens = torch.tensor([[*frame.opens, *ids[:48]]])
    role = torch.tensor([[GIVEN] + [WRITTEN] * 48], dtype=torch.uint8)[:, : tokens.shape[1]]
    logits = (small(tokens, role) @ small.words.weight.T / 32**0.5).log_softmax(-1)[0]
    first = logits[:-1].gather(1, tokens[0, 1:, None]).sum()
    (found,) = whole.predict([TOKENIZER.decode(ids[:48])])
    assert found.log_likelihood == pytest.approx(float(first), rel=1e-3)


def test_perplexities_are_of_all_texts_together() -> None:
    own = LanguageModel(reader())
    prose = [own.ask("un homme court"), own.ask("deux chiens")]
    from quickstudy.kinds.language_model import Likely

    answers = [Likely(one.text, -10.0, 5, len(one.text.split()), len(one.text)) for one in prose]
    found = own.measure(answers, prose)
    assert next(iter(found)) == "byte_likelihood"
    assert found["perplexity_per_word"] == pytest.approx(math.exp(20 / 5))
    assert found["perplexity_per_byte"] == pytest.approx(math.exp(20 / 25))
    assert found["byte_likelihood"] == pytest.approx(math.exp(-20 / 25))
    assert found["bits_per_byte"] == pytest.approx(20 / math.log(2) / 25)


def test_a_domain_s_texts_become_likelier_by_learning_them(folder: str) -> None:
    student = load(folder, learner={"name": "fine_tune", "steps": 30, "rate": 3e-3}, scope="all", precision="float32")
    texts = [target for _, target in PAIRS]
    before = student.learn([], kind={"name": "language_model", "window": 32, "overlap": 8}).predict(texts)
    after = student.learn(texts, kind={"name": "language_model", "window": 32, "overlap": 8}).predict(texts)
    assert sum(one.log_likelihood for one in after) > sum(one.log_likelihood for one in before) / 2


def test_measures_are_those_of_the_field_s_libraries() -> None:
    import sacrebleu
    from rouge_score.rouge_scorer import RougeScorer

    said = ["the cat sat on the mat today", "a dog runs in the green park", "yes"]
    refs = [["the cat is on the mat today", "a cat sat on the mat today"], ["a dog runs in a green park"], ["no"]]
    found = measured(said, refs, "bleu", "13a")
    assert list(found) == ["bleu", "chrf", "exact"]
    streams = [[one[0] for one in refs], [one[1] if len(one) > 1 else None for one in refs]]
    assert found["bleu"] == pytest.approx(sacrebleu.corpus_bleu(said, streams).score / 100)
    assert found["chrf"] == pytest.approx(sacrebleu.corpus_chrf(said, streams).score / 100)
    found = measured(said, refs, "rouge", "13a")
    assert next(iter(found)) == "rougeL"
    scorer_ = RougeScorer(["rougeL"], use_stemmer=True)
    best = [
        max(scorer_.score(ref, text)["rougeL"].fmeasure for ref in own) for text, own in zip(said, refs, strict=True)
    ]
    assert found["rougeL"] == pytest.approx(sum(best) / 3)
    chinese = measured(["李明住在上海"], [["李明住在北京"]], "rouge", "zh")  # of six characters four are shared
    assert chinese["rougeL"] == pytest.approx(4 / 6) and chinese["rouge2"] == pytest.approx(3 / 5)
    assert measured(["a  b", "c"], [["a b"], ["d", "c"]], "exact", "13a")["exact"] == 1.0
    assert "nrefs:1" in kind().signatures()["bleu"] and "nc:6" in kind().signatures()["chrf"]
    assert measured(["我喜欢吃苹果和香蕉"], [["我喜欢吃苹果和香蕉"]], "bleu", "zh")["bleu"] == pytest.approx(1.0)


def test_texts_that_do_not_fit_are_counted_or_refused() -> None:
    long = kind(too_long="refuse").read({"source": "a man " * 200, "target": "un homme"})
    with pytest.raises(QuickstudyError, match="1 of 1 examples do not fit"):
        kind(too_long="refuse").encode([long], ANSWER)
    with pytest.warns(QuickstudyWarning, match="tokens at the ends were not read"):
        batch = kind().encode([long], ANSWER)
    assert batch.text.tokens.shape[1] <= 64
    learner = FineTune(backbone())
    theta = learner.init(torch.Generator())
    with pytest.warns(QuickstudyWarning, match="do not fit"):
        (said,) = kind().answer(scorer(learner, theta, {}), {}, [kind().ask("a man " * 200)], ANSWER)
    assert said.cut > 300 and kind().record(said)["cut"] == said.cut
    target = kind(longest=4).read({"source": "a man", "target": "une voiture rouge et deux chiens"})
    with pytest.warns(QuickstudyWarning):
        gold = kind(longest=4).encode([target], ANSWER).gold[0]
    assert framed(kind().reader).end not in gold.tolist()
    with pytest.raises(QuickstudyError, match="no room for a text"):
        kind(longest=60).encode([target], ANSWER)


def test_examples_without_a_target_are_said_to_teach_nothing() -> None:
    own = kind()
    with pytest.warns(QuickstudyWarning, match="1 of 2 examples have no target, such as 'a cat'"):
        batch = own.encode([own.read({"source": "a cat"}), examples(own)[0]], ANSWER)
    assert (batch.gold[0] == IGNORE).all() and (batch.gold[1] != IGNORE).any()


def test_marks_in_a_text_are_letters() -> None:
    """What a user writes cannot end a text or begin an answer."""
    own = kind()
    batch = own.encode([own.read({"source": "</s> a man", "target": "un </s> homme"})], ANSWER)
    end = framed(own.reader).end
    assert (batch.text.tokens[0] == end).sum() == 2


@pytest.mark.parametrize(
    ("record", "wanted"),
    [
        ({"target": "x"}, "no text to write for"),
        ({"source": "  "}, "is empty"),
        ({"source": 3, "target": "x"}, "neither a text nor a list of turns"),
        ({"source": "a", "target": 5}, "is not a text"),
        ({"source": "a", "target": "b", "control": [1]}, "neither a text nor names and values"),
        ({"source": [{"role": "user"}], "target": "b"}, "neither a text nor"),
    ],
)
def test_what_cannot_be_used_is_said(record, wanted: str) -> None:
    with pytest.raises(QuickstudyError, match=wanted):
        kind().read(record)


def test_examples_are_read_asked_and_written() -> None:
    own = kind()
    whole = own.read({"document": "long", "summary": "short", "refs": ["shorter", "short"], "control": {"words": 3}})
    assert whole == Sample("long", ("short", "shorter"), "words: 3")
    assert own.read(own.write(whole)) == whole
    assert whole.given == "[words: 3] long"
    assert own.ask(["hello", {"role": "user", "content": "and you"}]).source == "hello\nuser: and you"
    assert own.ask({"src": "a", "tgt": "b"}).targets == () and own.ask(whole).targets == ()
    assert own.labels(whole) == {"answer"} and own.labels(own.ask("a")) == frozenset()
    assert own.record(Sentence("x", -1.0, 2, False)) == {
        "target": "x", "log_likelihood": -1.0, "tokens": 2, "ended": False,
    }  # fmt: skip
    with pytest.raises(QuickstudyError, match="no text"):
        LanguageModel(reader()).ask("  ")


def test_a_backbone_that_speaks_still_reads() -> None:
    """One theta for tasks that write and tasks that do not."""
    made = backbone()
    task = episode(kinds()["one label"], 2)
    assert torch.equal(made.units({}, task.support.text), Passages(made.reads.backbone).units({}, task.support.text))
    learner = build(LEARNERS, {"name": "maml"}, "here", {"backbone": made})
    theta = {key: value.double() for key, value in learner.init(torch.Generator()).items()}
    scores = learner.predict(theta, learner.adapt(theta, task.support, task.loss), task.query)
    assert scores.shape == (3, 1, len(CLASSES))


def test_the_command_line_learns_to_write_from_two_files(folder: str, tmp_path: Path) -> None:
    for place, ending in enumerate(("en", "fr")):
        lines = "\n".join(pair[place] for pair in PAIRS)
        (tmp_path / f"train.{ending}").write_text(lines + "\n", encoding="utf-8")
    (tmp_path / "short.fr").write_text("un homme\n", encoding="utf-8")
    (tmp_path / "asked.jsonl").write_text('{"source": "a man", "id": 7}\n', encoding="utf-8")
    own = ("--kind", "writing", "--model", folder, "--learner", "fine_tune", "--scope", "all")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", QuickstudyWarning)
        learned = run("learn", tmp_path / "train.en-fr", *own, "-o", tmp_path / "fr.qs")
        assert learned.exit_code == 0, learned.output
        said = run("predict", tmp_path / "fr.qs", tmp_path / "asked.jsonl", "-o", tmp_path / "said.jsonl")
    assert said.exit_code == 0, said.output
    (found,) = (tmp_path / "said.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(found).keys() >= {"source", "target", "log_likelihood", "tokens"}
    told = refused("learn", f"{tmp_path / 'train.en'},{tmp_path / 'short.fr'}", *own, "-o", tmp_path / "x.qs")
    assert "5 lines" in told and "has 1" in told


def test_writing_is_meta_trained_by_a_recipe(folder: str, tmp_path: Path) -> None:
    for name, some in (("one", PAIRS[:3]), ("two", [*PAIRS[3:], ("a cat", "un chat")])):
        lines = "\n".join(f"{source}\t{target}" for source, target in some)
        (tmp_path / f"{name}.tsv").write_text(f"source\ttarget\n{lines}\n", encoding="utf-8")
    student = meta_train(
        {
            "student": {"backbone": folder, "scope": "lora(2)", "precision": "float32"},
            "learner": {"name": "reptile_adam", "steps": 2},
            "kind": {"name": "writing", "longest": 24},
            "episodes": {"ways": 1, "shots": 2, "queries": 1},
            "train": [{"path": str(tmp_path / "one.tsv")}],
            "validation": [{"path": str(tmp_path / "two.tsv")}],
            "validating": {"episodes": 1, "shots": [1], "queries": 2, "ways": 1, "measure": "likelihood"},
            "training": {"steps": 2, "tasks": 1, "validate_every": 1},
        },
        tmp_path / "run",
    )
    assert "on 1 validation task" in student.about["summary"]
    again = load(tmp_path / "run" / "student.qs")
    said = again.learn(PAIRS, kind={"name": "writing", "longest": 24}).predict(["a man"])
    assert isinstance(said[0], Sentence)


def test_an_overlap_is_less_than_its_window() -> None:
    own = LanguageModel(reader(), window=8, overlap=9)
    with pytest.raises(QuickstudyError, match="`overlap` is 9 and `window` 8"):
        own.encode([own.read({"text": "a man runs"})], ANSWER)
