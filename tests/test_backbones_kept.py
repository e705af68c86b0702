"""Kept features: the same numbers, never computed twice, and independent of the company they were read in."""

from concurrent.futures import ThreadPoolExecutor

import torch
from few import encoder, reader, start

from quickstudy.backbones.encoder import Encoder
from quickstudy.backbones.kept import KeptFeatures
from quickstudy.backbones.small import Sizes, Small
from quickstudy.core.types import rows
from quickstudy.learners.prototypes import Prototypes

READER = reader()
TEXTS = [(f"my card number {number} " + "has not come " * (number % 4),) for number in range(70)]


class Counting:
    """Counts the rows that the backbone around which it stands really reads."""

    def __init__(self, backbone: Encoder) -> None:
        self.backbone, self.read = backbone, 0
        self.width = backbone.width
        self.init, self.depth = backbone.init, backbone.depth

    def units(self, params, text, lower=None):
        self.read += 0 if lower else len(text.tokens)
        return self.backbone.units(params, text, lower)

    def lower(self, params, text, depth):
        self.read += len(text.tokens)
        return self.backbone.lower(params, text, depth)


def test_kept_units_are_those_of_the_backbone() -> None:
    text, _ = READER.read(TEXTS)
    plain = encoder()
    torch.testing.assert_close(KeptFeatures(plain).units({}, text), plain.units({}, text))


def test_a_text_is_read_once() -> None:
    counting = Counting(encoder())
    kept = KeptFeatures(counting)
    text, _ = READER.read(TEXTS)
    first = kept.units({}, text)
    read = counting.read
    assert torch.equal(kept.units({}, rows(text, torch.arange(70).flip(0))), first.flip(0))
    shorter, _ = READER.read(TEXTS[3:5])  # in a batch of another width
    assert torch.equal(kept.units({}, shorter), first[3:5])
    assert counting.read == read


def test_hidden_states_below_what_moves_are_kept_and_give_the_same_units() -> None:
    counting = Counting(encoder("last(1)"))
    theta = start(Prototypes(counting.backbone))
    kept = KeptFeatures(counting, tuple(theta))
    text, _ = READER.read(TEXTS)
    plain = counting.backbone.units(theta, text)
    torch.testing.assert_close(kept.units(theta, text), plain)
    read = counting.read
    moved = {name: value * 1.1 for name, value in theta.items()}
    torch.testing.assert_close(kept.units(moved, text), counting.backbone.units(moved, text))
    assert counting.read == read


def test_a_row_does_not_depend_on_its_company() -> None:
    """Bit for bit, in float32, whatever else is read and in whatever order."""
    small = Encoder(Small(Sizes(300, width=64, layers=2, heads=4, positions=32)), "layers", 64, precision="float32")
    text, _ = READER.read(TEXTS)
    whole = KeptFeatures(small).units({}, text)
    order = torch.randperm(70, generator=torch.Generator().manual_seed(0))
    bits = KeptFeatures(small)
    pieces = [bits.units({}, rows(text, part)) for part in order.split([1, 2, 30, 37])]
    assert torch.equal(torch.cat(pieces), whole[order])


def test_beyond_its_budget_nothing_more_is_kept_and_nothing_changes() -> None:
    text, _ = READER.read(TEXTS)
    kept = KeptFeatures(encoder(), budget=1000)
    first = kept.units({}, text)
    assert sum(value.numel() * value.element_size() for value in kept._kept.values()) <= 1000
    assert torch.equal(kept.units({}, text), first)


def test_no_rows_are_no_trouble() -> None:
    text, _ = READER.read(TEXTS[:1])
    assert KeptFeatures(encoder()).units({}, rows(text, torch.arange(0))).shape == (0, 1, 8)


def test_threads_with_weights_of_their_own_do_not_meet() -> None:
    """functional_call swaps weights in place: without a lock, others' answers, and in the end others' weights."""
    made = encoder("last(1)")
    text, _ = READER.read(TEXTS[:6])
    thetas = [{name: value * (1 + 0.3 * k) for name, value in start(Prototypes(made)).items()} for k in range(4)]
    alone = [made.units(theta, text) for theta in thetas]
    before = [weight.clone() for weight in made.body.parameters()]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda k: (k, made.units(thetas[k], text)), [k % 4 for k in range(80)]))
    assert all(torch.equal(units, alone[k]) for k, units in found)
    assert all(map(torch.equal, made.body.parameters(), before))
