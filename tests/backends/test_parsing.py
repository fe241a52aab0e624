"""JSON as servers send it."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syphus.backends.parsing import parse_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(VALUES)
def test_values_come_back(value: Any) -> None:
    """What the standard library writes is read as it was, escaped surrogates included."""
    read = parse_json(json.dumps(value).encode("ascii"))
    assert read == json.loads(json.dumps(value)) or read == pytest.approx(value)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'"\\ud83d"', "\ud83d"),
        (b"\xef\xbb\xbf[1]", [1]),
        (b"[Infinity]", [math.inf]),
        (b'{"n": %s}' % (b"9" * 5000), {"n": math.inf}),
        ('"\u2028"'.encode(), "\u2028"),
    ],
)
def test_oddities_are_read(raw: bytes, value: Any) -> None:
    """Lone surrogates, marks, infinities and numbers of 5,000 digits don't cost a reply."""
    assert parse_json(raw) == value


@pytest.mark.parametrize(
    "raw", [b"", b"<html>", b'{"a":', b"\xff\xfe\xff", b"[" * 200_000, b'{"a":' * 200_000]
)
def test_what_is_no_json(raw: bytes) -> None:
    """Everything else is a ValueError, endless nesting too."""
    with pytest.raises(ValueError):  # noqa: PT011 - the kind is the contract, not its words
        parse_json(raw)
