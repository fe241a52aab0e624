"""Asks every request of a stream, within the limits, until each has an outcome.

One dispatcher a deployment takes work when its gate lets one more go, and starts a task for it. An
attempt holds one place, which is given back before any waiting; the task then makes the next one,
if the gate lets it go at once. Each failure has one owner: the retry policy
(ask again), the request (give it up), the deployment (close it), or, when no deployment is left,
the run (stop).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from syphus.core.errors import (
    BadRequest,
    ContextTooLong,
    RateLimited,
    RequestError,
    RetryableError,
    StoppedEarly,
    StoppingError,
    Unreachable,
    UnsupportedParameter,
)
from syphus.core.records import Failure
from syphus.engine.budget import Budget
from syphus.engine.retry import Answers, Backoff, RetryPolicy, may_retry
from syphus.engine.signal import Signal
from syphus.engine.work import Work, WorkQueue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from syphus.core.errors import SyphusError
    from syphus.core.records import Reply, Request
    from syphus.engine.lane import Lane

_ALIKE_BEFORE_STOPPING = 20
# What another deployment, with another model or version behind it, may accept.
_REFUSALS = (BadRequest, ContextTooLong, UnsupportedParameter)


class Sink(Protocol):
    """Where outcomes go, in the turn of the event loop in which they happen."""

    def sending(self, request: Request, *, attempt: int, deployment: str, most_cost: float) -> bool:
        """An attempt is about to be made; False forbids it, and the engine must be stopped.

        `most_cost` is the most that it may cost, in US dollars.
        """
        ...

    def not_billed(self, request: Request) -> None:
        """That attempt surely cost nothing and has no outcome."""
        ...

    def maybe_billed(self, request: Request, *, most_cost: float) -> None:
        """That attempt has no reply and may have cost up to `most_cost` US dollars."""
        ...

    def replied(self, request: Request, reply: Reply) -> None:
        """A request was answered."""
        ...

    def failed(self, request: Request, failure: Failure) -> None:
        """A request was given up."""
        ...


@dataclass(slots=True, kw_only=True)
class Counts:
    """What the engine has done so far; the progress display reads it."""

    sent: int = 0
    replied: int = 0
    failed: int = 0
    retried: int = 0
    rate_limited: int = 0


class Engine:
    """Drives requests through lanes.

    `most_open` bounds the requests that were taken from the source and have no settled outcome:
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
        self._policy = policy or RetryPolicy()
        self._backoff = Backoff()
        self._answers = Answers()
        self._on_notice = on_notice
        self._queue = WorkQueue(self._wake_lanes)
        self._open = 0
        self._in_flight = 0
        self._exhausted = False
        self._too_dear: set[str] = set()
        self._room = Signal()

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
            if other.closed_by is None and other.name not in self._too_dear and other.is_ready
        )

    def _wake_lanes(self) -> None:
        for lane in self._lanes:
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
            seconds = lane.wait() if self._has_turn(lane) else None
            has_work = bool(self._queue or lane.handed)
            if seconds != 0 or not has_work:
                await lane.signal.wait(seconds if has_work else None)
                continue
            work = self._take(lane)
            work.tokens = await lane.admit(work.request)
            if self.stopped_by is not None or lane.wait() != 0 or self._is_full:
                self._queue.add_first(work)
            elif not self._pay(lane, work):
                await self._await_money(lane, work.most)
            elif self._begin(lane, work):
                group.create_task(self._work(lane, work))

    def _take(self, lane: Lane) -> Work:
        return lane.handed.popleft() if lane.handed else self._queue.take()

    def _pay(self, lane: Lane, work: Work) -> bool:
        """Sets aside what the next attempt may cost; False, and the work is put back: too much."""
        work.most = self.budget.most_of(work.request, lane.deployment.rates)
        if self.budget.reserve(work.most):
            return True
        self._queue.put_back(work)
        return False

    def _begin(self, lane: Lane, work: Work) -> bool:
        """Notes the next attempt and takes its place; False, the work put back: forbidden."""
        attempt = work.tries.sent + 1
        if not self._sink.sending(
            work.request, attempt=attempt, deployment=lane.name, most_cost=work.most
        ):
            self.budget.settle(work.most, 0.0)
            self._queue.put_back(work)
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
            and (self._queue or lane.handed)
            and self._has_turn(lane)
            and lane.closed_by is None
            and lane.wait() == 0
        ):
            work = self._take(lane)
            if self._pay(lane, work) and self._begin(lane, work):
                if self._has_room:
                    self._wake_lanes()
                return work
        self._wake_lanes()
        return None

    async def _await_money(self, lane: Lane, most: float) -> None:
        """Waits for reservations to end, or for a cheaper deployment to go on; else stops."""
        self._too_dear.add(lane.name)
        others = [
            other
            for other in self._lanes
            if other.closed_by is None and other.name not in self._too_dear
        ]
        if not others and self.budget.is_idle:
            self.stop(StoppedEarly(self.budget.describe(most)))
            return
        for other in others:
            other.signal.set()
        await lane.signal.wait()
        self._too_dear.discard(lane.name)

    async def _attempt(self, lane: Lane, work: Work) -> None:
        request, most = work.request, work.most
        try:
            reply = await lane.backend.ask(request, attempt=work.tries.sent)
        except RequestError as error:
            self.budget.settle(most, most if error.maybe_billed else 0.0)
            if self._is_telling(error, lane, work):
                lane.failed(error, sent_at=work.sent_at)
            self._own(lane, work, error)
        else:
            self.counts.replied += 1
            self._answers.replied()
            if lane.deployment.rates is not None and not _tells_usage(reply):
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

    def _own(self, lane: Lane, work: Work, error: RequestError) -> None:
        if error.maybe_billed:
            self._sink.maybe_billed(work.request, most_cost=work.most)
        else:
            self._sink.not_billed(work.request)
        if isinstance(error, StoppingError):
            self._close(lane, error)
            self._queue.add_first(work)
            return
        weight = self._answers.weigh(error, work.tries)
        work.tries.count(error, weight=weight, now=asyncio.get_running_loop().time())
        if may_retry(error, work.tries, self._policy):
            self.counts.retried += 1
            self.counts.rate_limited += error.kind == "rate_limited"
            self._queue.add_later(work, self._backoff.seconds(work.tries, error))
            if lane.is_unreachable:
                self._close(lane, Unreachable(f"nothing answers there: {error}"))
            return
        if not isinstance(error, RetryableError):
            self._note_refusal(lane, error)
        if isinstance(error, _REFUSALS) and self._hand_over(lane, work):
            return
        self.counts.failed += 1
        self._sink.failed(
            work.request,
            Failure(
                kind=error.kind,
                message=str(error),
                attempts=work.tries.sent,
                status=error.status,
                maybe_billed=work.tries.maybe_billed > 0,
            ),
        )

    def _close(self, lane: Lane, error: StoppingError) -> None:
        if lane.closed_by is None:
            lane.closed_by = error
            while lane.handed:
                self._queue.add_first(lane.handed.pop())
            lane.signal.set()
            self._on_notice(f"{lane.name}: {error}; it is asked no more")
        if all(other.closed_by is not None for other in self._lanes):
            self.stop(error)

    def _hand_over(self, lane: Lane, work: Work) -> bool:
        """Gives a request that one deployment refuses to another that hasn't refused it yet."""
        work.refused_by |= {lane.name}
        for other in self._lanes:
            if other.closed_by is None and other.name not in work.refused_by:
                other.handed.append(work)
                other.signal.set()
                return True
        return False

    def _note_refusal(self, lane: Lane, error: RequestError) -> None:
        """A million requests must not be sent to learn that none is accepted."""
        lane.refusals += 1
        if lane.has_answered or lane.refusals != _ALIKE_BEFORE_STOPPING:
            return
        self._close(lane, StoppingError(f"the endpoint refused the first {lane.refusals}: {error}"))


def _tells_usage(reply: Reply) -> bool:
    usage = reply.usage
    return usage.prompt_tokens > 0 and (usage.completion_tokens > 0 or not reply.text)
