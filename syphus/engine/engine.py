"""Asks every request of a stream, within the limits, until each has an outcome.

One dispatcher a deployment takes work when its gate lets one more go, and starts a task for it. An
attempt holds one place, which is given back before any waiting; the task then makes the next one,
if the gate lets it go at once. Nothing is taken before it can go: what one deployment's limits hold
back is there for the others.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from syphus.core.errors import RateLimited, RequestError, StoppedEarly
from syphus.engine.budget import Budget
from syphus.engine.ownership import Ownership
from syphus.engine.retry import RetryPolicy
from syphus.engine.sizes import tells_usage
from syphus.engine.wakeup import Wakeup
from syphus.engine.work import Work, WorkQueue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from syphus.core.errors import SyphusError
    from syphus.core.records import Request
    from syphus.engine.lane import Lane
    from syphus.engine.sink import Sink


@dataclass(slots=True, kw_only=True)
class Counts:
    """What the engine has done so far; the progress display reads it."""

    sent: int = 0
    replied: int = 0
    failed: int = 0
    retried: int = 0
    rate_limited: int = 0


class Engine:
    """Drives requests through lanes, `most_in_flight` at once.

    Some four times as many may have been taken from the source without having a settled outcome:
    enough for new work to go on beside many that wait for their next try.
    """

    def __init__(
        self,
        lanes: Sequence[Lane],
        sink: Sink,
        *,
        most_in_flight: int,
        budget: Budget | None = None,
        policy: RetryPolicy | None = None,
        on_notice: Callable[[str], None],
    ) -> None:
        self.counts = Counts()
        self.budget = budget or Budget(None)
        self.stopped_by: SyphusError | None = None
        self._lanes = lanes
        self._sink = sink
        self._most_in_flight = most_in_flight
        self._most_open = 4 * most_in_flight + 256
        self._queue = WorkQueue(self._wake_lanes)
        self._ownership = Ownership(
            lanes,
            self._queue,
            sink,
            self.counts,
            policy=policy or RetryPolicy(),
            stop=self.stop,
            on_notice=on_notice,
        )
        self._open = 0
        self._in_flight = 0
        self._exhausted = False
        self._too_dear: set[str] = set()
        self._room = Wakeup()

    @property
    def in_flight(self) -> int:
        """Attempts under way."""
        return self._in_flight

    @property
    def waiting(self) -> int:
        """Requests that were taken from the source, aren't answered, and aren't in flight."""
        return max(0, self._open - self._in_flight)

    async def run(self, source: AsyncIterator[Sequence[Request]]) -> None:
        """Asks every request of `source` (which comes in chunks) and all that `submit` adds.

        Returns when every request is settled or, after `stop`, when nothing is in flight. Errors
        of the source and of the sink end the run at once, as an exception group.
        """
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._feed(source))
                for lane in self._lanes:
                    group.create_task(self._dispatch(lane, group))
        finally:
            self._queue.close()

    def submit(self, request: Request) -> None:
        """Adds a request that an outcome gave rise to; it goes before those of the source."""
        if self.stopped_by is None:
            self._open += 1
            self._queue.add_first(Work(request=request))

    def settle(self) -> None:
        """One request has its outcome, and all it gave rise to was submitted."""
        self._open -= 1
        if self._open < self._most_open:
            self._room.set()
        if self._is_finished:
            self._wake_lanes()

    def stop(self, reason: SyphusError) -> None:
        """Sends nothing more. What is in flight goes on; the first reason is kept."""
        if self.stopped_by is None:
            self.stopped_by = reason
            self._room.set()
            self._wake_lanes()

    @property
    def _is_finished(self) -> bool:
        return self.stopped_by is not None or (self._exhausted and self._open == 0)

    @property
    def _is_full(self) -> bool:
        return self._in_flight >= self._most_in_flight

    @property
    def _has_room(self) -> bool:
        return not self._is_full and any(
            lane.places.has_place and lane.closed_by is None for lane in self._lanes
        )

    def _has_turn(self, lane: Lane) -> bool:
        """Whether the next place is this lane's: the freest of those that could send goes first."""
        if self._is_full:
            return False
        return len(self._lanes) == 1 or all(
            lane.load <= other.load
            for other in self._lanes
            if other.closed_by is None
            and other.name not in self._too_dear
            and other.is_ready
            and (self._queue.is_for_all or self._queue.peek(other.name) is not None)
        )

    def _wake_lanes(self, *, besides: Lane | None = None) -> None:
        for lane in self._lanes:
            if lane is not besides:
                lane.signal.set()

    async def _feed(self, source: AsyncIterator[Sequence[Request]]) -> None:
        async for chunk in source:
            for request in chunk:
                self._open += 1
                self._queue.add(Work(request=request))
            while self._open >= self._most_open and self.stopped_by is None:
                await self._room.wait()
            if self.stopped_by is not None:
                return
        self._exhausted = True
        self._wake_lanes()

    async def _dispatch(self, lane: Lane, group: asyncio.TaskGroup) -> None:
        while not self._is_finished and lane.closed_by is None:
            work = self._queue.peek(lane.name)
            seconds = None if work is None else self._wait(lane, work)
            if work is None or seconds != 0:
                await lane.signal.wait(seconds)
            elif not self._pay(lane, work):
                await self._await_money(lane, work.most)
            else:
                self._queue.take(lane.name)
                work.tokens = await lane.admit(work.request)
                if self._begin(lane, work):
                    group.create_task(self._work(lane, work))

    def _wait(self, lane: Lane, work: Work) -> float | None:
        """Seconds until `work`, which is only looked at, may go; None: until something changes."""
        if self._is_full:
            return None
        seconds = lane.wait()
        if seconds == 0 and not lane.is_unlimited:
            was_held, seconds = lane.is_held, lane.wait_for_limits(work.request)
            if lane.is_held and not was_held:
                # The turn is now another's.
                self._wake_lanes(besides=lane)
        if seconds == 0 and not self._has_turn(lane):
            self._pass_turn(lane)
            return None
        return seconds

    def _pass_turn(self, lane: Lane) -> None:
        """Wakes those that are freer: each may wait for a turn that came with the last send."""
        for other in self._lanes:
            if other.load < lane.load:
                other.signal.set()

    def _pay(self, lane: Lane, work: Work) -> bool:
        """Sets aside what the next attempt may cost; False: too much."""
        work.most = self.budget.most_of(work.request, lane.deployment.rates)
        return self.budget.reserve(work.most)

    def _begin(self, lane: Lane, work: Work) -> bool:
        """Notes the next attempt and takes its place; False, the work added again: forbidden."""
        attempt = work.tries.sent + 1
        if not self._sink.sending(
            work.request, attempt=attempt, deployment=lane.name, most_cost=work.most
        ):
            self.budget.settle(work.most, 0.0)
            self._queue.add_first(work)
            return False
        work.tries.sent = attempt
        work.sent_at = lane.enter()
        self.counts.sent += 1
        self._in_flight += 1
        return True

    async def _work(self, lane: Lane, work: Work | None) -> None:
        """Makes one attempt, and others as long as the next may go at once.

        A task for each, made by a dispatcher that is woken for it, would take 4 us a request.
        """
        while work is not None:
            await self._attempt(lane, work)
            work = self._next(lane)

    def _next(self, lane: Lane) -> Work | None:
        """The next attempt for a place that has just been given back, if that takes no waiting.

        Else the dispatchers are woken: they find out what is to be waited for.
        """
        if (
            lane.is_unlimited
            and not (self._too_dear or self._is_finished)
            and (work := self._queue.peek(lane.name)) is not None
            and self._has_turn(lane)
            and lane.closed_by is None
            and lane.wait() == 0
            and self._pay(lane, work)
        ):
            self._queue.take(lane.name)
            if self._begin(lane, work):
                if self._has_room:
                    self._wake_lanes()
                return work
        self._wake_lanes()
        return None

    async def _await_money(self, lane: Lane, most: float) -> None:
        """Waits for reservations to end, or for a cheaper deployment to go on; else stops.

        What a cheaper one has refused, and a dearer one can't be paid for, is left when all else is
        done; then the budget ends the run, for a larger one would answer it.
        """
        self._too_dear.add(lane.name)
        others = [
            other
            for other in self._lanes
            if other.closed_by is None and other.name not in self._too_dear
        ]
        if self.budget.is_idle and not any(map(self._may_go_on, others)):
            self.stop(StoppedEarly(self.budget.describe(most)))
            return
        for other in others:
            other.signal.set()
        await lane.signal.wait()
        self._too_dear.discard(lane.name)

    def _may_go_on(self, lane: Lane) -> bool:
        """Whether there is, or may come, work for a deployment while nothing is in flight."""
        is_read_on = not self._exhausted and self._open < self._most_open
        return is_read_on or self._queue.may_serve(lane.name)

    async def _attempt(self, lane: Lane, work: Work) -> None:
        request, most = work.request, work.most
        try:
            reply = await lane.backend.ask(request, attempt=work.tries.sent)
        except RequestError as error:
            self.budget.settle(most, most if error.maybe_billed else 0.0)
            if self._is_telling(error, lane, work):
                lane.failed(error, sent_at=work.sent_at)
            self._ownership.own(lane, work, error)
        else:
            self.counts.replied += 1
            self._ownership.answers.replied()
            if lane.deployment.rates is not None and not tells_usage(reply):
                # An endpoint that doesn't tell what it used is taken to have used the most.
                reply = replace(reply, cost=most)
            self.budget.settle(most, reply.cost or 0.0)
            self.budget.learn(request, lane.deployment.rates, reply.cost or 0.0)
            lane.answered(request, reply, reserved=work.tokens, sent_at=work.sent_at)
            self._sink.replied(request, reply)
        finally:
            lane.leave()
            self._in_flight -= 1

    def _is_telling(self, error: RequestError, lane: Lane, work: Work) -> bool:
        """Whether a failure says anything about the deployment, and not just about the request."""
        return lane.breaker.is_open or isinstance(error, RateLimited) or not work.tries.is_suspect
