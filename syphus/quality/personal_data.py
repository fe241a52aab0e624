"""Data about persons: addresses of mail, telephone and payment numbers. Looked for on request.

Times, boxes, scores and the long numbers of images are none of these.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from syphus.quality.wording import Wording

_MAIL: Final = re.compile(r"[\w.+-]{1,64}@[A-Za-z0-9](?:[\w-]{0,62}\.)+[A-Za-z]{2,24}\b")
_PHONE: Final = re.compile(
    r"""
    (?<![\w.,/:-])
    (?: \+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{1,4}(?:[ .-]?\d{2,4}){2,4}
      | \(\d{3,5}\)[ ]?\d{3,4}[ .-]?\d{3,4}
      | \d{3}[.-]\d{3}[.-]\d{4}
      | 0\d{2,4}[ /-]\d{3,4}[ -]?\d{3,4} )
    (?![\w/:-]|\.\d)
    """,
    re.VERBOSE,
)
_SOCIAL: Final = re.compile(r"(?<![\w.,-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])")
_CARD: Final = re.compile(r"(?<![\w.,-])\d(?:[ -]?\d){12,18}(?![\w-]|\.\d)")
_ACCOUNT: Final = re.compile(
    r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?(?!\w)"
)
_FEWEST_DIGITS: Final = 13
_DIGITS: Final = re.compile(r"\d\D?\d")


def check_personal_data(wording: Wording) -> str | None:
    """Whether a text holds one of them. The reason says of which kind, not what it is."""
    for name, text in (("question", wording.question), ("answer", wording.answer)):
        if kind := _name_kind(text):
            return f"the {name} holds {kind}"
    return None


def _name_kind(text: str) -> str | None:
    if "@" in text and _MAIL.search(text):
        return "a mail address"
    if not _DIGITS.search(text):
        return None
    if _SOCIAL.search(text):
        return "a social security number"
    if any(_is_card(found[0]) for found in _CARD.finditer(text)):
        return "a payment card's number"
    if any(_is_account(found[0]) for found in _ACCOUNT.finditer(text)):
        return "a bank account's number"
    return "a telephone number" if _PHONE.search(text) else None


def _is_card(text: str) -> bool:
    """Whether it is a card's number, or begins with one, before its month or code, say."""
    ends = (at for at, mark in enumerate(f"{text} ") if not mark.isdigit())
    return any(
        _has_check_digit([int(each) for each in text[:end] if each.isdigit()]) for end in ends
    )


def _has_check_digit(digits: list[int]) -> bool:
    """By the last digit, and the first ones that issuers of cards have."""
    if len(digits) < _FEWEST_DIGITS:
        return False
    if digits[0] not in {2, 3, 4, 5, 6} or len(set(digits)) == 1:
        return False
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _is_account(text: str) -> bool:
    """By the check digits of an IBAN: the whole, read as a number, leaves 1 in 97."""
    plain = text.replace(" ", "")
    return int("".join(str(int(mark, 36)) for mark in plain[4:] + plain[:4])) % 97 == 1
