from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syphus.translation.check_text import write_plain_digits
from syphus.translation.checks import check_translation, normalise

ARABIC = "رجل يمشي مع كلبه في الحديقة."
CONTROLS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"


@pytest.mark.parametrize("control", CONTROLS)
def test_added_controls_are_removed(control: str) -> None:
    """Right-to-left text is stored without control characters that the source doesn't have."""
    text = f"{control}{ARABIC[:8]}{control}{ARABIC[8:]}{control}"
    assert normalise(text, source="A man walks his dog.") == ARABIC


def test_controls_of_the_source_stay() -> None:
    """A mark that the source has is part of it."""
    assert normalise("\u200fنعم", source="\u200fyes") == "\u200fنعم"


def test_controls_that_were_not_removed_are_refused() -> None:
    """A text that nobody normalised doesn't get past the check."""
    finding = check_translation("A man walks his dog in the park.", f"\u202e{ARABIC}", "ar")
    assert finding.reason is not None
    assert "control characters" in finding.reason


def test_joiners_stay() -> None:
    """Joiners are letters' business: they change what is read."""
    family = "\U0001f468\u200d\U0001f469"
    assert normalise(family) == family
    assert normalise("می\u200cروم") == "می\u200cروم"


def test_text_is_composed_and_trimmed() -> None:
    """A letter and its accent become one character; white space around goes."""
    assert normalise(" e\u0301te\u0301\n") == "été"


@pytest.mark.parametrize("code", [0xD83D, 0xDC00, 0xFFFD])
def test_broken_characters_are_refused(code: int) -> None:
    """Half a character can't be written to a file, and a replacement character says nothing."""
    text = f"Un hombre pasea a su perro {chr(code)} por el parque."
    finding = check_translation("A man is walking his dog in the park.", text, "es")
    assert finding.reason == "it has broken characters"


@given(st.text())
def test_normalising_twice_changes_nothing(text: str) -> None:
    """What is stored is in its last form, NFC."""
    once = normalise(text)
    assert normalise(once) == once
    assert unicodedata.is_normalized("NFC", once)


@given(st.text())
def test_plain_digits_keep_the_length(text: str) -> None:
    """Digits are replaced one for one, so that places in the text stay the same."""
    plain = write_plain_digits(text)
    assert len(plain) == len(text)
    assert not set(plain) & set("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹")
