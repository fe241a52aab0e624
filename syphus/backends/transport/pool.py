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

# One look a tick at every connection costs less than a timer for every request, 2 microseconds.
_TICK = 0.1


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
        self._sweeper: asyncio.TimerHandle | None = None
        self._looked_at = 0.0

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
                if connection.is_open:
                    self._idle.append(connection)
        finally:
            self._places.release()

    async def close(self) -> None:
        """Closes all connections, and returns when they are closed."""
        self._dialer.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in self._open:
            connection.abort()
        if self._open:
            await asyncio.wait([connection.lost for connection in self._open])

    def _take(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                return connection
        return None

    def _sweep(self) -> None:
        # What was due before the last look: a process that was stopped finds all deadlines passed
        # when it goes on, and has yet to read what came.
        looked_at, self._looked_at = self._looked_at, self._loop.time()
        for connection in self._open:
            if connection.due < looked_at:
                connection.expire()
        self._sweeper = self._loop.call_later(_TICK, self._sweep) if self._open else None

    async def _wait(self, deadline: float) -> None:
        try:
            async with asyncio.timeout_at(deadline):
                await self._places.acquire()
        except TimeoutError as exc:
            raise DeadlinePassed(sent=False) from exc

    async def _dial(self, deadline: float) -> Connection:
        connection = await self._dialer.dial(deadline)
        self._open.add(connection)
        connection.lost.add_done_callback(lambda _: self._open.discard(connection))
        if self._sweeper is None:
            self._sweep()
        return connection
