"""Small servers on the loopback, and the values that every test of a backend needs."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from types import SimpleNamespace
from typing import Any

import pytest
import uvloop
from aiohttp import web
from pydantic import SecretStr

from syphus.backends.chat import ChatBackend
from syphus.core.deployments import Deployment
from syphus.core.identity import canonical_json
from syphus.core.prices import Rates
from syphus.core.records import Request, RequestShape, Sampling

KEY = "sk-test-0123456789abcdef"
SCHEMA = canonical_json({"type": "json_schema", "json_schema": {"name": "x", "schema": {}}})
Treat = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make_deployment(**changes: Any) -> Deployment:
    """A deployment with a key, a model and prices."""
    settings: dict[str, Any] = {
        "name": "here",
        "api_type": "openai",
        "base_url": "http://127.0.0.1:9",
        "model": "gpt-4o",
        "api_key": SecretStr(KEY),
        "rates": Rates(prompt=0.01, completion=0.02, cached=0.001),
    }
    return Deployment(**(settings | changes))


def make_request(*texts: str, response_format: bytes | None = None, **sampling: Any) -> Request:
    """A request of its own stage, with a user's message for each text."""
    shape = RequestShape(
        model="gpt-4o", sampling=Sampling(**sampling), response_format=response_format
    )
    return Request(
        key="0" * 32,
        identity="b2:0",
        query_id="1",
        stage="generate",
        shape=shape,
        messages=canonical_json(
            [{"role": "user", "content": text} for text in texts or ("What changed?",)]
        ),
        prompt_tokens=10,
    )


def make_completion(text: Any = "Nothing.", **changes: Any) -> dict[str, Any]:
    """The body of a success."""
    return {
        "choices": [{"message": {"content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5},
    } | changes


@asynccontextmanager
async def serve(handler: Handler) -> AsyncIterator[str]:
    """A server whose every path `handler` answers; gives its address."""
    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.01)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def backend_for(handler: Handler, **settings: Any) -> AsyncIterator[ChatBackend]:
    """An open backend whose server is `handler`; `deployment` changes the deployment."""
    async with serve(handler) as address:
        deployment = make_deployment(base_url=address, **settings.pop("deployment", {}))
        async with ChatBackend(deployment, connections=8, **settings) as backend:
            yield backend


@asynccontextmanager
async def listen(treat: Treat, *, host: str = "127.0.0.1", **settings: Any) -> AsyncIterator[int]:
    """A server that treats each connection so, byte by byte; gives its port."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await treat(reader, writer)
        writer.transport.abort() if task.cancelling() else writer.close()
        with suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()
        tasks.discard(task)

    tasks: set[asyncio.Task[Any]] = set()
    server = await asyncio.start_server(connected, host, 0, **settings)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await server.wait_closed()


async def read_request(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """The head and the body of the next request."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"\r\nContent-Length: (\d+)\r\n", head)
    return head, await reader.readexactly(int(length[1])) if length else b""


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Runs a coroutine on each of the loops that Syphus may run on."""
    return uvloop.run if request.param == "uvloop" else asyncio.run


@pytest.fixture(scope="session")
def kit() -> SimpleNamespace:
    """The functions above: a test can't import a conftest."""
    return SimpleNamespace(
        key=KEY,
        schema=SCHEMA,
        deployment=make_deployment,
        request=make_request,
        completion=make_completion,
        serve=serve,
        listen=listen,
        read_request=read_request,
        backend=backend_for,
    )
