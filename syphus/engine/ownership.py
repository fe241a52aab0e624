"""Each failure has one owner.

The retry policy asks again, another deployment is asked, the request is given up, the deployment is
closed, or, where no deployment is left, the run stops.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from syphus.core.errors import (
    BadRequest,
    ContextTooLong,
    ImageUnusable,
    RetryableError,
    StoppingError,
    Unreachable,
    UnsupportedParameter,
)
from syphus.core.records import Failure
from syphus.engine.retry import Answers, Backoff, RetryPolicy, may_retry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from syphus.core.errors import RequestError
    from syphus.engine.engine import Counts
    from syphus.engine.lane import Lane
    from syphus.engine.sink import Sink
    from syphus.engine.work import Work, WorkQueue

_ALIKE_BEFORE_STOPPING = 20
# What another deployment, with another model or version behind it, may accept.
_REFUSALS = (BadRequest, ContextTooLong, UnsupportedParameter)


class Ownership:
    """Decides what becomes of a request whose attempt failed, and of the deployment.

    `stop` is called when no deployment is left.
    """

    def __init__(
        self,
        lanes: Sequence[Lane],
        queue: WorkQueue,
        sink: Sink,
        counts: Counts,
        *,
        policy: RetryPolicy,
        stop: Callable[[RequestError], None],
        on_notice: Callable[[str], None],
    ) -> None:
        self.answers = Answers()
        self.backoff = Backoff()
        self._lanes = lanes
        self._queue = queue
        self._sink = sink
        self._counts = counts
        self._policy = policy
        self._stop = stop
        self._on_notice = on_notice

    def own(self, lane: Lane, work: Work, error: RequestError) -> None:
        """Takes `work` back whose attempt at `lane` ended in `error`."""
        if error.maybe_billed:
            self._sink.maybe_billed(work.request, most_cost=work.most)
        else:
            self._sink.not_billed(work.request)
        if isinstance(error, StoppingError):
            self._close(lane, error)
            if work.refusal is not None and self._is_refused(work):
                self._give_up(work, work.refusal)
            else:
                self._queue.add_first(work)
            return
        weight = self.answers.weigh(error, work.tries)
        work.tries.count(error, weight=weight, now=asyncio.get_running_loop().time())
        if may_retry(error, work.tries, self._policy):
            self._counts.retried += 1
            self._counts.rate_limited += error.kind == "rate_limited"
            self._ask_again(lane, work, error)
            if lane.is_unreachable:
                self._close(lane, Unreachable(f"nothing answers there: {error}"))
            return
        if not isinstance(error, RetryableError | ImageUnusable):
            self._note_refusal(lane, error)
        if isinstance(error, _REFUSALS):
            work.refused_by |= {lane.name}
            work.refusal = error
            if self._is_open_to(work):
                self._queue.add_first(work)
                return
        self._give_up(work, error)

    def _ask_again(self, lane: Lane, work: Work, error: RequestError) -> None:
        """After a while; at once by others where it was this deployment that asked for patience."""
        if work.refusal is not None and self._is_refused(work):
            self._give_up(work, work.refusal)
            return
        seconds = self.backoff.seconds(work.tries, error)
        if error.retry_after and self._is_open_to(work, besides=lane):
            self._queue.put_off(work, lane.name, seconds)
        else:
            self._queue.add_later(work, seconds)

    def _is_open_to(self, work: Work, *, besides: Lane | None = None) -> bool:
        """Whether a deployment is left that hasn't refused `work`."""
        return any(
            lane.closed_by is None and lane.name not in work.refused_by
            for lane in self._lanes
            if lane is not besides
        )

    def _is_refused(self, work: Work) -> bool:
        """Whether all that are still asked have refused `work`; where none is, the run stops."""
        names = self._open_names()
        return bool(names) and names <= work.refused_by

    def _open_names(self) -> frozenset[str]:
        return frozenset(lane.name for lane in self._lanes if lane.closed_by is None)

    def _give_up(self, work: Work, error: RequestError) -> None:
        self._counts.failed += 1
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
            lane.signal.set()
            self._on_notice(f"{lane.name}: {error}; it is asked no more")
        left = self._open_names()
        if not left:
            self._stop(error)
            return
        for work in self._queue.drop_refused(left):
            self._give_up(work, work.refusal or error)

    def _note_refusal(self, lane: Lane, error: RequestError) -> None:
        """A million requests must not be sent to learn that none is accepted."""
        lane.refusals += 1
        if lane.has_answered or lane.refusals != _ALIKE_BEFORE_STOPPING:
            return
        self._close(lane, StoppingError(f"the endpoint refused the first {lane.refusals}: {error}"))
