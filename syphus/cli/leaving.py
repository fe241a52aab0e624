"""The end of the process, which waits for no code of a plugin that never returns."""

from __future__ import annotations

import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

from syphus.cli.signals import ignore_signals
from syphus.cli.streams import finish_streams

_LAST_WORK_SECONDS = 1.0


class Unawaited(ThreadPoolExecutor):
    """Threads for a loop that is closed without waiting for them."""

    def shutdown(self, wait: bool = False, *, cancel_futures: bool = True) -> None:  # noqa: FBT001, FBT002 - the shape that the loop calls
        """Starts nothing more."""
        del wait
        super().shutdown(wait=False, cancel_futures=cancel_futures)


def leave(status: int) -> NoReturn:
    """Ends the process with `status`, also where a thread that was given up still runs."""
    ignore_signals()
    finish_streams()
    others = [
        thread
        for thread in threading.enumerate()
        if thread is not threading.main_thread() and not thread.daemon
    ]
    latest = time.monotonic() + _LAST_WORK_SECONDS
    for thread in others:
        thread.join(max(0.0, latest - time.monotonic()))
    if any(thread.is_alive() for thread in others):
        os._exit(status)  # Python would join them first
    sys.exit(status)
