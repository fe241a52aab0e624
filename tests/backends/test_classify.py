"""HTTP answers and transport failures become errors."""

from __future__ import annotations

import json
from typing import Any

import pytest

from syphus.backends.classify import http_error, reply_error, transport_error
from syphus.backends.transport.errors import (
    AnswerTooLarge,
    ConnectionLost,
    ConnectTimedOut,
    DeadlinePassed,
    NoConnection,
    ProxyRefused,
    TransportError,
    UnreadableAnswer,
)
from syphus.core import errors
from syphus.core.errors import (
    AccessDenied,
    BadRequest,
    ConnectionFailed,
    ContentFiltered,
    ContextTooLong,
    MalformedReply,
    QuotaUsedUp,
    RateLimited,
    RequestError,
    ServerFailed,
    TimedOut,
    UnknownDeployment,
    UnsupportedParameter,
)

# Words that have misled others: each belongs to another error than the one it stands in.
MISLEADING = (
    "rate limit exceeded, generate again; insufficient_quota; content_filter; "
    "maximum context length; timeout; model_not_found; invalid api key; unsupported_parameter"
)


def classify(status: int, body: Any = None, **headers: str) -> RequestError:
    """The error for a status and a JSON body."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return http_error(status, raw, given, secrets=["key-0123456789"], now=0)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, UnknownDeployment), (307, UnknownDeployment),
        (400, BadRequest), (401, AccessDenied), (402, QuotaUsedUp), (403, AccessDenied),
        (404, UnknownDeployment), (405, UnknownDeployment), (408, ServerFailed),
        (409, ServerFailed), (410, UnknownDeployment), (413, BadRequest), (415, BadRequest),
        (418, BadRequest), (422, BadRequest), (425, ServerFailed), (429, RateLimited),
        (500, ServerFailed), (502, ServerFailed), (503, ServerFailed), (504, ServerFailed),
        (529, ServerFailed), (599, ServerFailed),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "body",
    [
        None,
        b"",
        b"\xff\xfe",
        b"<html>Bad Gateway</html>",
        MISLEADING,
        MISLEADING.encode(),
        {"error": {"message": MISLEADING}},
        {"error": MISLEADING},
        {"message": MISLEADING, "statusCode": 200},
        {"detail": MISLEADING},
        {"error": {"message": MISLEADING, "type": "invalid_request_error", "code": None}},
        [],
        [[]],
    ],
)
def test_status_decides_where_no_code_does(
    status: int, kind: type[RequestError], body: Any
) -> None:
    """Without a code the status alone decides, whatever the body is and its words say."""
    error = classify(status, body)
    assert type(error) is kind
    assert error.status == status


OPENAI = [
    (429, {"code": "insufficient_quota", "type": "insufficient_quota"}, QuotaUsedUp),
    (429, {"code": "rate_limit_exceeded", "type": "requests"}, RateLimited),
    (400, {"code": "billing_hard_limit_reached"}, QuotaUsedUp),
    (429, {"code": None, "type": "exceeded_current_quota_error"}, QuotaUsedUp),
    (400, {"code": "context_length_exceeded", "param": "messages"}, ContextTooLong),
    (400, {"code": "string_above_max_length", "param": "messages[1].content"}, ContextTooLong),
    (400, {"code": 400, "type": "exceed_context_size_error", "n_ctx": 2048}, ContextTooLong),
    (400, {"code": 400, "type": "BadRequestError", "param": "input_tokens"}, ContextTooLong),
    (413, {"code": "tokens_limit_reached"}, ContextTooLong),
    (400, {"code": "content_filter", "innererror": {"code": "other"}}, ContentFiltered),
    (
        400,
        {"code": None, "innererror": {"code": "ResponsibleAIPolicyViolation"}},
        ContentFiltered,
    ),
    (400, {"code": "content_policy_violation"}, ContentFiltered),
    (403, {"code": 403, "metadata": {"flagged_input": "..."}}, ContentFiltered),
    (404, {"code": "DeploymentNotFound"}, UnknownDeployment),
    (403, {"code": "model_not_found"}, UnknownDeployment),
    (400, {"code": "OperationNotSupported"}, UnknownDeployment),
    (401, {"code": "invalid_api_key"}, AccessDenied),
    (400, {"code": "unsupported_parameter", "param": "max_tokens"}, UnsupportedParameter),
    (400, {"code": "unsupported_value", "param": "temperature"}, UnsupportedParameter),
    (400, {"code": "invalid_value", "param": "max_tokens"}, BadRequest),
    (500, {"code": "context_length_exceeded"}, ServerFailed),
    (503, {"code": "insufficient_quota"}, ServerFailed),
]  # fmt: skip


@pytest.mark.parametrize(("status", "error", "kind"), OPENAI)
@pytest.mark.parametrize("wrap", [lambda e: {"error": e}, lambda e: e, lambda e: [{"error": e}]])
def test_codes_decide_before_the_status(
    status: int, error: dict[str, Any], kind: type[RequestError], wrap: Any
) -> None:
    """A known code or type decides, in OpenAI's wrapping, in vLLM's and in Google's."""
    found = classify(status, wrap({"message": MISLEADING} | error))
    assert type(found) is kind
    assert found.param == error.get("param")


def test_facts_are_fields() -> None:
    """Code, parameter, wait and request id are read into fields."""
    error = classify(
        429,
        {"error": {"code": "rate_limit_exceeded", "message": "Slow down.", "param": "None"}},
        retry_after="3",
        x_request_id="req_1",
    )
    assert isinstance(error, RateLimited)
    assert (error.code, error.param) == ("rate_limit_exceeded", None)
    assert (error.retry_after, error.request_id) == (3, "req_1")
    assert str(error) == "HTTP 429: Slow down."


@pytest.mark.parametrize(
    ("body", "param", "message"),
    [
        (
            {"detail": [{"loc": ["body", "response_format", "type"], "msg": "Input invalid"}]},
            "response_format.type",
            "Input invalid",
        ),
        ({"message": {"detail": [{"loc": ["body", "n"], "msg": "Too many"}]}}, None, "Too many"),
        ({"detail": "Not Found"}, None, "Not Found"),
        ({"detail": [{"loc": "body"}]}, None, "Bad Request"),
    ],
)
def test_fastapi_details(body: Any, param: str | None, message: str) -> None:
    """FastAPI's answer names the field and the reason."""
    error = classify(400, body)
    assert isinstance(error, BadRequest)
    assert error.param == param
    assert str(error) == f"HTTP 400: {message}"


def test_messages_are_fit_to_show() -> None:
    """A message is one line of at most some 500 characters without the key, and never HTML."""
    error = classify(401, {"error": {"message": "Bad key\nkey-0123456789\x1b[31m " + "x" * 900}})
    assert str(error).startswith("HTTP 401: Bad key *** [31m x")
    assert len(str(error)) <= 520
    assert str(classify(502, b"<html>key-0123456789</html>")) == "HTTP 502: Bad Gateway"
    assert str(classify(503, b"upstream connect error\n")) == "HTTP 503: upstream connect error"
    assert str(classify(599)) == "HTTP 599: no reason given"


def test_codes_that_hold_a_key_are_hidden() -> None:
    """No field repeats a secret."""
    error = classify(400, {"error": {"code": "key-0123456789", "param": "key-0123456789"}})
    assert (error.code, error.param) == ("***", "***")


@pytest.mark.parametrize(
    ("status", "code", "billed"),
    [
        (500, None, False), (503, None, False), (429, None, False), (400, None, False),
        (408, None, True), (504, None, True), (524, None, True),
        (400, "content_filter", True), (400, "context_length_exceeded", True),
    ],
)  # fmt: skip
def test_what_may_be_billed(status: int, code: str | None, *, billed: bool) -> None:
    """Gateway timeouts may be billed, and so may prompts that Azure reads before refusing them."""
    assert classify(status, {"error": {"code": code}}).maybe_billed is billed


@pytest.mark.parametrize(
    ("payload", "kind", "billed"),
    [
        ({"error": {"code": 429, "message": "x"}}, RateLimited, False),
        ({"error": {"code": "429", "message": "x"}}, RateLimited, False),
        ({"error": {"code": "rate_limit_exceeded"}}, RateLimited, False),
        ({"error": {"code": 402}}, QuotaUsedUp, False),
        ({"error": {"code": 502}}, ServerFailed, True),
        ({"error": {"type": "overloaded_error"}}, ServerFailed, True),
        ({"error": {"code": "insufficient_quota"}}, QuotaUsedUp, False),
        ({"error": {"code": "content_filter"}}, ContentFiltered, False),
        ({"error": {"code": 200}}, MalformedReply, True),
        ({"error": {"code": 99999}}, MalformedReply, True),
        ({"error": MISLEADING}, MalformedReply, True),
        ({"error": {"message": MISLEADING}}, MalformedReply, True),
    ],
)
def test_errors_inside_a_success(payload: Any, kind: type[RequestError], *, billed: bool) -> None:
    """An error object in a reply of status 200 means what its code means."""
    error = reply_error(payload, {"retry-after": "4"}, now=0)
    assert type(error) is kind
    assert error.status == 200
    assert error.retry_after == 4
    assert error.maybe_billed is billed


@pytest.mark.parametrize(
    ("exc", "kind", "billed"),
    [
        (ConnectTimedOut("x"), TimedOut, False),
        (NoConnection("x"), ConnectionFailed, False),
        (ProxyRefused(407), AccessDenied, False),
        (ProxyRefused(503), ConnectionFailed, False),
        (DeadlinePassed(sent=True), TimedOut, True),
        (DeadlinePassed(sent=False), TimedOut, False),
        (ConnectionLost("x"), ConnectionFailed, True),
        (UnreadableAnswer("x"), ConnectionFailed, True),
        (AnswerTooLarge(1 << 20, status=200), MalformedReply, True),
    ],
)
def test_transport_failures(exc: TransportError, kind: type[RequestError], *, billed: bool) -> None:
    """A failure before anything was sent isn't billed; one afterwards may be."""
    error = transport_error(exc)
    assert type(error) is kind
    assert error.maybe_billed is billed
    assert str(error)


def test_transport_failures_hide_secrets() -> None:
    """A message is fit to be shown, whatever the system or a proxy put into it."""
    error = transport_error(
        NoConnection("no connection to key-0123456789:80"), secrets=["key-0123456789"]
    )
    assert str(error) == "no connection to ***:80"


def test_every_transport_failure_has_a_place() -> None:
    """No failure of the transport, a new one included, is classified as one that stops a run."""
    unknown = type("NewError", (TransportError,), {})
    for exc in (unknown("x"), TransportError()):
        assert isinstance(transport_error(exc), errors.RetryableError)
