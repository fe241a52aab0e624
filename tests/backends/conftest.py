"""Small servers on the loopback, and the values that every test of a backend needs."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trustme
import uvloop
from aiohttp import web
from pydantic import SecretStr

from syphus.backends.batch.batch import BatchApi
from syphus.backends.chat import ChatBackend
from syphus.core.batches import BatchLine, BatchOutcome
from syphus.core.deployments import Deployment
from syphus.core.identity import canonical_json
from syphus.core.prices import Rates
from syphus.core.records import Request, RequestShape, Sampling
from syphus.testing import ScriptedServer

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


def make_batch_line(number: int, text: str = "", **changes: Any) -> BatchLine:
    """The line q-NUMBER of a batch, asking one text."""
    message = {"role": "user", "content": text or f"A picture with {number} boats on a lake."}
    body = {"model": "gpt-4o", "messages": [message]} | changes
    return BatchLine(
        custom_id=f"q-{number}",
        body=canonical_json(body),
        tokens=len(canonical_json([message])) // 4 + 1,
        most_cost=0.5,
        facts=canonical_json({"number": number}),
    )


def batch_backend(
    server: ScriptedServer, folder: Path, dialect: str = "openai", **settings: Any
) -> BatchApi:
    """A batch backend of a scripted server that never waits long."""
    azure = {"api_type": "azure", "base_url": server.azure_endpoint, "api_version": "2024-10-21"}
    here = {
        "openai": {"base_url": server.base_url},
        "azure": azure,
        "azure-v1": azure | {"base_url": f"{server.azure_endpoint}/openai/v1"},
    }
    deployment = make_deployment(**here[dialect], **settings.pop("deployment", {}))
    quick = {"run": "r", "poll_seconds": 0.002, "look_seconds": 0.0, "sleep": _do_not_wait}
    return BatchApi(deployment, folder=folder, **(quick | settings))


async def gather_outcomes(
    backend: BatchApi, *, until: int = 0, durable: bool = True
) -> list[BatchOutcome]:
    """All outcomes until no more than `until` lines are outstanding, each chunk told durable."""
    found: list[BatchOutcome] = []
    async with asyncio.timeout(20), aclosing(backend.outcomes()) as groups:
        while backend.outstanding > until:
            group = await anext(groups)
            found += group
            if durable and group[-1].is_last:
                backend.durable(group[-1].batch)
    return found


async def _do_not_wait(_: float) -> None:
    await asyncio.sleep(0)


def run_batch(server: ScriptedServer, folder: Path, lines: Any, *args: Any, **settings: Any) -> Any:
    """One sitting, to its end: outcomes by the number of their lines, and the notices."""
    notices: list[str] = []

    async def sit() -> dict[int, BatchOutcome]:
        async with batch_backend(
            server, folder, *args, on_notice=notices.append, **settings
        ) as backend:
            for line in lines:
                if not backend.holds(line.custom_id):
                    backend.add(line)
            backend.flush()
            found = await gather_outcomes(backend)
            assert len({outcome.custom_id for outcome in found}) == len(found)
            return {json.loads(outcome.facts)["number"]: outcome for outcome in found}

    return asyncio.run(sit()), notices


@pytest.fixture(scope="session")
def batch_kit() -> SimpleNamespace:
    """The functions above about batches."""
    return SimpleNamespace(
        line=make_batch_line,
        lines=lambda count: [make_batch_line(number) for number in range(count)],
        backend=batch_backend,
        gather=gather_outcomes,
        run=run_batch,
    )


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


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """Who signs the certificates of these tests."""
    return trustme.CA()


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the authority one that OpenSSL trusts."""
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
