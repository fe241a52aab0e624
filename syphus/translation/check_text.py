"""The text itself: one Unicode form, no invisible additions, no broken characters."""

from __future__ import annotations

import re
from typing import Final
from unicodedata import normalize

# Marks that steer the direction of writing, and the byte order mark. Nobody sees them; a reader of
# right-to-left text orders it without them.
_CONTROLS: Final = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_BROKEN: Final = re.compile("[\ud800-\udfff\ufffd]")
_SUSPECT: Final = re.compile(f"[{_CONTROLS.pattern[1:-1]}{_BROKEN.pattern[1:-1]}]")
# Arabic-Indic, its eastern form, full-width; and the full-width colon of a timestamp.
_ZEROS: Final = (0x0660, 0x06F0, 0xFF10)
_PLAIN_DIGITS: Final = {zero + value: str(value) for zero in _ZEROS for value in range(10)} | {
    0xFF1A: ":"
}
_OTHER_DIGIT: Final = re.compile("[\u0660-\u0669\u06f0-\u06f9\uff10-\uff1a]")


def normalise(text: str, *, source: str = "") -> str:
    """Return `text` as it is stored: NFC, without white space around it.

    Control characters for the direction of writing that the source doesn't have are removed, not
    refused: they are invisible, and asking again costs tokens.
    """
    text = normalize("NFC", text)
    if not text.isascii() and _CONTROLS.search(text):
        text = _CONTROLS.sub(lambda match: match[0] if match[0] in source else "", text)
    return text.strip()


def find_character_fault(text: str, source: str) -> str | None:
    """Return that the text has broken characters or controls that `normalise` removes, or None."""
    if text.isascii() or not _SUSPECT.search(text):
        return None
    if _BROKEN.search(text):
        return "it has broken characters"
    if any(control not in source for control in _CONTROLS.findall(text)):
        return "it has invisible control characters that the source does not have"
    return None


def write_plain_digits(text: str) -> str:
    """Return `text` with 0-9 for Arabic-Indic and full-width digits, character for character."""
    if text.isascii() or not _OTHER_DIGIT.search(text):
        return text
    return text.translate(_PLAIN_DIGITS)
