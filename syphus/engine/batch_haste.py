"""When a chunk that isn't full is sent off all the same."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class Haste:
    """Times are seconds of the loop.

    After the source's end nothing is waited for that hasn't come within `quiet`. Before it, a
    plugin may be slow for hours: then the first line waits `longest`, so that what is there is
    sent, and no more than one batch in that time isn't full.
    """

    quiet: float
    longest: float
    _first_at: float | None = None
    _last_at: float = 0.0

    def came(self) -> None:
        """Takes note of another request for the chunk."""
        self._last_at = asyncio.get_running_loop().time()
        if self._first_at is None:
            self._first_at = self._last_at

    def sent(self) -> None:
        """Takes note that what had come was sent off."""
        self._first_at = None

    def seconds_left(self, *, is_exhausted: bool) -> float:
        """How long the chunk may still wait for more."""
        now = asyncio.get_running_loop().time()
        due = (now if self._first_at is None else self._first_at) + self.longest
        if is_exhausted:
            due = min(due, self._last_at + self.quiet)
        return max(0.0, due - now)
