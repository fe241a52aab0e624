"""Exchanges over a connection of their own, and servers with certificates."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Any

import trustme

from syphus.backends.transport.pool import Pool
from syphus.backends.transport.reading import Answer
from syphus.backends.transport.route import Route

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
Run = Callable[[Any], Any]


async def exchange(
    url: str, *, proxy: str | None = None, asks: int = 1, connect: float = 20, seconds: float = 60
) -> list[Answer]:
    """The answers to several requests, one after another."""
    route = Route.to(url, proxy=proxy)
    pool = Pool(route, connections=2, connect_timeout=connect)
    deadline = asyncio.get_running_loop().time() + seconds
    head = route.head("POST", url, {"Accept": "x"})
    try:
        return [
            await pool.exchange(head, b"x" * 200_000, most=1 << 20, deadline=deadline)
            for _ in range(asks)
        ]
    finally:
        await pool.close()
        assert not pool._open


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def serving(authority: trustme.CA, *names: str, seen: list[Any] | None = None) -> ssl.SSLContext:
    """A server's context for these names; `seen` gets the names and protocols asked for."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*names).configure_cert(context)
    context.set_alpn_protocols(["h2", "http/1.1"])

    def note(connection: Any, name: str | None, _: ssl.SSLContext) -> None:
        del connection
        if seen is not None:
            seen.append(name)

    context.sni_callback = note
    return context


class Answering:
    """Answers every request with as many bytes as it had; counts connections."""

    def __init__(self, kit: Any) -> None:
        self.kit = kit
        self.opened = 0
        self.protocols: set[str | None] = set()
        self.heads: list[bytes] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        tls = writer.get_extra_info("ssl_object")
        self.protocols.add(tls.selected_alpn_protocol() if tls else None)
        while True:
            head, body = await self.kit.read_request(reader)
            self.heads.append(head)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
