"""Asks every request of a stream by batches: nothing is in a hurry, and nothing is asked twice.

Requests become lines of a batch backend's chunks; a chunk that ends gives outcomes, whose failures
have the owners that they have online: asked again in the next batch, given up, or the run stops.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from syphus.core.batches import BatchLine, count_unsent
from syphus.core.errors import BadRequest, ImageUnusable, RequestError, RetryableError, StoppedEarly
from syphus.engine.batch_earlier import Earlier, EarlierAboutPairs, placed
from syphus.engine.batch_filing import Filing, with_cost
from syphus.engine.batch_haste import Haste
from syphus.engine.batch_lines import FactsReader, LineFacts, custom_id, encode_facts, name_of
from syphus.engine.batch_owners import Owners
from syphus.engine.batch_rest import OnlineRest
from syphus.engine.engine import Counts
from syphus.engine.retry import RetryPolicy
from syphus.engine.wakeup import Wakeup
from syphus.engine.work import Work

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Container, Sequence

    from syphus.core.batches import BatchBackend, BatchOutcome
    from syphus.core.deployments import Deployment
    from syphus.core.errors import SyphusError
    from syphus.core.records import Request
    from syphus.engine.asking import Wording
    from syphus.engine.budget import Budget
    from syphus.engine.engine import Engine
    from syphus.engine.sink import Sink

STRAY = -1
_MOST_UNREAD = 2000


class BatchEngine:
    """Drives requests through a batch backend. `run_name` is the run's in its custom ids.

    `deployment` has batch prices. `kept` has the custom ids whose replies the journal has,
    `earlier` what earlier sittings asked about pairs. `online`, if given, asks a rest of at
    most `online_below` requests. Requests that an earlier sitting sent are recognised in the
    backend's chunks and not sent again. What a chunk of then gives and nobody asks for now is
    journalled with the position `STRAY`.

    No line is held back for long: a chunk that isn't full is sent off when nothing else can come,
    or after `quiet` seconds in which nothing came; while the source isn't at its end, once its
    first line has waited `longest_wait` seconds. Tell `stored` of what is safe in the journal.
    """

    def __init__(
        self,
        backend: BatchBackend,
        sink: Sink,
        *,
        run_name: str,
        deployment: Deployment,
        wording: Wording,
        budget: Budget,
        kept: Container[str] = (),
        earlier: EarlierAboutPairs | None = None,
        online: Engine | None = None,
        online_below: int = 0,
        policy: RetryPolicy | None = None,
        on_notice: Callable[[str], None],
        quiet: float = 10.0,
        longest_wait: float = 1800.0,
        patience: float = 60.0,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.counts = Counts()
        self.budget = budget
        self.stopped_by: SyphusError | None = None
        self._backend = backend
        self._run_name = run_name
        self._deployment = deployment
        self._wording = wording
        self._rest = OnlineRest(online, below=online_below, on_notice=on_notice)
        self._on_notice = on_notice
        self._haste = Haste(quiet=quiet, longest=longest_wait)
        self._patience = patience
        self._facts = FactsReader()
        self._sitting = secrets.token_hex(6)
        self._filing = Filing(sink, deployment=deployment.name, let_go=backend.durable)
        self._owners = Owners(
            self._filing,
            counts=self.counts,
            wording=wording,
            policy=policy or RetryPolicy(),
            ask_again=self._ask_again,
            stop=self.stop,
            wall_clock=wall_clock,
        )
        self._waiting: deque[Work] = deque()
        self._earlier = Earlier(
            backend,
            run_name=run_name,
            kept=kept,
            about_pairs=earlier or EarlierAboutPairs(),
            on_notice=on_notice,
        )
        self.sent_before = self._earlier.about_pairs_of
        self._open = self._in_chunks = self._unflushed = self._fed = 0
        self._short = self._exhausted = self._is_giving = False
        self._may_take = asyncio.Event()
        self._signal, self._room, self._flushed, self._settled = (Wakeup() for _ in range(4))

    @property
    def in_flight(self) -> int:
        """Requests in batches, sent or about to be."""
        return self._in_chunks + self._rest.in_flight

    @property
    def waiting(self) -> int:
        """Requests that were taken from the source, aren't answered, and aren't in flight."""
        return max(0, self._open - self.in_flight)

    async def run(self, source: AsyncIterator[Sequence[Request]]) -> None:
        """Asks every request of `source` and all that `submit` adds.

        Returns when every request is settled or, after `stop`, at once: batches go on at the
        endpoint, and the next sitting finds them.
        """
        async with asyncio.TaskGroup() as group:
            group.create_task(self._feed(source))
            taking = group.create_task(self._take_outcomes())
            await self._steer()
            if self._earlier.unclaimed and self.stopped_by is None:
                await asyncio.wait([taking], timeout=self._patience)
            taking.cancel()
        self._file_strays()
        if self.stopped_by is None:
            self._earlier.tell_unclaimed()
        in_batches = self._in_chunks + self._earlier.unclaimed
        sent = in_batches - count_unsent(self._backend.states())
        if self.stopped_by is not None and sent > 0:
            self._on_notice(
                f"{sent} requests are in batches. What is sent goes on at the endpoint "
                "and is paid for; the same command fetches it, on any day before the files expire"
            )

    async def cancel(self) -> None:
        """Ends all batches at the endpoint, journals what they have done, and asks nothing."""
        self._exhausted = True
        if not self._earlier.unclaimed:
            return
        try:
            with suppress(RetryableError):
                await self._backend.cancel()
            async for group in self._backend.outcomes():
                await self._take_group(group)
                if not self._earlier.unclaimed:
                    break
        except RequestError as error:
            self.stop(error)

    def submit(self, request: Request) -> None:
        """Adds a request that an outcome gave rise to."""
        if self.stopped_by is None:
            self._open += 1
            if not self._rest.submit(request):
                self._offer(Work(request=request))

    def settle(self) -> None:
        """One request has its outcome, and all it gave rise to was submitted."""
        self._open -= 1
        self._owners.settled()
        self._rest.settle()
        self._settled.set()
        self._signal.set()

    def stop(self, reason: SyphusError) -> None:
        """Sends nothing more and waits for nothing; the first reason is kept."""
        if self.stopped_by is None:
            self.stopped_by = reason
            self._rest.stop(reason)
            for signal in (self._signal, self._room, self._settled, self._flushed):
                signal.set()

    def stored(self, request: Request) -> None:
        """The outcome of `request`, the sink's own object, is safe in the journal."""
        self._filing.stored(request)

    @property
    def _is_finished(self) -> bool:
        return self.stopped_by is not None or (self._exhausted and self._open == 0)

    async def _feed(self, source: AsyncIterator[Sequence[Request]]) -> None:
        async for chunk in source:
            for request in chunk:
                self._open += 1
                self._fed += 1
                self._offer(Work(request=request))
            self._pump()
            self._signal.set()
            while self._short and self.stopped_by is None:
                await self._room.wait()
            if self.stopped_by is not None:
                return
        self._exhausted = True
        self._file_strays()
        self._may_take.set()
        self._signal.set()

    async def _steer(self) -> None:
        """Fills chunks as money allows and sends them off when no more can be expected soon."""
        while not self._is_finished:
            self._pump()
            seconds = self._seconds_to_flush()
            if seconds is None or seconds > 0:
                await self._signal.wait(seconds)
            elif self._exhausted and self._is_small_rest:
                await self._finish_online()
            else:
                self._pump(all_of_it=True)
                self._backend.flush()
                self._unflushed = 0
                self._haste.sent()
                self._flushed.set()

    def _seconds_to_flush(self) -> float | None:
        if not self._unflushed and (self._short or not self._waiting):
            return None
        if self._short:
            return 0.0
        may_come = self._open - self._in_chunks - len(self._waiting) or self._is_giving
        if self._exhausted and not may_come:
            return 0.0
        return self._haste.seconds_left(is_exhausted=self._exhausted)

    @property
    def _is_small_rest(self) -> bool:
        rest = len(self._waiting)
        return rest == self._open and 0 < rest <= self._rest.below

    async def _finish_online(self) -> None:
        rest = [work.request for work in self._waiting]
        self._waiting.clear()
        stopped_by = await self._rest.ask(rest)
        if stopped_by is not None:
            self.stop(stopped_by)

    def _ask_again(self, work: Work) -> None:
        if self.stopped_by is None:
            self._offer(work)

    def _offer(self, work: Work) -> None:
        """Finds the request in a chunk of an earlier sitting, else lets it wait for a place."""
        is_claimed = self._earlier.claim(work, self._owners.own_expected)
        if is_claimed is None:
            self._waiting.append(work)
            self._haste.came()
            self._signal.set()
        elif is_claimed:
            self._in_chunks += 1

    def _pump(self, *, all_of_it: bool = False) -> None:
        """Puts waiting requests into the chunk that is being filled, as far as the money goes.

        What may be asked online is held back until no more can come.
        """
        self._short = False
        if not all_of_it and len(self._waiting) <= self._rest.below:
            return
        while self._waiting and self.stopped_by is None:
            most = self.budget.most_of(self._waiting[0].request, self._deployment.rates)
            if not self.budget.reserve(most):
                self._short = True
                self._may_take.set()
                if not self._in_chunks + self._earlier.unclaimed:
                    self.stop(StoppedEarly(self.budget.describe(most)))
                return
            self._add(self._waiting.popleft(), most)
        self._room.set()

    def _add(self, work: Work, most: float) -> None:
        name, tries, kept = name_of(work.request), work.tries, self._earlier.kept
        while (custom := custom_id(self._run_name, name, tries.sent + 1)) in kept:
            tries.sent += 1
        tries.sent += 1
        try:
            wording, body = self._wording.write(work.request)
            facts = LineFacts(
                request=work.request, tries=tries, sitting=self._sitting, wording=wording
            )
            line = BatchLine(
                custom_id=custom,
                body=body,
                tokens=work.request.prompt_tokens,
                most_cost=most,
                facts=encode_facts(facts),
            )
            self._backend.add(line)
        except (BadRequest, ImageUnusable) as error:
            self.budget.settle(most, 0.0)
            self._owners.give_up(work, error, chunk=None)
        else:
            self.counts.sent += 1
            self._in_chunks += 1
            self._unflushed += 1

    async def _take_outcomes(self) -> None:
        if self._earlier.unclaimed:
            # Requests are recognised first, so that what has ended needn't lie in memory.
            await self._wait_for_owners()
        try:
            await self._earlier.give_up_unsent()
            while True:
                async for group in self._backend.outcomes():
                    await self._take_group(group)
                    if self._is_finished and not self._earlier.unclaimed:
                        return
                await self._flushed.wait()
        except RequestError as error:
            self.stop(error)

    async def _wait_for_owners(self) -> None:
        """Until the source is at its end, gave nothing for long, or the money is short."""
        fed = -1
        while fed != self._fed and not self._may_take.is_set():
            fed = self._fed
            with suppress(TimeoutError):
                async with asyncio.timeout(self._patience):
                    await self._may_take.wait()

    async def _take_group(self, group: Sequence[BatchOutcome]) -> None:
        for outcome in group:
            self._take(with_cost(outcome, self._deployment.rates))
            if outcome.is_last:
                self._owners.end(outcome.batch)
        self._is_giving = not any(outcome.is_last for outcome in group)
        # What is asked again lies in memory until it has its place in a chunk.
        self._pump()
        self._signal.set()
        await asyncio.sleep(0)
        # Replies that wait to be read lie in memory.
        while self._owners.unread > _MOST_UNREAD and self.stopped_by is None:
            await self._settled.wait()

    def _take(self, outcome: BatchOutcome) -> None:
        line = self._facts.read(outcome.facts, sitting=self._sitting)
        cost = self._filing.charge(outcome)
        if line.sitting == self._sitting:
            self._pay(outcome, line, cost)
            self._in_chunks -= 1
            self._owners.own(outcome, line)
            return
        self.budget.take_up(outcome.most_cost)
        claim = self._earlier.position_of(outcome.custom_id)
        if outcome.custom_id in self._earlier.kept:
            self.budget.settle(outcome.most_cost, 0.0)
            return
        self._pay(outcome, line, cost)
        if claim is not None:
            self._in_chunks -= 1
            self._owners.own(outcome, placed(line, claim))
        elif self._exhausted:
            self._file_stray(outcome, line)
        else:
            self._earlier.defer(outcome, line)
            self._owners.expect(outcome)

    def _pay(self, outcome: BatchOutcome, line: LineFacts, cost: float) -> None:
        """Ends the reservation of an attempt with what it did cost."""
        is_own = line.sitting == self._sitting
        if outcome.reply is not None and (
            is_own or line.request.shape.model == self._deployment.model
        ):
            self.budget.learn(line.request, self._deployment.rates, cost)
        self.budget.settle(outcome.most_cost, cost)

    def _file_stray(self, outcome: BatchOutcome, line: LineFacts) -> None:
        if outcome.reply is not None:
            self._filing.replied(outcome, placed(line, STRAY), outcome.reply)

    def _file_strays(self) -> None:
        """Nobody will ask any more for what came of earlier sittings: it is kept as it is."""
        for outcome, line in self._earlier.take_deferred():
            self._file_stray(outcome, line)
            self._filing.release(outcome.batch)
