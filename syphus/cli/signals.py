"""What Ctrl-C and SIGTERM do: before a run, while it goes on, and when it is over."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from syphus.core.exit_status import STOPPED_EARLY

if TYPE_CHECKING:
    import asyncio
    from types import TracebackType

    from syphus.core.events import Observer
    from syphus.pipeline.run import Run

_NUMBERS = (signal.SIGINT, signal.SIGTERM)


def raise_on_signals() -> None:
    """Until a run takes them, both raise KeyboardInterrupt: nothing is lost by leaving at once."""
    for number in _NUMBERS:
        signal.signal(number, signal.default_int_handler)


def ignore_signals() -> None:
    """From here on the process ends with the status that it has."""
    for number in _NUMBERS:
        signal.signal(number, signal.SIG_IGN)


class RunSignals:
    """While it is entered, the first one stops the asking, the second one leaves.

    What came is in the journal. They are Python's handlers, not the loop's: a plugin's code may
    hold up the loop, and the second must end that, too.
    """

    def __init__(
        self, job: Run, observer: Observer, loop: asyncio.AbstractEventLoop, *, by_batch: bool
    ) -> None:
        self._job = job
        self._observer = observer
        self._loop = loop
        self._under_way = "batches go on" if by_batch else "what is in flight is awaited"
        self._seen = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> None:
        for number in _NUMBERS:
            self._before[number] = signal.signal(number, self._came)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _came(self, number: int, _frame: object) -> None:
        if self._seen:
            os._exit(STOPPED_EARLY)
        self._seen = True
        # What this interrupts may be in the middle of printing.
        with suppress(RuntimeError):  # the loop has ended, and with it the run
            self._loop.call_soon_threadsafe(self._stop, signal.Signals(number).name)

    def _stop(self, name: str) -> None:
        self._observer.notice(
            f"{name}: nothing more is asked, {self._under_way}; once more to leave now"
        )
        self._job.stop(name)
