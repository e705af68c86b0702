"""Classification, several labels, pairs: from records to batches, from scores to answers and measures."""

import pytest
import torch
from few import CLASSES, kinds, reader

from quickstudy.core.types import IGNORE, QuickstudyError
from quickstudy.kinds.classification import Classification
from quickstudy.kinds.labelled import Labelled
from quickstudy.kinds.multilabel import MultiLabel

ONE, PAIRS, SEVERAL = kinds().values()


@pytest.mark.parametrize("kind", [ONE, SEVERAL])
def test_what_is_written_is_read_back(kind) -> None:
    for example in (Labelled("a text", ("pin",)), Labelled("a", ("pin",), "b"), Labelled("nobody judged")):
        assert kind.read(kind.write(example)) == example


def test_records_of_files_are_read() -> None:
    assert ONE.read({"text": "x", "label": " lost  card "}) == Labelled("x", ("lost card",))
    assert ONE.read({"text": "x", "label": 3}) == Labelled("x", ("3",))
    assert SEVERAL.read({"text": "x", "labels": ["a", "b", "a"]}) == Labelled("x", ("a", "b"))
    assert PAIRS.read({"text": "x", "pair": "y", "label": "a"}) == Labelled("x", ("a",), "y")


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"text": "", "label": "a"}, "empty"),
        ({"label": "a"}, "empty"),
        ({"text": "  ", "label": "a"}, "no words"),
        ({"text": 3, "label": "a"}, "no words"),
        ({"text": "x", "pair": 3}, "not a string"),
        ({"text": "x", "labels": ["a", "b"]}, "multilabel"),
    ],
)
def test_a_bad_record_is_refused_in_one_sentence(record: dict, said: str) -> None:
    with pytest.raises(QuickstudyError, match=said):
        ONE.read(record)


def test_a_batch_holds_gold_and_names() -> None:
    batch = ONE.encode([Labelled("x", ("pin",)), Labelled("y")], CLASSES)
    assert batch.gold.tolist() == [[2], [IGNORE]]
    assert batch.names.tokens.shape[0] == 3
    several = SEVERAL.encode([Labelled("x", ("pin", "card arrival")), Labelled("y")], CLASSES)
    assert several.gold.tolist() == [[[1.0, 0.0, 1.0]], [[0.0, 0.0, 0.0]]]


def test_a_label_outside_the_classes_is_refused() -> None:
    with pytest.raises(QuickstudyError, match="'weather' is not among the 3 classes"):
        ONE.encode([Labelled("x", ("weather",))], CLASSES)


def test_names_of_a_pair_task_are_the_whole_name_on_both_sides() -> None:
    spans = PAIRS.encode([], CLASSES).names.spans
    assert spans.shape == (3, 1, 2, 2)
    assert (spans[:, :, 0] == spans[:, :, 1]).all()


@pytest.mark.parametrize(
    ("classes", "silent"),
    [
        ({"0": "", "1": ""}, [True, True]),
        ({"0": "", "1": "", "other": ""}, [True, True, True]),
        ({"sport": "", "404": "", "music": ""}, [False, True, False]),
        ({"0": "about sport", "1": "about music"}, [False, False]),
    ],
)
def test_meaningless_names_are_not_used(classes: dict, silent: list[bool]) -> None:
    spans = ONE.encode([], classes).names.spans
    assert (spans[:, 0, 0, 0] == spans[:, 0, 0, 1]).tolist() == silent


def test_losses_are_torchs_own() -> None:
    scores = torch.tensor([[[1.0, 2.0, 0.5]], [[0.0, -1.0, 3.0]]], dtype=torch.float64)
    one = ONE.encode([Labelled("x", ("pin",)), Labelled("y")], CLASSES)
    torch.testing.assert_close(ONE.loss(scores, one), -torch.log_softmax(scores[0, 0], -1)[2])
    closed = one._replace(open=torch.tensor([[True, False, True]] * 2))
    torch.testing.assert_close(ONE.loss(scores, closed), -torch.log_softmax(scores[0, 0, [0, 2]], -1)[1])
    several = SEVERAL.encode([Labelled("x", ("pin",)), Labelled("y")], CLASSES)
    wanted = torch.nn.BCEWithLogitsLoss(reduction="sum")(scores, several.gold.double()) / 2
    torch.testing.assert_close(SEVERAL.loss(scores, several), wanted)


def fixed(rows: list[list[float]]):
    return lambda batch: torch.tensor(rows)[: len(batch.gold)][:, None]


def test_answers_are_softmax_or_sigmoid_of_the_scores() -> None:
    (said,) = ONE.answer(fixed([[0.0, 2.0, 1.0]]), {}, [Labelled("x")], CLASSES)
    assert (said.label, said.labels) == ("lost card", ("lost card",))
    assert sum(said.probabilities.values()) == pytest.approx(1)
    assert said.probability == pytest.approx(torch.softmax(torch.tensor([0.0, 2.0, 1.0]), 0)[1].item())
    fitted = {"kind.threshold": torch.tensor(0.5)}
    both, none = SEVERAL.answer(
        fixed([[1.0, -1.0, 2.0], [-1.0, -2.0, -3.0]]), fitted, [Labelled("x"), Labelled("y")], CLASSES
    )
    assert both.labels == ("pin", "card arrival")
    assert (none.label, none.labels) == (None, ())


def test_the_threshold_is_the_best_on_the_support() -> None:
    examples = [Labelled(f"text {number}", ("pin",) if number % 2 else ()) for number in range(12)]
    scores = [[-9.0, -9.0, -0.6 if number % 2 else -2.0] for number in range(12)]  # 0.35 and 0.12
    fitted = SEVERAL.fit(fixed(scores), examples, CLASSES)
    assert 0.12 < float(fitted["kind.threshold"]) < 0.36
    assert float(SEVERAL.fit(fixed(scores), examples[:4], CLASSES)["kind.threshold"]) == 0.5


def test_measures_are_those_of_the_field() -> None:
    gold = [Labelled("x", ("pin",)), Labelled("y", ("pin",)), Labelled("z", ("lost card",))]
    said = ONE.answer(fixed([[0, 0, 5], [0, 5, 0], [0, 5, 0]]), {}, gold, CLASSES)
    found = ONE.measure(said, gold)
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["macro_f1"] == pytest.approx((2 / 3 + 2 / 3) / 2)


def test_an_example_of_the_wrong_number_of_texts_is_refused() -> None:
    with pytest.raises(QuickstudyError, match="judges one text"):
        ONE.encode([Labelled("x", (), "y")], CLASSES)
    with pytest.raises(QuickstudyError, match="judges a pair"):
        PAIRS.encode([Labelled("x")], CLASSES)


def test_kinds_are_configured_by_their_fields() -> None:
    read = reader()
    assert Classification(read).parts == MultiLabel(read).parts == 1


def test_of_thresholds_that_do_as_well_the_one_nearest_to_half_is_taken() -> None:
    examples = [Labelled(f"text {number}", ("pin",) if number % 2 else ()) for number in range(12)]
    scores = [[-9.0, -9.0, 4.0 if number % 2 else -4.0] for number in range(12)]
    assert float(SEVERAL.fit(fixed(scores), examples, CLASSES)["kind.threshold"]) == pytest.approx(0.5)


def test_no_label_anywhere_is_no_fault() -> None:
    nothing = [Labelled("x"), Labelled("y")]
    said = SEVERAL.answer(fixed([[-9.0] * 3] * 2), {"kind.threshold": torch.tensor(0.5)}, nothing, CLASSES)
    assert SEVERAL.measure(said, nothing)["accuracy"] == 1.0
