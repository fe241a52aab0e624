"""`run.log`: what was worth a line, as JSON, beside whoever else watches."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from pathlib import Path

    from syphus.core.events import Observer
    from syphus.core.secrets import Secrets

LOG = "run.log"


class RunLog:
    """Writes notices to the run's log and hands them on, without `secrets`."""

    def __init__(self, folder: Path, observer: Observer, *, secrets: Secrets) -> None:
        self._observer = observer
        self._hide = secrets.hide
        self._file = (folder / LOG).open("a", encoding="utf-8", errors="backslashreplace")
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
        self._observer.notice(text)

    def record(self, event: str, **facts: Any) -> None:
        """Logs facts that a terminal has no use for."""
        with suppress(OSError):  # a full disk is the journal's to tell
            hidden = {
                name: self._hide(value) if isinstance(value, str) else value
                for name, value in facts.items()
            }
            self._log.info(event, **hidden)

    def close(self) -> None:
        """Closes the file."""
        with suppress(OSError):
            self._file.close()
