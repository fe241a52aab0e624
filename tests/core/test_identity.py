"""Who a request is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from syphus.core.identity import ALGORITHM, IdentityHash, canonical_json, journal_key

TEXT = st.text(st.characters() | st.sampled_from("\ud800\udc00\u2028\x00\n"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)


def turned(value: Any) -> Any:
    """The same value with the keys of every object in the opposite order."""
    if isinstance(value, dict):
        return {key: turned(value[key]) for key in reversed(value)}
    return [turned(item) for item in value] if isinstance(value, list) else value


@given(VALUES)
def test_equal_values_give_equal_bytes(value: object) -> None:
    """The order in which an object was built doesn't show."""
    assert canonical_json(turned(value)) == canonical_json(value)


@given(VALUES)
def test_canonical_json_is_json_of_the_value(value: object) -> None:
    """Nothing is lost, lone surrogates included, and nothing stands between the tokens."""
    written = canonical_json(value)
    # Two halves of one character come back joined, from any JSON reader.
    assert json.loads(written) == json.loads(json.dumps(value))
    assert b"\n" not in written


@given(VALUES, VALUES)
def test_other_values_give_other_bytes(one: object, other: object) -> None:
    """No two values of JSON share their bytes: 1, true and "1" don't, nor do [] and {}."""
    assume(json.dumps(one, sort_keys=True) != json.dumps(other, sort_keys=True))
    assert canonical_json(one) != canonical_json(other)


def test_keys_are_sorted_and_spaces_left_out() -> None:
    """The form that identities are taken from, to the byte."""
    assert canonical_json({"b": [1, "é"], "a": None}) == b'{"a":null,"b":[1,"\xc3\xa9"]}'
    assert canonical_json({"b": 1, "a": "\ud800"}) == b'{"a":"\\ud800","b":1}'


@pytest.mark.parametrize("value", [{1, 2}, b"x", object()])
def test_what_json_has_no_word_for_is_refused(value: object) -> None:
    """A value of a foreign kind is an error."""
    with pytest.raises(TypeError):
        canonical_json({"a": value})


@pytest.mark.parametrize("beside", ["", "\ud800"])
@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_json_lacks_are_refused(number: float, beside: str) -> None:
    """NaN and infinity raise TypeError as the docstring says, whatever stands beside them."""
    with pytest.raises(TypeError):
        canonical_json([number, beside])


def test_keys_that_json_lacks_are_refused() -> None:
    """{1: x} isn't the same value as {"1": x}, so it must not have its bytes."""
    with pytest.raises(TypeError):
        canonical_json({1: "x"})


def identity(
    rest: bytes = b"b]",
    *,
    model: str = "m",
    response_format: bytes | None = None,
    head: bytes = b"[a,",
) -> str:
    """The identity of a request, one of whose parts the test changes."""
    shared = IdentityHash(model=model, response_format=response_format, head=head)
    return shared.of(rest)


def test_an_identity_names_its_algorithm_and_never_changes() -> None:
    """Journals of older runs hold identities, so the same request must go on hashing the same."""
    assert identity().startswith(f"{ALGORITHM}:")
    assert identity() == "b2:1fae0c3abe1f486675ce366d9ed7f3fa"


def test_every_part_of_what_is_sent_shows() -> None:
    """Another model, format, head or rest is another request."""
    different = [
        identity(),
        identity(b"c]"),
        identity(model="n"),
        identity(response_format=b"{}"),
        identity(head=b"[x,"),
        identity(model='m"}'),
    ]
    assert len(set(different)) == len(different)


MESSAGES = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["system", "user"]), "content": TEXT}),
    min_size=1,
    max_size=4,
)
FORMATS = st.none() | st.dictionaries(TEXT, VALUES, max_size=3)
REQUESTS = st.tuples(TEXT, FORMATS, MESSAGES)


def identity_of(model: str, response_format: Any, messages: list[Any], *, shared: int = 0) -> str:
    """The identity of a request as values, `shared` bytes of whose messages are hashed first."""
    sent = canonical_json(messages)
    wanted = None if response_format is None else canonical_json(response_format)
    return identity(sent[shared:], model=model, response_format=wanted, head=sent[:shared])


@given(REQUESTS, st.integers(0, 60))
def test_equal_requests_have_equal_identities(sent: tuple[Any, ...], shared: int) -> None:
    """In whatever order their keys stand, and however much of them was hashed once for all."""
    assert identity_of(*map(turned, sent), shared=shared) == identity_of(*sent)


@given(REQUESTS, REQUESTS, st.integers(0, 2))
def test_any_difference_in_what_is_sent_shows(
    sent: tuple[Any, ...], other: tuple[Any, ...], part: int
) -> None:
    """One part exchanged for another one: the model, the format or the messages."""
    changed = (*sent[:part], other[part], *sent[part + 1 :])
    assume(canonical_json(changed) != canonical_json(sent))
    assert identity_of(*changed) != identity_of(*sent)


@given(MESSAGES, st.data())
def test_one_character_more_or_less_shows(messages: list[Any], data: st.DataObject) -> None:
    """In any message, anywhere in its text."""
    at = data.draw(st.integers(0, len(messages) - 1))
    text = messages[at]["content"]
    cut = data.draw(st.integers(0, len(text)))
    added = data.draw(TEXT.filter(bool))
    changed = [*messages]
    changed[at] = {**messages[at], "content": text[:cut] + added + text[cut:]}
    assert identity_of("m", None, changed) != identity_of("m", None, messages)


@given(st.binary(max_size=20), st.integers(0, 20))
def test_where_the_head_ends_does_not_show(messages: bytes, cut: int) -> None:
    """Only the messages count, not how much of them was shared."""
    assert identity(messages[cut:], head=messages[:cut]) == identity(messages, head=b"")


def test_one_hash_serves_many_requests() -> None:
    """What was hashed for one request leaves no trace in the next."""
    shared = IdentityHash(model="m", response_format=None, head=b"[a,")
    first = shared.of(b"b]")
    shared.of(b"other]")
    assert shared.of(b"b]") == first


@given(TEXT, TEXT)
def test_journal_keys_tell_queries_apart(one: str, other: str) -> None:
    """Two queries with the same text are two requests, whatever their ids hold."""
    assume(one != other)
    assert journal_key(one, "b2:00") != journal_key(other, "b2:00")


def test_journal_keys_are_stable_and_tell_identities_apart() -> None:
    """32 hexadecimal digits, the same in every run, others for a changed request."""
    assert journal_key("x", "b2:00") == "9d82757107bafbe6fdd6b726425df919"
    assert journal_key("x", "b2:00") != journal_key("x", "b2:01")
