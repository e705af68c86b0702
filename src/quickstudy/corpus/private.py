"""Personal data replaced by a word for it. What is found is what can be told by its form, no more: names are not."""

import re
from collections import Counter
from collections.abc import Sequence

_EMAIL = re.compile(r"[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,6}[A-Za-z]{2,24}\b")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_CARD = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-])")
_IP4 = re.compile(r"(?<![\w.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\w.]*\w)")
_IP6 = re.compile(r"(?<![\w:])(?:[0-9a-fA-F]{1,4}:){3,7}(?::?[0-9a-fA-F]{1,4}){1,4}(?![\w:])")
_PHONE = re.compile(r"(?<![\w.,/-])(?:\+|00)?\(?\d{1,4}\)?(?:[ ./-]?\(?\d{2,4}\)?){2,5}(?![\w/-]|[.,]\d)")
_NUMBER = re.compile(  # dates, and numbers with a point
    r"(?:\d{4}[-./ ]\d{1,2}[-./ ]\d{1,2}|\d{1,2}[-./ ]\d{1,2}[-./ ]\d{4})(?:[ T]\d{2})*|\d+\.\d+"
)


def scrubbed(text: str, kinds: Sequence[str], counts: Counter[str]) -> str:
    """`kinds`: as in settings.PRIVATE. What was replaced is counted under "email" and so on.

    A number of 9 to 15 digits in groups or after + is a phone number, one of 13 to 19 with the right check digit
    (Luhn) a card, an IBAN has the right remainder (ISO 13616)."""
    if "email" in kinds and "@" in text:
        text = _replaced(_EMAIL, "[email]", "email", text, counts)
    if not any(digit in text for digit in "0123456789"):
        return text
    if "iban" in kinds:
        text = _replaced(_IBAN, "[iban]", "iban", text, counts)
    if "card" in kinds:
        text = _replaced(_CARD, "[card]", "card", text, counts)
    if "ip" in kinds:
        text = _replaced(_IP6, "[ip]", "ip", _replaced(_IP4, "[ip]", "ip", text, counts), counts)
    if "phone" in kinds:
        text = _replaced(_PHONE, "[phone]", "phone", text, counts)
    return text


def _replaced(pattern: re.Pattern[str], word: str, kind: str, text: str, counts: Counter[str]) -> str:
    def instead(match: re.Match[str]) -> str:
        if not _HOLDS[kind](match[0]):
            return match[0]
        counts[kind] += 1
        return word

    return pattern.sub(instead, text)


def _is_card(said: str) -> bool:
    """Luhn's check digit."""
    digits = [int(each) for each in said if each.isdigit()][::-1]
    doubled = sum(each if at % 2 == 0 else sum(divmod(2 * each, 10)) for at, each in enumerate(digits))
    return len(set(digits)) > 1 and doubled % 10 == 0


def _is_iban(said: str) -> bool:
    bare = said.replace(" ", "")
    moved = bare[4:] + bare[:4]
    return 15 <= len(bare) <= 34 and int("".join(str(int(each, 36)) for each in moved)) % 97 == 1


def _is_phone(said: str) -> bool:
    digits = sum(each.isdigit() for each in said)
    grouped = said[0] in "+(" or said.startswith("00") or any(each in " ./-" for each in said)
    return 9 <= digits <= 15 and grouped and not _NUMBER.fullmatch(said)


def _always(said: str) -> bool:
    return bool(said)


_HOLDS = {"email": _always, "ip": _always, "card": _is_card, "iban": _is_iban, "phone": _is_phone}
