"""The text itself: one Unicode form, no invisible additions, no broken characters."""

from __future__ import annotations

import re
from typing import Final
from unicodedata import normalize

# Marks that steer the direction of writing, and the byte order mark. Nobody sees them; a reader of
# right-to-left text orders it without them.
_CONTROLS: Final = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_BROKEN: Final = re.compile("[\ud800-\udfff\ufffd]")
_PLAIN_DIGITS: Final = {
    ord(digit): str(value)
    for digits in (
        "٠١٢٣٤٥٦٧٨٩",
        "۰۱۲۳۴۵۶۷۸۹",
        "\uff10\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18\uff19",
    )
    for value, digit in enumerate(digits)
} | {0xFF1A: ":"}
_OTHER_DIGIT: Final = re.compile("[٠-٩۰-۹\uff10-\uff1a]")


def normalise(text: str, *, source: str = "") -> str:
    """Return `text` as it is stored: NFC, without white space around it.

    Control characters for the direction of writing that the source doesn't have are removed, not
    refused: they are invisible, and asking again costs tokens.
    """
    text = normalize("NFC", text)
    if not text.isascii() and _CONTROLS.search(text):
        text = _CONTROLS.sub(lambda match: match[0] if match[0] in source else "", text)
    return text.strip()


def has_broken_characters(text: str) -> bool:
    """Whether `text` has half a surrogate pair or a replacement character."""
    return not text.isascii() and _BROKEN.search(text) is not None


def has_added_controls(text: str, source: str) -> bool:
    """Whether `text` has a control character that `normalise` would remove."""
    return not text.isascii() and any(control not in source for control in _CONTROLS.findall(text))


def write_plain_digits(text: str) -> str:
    """Return `text` with 0-9 for Arabic-Indic and full-width digits, character for character."""
    if text.isascii() or not _OTHER_DIGIT.search(text):
        return text
    return text.translate(_PLAIN_DIGITS)
