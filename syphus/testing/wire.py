"""Connections that go wrong below HTTP, or in the middle of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from syphus.testing.sockets import reset_connection

if TYPE_CHECKING:
    from aiohttp import web

    from syphus.testing.faults import Fault


async def break_connection(fault: Fault, request: web.BaseRequest, body: bytes) -> None:
    """Plays a connection fault where `body` would have been the answer; the connection is done.

    A handler that waits here is cancelled when its client goes or the server stops.
    """
    transport = request.transport
    if transport is None:
        return
    match fault.kind:
        case "reset":
            reset_connection(transport)
        case "truncated_body":
            transport.write(_head(body) + body[: len(body) // 2])
            transport.close()
        case "trickle":
            transport.write(_head(body))
            for byte in body:
                transport.write(bytes((byte,)))
                await asyncio.sleep(fault.pace)
            transport.close()
        case "stall":
            await asyncio.Event().wait()
        case _:
            transport.close()


def _head(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(
        body
    )
