"""Request bodies."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syphus.backends.body import BodyWriter, Dialect
from syphus.core.identity import canonical_json
from syphus.core.records import Request, RequestShape, Sampling

FORMAT = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}


def a_request(shape: RequestShape, messages: Any = ()) -> Request:
    """A request of this shape."""
    return Request(
        key="k",
        identity="i",
        query_id="q",
        stage="generate",
        shape=shape,
        messages=canonical_json(messages),
        prompt_tokens=1,
    )


def written(dialect: Dialect, **sampling: Any) -> Any:
    """What a dialect makes of a request that sets everything."""
    shape = RequestShape(
        model="unused", sampling=Sampling(**sampling), response_format=canonical_json(FORMAT)
    )
    return json.loads(BodyWriter("m", dialect).write(a_request(shape)))


@given(
    model=st.text(),
    messages=st.lists(st.dictionaries(st.sampled_from(["role", "content"]), st.text())),
    max_tokens=st.none() | st.integers(1, 10**6),
    temperature=st.none() | st.floats(0, 2),
    response_format=st.none() | st.just(FORMAT),
)
def test_body_is_what_the_api_wants(
    model: str, messages: Any, max_tokens: Any, temperature: Any, response_format: Any
) -> None:
    """The spliced bytes are the JSON of the request, with nothing for what isn't set."""
    shape = RequestShape(
        model="unused",
        sampling=Sampling(max_tokens=max_tokens, temperature=temperature),
        response_format=response_format and canonical_json(response_format),
    )
    fields = {
        "model": model,
        "messages": messages,
        "max_tokens": max_tokens,
        "temperature": temperature,
        "response_format": response_format,
    }
    body = BodyWriter(model, Dialect()).write(a_request(shape, messages))
    assert json.loads(body) == {name: value for name, value in fields.items() if value is not None}


def test_requests_of_two_stages_keep_their_own_settings() -> None:
    """One writer serves shapes that differ, each time anew."""
    writer = BodyWriter("m", Dialect())
    shapes = [RequestShape(model="m", sampling=Sampling(max_tokens=limit)) for limit in range(200)]
    for _ in range(2):
        limits = [json.loads(writer.write(a_request(shape)))["max_tokens"] for shape in shapes]
        assert limits == list(range(200))


def test_newer_name_of_the_limit() -> None:
    """The limit is sent under the name that the dialect has for it, and under no other."""
    body = written(Dialect(max_tokens_name="max_completion_tokens"), max_tokens=7)
    assert body["max_completion_tokens"] == 7
    assert "max_tokens" not in body


def test_no_temperature() -> None:
    """A dialect without temperature sends none."""
    assert "temperature" not in written(Dialect(temperature=False))


@pytest.mark.parametrize(
    ("mode", "sent"),
    [("json_schema", FORMAT), ("json_object", {"type": "json_object"}), ("none", None)],
)
def test_response_format_modes(mode: Any, sent: Any) -> None:
    """Each mode sends as much of the format as it says."""
    assert written(Dialect(response_format_mode=mode)).get("response_format") == sent


def test_no_format_asked_none_sent() -> None:
    """A stage without a response format gets none from a dialect that knows only plain JSON."""
    shape = RequestShape(model="m", sampling=Sampling())
    writer = BodyWriter("m", Dialect(response_format_mode="json_object"))
    assert b"response_format" not in writer.write(a_request(shape))
