"""Bodies of chat completions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syphus.backends.completion import holds_error, read_completion
from syphus.core.records import Usage

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def body(**message: Any) -> dict[str, Any]:
    """A completion with this message."""
    return {"choices": [{"message": message, "finish_reason": "stop"}]}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("Hello", "Hello"),
        ("", ""),
        (None, None),
        ([{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}], "ab"),
        ([], ""),
    ],
)
def test_content_becomes_text(content: Any, text: str | None) -> None:
    """Text, parts and null are all contents."""
    completion = read_completion(body(content=content))
    assert completion is not None
    assert completion.text == text


def test_message_without_content_is_null() -> None:
    """A refusal may come with no content at all."""
    completion = read_completion(body(refusal="I can't help with that."))
    assert completion is not None
    assert completion.text is None
    assert completion.refusal == "I can't help with that."


@pytest.mark.parametrize("finish", [None, "", 7])
def test_no_finish_reason_is_unknown(finish: Any) -> None:
    """A reply that doesn't say how it ended isn't taken for a whole one."""
    payload = body(content="x")
    payload["choices"][0]["finish_reason"] = finish
    completion = read_completion(payload)
    assert completion is not None
    assert completion.finish_reason == "unknown"


@pytest.mark.parametrize(
    ("usage", "read"),
    [
        (None, None),
        ("many", None),
        ({}, Usage()),
        ({"prompt_tokens": None, "completion_tokens": -3}, Usage()),
        ({"prompt_tokens": True, "completion_tokens": 2.5}, Usage()),
        (
            {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": None},
            Usage(prompt_tokens=9, completion_tokens=4),
        ),
        (
            {"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 8}},
            Usage(prompt_tokens=9, cached_tokens=8),
        ),
        (
            {"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 80}},
            Usage(prompt_tokens=9, cached_tokens=9),
        ),
    ],
)
def test_usage(usage: Any, read: Usage | None) -> None:
    """Counts that are missing, null or nonsense count nothing; no usage is no usage."""
    completion = read_completion(body(content="x") | {"usage": usage})
    assert completion is not None
    assert completion.usage == read


@pytest.mark.parametrize(
    "payload",
    [
        {},
        [],
        None,
        "text",
        {"choices": []},
        {"choices": None},
        {"choices": [{}]},
        {"choices": [{"message": None}]},
        {"choices": {"message": {"content": "x"}}},
        {"choices": [{"message": {"content": 7}}]},
        {"choices": [{"message": {"content": {"text": "x"}}}]},
    ],
)
def test_what_is_no_completion(payload: Any) -> None:
    """A body without a message is none."""
    assert read_completion(payload) is None


@given(JSON | st.fixed_dictionaries({"choices": st.lists(JSON), "usage": JSON}))
def test_any_json_can_be_read(payload: Any) -> None:
    """No body makes the readers fail."""
    read_completion(payload)
    holds_error(payload)


@pytest.mark.parametrize(
    ("payload", "held"),
    [
        ({"error": {"code": 429}}, {"error": {"code": 429}}),
        ({"error": "busy"}, {"error": "busy"}),
        ({"object": "error", "message": "x"}, {"object": "error", "message": "x"}),
        ([{"error": {"code": 429}}], {"error": {"code": 429}}),
        ({"choices": [{"error": {"code": 502}}]}, {"error": {"code": 502}}),
        ({"error": None, "choices": [{"message": {"content": "x"}}]}, None),
        ({"choices": [{"message": {"content": "x"}, "error": None}]}, None),
    ],
)
def test_errors_in_replies_are_found(payload: Any, held: Any) -> None:
    """An error object is found beside the choices, in a choice, and in a list."""
    assert holds_error(payload) == held
