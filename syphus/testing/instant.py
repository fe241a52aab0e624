"""One fixed answer as fast as a loop can give it, for measuring clients.

HTTP is read only as far as it must be: the end of the head, Content-Length, and whether the
request asks for /_seen. Chunked requests get 411.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import cast

import orjson

from syphus.testing.completion import Completion
from syphus.testing.sockets import BACKLOG, raise_open_files_limit

_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
_LENGTH_REQUIRED = b"HTTP/1.1 411 Length Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass(slots=True)
class InstantCounts:
    """Requests read and answers written, over all connections, and how many were open at once."""

    requests: int = 0
    successes: int = 0
    in_flight: int = 0
    most_in_flight: int = 0


def fixed_reply(content: str) -> bytes:
    """A whole HTTP response with one completion."""
    completion = Completion(
        id="chatcmpl-instant",
        model="scripted",
        dialect="openai",
        content=content,
        prompt_tokens=100,
    )
    return _respond(completion.encode())


class InstantProtocol(asyncio.Protocol):
    """One connection: every request gets `reply`, `latency` seconds after it was read."""

    def __init__(self, reply: bytes, latency: float, counts: InstantCounts) -> None:
        self._reply = reply
        self._latency = latency
        self._counts = counts
        self._unread = b""
        self._wanted = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the connection to write to."""
        self._transport = cast("asyncio.Transport", transport)
        self._loop = asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
        """Answers every request that is whole now."""
        unread = self._unread + data if self._unread else data
        while len(unread) >= self._wanted:
            end = unread.find(_END)
            if end < 0:
                break
            length = _LENGTH.search(unread, 0, end)
            if length is None and _CHUNKED.search(unread, 0, end):
                self._transport.write(_LENGTH_REQUIRED)
                self._transport.close()
                return
            whole = end + len(_END) + (int(length[1]) if length else 0)
            if len(unread) < whole:
                self._wanted = whole
                break
            self._answer(unread.startswith(b"GET /_seen"))
            unread = unread[whole:]
            self._wanted = 1
        self._unread = unread

    def _answer(self, asks_for_counts: bool) -> None:  # noqa: FBT001 - private, one caller
        counts = self._counts
        if asks_for_counts:
            self._transport.write(_respond(orjson.dumps(counts)))
            return
        counts.requests += 1
        counts.in_flight += 1
        counts.most_in_flight = max(counts.most_in_flight, counts.in_flight)
        if self._latency:
            self._loop.call_later(self._latency, self._reply_now)
        else:
            self._reply_now()

    def _reply_now(self) -> None:
        self._counts.in_flight -= 1
        if not self._transport.is_closing():
            self._transport.write(self._reply)
            self._counts.successes += 1


async def serve_instant(
    reply: bytes, *, host: str, port: int, latency: float = 0.0
) -> asyncio.Server:
    """Listens, in the running loop, and gives `reply` to every request."""
    raise_open_files_limit()
    counts = InstantCounts()
    return await asyncio.get_running_loop().create_server(
        lambda: InstantProtocol(reply, latency, counts), host, port, backlog=BACKLOG
    )


def _respond(body: bytes) -> bytes:
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        % len(body)
        + body
    )
