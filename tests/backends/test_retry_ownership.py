"""Every failure has exactly one owner, decided by status and codes.

The retry policy asks again (RetryableError), the request is given up or said otherwise (ItemError,
UnsupportedParameter), the deployment is closed (StoppingError).
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from syphus.backends import classify
from syphus.backends.chat import ChatBackend
from syphus.backends.classify import http_error, reply_error
from syphus.core.errors import (
    ItemError,
    RequestError,
    RetryableError,
    StoppingError,
    UnsupportedParameter,
)

OWNERS = {
    "retry policy": (RetryableError,),
    "request": (ItemError, UnsupportedParameter),
    "deployment": (StoppingError,),
}
# As the table has them, and in the spellings that count as the same.
KNOWN_CODES = sorted(classify._KINDS_IN_REPLY)
CODES = (
    st.sampled_from(KNOWN_CODES)
    | st.sampled_from(KNOWN_CODES).map(str.upper)
    | st.sampled_from(["None", "null", "", "429", "404", "500", "0", "9" * 400])
    | st.text(max_size=20)
    | st.integers()
    | st.none()
    | st.booleans()
)
STATUSES = st.integers(100, 599) | st.sampled_from([0, 99, 600, 999, 1000, 10**6])
# Words that belong to one kind of failure or another, in any order.
WORDS = [*KNOWN_CODES, "rate", "limit", "exceeded", "quota", "timeout", "401", "429", "500", "key"]
NAMES = st.sampled_from(
    ["error", "code", "type", "status", "message", "detail", "param", "innererror", "metadata"]
) | st.text(max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
HEADERS = st.dictionaries(
    st.sampled_from(["retry-after", "retry-after-ms", "x-request-id"]),
    st.text(max_size=30)
    | st.sampled_from(["-1", "nan", "inf", "300", "1e400", "Fri, 01 Jan 2100 00:00:00 GMT"])
    | st.integers().map(str),
)
Wrap = Callable[[dict[str, Any]], Any]
WRAPS: list[Wrap] = [
    lambda error: {"error": error},
    lambda error: error,
    lambda error: [{"error": error}],
]


def owner_of(error: RequestError) -> str:
    """The only owner of an error whose facts are usable."""
    wait = error.retry_after
    assert wait is None or (math.isfinite(wait) and wait >= 0)
    assert str(error)
    (owner,) = [name for name, types in OWNERS.items() if isinstance(error, types)]
    return owner


@given(STATUSES, JSON | st.binary(max_size=40), HEADERS)
@example(999, {"error": {"code": 10**400}}, {"retry-after": "9" * 400})
@example(429, {"error": {"code": ["insufficient_quota"], "param": {}}}, {})
def test_any_answer_has_one_owner(status: int, body: Any, headers: dict[str, str]) -> None:
    """Whatever status, body and headers come, the outcome is one error with usable facts."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    error = http_error(status, raw, headers, now=0)
    owner_of(error)
    assert error.status == status


@given(STATUSES, st.tuples(CODES, CODES, CODES), st.sampled_from(WRAPS), HEADERS)
def test_any_code_has_one_owner(
    status: int, codes: tuple[Any, Any, Any], wrap: Wrap, headers: dict[str, str]
) -> None:
    """Any codes, known or not, with any status, in every provider's wrapping."""
    code, kind, inner = codes
    body = wrap({"code": code, "type": kind, "innererror": {"code": inner}, "message": "no"})
    owner_of(http_error(status, json.dumps(body).encode(), headers, now=0))


def test_every_known_code_has_one_owner_with_every_status() -> None:
    """The whole table crossed with all of HTTP's statuses: server errors are asked again."""
    for code in KNOWN_CODES:
        body = json.dumps({"error": {"code": code}}).encode()
        owners = {
            status: owner_of(http_error(status, body, {}, now=0)) for status in range(100, 600)
        }
        assert {owners[status] for status in range(500, 600)} == {"retry policy"}
        assert owners[400] != "retry policy"


@given(JSON, CODES, HEADERS)
def test_any_error_in_a_success_has_one_owner(
    payload: Any, code: Any, headers: dict[str, str]
) -> None:
    """Status 200 with an error in its body is one error, too."""
    owner_of(reply_error(payload, headers, now=0))
    owner_of(reply_error({"error": {"code": code, "detail": payload}}, headers, now=0))


def put_words(error: dict[str, Any], words: str) -> list[Any]:
    """Bodies that hold the words in each of the places where providers put a message."""
    return [
        {"error": error | {"message": words}},
        error | {"message": words},
        error | {"detail": words},
        error | {"detail": [{"msg": words, "loc": ["body"]}]},
        {"error": words} | error,
    ]


@given(STATUSES, CODES, st.permutations(WORDS), st.permutations(WORDS))
def test_words_decide_nothing(status: int, code: Any, first: list[str], second: list[str]) -> None:
    """Other words, or the same in another order, leave the kind of the error as it is."""
    places = zip(
        put_words({"code": code}, " ".join(first)),
        put_words({"code": code}, " ".join(second[:9])),
        put_words({"code": code}, ""),
        strict=True,
    )
    for bodies in places:
        kinds = {type(http_error(status, json.dumps(each).encode(), {}, now=0)) for each in bodies}
        assert len(kinds) == 1
        kinds = {type(reply_error(each, {}, now=0)) for each in bodies}
        assert len(kinds) == 1


@given(STATUSES, st.permutations(WORDS))
def test_a_body_of_words_decides_nothing(status: int, words: list[str]) -> None:
    """Text, a page and a JSON string are the same as no body at all."""
    text = " ".join(words)
    bodies = [b"", text.encode(), f"<p>{text}</p>".encode(), json.dumps(text).encode()]
    assert len({type(http_error(status, body, {}, now=0)) for body in bodies}) == 1


@pytest.mark.parametrize(
    "line",
    [
        b"HTTP/1.1 999 Odd", b"HTTP/1.1 600 Odd", b"HTTP/1.1 099 Odd", b"HTTP/1.1 1000 Odd",
        b"HTTP/1.1 -1 Odd", b"HTTP/1.1 103 Early Hints", b"HTTP/1.1 101 Switching Protocols",
        b"HTTP/1.1 204 No Content", b"HTTP/1.1 304 Not Modified", b"HTTP/1.1", b"\xff\xfe",
    ],
)  # fmt: skip
def test_any_status_line_ends_as_one_error(kit: Any, line: bytes) -> None:
    """Also one that HTTP doesn't know: the attempt fails as a RequestError, in time."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(line + b"\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def run() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        deployment = kit.deployment(base_url=f"http://127.0.0.1:{port}")
        async with server, ChatBackend(deployment, connections=1, timeout=20) as backend:
            await backend.ask(kit.request(), attempt=1)

    with pytest.raises(RequestError) as caught:
        asyncio.run(run())
    owner_of(caught.value)
