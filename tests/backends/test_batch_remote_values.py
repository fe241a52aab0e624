"""What endpoints tell, with garbage in every field."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syphus.backends.batch.line import LineReader
from syphus.backends.batch.remote_values import read_batch, read_file
from syphus.core.errors import MalformedReply, RequestError
from syphus.core.prices import Rates
from syphus.core.records import Reply
from syphus.core.secrets import Secrets

KEY = "sk-test-0123456789abcdef"
READER = LineReader(
    deployment="d",
    rates=Rates(prompt=1.0, completion=1.0, cached=1.0),
    secrets=(KEY,),
    hidden=Secrets((KEY,)),
    latency=1.0,
    now=0.0,
)
GOOD = {
    "choices": [{"message": {"content": "Yes."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1},
}
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["200", "completed", "file-1", "x" * 10_000, "\ud800", "\x1b[2J", 10**400])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


def _with(names: list[str], inner: dict[str, Any] | None = None) -> st.SearchStrategy[Any]:
    """Objects that have any of these fields, with anything in them."""
    fields = {name: JSON if not inner else inner.get(name, JSON) | JSON for name in names}
    return st.fixed_dictionaries({}, optional=fields) | JSON


PROBLEMS = st.lists(_with(["code", "line", "message", "param"]), max_size=3)
BATCHES = _with(
    [
        "id",
        "status",
        "created_at",
        "input_file_id",
        "output_file_id",
        "error_file_id",
        "metadata",
        "request_counts",
        "errors",
    ],
    {
        "id": st.just("batch_1"),
        "request_counts": _with(["total", "completed", "failed"]),
        "errors": st.fixed_dictionaries({}, optional={"data": PROBLEMS | JSON}),
    },
)


@given(BATCHES)
def test_a_batch_may_hold_anything(value: Any) -> None:
    """Whatever is told becomes a batch whose fields have their types, or is refused as one."""
    try:
        batch = read_batch(value, secrets=())
    except MalformedReply:
        return
    assert batch.id.isprintable()
    assert batch.status == batch.status.lower()
    assert 0 <= batch.created < 1e11
    assert type(batch.done) is type(batch.failed) is int
    for name in (batch.output_file_id, batch.error_file_id):
        assert name is None or (name and name.isprintable() and len(name) < 1000)
    assert all(isinstance(text, str) for text in batch.metadata.values())
    for code, line, message, param in batch.problems:
        assert len(code) + len(message) + len(param or "") < 2000
        assert line is None or line >= 0


@given(_with(["id", "filename", "bytes", "created_at", "status"], {"id": st.just("file-1")}))
def test_a_file_may_hold_anything(value: Any) -> None:
    """The same of a file."""
    try:
        file = read_file(value)
    except MalformedReply:
        return
    assert file.bytes is None or file.bytes >= 0
    assert 0 <= file.created < 1e11


RESPONSES = _with(
    ["status_code", "request_id", "body"],
    {
        "status_code": st.sampled_from([200, 201, 400, 429, 500, 0, -1, 10**9, "200", None]),
        "body": _with(
            ["choices", "usage", "error"],
            {
                "choices": st.lists(
                    _with(["message", "finish_reason"], {"message": _with(["content", "refusal"])}),
                    max_size=2,
                ),
                "usage": _with(["prompt_tokens", "completion_tokens", "prompt_tokens_details"]),
                "error": _with(["code", "message", "type", "param", "innererror"]),
            },
        ),
    },
)


@given(
    _with(
        ["custom_id", "response", "error"],
        {"custom_id": st.just("q-1"), "response": RESPONSES, "error": _with(["code", "message"])},
    )
)
def test_a_line_may_hold_anything(value: Any) -> None:
    """Whatever a line holds, it comes to a reply or an error, and stops nothing by accident."""
    try:
        raw = orjson.dumps(value)
    except TypeError:
        return
    name, result = READER.read(raw)
    assert name is None or isinstance(name, str)
    assert isinstance(result, Reply | RequestError)
    if isinstance(result, Reply):
        assert len(result.headers.get("x-request-id", "")) < 1000


def _read(status: Any, body: Any, **changes: Any) -> Reply | RequestError:
    response = {"status_code": status, "request_id": "r", "body": body} | changes
    return READER.read(orjson.dumps({"custom_id": "q-1", "response": response}))[1]


@pytest.mark.parametrize("status", [200, "200", 201, None])
def test_an_answer_is_one_whatever_its_status_is_written_as(status: Any) -> None:
    """A completion that is paid for isn't thrown away for a status in quotes or none at all."""
    assert _read(status, GOOD).text == "Yes."


@pytest.mark.parametrize("status", [True, 99, 600, "two", [], 10**12, "9" * 5000])
def test_a_status_that_is_none_may_have_been_billed(status: Any) -> None:
    """What no status is says nothing of the request: it is asked again."""
    result = _read(status, {"error": {"message": "No."}})
    assert isinstance(result, MalformedReply)
    assert result.maybe_billed


@pytest.mark.parametrize("value", ["1" + "0" * 30, "1" + "0" * 4500, "[" * 400 + "]" * 400])
def test_a_body_that_cant_be_written_again_is_read(value: str) -> None:
    """Numbers of thirty digits and nesting without end in an error's body stop nothing."""
    raw = f'{{"custom_id":"q-1","response":{{"status_code":400,"body":{{"x":{value}}}}}}}'
    name, result = READER.read(raw.encode())
    assert name == "q-1"
    assert isinstance(result, RequestError)


@pytest.mark.parametrize("digits", [25, 310, 3900, 4500])
def test_a_usage_of_any_size_has_a_cost(digits: int) -> None:
    """A count of tokens beyond all numbers isn't believed, and the reply is kept."""
    count = "1" + "0" * digits
    choice = '{"message":{"content":"Yes."},"finish_reason":"stop"}'
    usage = f'{{"prompt_tokens":{count},"completion_tokens":{count}}}'
    body = f'{{"choices":[{choice}],"usage":{usage}}}'
    raw = f'{{"custom_id":"q-1","response":{{"status_code":200,"body":{body}}}}}'
    _, result = READER.read(raw.encode())
    assert isinstance(result, Reply)
    assert result.text == "Yes."
    orjson.dumps([result.usage.prompt_tokens, result.cost])
