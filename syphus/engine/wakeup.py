"""A wake-up for the one task that waits on it."""

from __future__ import annotations

import asyncio


class Wakeup:
    """Like `asyncio.Event`, but cleared by being waited for, and with a time limit of its own.

    A timed wait on an Event costs a task; a dispatcher waits thousands of times a second.
    """

    def __init__(self) -> None:
        self._raised = False
        self._waiter: asyncio.Future[None] | None = None

    def set(self) -> None:
        """Wakes the waiter, or the next one to wait."""
        self._raised = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def wait(self, seconds: float | None = None) -> None:
        """Returns once `set` was called since the last wait, or after `seconds`."""
        if not self._raised:
            loop = asyncio.get_running_loop()
            self._waiter = waiter = loop.create_future()
            timer = loop.call_later(seconds, self.set) if seconds is not None else None
            try:
                await waiter
            finally:
                self._waiter = None
                if timer is not None:
                    timer.cancel()
        self._raised = False
