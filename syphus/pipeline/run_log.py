"""`run.log`: what was worth a line, as JSON, beside whoever else watches.

Neither a log that can't be written nor a watcher that raises disturbs the run.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from pathlib import Path

    from syphus.core.events import Observer
    from syphus.core.secrets import Secrets

LOG = "run.log"
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK


class RunLog:
    """Writes notices to the run's log and hands them on, without `secrets`."""

    def __init__(self, folder: Path, observer: Observer, *, secrets: Secrets) -> None:
        self._observer = observer
        self._hide = secrets.hide
        try:
            handle = os.open(folder / LOG, _APPEND, 0o644)
        except OSError as error:  # a pipe that nobody reads is one, too
            handle = os.open(os.devnull, os.O_WRONLY)
            with suppress(Exception):
                observer.notice(f"{LOG} can't be written: {error.strerror}")
        self._file = os.fdopen(handle, "a", encoding="utf-8", errors="backslashreplace")
        self._log = structlog.wrap_logger(
            structlog.WriteLogger(self._file),
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso"),
                structlog.processors.JSONRenderer(),
            ],
        )

    def notice(self, text: str) -> None:
        """Logs one line and passes it on."""
        text = self._hide(text)
        self.record(text)
        with suppress(Exception):
            self._observer.notice(text)

    def record(self, event: str, **facts: Any) -> None:
        """Logs facts that a terminal has no use for."""
        with suppress(OSError, ValueError):  # a full disk is the journal's to tell
            hidden = {
                name: self._hide(value) if isinstance(value, str) else value
                for name, value in facts.items()
            }
            self._log.info(event, **hidden)

    def close(self) -> None:
        """Closes the file."""
        with suppress(OSError):
            self._file.close()
