"""Connections that fail, and deadlines that pass."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
import uvloop
from aiohttp import web

from syphus.backends.chat import ChatBackend
from syphus.core.errors import ConnectionFailed, RequestError, TimedOut
from syphus.core.records import Reply
from syphus.testing import Script, ScriptedServer

Connection = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def fail(kit: Any, address: str, **settings: Any) -> RequestError:
    """The error of an ask at this address."""

    async def run() -> None:
        deployment = kit.deployment(base_url=address)
        async with ChatBackend(deployment, connections=1, **settings) as backend:
            await backend.ask(kit.request(), attempt=1)

    with pytest.raises(RequestError) as caught:
        asyncio.run(run())
    return caught.value


def fail_at(kit: Any, connection: Connection, **settings: Any) -> RequestError:
    """The error of an ask at a server that treats its connections so."""

    async def treat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await connection(reader, writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        done.set()

    done = asyncio.Event()

    async def run() -> None:
        server = await asyncio.start_server(treat, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        deployment = kit.deployment(base_url=f"http://127.0.0.1:{port}")
        try:
            async with ChatBackend(deployment, connections=1, **settings) as backend:
                await backend.ask(kit.request(), attempt=1)
        finally:
            await done.wait()
            server.close()
            await server.wait_closed()

    with pytest.raises(RequestError) as caught:
        asyncio.run(run())
    return caught.value


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_refused(kit: Any, scheme: str) -> None:
    """A refused connection cost nothing."""
    error = fail(kit, f"{scheme}://127.0.0.1:{free_port()}/v1")
    assert isinstance(error, ConnectionFailed)
    assert not error.maybe_billed


def test_tls_to_a_server_without_it(kit: Any) -> None:
    """A failed handshake is a failed connection, and nothing was sent."""

    async def handle(_: web.Request) -> web.Response:
        return web.Response()

    async def run() -> None:
        async with kit.serve(handle) as address:
            deployment = kit.deployment(base_url=address.replace("http:", "https:"))
            async with ChatBackend(deployment, connections=1) as backend:
                await backend.ask(kit.request(), attempt=1)

    with pytest.raises(ConnectionFailed) as caught:
        asyncio.run(run())
    assert not caught.value.maybe_billed


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reads the request and closes."""
    del writer
    await reader.readuntil(b"\r\n\r\n")


async def stop_halfway(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Begins a reply and closes."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"choices":')
    await writer.drain()


async def talk_nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers in no known protocol."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"220 mail.example ESMTP\r\n\r\n")
    await writer.drain()


@pytest.mark.parametrize("connection", [hang_up, stop_halfway, talk_nonsense])
def test_closed_after_the_request(kit: Any, connection: Connection) -> None:
    """A connection that is lost after the request was sent may have been billed."""
    error = fail_at(kit, connection)
    assert isinstance(error, ConnectionFailed)
    assert error.maybe_billed


async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Sends a reply one byte at a time, each well within any timeout for a read."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(1000):
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


async def stay_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reads the request and never answers."""
    del writer
    await reader.read()


@pytest.mark.parametrize("connection", [trickle, stay_silent])
def test_the_deadline_is_for_the_whole_attempt(kit: Any, connection: Connection) -> None:
    """A server that trickles is given up like one that says nothing."""
    started = time.monotonic()
    error = fail_at(kit, connection, timeout=0.4)
    assert isinstance(error, TimedOut)
    assert error.maybe_billed
    assert "0.4 s" in str(error)
    assert 0.35 < time.monotonic() - started < 5


def test_the_deadline_covers_repeats(kit: Any) -> None:
    """Repeats that a changed wording causes share their attempt's deadline."""

    async def refuse(request: web.Request) -> web.Response:
        names = list(await request.json())
        await asyncio.sleep(0.3)
        error = {"code": "unsupported_parameter", "param": names[2]}
        return web.json_response({"error": error}, status=400)

    async def run() -> None:
        async with kit.backend(refuse, timeout=0.4) as backend:
            await backend.ask(kit.request(), attempt=1)

    with pytest.raises(TimedOut):
        asyncio.run(run())


def test_the_connect_timeout_is_apart(kit: Any) -> None:
    """A connection that isn't accepted is given up early, and cost nothing."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        port = server.getsockname()[1]
        crowd = [socket.socket() for _ in range(8)]
        try:
            for each in crowd:
                each.setblocking(False)
                each.connect_ex(("127.0.0.1", port))
            error = fail(kit, f"http://127.0.0.1:{port}", timeout=30, connect_timeout=0.2)
        finally:
            for each in crowd:
                each.close()
    assert isinstance(error, TimedOut)
    assert not error.maybe_billed


def test_cancellation_passes(kit: Any) -> None:
    """A cancelled ask is cancelled, and the backend goes on working."""

    async def handle(request: web.Request) -> web.Response:
        if request.path.endswith("models"):
            return web.json_response({"data": []})
        await asyncio.sleep(60)
        return web.Response()

    async def run() -> None:
        async with kit.backend(handle) as backend:
            task = asyncio.ensure_future(backend.ask(kit.request(), attempt=1))
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await backend.models() == []

    asyncio.run(run())


@pytest.mark.parametrize("policy", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_replies_that_came_while_the_process_was_stopped_are_kept(kit: Any, policy: Any) -> None:
    """Ctrl-Z and a closed lid stop the process, not the server: what came is read after all.

    The replies are larger than what one turn of the loop reads, and all deadlines have passed.
    """
    script = Script(latency=0.3, answer="x" * 600_000)

    async def run() -> list[Reply]:
        deployment = kit.deployment(base_url=server.base_url)
        async with ChatBackend(deployment, connections=50, timeout=1.0) as backend:
            asks = [
                asyncio.create_task(backend.ask(kit.request(f"Photo {n}"), attempt=1))
                for n in range(50)
            ]
            await asyncio.sleep(0.2)
            time.sleep(2.0)  # noqa: ASYNC251 - stops the loop as SIGSTOP does
            return await asyncio.gather(*asks)

    with ScriptedServer(script) as server, asyncio.Runner(loop_factory=policy) as runner:
        assert len(runner.run(run())) == 50
        assert server.log.requests == 50
