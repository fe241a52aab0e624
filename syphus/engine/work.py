"""Requests that wait: for their turn, for their next try, or for one of the deployments."""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from dataclasses import dataclass, field
from itertools import chain, count
from typing import TYPE_CHECKING

from syphus.engine.retry import Tries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from syphus.core.errors import RequestError
    from syphus.core.records import Request


@dataclass(slots=True, kw_only=True)
class Work:
    """A request on its way, with what has happened to it.

    `refused_by` names the deployments that won't answer it, and `refusal` is what the last of them
    said. `put_off` says until when, in seconds of the loop, a deployment asked not to be asked.
    `moves` counts how often it was taken or moved, by which the queue tells old entries.
    Of the present attempt: when it was sent, the `tokens` taken from the limit a minute, and the
    `most` that it may cost in US dollars.
    """

    request: Request
    sent_at: float = 0.0
    tokens: int = 0
    most: float = 0.0
    tries: Tries = field(default_factory=Tries)
    refused_by: frozenset[str] = frozenset()
    refusal: RequestError | None = None
    put_off: dict[str, float] | None = None
    moves: int = 0


class WorkQueue:
    """Ready work in order, retries first; delayed work until it is due.

    Retries take turns: the probes of a deployment that is down must not all fall on one request.
    A request that waits to be tried again is only an entry here: it holds no place in flight and
    no timer of its own. What some deployments may not take waits apart, before the rest, in one
    group for each set of them. `on_ready` is called whenever there is something to take.
    """

    def __init__(self, on_ready: Callable[[], None]) -> None:
        self._new: deque[Work] = deque()
        self._again: deque[Work] = deque()
        self._apart: dict[frozenset[str], deque[tuple[Work, int]]] = {}
        self._delayed: list[tuple[float, int, Work, int]] = []
        self._order = count()
        self._on_ready = on_ready
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_for_all(self) -> bool:
        """Whether any deployment may take whatever is ready."""
        return not self._apart

    def add(self, work: Work) -> None:
        """Adds new work behind what is ready."""
        self._new.append(work)
        self._on_ready()

    def add_first(self, work: Work) -> None:
        """Adds work before what is ready: it was asked for earlier."""
        self._place(work, is_first=True)
        self._on_ready()

    def add_later(self, work: Work, seconds: float) -> None:
        """Adds work that is ready in `seconds`."""
        self._wake_at(asyncio.get_running_loop().time() + seconds, work)
        self._set_timer()

    def put_off(self, work: Work, name: str, seconds: float) -> None:
        """Adds work that the deployment `name` may take in `seconds`, and others at once."""
        until = asyncio.get_running_loop().time() + seconds
        work.put_off = {**(work.put_off or {}), name: until}
        self.add_first(work)

    def peek(self, name: str) -> Work | None:
        """What `take` would give the deployment `name`, if anything."""
        if self._apart and (group := self._group_for(name)):
            return group[0][0]
        if self._again:
            return self._again[0]
        return self._new[0] if self._new else None

    def take(self, name: str) -> Work:
        """The next ready work for the deployment `name`. Raises IndexError where there is none."""
        if self._apart and (group := self._group_for(name)):
            work, _ = group.popleft()
            work.moves += 1
            return work
        return self._again.popleft() if self._again else self._new.popleft()

    def may_serve(self, name: str) -> bool:
        """Whether anything waits that the deployment `name` may take, now or later."""
        return bool(self._again or self._new) or any(
            name not in work.refused_by for work in self._waiting_apart()
        )

    def drop_refused(self, names: frozenset[str]) -> list[Work]:
        """Takes out what all of the deployments `names` have refused."""
        found = {id(work): work for work in self._waiting_apart() if names <= work.refused_by}
        for work in found.values():
            work.moves += 1
        return list(found.values())

    def close(self) -> None:
        """Drops the timer; nothing becomes ready any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _place(self, work: Work, *, is_first: bool) -> None:
        barred = work.refused_by
        if work.put_off:
            barred = barred | self._wake_when_due(work)
        if barred:
            group = self._apart.setdefault(barred, deque())
            add = group.appendleft if is_first else group.append
            add((work, work.moves))
        elif is_first:
            self._again.appendleft(work)
        else:
            self._again.append(work)

    def _wake_when_due(self, work: Work) -> frozenset[str]:
        """The deployments for which `work` isn't due yet; it is placed anew when it is."""
        now = asyncio.get_running_loop().time()
        work.put_off = {name: due for name, due in (work.put_off or {}).items() if due > now}
        for due in work.put_off.values():
            self._wake_at(due, work)
        self._set_timer()
        return frozenset(work.put_off)

    def _group_for(self, name: str) -> deque[tuple[Work, int]] | None:
        """The first group that has work for a deployment; emptied groups are dropped."""
        for barred in list(self._apart):
            group = self._apart[barred]
            while group and group[0][0].moves != group[0][1]:
                group.popleft()
            if not group:
                del self._apart[barred]
            elif name not in barred:
                return group
        return None

    def _waiting_apart(self) -> Iterator[Work]:
        delayed = ((work, moves) for _, _, work, moves in self._delayed)
        for work, moves in chain(delayed, *self._apart.values()):
            if work.moves == moves:
                yield work

    def _wake_at(self, due: float, work: Work) -> None:
        heapq.heappush(self._delayed, (due, next(self._order), work, work.moves))

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
            _, _, work, moves = heapq.heappop(self._delayed)
            if work.moves == moves:
                work.moves += 1
                self._place(work, is_first=False)
                moved += 1
        self._set_timer()
        if moved:
            self._on_ready()
