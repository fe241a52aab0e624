"""Asking a deployment over HTTP."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import pytest
from aiohttp import web

from syphus.backends import chat
from syphus.core.errors import (
    AccessDenied,
    MalformedReply,
    RateLimited,
    RequestError,
    ServerFailed,
    UnknownDeployment,
)
from syphus.core.records import Reply, Usage


def ask(kit: Any, handler: Any, **settings: Any) -> Reply:
    """What one ask of a server gives."""

    async def run() -> Reply:
        async with kit.backend(handler, **settings) as backend:
            return await backend.ask(kit.request(), attempt=3)

    return asyncio.run(run())


def answering(body: Any, *, status: int = 200, headers: Any = None) -> Any:
    """A handler that always answers so."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def handle(_: web.Request) -> web.Response:
        return web.Response(body=raw, status=status, headers=headers)

    return handle


def test_a_reply_and_what_was_sent_for_it(kit: Any) -> None:
    """One POST with the key and the body; the reply has text, usage, cost and listed headers."""
    seen: list[tuple[str, str, str | None, Any]] = []

    async def handle(request: web.Request) -> web.Response:
        body = await request.json()
        seen.append((request.method, request.path, request.headers.get("Authorization"), body))
        headers = {"X-Request-ID": "req_1", "Set-Cookie": "a=b", "X-RateLimit-Limit-Tokens": "9"}
        usage = {
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "prompt_tokens_details": {"cached_tokens": 4},
        }
        return web.json_response(kit.completion("Yes.", usage=usage), headers=headers)

    ticks = iter([10.0, 12.5])
    reply = ask(kit, handle, clock=lambda: next(ticks))
    assert seen == [
        (
            "POST",
            "/v1/chat/completions",
            f"Bearer {kit.key}",
            {
                "model": "gpt-4o",
                "messages": [{"role": "user", "content": "What changed?"}],
                "max_tokens": 2048,
                "temperature": 0.7,
            },
        )
    ]
    assert reply == Reply(
        text="Yes.",
        finish_reason="stop",
        usage=Usage(prompt_tokens=10, completion_tokens=5, cached_tokens=4),
        latency=2.5,
        deployment="here",
        attempt=3,
        cost=pytest.approx(6 * 0.01 + 4 * 0.001 + 5 * 0.02),
        headers={"x-request-id": "req_1", "x-ratelimit-limit-tokens": "9"},
    )


def test_no_usage_no_cost(kit: Any) -> None:
    """A cost that can't be known is None, not zero."""
    assert ask(kit, answering(kit.completion(usage=None))).cost is None
    assert ask(kit, answering(kit.completion()), deployment={"rates": None}).cost is None


def test_a_compressed_reply(kit: Any) -> None:
    """Servers may compress."""
    body = gzip.compress(json.dumps(kit.completion("Small.")).encode())
    assert ask(kit, answering(body, headers={"Content-Encoding": "gzip"})).text == "Small."


def test_odd_json_is_a_reply(kit: Any) -> None:
    """A lone surrogate and a number of 5,000 digits don't lose a reply that was paid for."""
    raw = b'{"n":%s,"choices":[{"message":{"content":"\\ud83d"}}]}' % (b"9" * 5000)
    assert ask(kit, answering(raw)).text == "\ud83d"


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>Sign in</html>", b'{"choices":[{"mess', b"[" * 100_000, {}, {"choices": []}],
)
def test_bodies_that_are_no_completion(kit: Any, body: Any) -> None:
    """A success without a completion is a malformed reply, and may have been billed."""
    with pytest.raises(MalformedReply) as caught:
        ask(kit, answering(body))
    assert caught.value.maybe_billed
    assert len(str(caught.value)) < 200


def test_an_error_inside_a_success(kit: Any) -> None:
    """An error object in a reply of status 200 is classified by its code."""
    with pytest.raises(RateLimited):
        ask(kit, answering({"error": {"code": 429}, "choices": []}))


def test_an_http_error(kit: Any) -> None:
    """An error has its facts, and not the key that the server repeated."""
    body = {"error": {"message": f"Bad key: {kit.key}", "code": "invalid_api_key"}}
    with pytest.raises(AccessDenied) as caught:
        ask(kit, answering(body, status=401, headers={"x-request-id": "req_2"}))
    assert str(caught.value) == "HTTP 401: Bad key: ***"
    assert caught.value.request_id == "req_2"


def test_dates_in_retry_after_use_the_wall_clock(kit: Any) -> None:
    """Seconds until a date are counted from the injected clock."""
    headers = {"Retry-After": "Thu, 01 Jan 1970 00:01:40 GMT"}
    with pytest.raises(RateLimited) as caught:
        ask(kit, answering({}, status=429, headers=headers), wall_clock=lambda: 90.0)
    assert caught.value.retry_after == 10


def test_redirects_are_not_followed(kit: Any) -> None:
    """A redirect ends at the first server: the key goes nowhere else."""
    paths: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        paths.append(request.path)
        raise web.HTTPTemporaryRedirect("/elsewhere")

    with pytest.raises(UnknownDeployment, match="redirects"):
        ask(kit, handle)
    assert paths == ["/v1/chat/completions"]


def test_rate_limit_headers_are_told(kit: Any) -> None:
    """Every response with rate-limit headers tells them, failures too; others tell nothing."""
    told: list[Any] = []
    limits = {"X-RateLimit-Remaining-Requests": "1", "Retry-After": "1", "Server": "x"}
    ask(kit, answering(kit.completion(), headers=limits), on_headers=told.append)
    with pytest.raises(RateLimited):
        ask(kit, answering({}, status=429, headers=limits), on_headers=told.append)
    ask(kit, answering(kit.completion(), headers={"Retry-After": "1"}), on_headers=told.append)
    assert told == [{"x-ratelimit-remaining-requests": "1", "retry-after": "1"}] * 2


def test_a_body_without_end_is_cut(kit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reply over the limit is refused while it is read, compressed or not."""
    monkeypatch.setattr(chat, "_LARGEST_BODY", 1 << 16)

    async def pour(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" " * 8192)

    with pytest.raises(MalformedReply, match="over"):
        ask(kit, pour)
    bomb = gzip.compress(b" " * (1 << 20))
    with pytest.raises(MalformedReply, match="over"):
        ask(kit, answering(bomb, headers={"Content-Encoding": "gzip"}))


def test_a_cut_off_refusal_is_still_a_refusal(kit: Any) -> None:
    """A status counts even if the connection closes before its text is whole."""

    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=503, headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"{")
        assert request.transport is not None
        request.transport.close()
        return response

    with pytest.raises(ServerFailed):
        ask(kit, handle)


def test_unproven_format_is_asked_for_plainly(kit: Any) -> None:
    """A server that refuses a response format without naming it is asked again without."""
    modes: list[Any] = []

    async def handle(request: web.Request) -> web.Response:
        mode = (await request.json()).get("response_format", {}).get("type")
        modes.append(mode)
        if mode is not None:
            return web.json_response({"error": {"message": "unavailable"}}, status=400)
        return web.json_response(kit.completion())

    async def run() -> None:
        async with kit.backend(handle) as backend:
            for attempt in (1, 2):
                await backend.ask(kit.request(response_format=kit.schema), attempt=attempt)
            assert backend.dialect.response_format_mode == "none"

    asyncio.run(run())
    assert modes == ["json_schema", "json_object", None, None]


def test_a_reasoning_model_is_learned_in_one_ask(kit: Any) -> None:
    """Refused parameters are learned by code within an ask, and all in flight then succeed."""
    notices: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        body = await request.json()
        await asyncio.sleep(0.01)
        for name, code in (
            ("max_tokens", "unsupported_parameter"),
            ("temperature", "unsupported_value"),
        ):
            if name in body:
                error = {"code": code, "param": name, "type": "invalid_request_error"}
                return web.json_response({"error": error}, status=400)
        return web.json_response(kit.completion(str(body.get("max_completion_tokens"))))

    async def run() -> list[Reply]:
        async with kit.backend(handle, on_notice=notices.append) as backend:
            asks = [backend.ask(kit.request(max_tokens=77), attempt=1) for _ in range(8)]
            return await asyncio.gather(*asks)

    assert [reply.text for reply in asyncio.run(run())] == ["77"] * 8
    assert len(notices) == 2


def test_refusals_without_end_are_given_up(kit: Any) -> None:
    """A server that refuses everything in turn is asked a bounded number of times."""
    count = 0

    async def handle(request: web.Request) -> web.Response:
        nonlocal count
        count += 1
        names = [name for name in await request.json() if name not in ("model", "messages")]
        error = {"code": "unsupported_parameter", "param": names[-1] if names else "messages"}
        return web.json_response({"error": error}, status=400)

    with pytest.raises(RequestError):
        ask(kit, handle)
    assert count < 10


@pytest.mark.parametrize("offered", [["a/b"], ["x", "y"], []])
def test_models_are_listed(kit: Any, offered: list[str]) -> None:
    """The models of a compatible server, in its order."""

    async def handle(request: web.Request) -> web.Response:
        assert (request.method, request.path) == ("GET", "/v1/models")
        return web.json_response({"data": [{"id": name} for name in offered]})

    async def run() -> list[str]:
        async with kit.backend(handle) as backend:
            models: list[str] = await backend.models()
            return models

    assert asyncio.run(run()) == offered


@pytest.mark.parametrize(
    ("handler", "kind"),
    [
        (answering({}, status=404), UnknownDeployment),
        (answering({}, status=401), AccessDenied),
        (answering({"models": []}), MalformedReply),
        (answering([1]), MalformedReply),
        (answering({"data": [None]}), MalformedReply),
        (answering(b"<html>"), MalformedReply),
    ],
)
def test_models_that_cant_be_listed(kit: Any, handler: Any, kind: type[RequestError]) -> None:
    """Failures of the list are classified like those of a completion."""

    async def run() -> None:
        async with kit.backend(handler) as backend:
            await backend.models()

    with pytest.raises(kind):
        asyncio.run(run())


def test_azure_lists_no_models(kit: Any) -> None:
    """Azure's list isn't that of its deployments, so it isn't asked."""

    async def run() -> list[str]:
        azure = {"api_type": "azure", "api_version": "2024-10-21"}
        async with kit.backend(answering({}, status=500), deployment=azure) as backend:
            models: list[str] = await backend.models()
            return models

    assert asyncio.run(run()) == []


def test_proxy_with_a_password(kit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of the environment is used, with the name and password of its address."""
    seen: list[tuple[str, str | None]] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append((request.raw_path, request.headers.get("Proxy-Authorization")))
        return web.json_response(kit.completion("Via."))

    async def run() -> Reply:
        async with kit.serve(handle) as address:
            monkeypatch.setenv("http_proxy", address.replace("//", "//me:pass@"))
            monkeypatch.delenv("no_proxy", raising=False)
            monkeypatch.delenv("NO_PROXY", raising=False)
            deployment = kit.deployment(base_url="http://models.invalid/v1")
            async with chat.ChatBackend(deployment, connections=1) as backend:
                return await backend.ask(kit.request(), attempt=1)

    assert asyncio.run(run()).text == "Via."
    assert seen == [("http://models.invalid/v1/chat/completions", "Basic bWU6cGFzcw==")]
