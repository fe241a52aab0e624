"""Finding a secret in text, however it is spelled there."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syphus.core.secrets import Secrets, hide_in_url, secrets_in_environment, secrets_in_url

KEY = "sk-proj-4f9vQ0aZ7wLkP2sT8xY1b6mR3cD5nHjU"
ODD = 'p4ss/wörd+"with\\all&kinds?1'
PRINTABLE = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=16)
PLAIN = "The quick brown fox jumps over the lazy dog; " * 3


@given(before=st.text(), secret=PRINTABLE, after=st.text())
def test_a_whole_secret_is_never_left(before: str, secret: str, after: str) -> None:
    """Wherever it stands, and whatever is around it."""
    if set(secret) == {"*"}:
        return
    assert secret not in Secrets([secret]).hide(before + secret + after)


@given(st.integers(0, len(KEY)), st.integers(0, len(KEY)))
def test_a_piece_is_hidden_from_sixteen_characters_on(start: int, end: int) -> None:
    """A shorter one gives nothing away and may be a word."""
    piece = KEY[start:end]
    shown = Secrets([KEY]).hide(f"<{piece}>")
    assert shown == ("<***>" if len(piece) >= 16 else f"<{piece}>")


@pytest.mark.parametrize("secret", [KEY, ODD])
@pytest.mark.parametrize("spell", [quote_plus, lambda text: quote(text, safe=""), json.dumps])
def test_other_spellings_are_hidden(secret: str, spell: object) -> None:
    """As in an address, a form or JSON."""
    assert callable(spell)
    written = spell(secret)
    shown = Secrets([secret]).hide(f"key={written};")
    assert written.strip('"') not in shown
    assert "***" in shown


@given(before=st.binary(max_size=7), after=st.binary(max_size=7))
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_base64_is_hidden_at_every_alignment(before: bytes, after: bytes, encode: object) -> None:
    """A header that holds the key among other bytes doesn't give it back."""
    assert callable(encode)
    text = encode(before + KEY.encode() + after).decode()
    shown = Secrets([KEY]).hide(text)
    around = len(encode(before)) + len(encode(after))
    assert len(shown.replace("***", "")) <= around + 4


@pytest.mark.parametrize("placeholder", ["", "a", "EMPTY", "none", "lm-studio", "not-needed"])
def test_placeholders_change_no_text(placeholder: str) -> None:
    """Servers without a key are given such words, and replies may use them."""
    assert Secrets([placeholder]).hide(f"It is {placeholder}.") == f"It is {placeholder}."


def test_text_without_a_secret_stays_as_it_is() -> None:
    """Also beside words that a secret is made of."""
    hidden = Secrets([KEY, "the-quick-brown-fox-2024", "lazy dogs 1"])
    assert hidden.hide(PLAIN) == PLAIN


def test_secrets_don_t_show_themselves() -> None:
    """Their representation may end in a traceback."""
    assert KEY not in repr(Secrets([KEY]))


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://h/v1?api-key=k-1&api-version=2024-10-21", {"k-1"}),
        ("https://h/v1?code=c%2F1", {"c/1"}),
        ("http://me:p%40ss@h:1/v1", {"p@ss", base64.b64encode(b"me:p@ss").decode()}),
        ("https://h/v1?deployment=gpt-4o", set()),
        ("http://[::1", set()),
    ],
)
def test_credentials_in_an_address(url: str, found: set[str]) -> None:
    """Its password, also as the header that it becomes, and keys of its query."""
    assert set(secrets_in_url(url)) == found


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://me:pa/ss#w@h/v1", "http://***@h/v1"),
        ("me:pass@h/v1", "***@h/v1"),
        ("https://h/v1?code=abc&x=y z", "https://h/v1?code=***&x=*** z"),
        ("https://h/v1", "https://h/v1"),
        (KEY, "***"),
    ],
)
def test_an_address_in_a_message(url: str, shown: str) -> None:
    """Neither a password nor a query's value, nor a key that was put there by mistake."""
    assert hide_in_url(url) == shown


def test_credentials_in_the_environment() -> None:
    """By the names of variables; a proxy's password by the shape of its address."""
    env = {
        "OPENAI_API_KEY": f" {KEY}\n",
        "AZURE_OPENAI_AD_TOKEN": "t-1",
        "https_proxy": "http://u:proxy-pass@p:1",
        "HTTP_PROXY": "v:other-pass@p:1",
        "HOME": "/home/me",
        "OPENAI_MODEL": "gpt-4o",
    }
    found = set(secrets_in_environment(env))
    assert {KEY, "t-1", "proxy-pass", "other-pass"} <= found
    assert not {"/home/me", "gpt-4o"} & found


def test_folders_in_the_environment_are_no_credentials(tmp_path: Path) -> None:
    """PWD is a folder in every shell, maybe one that is gone; a path that is there is a path."""
    key = tmp_path / "AuthKey"
    key.write_text("")
    env = {
        "PWD": "/home/researcher/gone",
        "OLDPWD": "/home/researcher/gone/too",
        "SSH_AUTH_SOCK": str(key),
        "DB_PWD": "/looks/like/a/path/but/is/none",
        "LONG_TOKEN": "/" + "x" * 5000,
    }
    assert set(secrets_in_environment(env)) == {env["DB_PWD"], env["LONG_TOKEN"]}
