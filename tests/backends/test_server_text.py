"""Text from servers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syphus.backends.server_text import show


@given(
    before=st.text(),
    secret=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8),
    after=st.text(),
)
def test_no_secret_is_shown(before: str, secret: str, after: str) -> None:
    """A key that a server repeats is never in the text, wherever it stands."""
    if set(secret) == {"*"}:
        return
    assert secret not in show(before + secret + after, secrets=[secret])


@given(st.text())
def test_one_short_printable_line(text: str) -> None:
    """Whatever was sent fits a line of a terminal and of a file."""
    line = show(text, secrets=())
    assert len(line) <= 500
    assert line.isprintable()


@pytest.mark.parametrize(
    "echo",
    [
        "sk-proj-abc123",
        "SK-ABCDEF",
        "sk-ab**************cdef",
        "abcd********wxyz.",
        "gsk_abc123",
        "eyJhbGciOi.eyJzdWIi.c2ln",
    ],
)
def test_what_looks_like_a_key_is_hidden(echo: str) -> None:
    """An echo that differs from our key is hidden by its looks."""
    assert show(f"Incorrect API key provided: {echo}", secrets=()) == (
        "Incorrect API key provided: ***"
    )


def test_bearer_tokens_and_passwords_are_hidden() -> None:
    """The credentials of a header or an address that is quoted back are hidden too."""
    assert show("got 'Bearer abc123def'", secrets=()) == "got 'Bearer ***"
    assert show("via http://me:pass@gw/v1", secrets=()) == "via http://***@gw/v1"


@pytest.mark.parametrize(
    "text", ["The task-force model is overloaded", "ask-me-anything", "Bearer token is missing"]
)
def test_plain_words_stay(text: str) -> None:
    """Ordinary words aren't taken for keys."""
    assert show(text, secrets=()) == text


def test_a_placeholder_key_hides_no_words() -> None:
    """A key such as "a" is hidden where it stands alone, and doesn't spoil the sentence."""
    assert show("a bad gateway: key a", secrets=["a"]) == "*** bad gateway: key ***"
    assert show("EMPTY is no key", secrets=["EMPTY"]) == "*** is no key"


def test_long_text_is_cut_after_hiding() -> None:
    """A secret at the cut isn't shown by half."""
    secret = "k" * 40
    assert "kk" not in show("x" * 480 + secret, secrets=[secret])
