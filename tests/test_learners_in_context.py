"""In context: what stands in the prompt, what is scored, what is told; and that it reads on from real text."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
from few import CLASSES, SENTENCES, encoder, episode, kinds, reader

import quickstudy as qs
from quickstudy.backbones.bytelevel import train
from quickstudy.backbones.encoder import Encoder
from quickstudy.backbones.folder import save_small
from quickstudy.backbones.small import Sizes, Small
from quickstudy.backbones.writing import Writing, marks
from quickstudy.core.types import Batch, QuickstudyError, QuickstudyWarning
from quickstudy.kinds.labelled import Labelled
from quickstudy.learners.in_context import InContext

KIND = kinds()["one label"]
TOKENIZER = reader().tokenizer


def made(limit: int = 512, scope: str = "head", **fields: Any) -> InContext:
    """Reads and writes with real marks."""
    writes = Writing(marks(TOKENIZER, limit), Small.output)
    return InContext(dataclasses.replace(encoder(scope), writes=writes), **fields)


def theta(learner: InContext) -> dict[str, torch.Tensor]:
    return {name: value.double() for name, value in learner.init(torch.Generator()).items()}


def adapted(learner: InContext, support: Batch) -> dict[str, torch.Tensor]:
    return learner.adapt(theta(learner), support, KIND.loss)


def said(found: dict[str, torch.Tensor]) -> str:
    return TOKENIZER.decode(found["context.tokens"].tolist(), skip_special_tokens=False)


def test_the_prompt_is_the_examples_in_turns() -> None:
    names = {"lost card": "", "pin": ""}
    examples = [Labelled("a", ("lost card",)), Labelled("b", ("lost card",)), Labelled("c", ("pin",))]
    found = said(adapted(made(), KIND.encode(examples, names)))
    wanted = [("a", "lost card"), ("c", "pin"), ("b", "lost card")]
    assert found == "<s>" + "".join(f"Input:\n{text}\nLabel:\n{label}\n\n" for text, label in wanted)


def test_both_texts_of_a_pair_and_every_label_of_an_example_are_written() -> None:
    pair = kinds()["pairs"].encode([Labelled("one", ("pin",), "two")], {"pin": "", "lost card": ""})
    assert said(adapted(made(), pair)) == "<s>Input:\none\ntwo\nLabel:\npin\n\n"
    several = kinds()["several labels"].encode([Labelled("one", ("pin", "lost card"))], {"pin": "", "lost card": ""})
    assert said(adapted(made(), several)) == "<s>Input:\none\nLabel:\npin\n\nInput:\none\nLabel:\nlost card\n\n"


def test_a_score_is_the_likelihood_of_a_name_less_that_of_any_text() -> None:
    """By hand: logits are the last hidden states times the embedding."""
    learner = made(calibration=0.5, temperature=2.0)
    start, body = theta(learner), encoder().body
    support = KIND.encode([Labelled("a", ("pin",)), Labelled("b", ("lost card",))], {"pin": "", "lost card": ""})
    found = adapted(learner, support)
    scores = learner.predict(start, found, KIND.encode([Labelled("c")], {"pin": "", "lost card": ""}))
    context = found["context.tokens"].tolist()

    def likelihood(text: str, name: str) -> float:
        before = context + TOKENIZER.encode(f"Input:\n{text}\nLabel:\n", add_special_tokens=False).ids
        after = TOKENIZER.encode(f"{name}\n\n", add_special_tokens=False).ids
        tokens = torch.tensor([before + after])
        role = torch.tensor([[1] * len(before) + [2] * len(after)], dtype=torch.uint8)
        with torch.no_grad():
            logits = (body(tokens, role)[0] @ body.get_parameter("words.weight").T).log_softmax(-1)
        return sum(float(logits[len(before) + place - 1, token]) for place, token in enumerate(after))

    usual = [sum(likelihood(text, name) for text in ("", "a", "b")) / 3 for name in ("pin", "lost card")]
    found_ = [likelihood("c", name) for name in ("pin", "lost card")]
    wanted = [(said - 0.5 * other) / 2 for said, other in zip(found_, usual, strict=True)]
    torch.testing.assert_close(scores[0, 0].tolist(), wanted)


def test_every_class_alike_is_calibrated_on_or_none() -> None:
    """Two of three examples of one class: the turn in which the other comes, too, is all that counts."""
    names = {"lost card": "", "pin": ""}
    some = [Labelled("a", ("lost card",)), Labelled("b", ("lost card",)), Labelled("c", ("pin",))]
    support = KIND.encode(some, names)
    usual = {on: adapted(made(calibrated_on=on), support)["context.usual"] for on in (1, 3, 16)}
    assert torch.equal(usual[3], usual[16]) and not torch.equal(usual[1], usual[3])
    lacking = KIND.encode(some[:2], names)
    unseen = [adapted(made(calibrated_on=on), lacking)["context.usual"] for on in (1, 16)]
    assert torch.equal(*unseen)


def test_examples_that_do_not_fit_are_left_out_and_counted() -> None:
    support = episode(KIND, 3).support
    with pytest.warns(QuickstudyWarning, match=r"in_context: \d of 9 examples fit into the 160 tokens") as told:
        found = adapted(made(160), support)
    fit = int(str(told[0].message).split()[1])
    assert 0 < fit < 9 and said(found).count("Label:") == fit
    assert len(found["context.tokens"]) <= 120
    whole = said(adapted(made(), support))
    assert whole.startswith(said(found)[:40])


def test_a_text_that_is_too_long_beside_the_examples_is_cut_and_counted() -> None:
    learner = made(96)
    found = adapted(learner, KIND.encode([], {"pin": "", "lost card": ""}))
    long, longer = Labelled("k" * 300), Labelled("k" * 290)
    wide = dataclasses.replace(KIND, reader=dataclasses.replace(KIND.reader, limit=400))
    query = wide.encode([Labelled("k"), long, longer], {"pin": "", "lost card": ""})
    with pytest.warns(QuickstudyWarning, match="2 of 3 texts are longer"):
        scores = learner.predict(theta(learner), found, query)
    assert torch.equal(scores[1], scores[2]) and not torch.equal(scores[0], scores[1])


def test_names_that_say_nothing_are_numbered_or_refused() -> None:
    examples = [Labelled("a", ("x1",)), Labelled("b", ("x2",))]
    support = KIND.encode(examples, {"x1": "", "x2": ""})
    assert said(adapted(made(), support)) == "<s>Input:\na\nLabel:\n1\n\nInput:\nb\nLabel:\n2\n\n"
    with pytest.raises(QuickstudyError, match="some say nothing; describe each class"):
        adapted(InContext(encoder()), support)


def test_models_that_cannot_hold_a_prompt_are_refused() -> None:
    with pytest.raises(QuickstudyError, match="reads 64 tokens or more"):
        made(48).init(torch.Generator())
    only_reads = Encoder(encoder().body, "layers", 8)
    with pytest.raises(QuickstudyError, match="needs a model that writes, such as smollm2"):
        InContext(only_reads).init(torch.Generator())


def test_meta_training_through_the_prompt_lowers_the_query_loss() -> None:
    """MetaICL: a few steps down the meta-gradient."""
    learner = made(scope="all")
    start, task = theta(learner), episode(KIND, 2)
    losses = []
    for _ in range(4):
        slopes, loss = learner.meta_gradient(start, task, torch.Generator())
        losses.append(float(loss))
        start = {name: value - 0.0005 * slopes[name] for name, value in start.items()}
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0] - 0.01


def folder(place: Path) -> str:
    texts = [text for group in SENTENCES.values() for text in group]
    tokenizer = train([*texts, *CLASSES], 300)
    save_small(place, Small(Sizes(tokenizer.get_vocab_size(), width=16, layers=2, heads=2, positions=512)), tokenizer)
    return str(place)


@pytest.mark.parametrize("rows", [tiny.ROWS, []])
def test_a_task_is_saved_and_opened(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    task = qs.load(folder(tmp_path / "writer"), learner="in_context").learn(rows, labels=["pin", "lost card"])
    task.save(tmp_path / "a.qs")
    again = qs.open(tmp_path / "a.qs")
    texts = ["the pin", "somebody took my card"]
    assert again.predict(texts) == task.predict(texts)
    assert task.predict([]) == []
    assert again.adapted["context.tokens"].dtype == torch.long
