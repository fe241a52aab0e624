"""The connections to one deployment, kept warm between requests."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from syphus.backends.transport.dialing import Dialer
from syphus.backends.transport.errors import DeadlinePassed

if TYPE_CHECKING:
    from syphus.backends.transport.connection import Connection
    from syphus.backends.transport.reading import Answer
    from syphus.backends.transport.route import Route


class Pool:
    """At most `connections` to where `route` leads; whoever finds none free waits in line.

    The one used last is used first, so that those that aren't needed grow old and are closed.
    Nothing is sent twice: a connection that its server has closed is noticed before it is used,
    and what is lost after the request was written may have been billed.
    """

    def __init__(self, route: Route, *, connections: int, connect_timeout: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._dialer = Dialer(route, timeout=connect_timeout)
        self._places = asyncio.Semaphore(connections)
        self._idle: deque[Connection] = deque()
        self._open: set[Connection] = set()

    async def exchange(self, head: bytes, body: bytes, *, most: int, deadline: float) -> Answer:
        """The answer, of at most `most` bytes of body, to a request whose head lacks its end.

        `deadline`, in the loop's time, counts for everything. Raises TransportError.
        """
        if self._places.locked():
            await self._wait(deadline)
        else:
            await self._places.acquire()
        try:
            connection = self._take() or await self._dial(deadline)
            try:
                return await connection.exchange(head, body, most=most, deadline=deadline)
            finally:
                self._give_back(connection)
        finally:
            self._places.release()

    async def close(self) -> None:
        """Closes all connections, and returns when they are closed."""
        self._dialer.close()
        for connection in self._open:
            connection.abort()
        if self._open:
            await asyncio.wait([connection.lost for connection in self._open])

    def _take(self) -> Connection | None:
        now = self._loop.time()
        while self._idle:
            connection = self._idle.pop()
            if now < connection.idle_until and connection.is_open:
                return connection
            connection.abort()
        return None

    def _give_back(self, connection: Connection) -> None:
        if connection.idle_until:
            self._idle.append(connection)
        if self._idle and self._idle[0].idle_until < self._loop.time():
            self._idle.popleft().abort()

    async def _wait(self, deadline: float) -> None:
        try:
            async with asyncio.timeout_at(deadline):
                await self._places.acquire()
        except TimeoutError as exc:
            raise DeadlinePassed(sent=False) from exc

    async def _dial(self, deadline: float) -> Connection:
        try:
            async with asyncio.timeout_at(deadline):
                connection = await self._dialer.dial()
        except TimeoutError as exc:
            raise DeadlinePassed(sent=False) from exc
        self._open.add(connection)
        connection.lost.add_done_callback(lambda _: self._open.discard(connection))
        return connection
