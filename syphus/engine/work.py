"""Requests that wait: for their turn, or for their next try."""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from syphus.engine.retry import Tries

if TYPE_CHECKING:
    from collections.abc import Callable

    from syphus.core.records import Request


@dataclass(slots=True, kw_only=True)
class Work:
    """A request on its way, with what has happened to it and the deployments that refused it.

    Of the present attempt: when it was sent, the `tokens` taken from the limit a minute, and the
    `most` that it may cost in US dollars.
    """

    request: Request
    sent_at: float = 0.0
    tokens: int = 0
    most: float = 0.0
    tries: Tries = field(default_factory=Tries)
    refused_by: frozenset[str] = frozenset()


class WorkQueue:
    """Ready work in order, retries first; delayed work until it is due.

    Retries take turns: the probes of a deployment that is down must not all fall on one request.
    A request that waits to be tried again is only an entry here: it holds no place in flight and
    no timer of its own. `on_ready` is called whenever there is something to take.
    """

    def __init__(self, on_ready: Callable[[], None]) -> None:
        self._new: deque[Work] = deque()
        self._again: deque[Work] = deque()
        self._delayed: list[tuple[float, int, Work]] = []
        self._order = count()
        self._on_ready = on_ready
        self._timer: asyncio.TimerHandle | None = None

    def __bool__(self) -> bool:
        return bool(self._new or self._again)

    @property
    def delayed(self) -> int:
        """How many requests wait for their next try."""
        return len(self._delayed)

    def add(self, work: Work) -> None:
        """Adds work behind what is ready."""
        self._new.append(work)
        self._on_ready()

    def add_first(self, work: Work) -> None:
        """Adds work before what is ready: it was asked for earlier."""
        self._again.appendleft(work)
        self._on_ready()

    def put_back(self, work: Work) -> None:
        """Undoes `take`, waking nobody."""
        self._again.appendleft(work)

    def add_later(self, work: Work, seconds: float) -> None:
        """Adds work that is ready in `seconds`."""
        due = asyncio.get_running_loop().time() + seconds
        heapq.heappush(self._delayed, (due, next(self._order), work))
        self._set_timer()

    def take(self) -> Work:
        """The next ready work. Raises IndexError where there is none."""
        return self._again.popleft() if self._again else self._new.popleft()

    def close(self) -> None:
        """Drops the timer; nothing becomes ready any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(self._delayed[0][0], self._move_due) if self._delayed else None

    def _move_due(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        moved = 0
        while self._delayed and self._delayed[0][0] <= now:
            self._again.append(heapq.heappop(self._delayed)[2])
            moved += 1
        self._set_timer()
        if moved:
            self._on_ready()
