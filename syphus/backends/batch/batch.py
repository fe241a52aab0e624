"""The backend: chunks of requests become batches, and their outcomes come back."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING, Self

from asyncio_throttle.throttler import Throttler

from syphus.backends.batch.chunk_store import ChunkStore, check_endpoints
from syphus.backends.batch.client import connect
from syphus.backends.batch.enqueued import Enqueued
from syphus.backends.batch.fetching import FORGOTTEN_AFTER, Fetching
from syphus.backends.batch.filling import MOST_BYTES, MOST_LINES, Bounds
from syphus.backends.batch.leading import Leading
from syphus.backends.batch.ledger import Ledger
from syphus.backends.batch.line import LineReader
from syphus.backends.batch.notices import Teller
from syphus.backends.batch.off_loop import off_loop
from syphus.backends.batch.remote import Remote
from syphus.backends.batch.results import Oddities, read_results
from syphus.backends.batch.sending import Sending
from syphus.backends.batch.steps import Steps
from syphus.core.errors import JournalError, RequestError
from syphus.core.secrets import Secrets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    from syphus.backends.batch.chunk import Chunk
    from syphus.backends.credentials import TokenProvider
    from syphus.core.batches import BatchLine, BatchOutcome, BatchState
    from syphus.core.deployments import Deployment

LEDGER = "batches.jsonl"
CHUNKS = "batches"
_TIMEOUT = 300.0
_LOOK_SECONDS = 15.0
_GOODBYE_SECONDS = 20.0
_RARELY = 1.0
_OFTEN = 0.001


def _ignore(_: str) -> None:
    pass


class BatchApi:
    """The Batch API of `deployment` for the run `run`, inside `async with`; a `BatchBackend`.

    `folder` is the run's journal folder: the ledger `batches.jsonl` and the chunks' files under
    `batches/` are kept there, and what stands in them is taken up again. The deployment's rates are
    those of the Batch API. Batches are polled every `poll_seconds`; `enqueued_tokens` is the
    endpoint's limit for what hasn't ended, None: learned where it refuses. `look_seconds` lie
    between two looks for what may or may not have been created: 15, or `poll_seconds` if those are
    fewer. A batch that the endpoint doesn't know is lost once it is `forgotten_after` seconds old;
    before, the run stops. `sleep`, `clock` (seconds) and `wall_clock` (seconds since the epoch) are
    replaced in tests.

    After a restart, the outcomes of a chunk that was not told `durable` are given out again.

    Raises SettingsError when opened where a batch is under way at another endpoint.
    """

    def __init__(
        self,
        deployment: Deployment,
        *,
        folder: Path,
        run: str,
        poll_seconds: float = 60.0,
        enqueued_tokens: int | None = None,
        look_seconds: float | None = None,
        most_lines: int | None = None,
        most_bytes: int = MOST_BYTES,
        forgotten_after: float = FORGOTTEN_AFTER,
        timeout: float = _TIMEOUT,
        on_notice: Callable[[str], None] = _ignore,
        token_provider: TokenProvider | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._deployment = deployment
        self._folder = folder
        self._run = run
        self._look_seconds = (
            min(_LOOK_SECONDS, poll_seconds) if look_seconds is None else look_seconds
        )
        self._bounds = Bounds(
            lines=most_lines or MOST_LINES[deployment.api_type],
            bytes=most_bytes,
            tokens=enqueued_tokens,
        )
        self._forgotten_after = forgotten_after
        self._timeout = timeout
        self._on_notice = on_notice
        self._token_provider = token_provider
        self._sleep = sleep
        self._clock = clock
        self._wall_clock = wall_clock
        self._enqueued_tokens = enqueued_tokens
        # It looks at the time now and then, rather than being woken.
        often = min(_RARELY, max(_OFTEN, poll_seconds / 10))
        self._throttle = Throttler(rate_limit=1, period=poll_seconds, retry_interval=often)
        self._wake = asyncio.Event()
        self._is_full = asyncio.Event()
        self._failure: JournalError | None = None
        self._is_due = False
        self._put_off: set[str] = set()
        self._given: set[str] = set()
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self._client = connect(
                self._deployment, timeout=self._timeout, token_provider=self._token_provider
            )
            stack.push_async_callback(self._client.sdk.close)
            folder = self._folder / CHUNKS
            folder.mkdir(parents=True, exist_ok=True)
            self._ledger = Ledger(self._folder / LEDGER, wall_clock=self._wall_clock)
            stack.callback(self._ledger.close)
            check_endpoints(self._ledger.chunks.values(), self._client.endpoint)
            self._before = tuple(self._ledger.chunks.values())
            self._store = ChunkStore(
                self._ledger,
                folder,
                bounds=self._bounds,
                deployment=self._deployment,
                endpoint=self._client.endpoint,
                url=self._client.chat_path,
            )
            stack.callback(self._store.close)
            self._remote = Remote(
                self._client, timeout=self._timeout, sleep=self._sleep, clock=self._clock
            )
            self._steps = Steps(
                ledger=self._ledger,
                remote=self._remote,
                folder=folder,
                run=self._run,
                look_seconds=self._look_seconds,
                on_notice=self._on_notice,
                sleep=self._sleep,
                wall_clock=self._wall_clock,
                forgotten_after=self._forgotten_after,
            )
            fetching = Fetching(
                ledger=self._ledger,
                remote=self._remote,
                folder=folder,
                on_notice=self._on_notice,
                wall_clock=self._wall_clock,
                forgotten_after=self._forgotten_after,
            )
            self._teller = Teller(
                on_notice=self._on_notice, clock=self._clock, last_good=self._clock()
            )
            self._sending = Sending(
                ledger=self._ledger,
                store=self._store,
                steps=self._steps,
                teller=self._teller,
                enqueued=Enqueued(self._enqueued_tokens),
                model=self._deployment.model,
                endpoint=self._client.endpoint,
                put_off=self._put_off.add,
            )
            self._leading = Leading(
                client=self._client,
                ledger=self._ledger,
                remote=self._remote,
                steps=self._steps,
                sending=self._sending,
                fetching=fetching,
                teller=self._teller,
                put_off=self._put_off,
                on_step=self._wake.set,
                on_notice=self._on_notice,
            )
            for task in (self._tick(), self._close_full()):
                stack.push_async_callback(_end, asyncio.create_task(task))
            self._open = stack.pop_all()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        async with self._open:
            if exc_type is None:
                await self._store.close_full()
                with suppress(RequestError, TimeoutError):
                    async with asyncio.timeout(_GOODBYE_SECONDS):
                        await self._leading.delete_all()

    def add(self, line: BatchLine) -> None:
        """Puts a line into the chunk that is being filled; a full one is closed by itself.

        Raises BadRequest for a line too large for any batch, ValueError for one that is held.
        """
        if self._store.add(line):
            self._is_full.set()

    def flush(self) -> None:
        """Closes the chunk that is being filled, if it has lines: it may be sent."""
        if self._store.flush():
            self._is_full.set()

    @property
    def outstanding(self) -> int:
        """Lines added whose outcomes were not given out yet."""
        return self._store.held

    def facts(self) -> Iterator[bytes]:
        """The facts of lines that were sent and whose outcome is still wanted.

        Of what was never sent nothing is paid for: who wants it asks for it by its custom_id.
        """
        return self._store.facts()

    def holds(self, custom_id: str) -> bool:
        """Whether a line is in a chunk, maybe of an earlier sitting, and not yet given out."""
        return self._store.holds(custom_id)

    async def outcomes(self) -> AsyncIterator[Sequence[BatchOutcome]]:
        """Outcomes in groups, as batches end; without end.

        Raises StoppingError where the endpoint refuses all: what isn't sent then waits for the next
        sitting. Raises JournalError where the disk refuses.
        """
        while True:
            self._wake.clear()
            is_due, self._is_due = self._is_due, False
            if is_due:
                self._put_off.clear()
            if self._failure is not None:
                raise self._failure
            for chunk in list(self._ledger.chunks.values()):
                await self._leading.lead(chunk, is_due=is_due)
                if chunk.stage == "downloaded" and chunk.name not in self._given:
                    for group in self._outcomes_of(chunk):
                        yield group
                    if chunk.name in self._leading.stops:
                        raise self._leading.stops.pop(chunk.name)
            await self._wake.wait()

    def durable(self, batch: str, *, cost: float | None = None) -> None:
        """Takes note that all outcomes of a chunk, which cost `cost`, are stored: its files may go.

        Raises ValueError where some were never given out.
        """
        if batch not in self._given:
            raise ValueError(f"not all outcomes of batch {batch} were given out")
        self._ledger.append(self._ledger.chunks[batch], "durable", cost=cost)
        self._wake.set()

    async def give_up_unsent(self, is_wanted: Callable[[str], bool]) -> int:
        """Sends no chunk of an earlier sitting that holds a custom_id which isn't wanted.

        What has an uploaded file but no batch isn't sent either. The lines come back as not billed,
        for whoever wants them to ask again. Returns how many of them aren't wanted.
        """
        count = 0
        for chunk in self._before:
            if chunk.is_unsent:
                counting = partial(self._store.count_unwanted, chunk, is_wanted)
                if unwanted := await off_loop(counting):
                    self._sending.unwanted.add(chunk.name)
                    count += unwanted
        return count

    async def cancel(self) -> None:
        """Cancels all batches at the endpoint; what they have done is still given out.

        Chunks without a batch end too. Raises RequestError where a cancel is refused; `outcomes`
        tries again.
        """
        self._leading.begin_to_cancel()
        self._store.flush()
        await self._store.close_full()
        self._is_due = True
        self._wake.set()
        await self._leading.cancel_all()

    def states(self) -> Sequence[BatchState]:
        """Every chunk, in the order of their making."""
        return self._store.states()

    async def _tick(self) -> None:
        while True:
            async with self._throttle:
                self._is_due = True
                self._wake.set()

    async def _close_full(self) -> None:
        """Makes full chunks durable while others are led; `outcomes` raises what that raised."""
        while True:
            await self._is_full.wait()
            self._is_full.clear()
            try:
                await self._store.close_full()
            except JournalError as error:
                self._failure = error
            self._wake.set()

    def _outcomes_of(self, chunk: Chunk) -> Iterator[Sequence[BatchOutcome]]:
        secrets = self._client.secrets
        reader = LineReader(
            deployment=self._deployment.name,
            rates=chunk.rates_at(self._deployment),
            secrets=secrets,
            hidden=Secrets(secrets),
            latency=max(0.0, (chunk.ended or 0.0) - (chunk.created or chunk.ended or 0.0)),
            now=self._wall_clock(),
        )
        oddities = Oddities()
        for group in read_results(chunk, self._store.files(chunk), reader, oddities):
            if group[-1].is_last:
                self._given.add(chunk.name)
                self._teller.tell_oddities(chunk, oddities)
            released = [outcome.custom_id for outcome in group]
            # Whoever waits while lines are outstanding comes back for the error that follows.
            is_held = group[-1].is_last and chunk.name in self._leading.stops
            self._store.give_out([] if is_held else released)
            yield group
            self._store.give_out(released)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    # To await it would take a Ctrl-C that comes now for the end of the task.
    await asyncio.wait([task])
