"""Pairs read apart: each part is what it is when read alone, and a name stays comparable."""

import torch
from few import encoder, kinds, reader

from quickstudy.backbones.encoder import Encoder
from quickstudy.backbones.kept import KeptFeatures
from quickstudy.backbones.passages import Passages
from quickstudy.backbones.pooling import LIKENESS, join
from quickstudy.backbones.small import Sizes, Small

READER = reader()
FIRST = ["where is my card", "pin", "I lost it somewhere in the town"]
SECOND = ["it came", "the code has been blocked for days", "gone"]


def alone(texts: list[str]) -> torch.Tensor:
    text, _ = READER.read([(text,) for text in texts])
    return encoder().units({}, text)[:, 0]


def test_a_pair_is_its_two_texts_read_alone_and_joined() -> None:
    text, _ = READER.read(list(zip(FIRST, SECOND, strict=True)))
    found = Passages(encoder()).units({}, text)
    a, b = alone(FIRST), alone(SECOND)
    cosine = torch.nn.functional.cosine_similarity(a, b, dim=-1)[:, None] - 0.5
    torch.testing.assert_close(found[:, 0], torch.cat([(a + b) / 2, a - b, (a - b).abs(), LIKENESS * cosine], -1))


def test_single_texts_pass_through() -> None:
    text, _ = READER.read([(text,) for text in FIRST])
    assert torch.equal(Passages(encoder()).units({}, text)[:, 0], alone(FIRST))


def test_kept_features_and_kept_layers_give_the_same_pairs() -> None:
    text, _ = READER.read(list(zip(FIRST, SECOND, strict=True)))
    plain = Passages(encoder())
    torch.testing.assert_close(Passages(KeptFeatures(encoder())).units({}, text), plain.units({}, text))
    part = encoder("last(1)")
    theta = part.init(torch.Generator())
    cut = Passages(part)
    torch.testing.assert_close(cut.units(theta, text, cut.lower(theta, text, 1)), plain.units({}, text))


def test_a_name_is_itself_alike_and_nothing_else() -> None:
    pairs = kinds()["pairs"]
    names = pairs.encode([], {"card arrival": "", "pin": ""}).names
    found = Passages(encoder()).units({}, names)[:, 0]
    words = alone(["card arrival", "pin"])
    torch.testing.assert_close(found[:, :8], words)
    assert found[:, 8:24].abs().max() < 1e-12
    torch.testing.assert_close(found[:, 24], torch.full_like(found[:, 24], LIKENESS / 2))


def test_slopes_through_the_joint_are_right() -> None:
    parts = torch.randn(2, 1, 2, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    assert torch.autograd.gradcheck(join, parts)
    assert torch.autograd.gradgradcheck(join, parts)


def test_names_that_say_nothing_are_nothing() -> None:
    silent = kinds()["pairs"].encode([], {"0": "", "1": ""}).names
    assert Passages(encoder()).units({}, silent).abs().max() == 0


def test_a_pair_does_not_depend_on_its_company() -> None:
    small = Encoder(Small(Sizes(300, width=64, layers=2, heads=4, positions=32)), "layers", 64, precision="float32")
    pairs = [(FIRST[0], SECOND[0]), *zip(FIRST[1:], SECOND[1:], strict=True), ("now " * 9, "and " * 12)]
    whole = Passages(KeptFeatures(small)).units({}, READER.read(pairs).text)
    for start in range(3):
        some = Passages(KeptFeatures(small)).units({}, READER.read(pairs[start : start + 2]).text)
        assert torch.equal(some, whole[start : start + 2])


def test_a_name_that_denies_another_is_also_read_as_other() -> None:
    """Two thirds of what it says and a third of "other", each read alone; other names as they are; slopes too."""
    single = kinds()["one label"]
    part = encoder("last(1)")
    theta = part.init(torch.Generator())
    names = single.encode([], {"lost pin": "", "not lost pin": ""}).names
    found = Passages(part).units(theta, names)[:, 0]
    told, denies, other = alone(["lost pin", "not lost pin", "other"])
    torch.testing.assert_close(found, torch.stack([told, 2 / 3 * denies + other / 3]))
    silent = single.encode([], {"7": "", "not 7": ""}).names
    assert Passages(part).units(theta, silent).abs().max() == 0
    both = Passages(KeptFeatures(part))
    torch.testing.assert_close(both.units(theta, names)[:, 0], found)
    cut = Passages(part)
    torch.testing.assert_close(cut.units(theta, names, cut.lower(theta, names, 1))[:, 0], found)


def test_a_name_that_denies_another_is_read_as_it_is_among_pairs() -> None:
    names = kinds()["pairs"].encode([], {"lost": "", "not lost": ""}).names
    torch.testing.assert_close(Passages(encoder()).units({}, names)[:, 0, :8], alone(["lost", "not lost"]))
