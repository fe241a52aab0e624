"""Leads chunks through their lives: which step of which chunk is taken next, never two at once.

So at any moment at most one call is under way whose result a crash could hide.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from syphus.backends.batch.problems import stopping_problem
from syphus.backends.batch.steps import as_stop
from syphus.core.errors import RequestError, RetryableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from syphus.backends.batch.chunk import Chunk
    from syphus.backends.batch.client import Client
    from syphus.backends.batch.fetching import Fetching
    from syphus.backends.batch.ledger import Ledger
    from syphus.backends.batch.notices import Teller
    from syphus.backends.batch.remote import Remote
    from syphus.backends.batch.sending import Sending
    from syphus.backends.batch.steps import Steps
    from syphus.core.errors import StoppingError


@dataclass(slots=True, kw_only=True)
class Leading:
    """Takes steps of the chunks in `ledger`; `on_step` is called after each.

    A chunk that is `put_off` waits until it is taken out of that set. `stops` has what no batch of
    the deployment can succeed for, by the name of the chunk that says so.
    """

    client: Client
    ledger: Ledger
    remote: Remote
    steps: Steps
    sending: Sending
    fetching: Fetching
    teller: Teller
    put_off: set[str]
    on_step: Callable[[], None]
    on_notice: Callable[[str], None]
    stops: dict[str, StoppingError] = field(default_factory=dict)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _is_cancelling: bool = False
    _asked_to_cancel: set[str] = field(default_factory=set)

    async def lead(self, chunk: Chunk, *, is_due: bool) -> None:
        """Takes a chunk's steps until it has to wait; `is_due` says that batches may be looked at.

        Raises StoppingError where the endpoint refuses all.
        """
        if chunk.name in self.put_off or self.remote.rests:
            return
        try:
            async with self._lock:
                while await self._step(chunk, is_due=is_due):
                    self.teller.go_on()
                    # Another may go on now: a batch that ended makes room.
                    self.on_step()
            self.teller.tell_room(self.ledger.chunks.values())
        except RetryableError as error:
            self.put_off.add(chunk.name)
            self.teller.tell_wait(chunk, error, has_answered=self.remote.has_answered)
        except RequestError as error:
            raise as_stop(error) from error

    def begin_to_cancel(self) -> None:
        """From now on chunks are led to the end that a cancel gives them."""
        self._is_cancelling = True

    async def cancel_all(self) -> None:
        """Cancels all batches, unless the endpoint asks to wait; each is tried again when led."""
        async with self._lock:
            if self.remote.rests:
                return
            for chunk in list(self.ledger.chunks.values()):
                await self._cancel(chunk)

    async def delete_all(self) -> None:
        """Deletes the files of chunks that are done with."""
        async with self._lock:
            for chunk in list(self.ledger.chunks.values()):
                if self.remote.rests:
                    return
                if chunk.stage in ("durable", "split"):
                    await self._delete(chunk)

    async def _step(self, chunk: Chunk, *, is_due: bool) -> bool:
        """Takes one step; False if the chunk has to wait."""
        if self._is_cancelling and await self._cancel(chunk):
            return True
        match chunk.stage:
            case "closed" | "uploading" | "uploaded" | "creating":
                return await self.sending.send(chunk)
            case "created":
                return is_due and await self.steps.poll(chunk)
            case "ended":
                await self._end_of(chunk)
                return True
            case "durable" | "split":
                await self._delete(chunk)
                return True
        return False

    async def _end_of(self, chunk: Chunk) -> None:
        if chunk.status == "failed" and not self._is_cancelling:
            if await self.sending.takes_back(chunk):
                return
            stop = stopping_problem(chunk, secrets=self.client.secrets)
            if stop is not None:
                self.stops[chunk.name] = stop
        await self.fetching.download(chunk)

    async def _cancel(self, chunk: Chunk) -> bool:
        """Cancels a chunk once; True if that changed where it stands."""
        if chunk.name in self._asked_to_cancel:
            return False
        before = chunk.stage
        await self.steps.cancel(chunk)
        if chunk.stage == before:
            self._asked_to_cancel.add(chunk.name)
        return chunk.stage != before

    async def _delete(self, chunk: Chunk) -> None:
        is_here = chunk.endpoint == self.client.endpoint
        if not is_here:
            self.on_notice(f"the files of batch {chunk.name} stay at {chunk.endpoint}")
        await self.steps.delete(chunk, remotely=is_here)
