"""One connection, and one exchange at a time on it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from syphus.backends.transport.errors import DeadlinePassed
from syphus.backends.transport.reading import AnswerReader

if TYPE_CHECKING:
    from syphus.backends.transport.reading import Answer


class Connection(asyncio.Protocol):
    """Sends a request and waits for its answer, again and again while both sides keep it open.

    Another exchange may begin until `idle_until`, in the loop's time. `lost` is done when the
    connection has ended. A body stands in memory before it is sent and is handed over whole, so
    nobody waits for the transport to take more.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._reader = AnswerReader()
        self._transport: asyncio.Transport
        self._waiting: asyncio.Future[None] | None = None
        self.idle_until = self._loop.time() + self._reader.idle_seconds
        self.lost: asyncio.Future[None] = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport to write to."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Reads on; what nobody waits for, such as word of a timeout, ends the connection."""
        if self._waiting is None:
            self.abort()
        elif self._reader.feed(data):
            self._wake()

    def eof_received(self) -> None:
        """The server has said all; the transport closes by itself then."""
        self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is no more."""
        self._end(exc)
        if not self.lost.done():
            self.lost.set_result(None)

    @property
    def is_open(self) -> bool:
        """Whether nothing has begun to close it."""
        return not self._transport.is_closing()

    def abort(self) -> None:
        """Closes at once."""
        self.idle_until = 0.0
        self._transport.abort()

    async def exchange(self, head: bytes, body: bytes, *, most: int, deadline: float) -> Answer:
        """Sends `head`, which lacks its end, and `body`; gives the answer.

        Its body has at most `most` bytes. `deadline` is in the loop's time. Raises
        TransportError; after that, and when cancelled, the connection is closed.
        """
        reader = self._reader
        reader.expect(most)
        self._waiting = self._loop.create_future()
        if body:
            self._transport.writelines((b"%bContent-Length: %d\r\n\r\n" % (head, len(body)), body))
        else:
            self._transport.write(head + b"\r\n")
        # A third of the cost of asyncio.timeout.
        timer = self._loop.call_at(deadline, self._expire)
        try:
            await self._waiting
            return reader.result()
        finally:
            timer.cancel()
            self._waiting = None
            # A server that answers before it has read everything won't find the next request.
            if reader.is_expecting or not reader.is_kept or self._transport.get_write_buffer_size():
                self.abort()
            else:
                self.idle_until = self._loop.time() + reader.idle_seconds

    def _expire(self) -> None:
        self._reader.fail(DeadlinePassed(sent=True))
        self._wake()

    def _end(self, exc: Exception | None) -> None:
        self.idle_until = 0.0
        self._reader.end(exc)
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
