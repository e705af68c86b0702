"""Warnings about languages: told when most texts are in another, silent about codes, numbers and emoji."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quickstudy.backbones.catalogue import E5, MINILM
from quickstudy.backbones.languages import warn_about

ENGLISH = ["where is my card", "I would like to close my account", "how do I top up?"]
CHINESE = ["我的卡不见了", "怎么退款", "请问什么时候发货"]


@pytest.mark.parametrize(
    ("texts", "named"),
    [
        (CHINESE, "in Chinese"),
        (["カードがなくなりました", "残高を確認したい"], "in Japanese"),
        (["카드를 잃어버렸어요"], "in Korean"),
        (["где моя карта", "я хочу закрыть счёт"], "in Cyrillic letters"),
        (["أين بطاقتي", "אין"], "in Arabic letters"),
        ([*CHINESE, "ok", "iPhone 15 Pro 怎么用"], "in Chinese"),
    ],
)
def test_another_script_names_a_better_backbone(texts: list[str], named: str) -> None:
    found = warn_about(texts, MINILM.languages)
    assert found is not None and named in found and "quickstudy models get e5-small" in found
    assert "\n" not in found
    assert warn_about(texts, E5.languages) is None


def test_english_on_a_backbone_that_knows_chinese_only() -> None:
    found = warn_about(ENGLISH, ("zh",))
    assert found is not None and "in Latin letters" in found


@pytest.mark.parametrize(
    "texts",
    [
        [],
        ENGLISH,
        [*ENGLISH, "我的卡不见了"],
        ["😀😀😀", "👍🏽", "🇨🇳"],
        ["12", "3.14", "２０２４", "٣٤٥"],
        ["卡", "Ж-12", "№ 5", "β", "A1", "µ"],
        ["naïve café", "Zürich, Malmö and São Paulo are cities I would like to see"],
        ["", "   ", "\x00\x01", "\u202e"],
        ["ＦＵＬＬ　ＷＩＤＴＨ letters are letters", "ª º ᵃ ᵇ ᶜ ᵈ ᵉ"],
    ],
)
def test_what_is_english_or_says_nothing_is_not_warned_about(texts: list[str]) -> None:
    assert warn_about(texts, ("en",)) is None


def test_a_backbone_of_unknown_languages_is_never_warned_about() -> None:
    assert warn_about(CHINESE, ()) is None


def test_the_sample_is_spread_over_all_texts() -> None:
    assert warn_about([*CHINESE * 20, *ENGLISH * 400], ("en",)) is None
    assert warn_about([*ENGLISH * 20, *CHINESE * 400], ("en",)) is not None


def test_a_language_in_latin_letters_is_told_only_when_sure() -> None:
    pytest.importorskip("py3langid")
    german = [
        "wo ist meine Karte, sie ist noch nicht angekommen",
        "ich möchte gerne mein Konto schließen",
    ] * 4
    found = warn_about(german, ("en",))
    assert found is not None and "(de)" in found and "e5-small" in found
    assert warn_about(german, ("en", "de")) is None
    assert warn_about(["meine Karte"], ("en",)) is None
    assert warn_about(ENGLISH * 10, ("en",)) is None


@given(st.lists(st.text(max_size=30), max_size=8))
@settings(max_examples=50, deadline=None)
def test_any_texts_get_one_sentence_or_none(texts: list[str]) -> None:
    found = warn_about(texts, ("en",))
    assert found is None or ("\n" not in found and found.startswith("most of the texts are"))
