"""A stop from outside, and what it doesn't wait for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from syphus.core.errors import StoppedEarly

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

    from syphus.core.errors import InputError
    from syphus.pipeline.generation import Generation

T = TypeVar("T")

# A chunk of queries that is nearly there is waited for: earlier answers may belong to it.
_PATIENCE_SECONDS = 2.0
_READ_ON_SECONDS = 30.0


def stop_for(error: InputError | OSError) -> StoppedEarly:
    """Why a run is stopped in whose midst a plugin or a file fails."""
    stop = StoppedEarly(f"{error}. What was answered is kept")
    stop.__cause__ = error
    return stop


class Stopping:
    """`reason` is why the run was told to stop; `is_abandoned` if its queries still hang then."""

    def __init__(self) -> None:
        self.reason: StoppedEarly | None = None
        self.is_abandoned = False
        self._came = asyncio.Event()

    def stop(self, why: str) -> StoppedEarly:
        """Ends what waits by `unless_stopped` or `until_stopped`."""
        self.reason = StoppedEarly(why)
        self._came.set()
        return self.reason

    async def unless_stopped(self, work: Awaitable[T]) -> T:
        """What `work` comes to.

        Raises StoppedEarly at a stop, once `work` is cancelled: nothing was asked yet.
        """
        task = asyncio.ensure_future(work)
        if await self._is_done(task, patience=0.0):
            return task.result()
        raise StoppedEarly(
            f"{self.reason}, before anything was asked this time; the same command goes on from "
            "here"
        )

    async def until_stopped(self, source: AsyncIterator[T]) -> AsyncIterator[T]:
        """What `source` gives; at a stop it ends soon, even where a plugin's code hangs."""
        while True:
            task = asyncio.ensure_future(anext(source))
            if not await self._is_done(task, patience=_PATIENCE_SECONDS):
                self.is_abandoned = True
                return
            try:
                item = task.result()
            except StopAsyncIteration:
                return
            yield item

    async def read_on(self, generation: Generation) -> bool:
        """Whether all earlier answers were reached, those behind the stop included."""
        if self.is_abandoned:
            return False
        try:
            async with asyncio.timeout(_READ_ON_SECONDS):
                return await generation.read_on()
        except TimeoutError:
            return False

    async def _is_done(self, task: asyncio.Future[Any], *, patience: float) -> bool:
        """Waits for `task`, after a stop only so many seconds more; then it is cancelled."""
        came = asyncio.ensure_future(self._came.wait())
        try:
            await asyncio.wait({task, came}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done() and patience:
                await asyncio.wait({task}, timeout=patience)
            return task.done()
        finally:
            came.cancel()
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
