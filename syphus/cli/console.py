"""What a run shows while it goes on: notices, and progress, on stderr."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import structlog
from rich.console import Console as Terminal

from syphus.cli.progress import Lines, progress_line, progress_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from syphus.core.events import Snapshot
    from syphus.core.secrets import Secrets

_TABLE_SECONDS = 0.25
_LINE_SECONDS = 30.0


class Console:
    """Watches a run: a live table on a terminal, a line every 30 s elsewhere if there is news.

    It only tells: where nothing can be shown, the run goes on without.
    """

    def __init__(self, *, progress: bool, secrets: Secrets) -> None:
        self._terminal = _Terminal(stderr=True)
        self._progress = progress
        # Not what FORCE_COLOR says of a log: a table is drawn where lines can be drawn over.
        self._is_live = sys.stderr.isatty() and not self._terminal.is_dumb_terminal
        self._hide = secrets.hide
        self._log = structlog.wrap_logger(
            _Printer(self._terminal),
            processors=[
                structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
                structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0),
            ],
        )

    def notice(self, text: str) -> None:
        """Prints one line, without secrets."""
        with suppress(OSError, ValueError):
            self._log.info(self._hide(text))

    @contextmanager
    def watching(self, snapshot: Callable[[], Snapshot], *, title: str) -> Iterator[None]:
        """Shows progress while the block runs."""
        if not self._progress:
            yield
        elif self._is_live:
            with self._live(snapshot, title):
                yield
        else:
            with self._lines(snapshot):
                yield

    @contextmanager
    def _live(self, snapshot: Callable[[], Snapshot], title: str) -> Iterator[None]:
        from rich.live import Live  # noqa: PLC0415 - only on a terminal, like what the table is of

        live = Live(
            get_renderable=lambda: progress_table(snapshot(), title=title),
            console=self._terminal,
            refresh_per_second=1 / _TABLE_SECONDS,
            transient=True,
        )
        with suppress(Exception):
            live.start()
        try:
            yield
        finally:
            with suppress(Exception):
                live.stop()

    @contextmanager
    def _lines(self, snapshot: Callable[[], Snapshot]) -> Iterator[None]:
        ended = threading.Event()

        def print_lines() -> None:
            lines = Lines(seconds=_LINE_SECONDS)
            while not ended.wait(_LINE_SECONDS):
                with suppress(Exception):
                    now = snapshot()
                    if lines.is_due(now):
                        self.notice(progress_line(now))

        thread = threading.Thread(target=print_lines, name="progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


class _Terminal(Terminal):
    """A terminal whose loss is no reason to end the process."""

    def on_broken_pipe(self) -> None:
        """Shows nothing more."""
        self.quiet = True


class _Printer:
    """Where structlog hands a rendered line: above a live table, if there is one."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def info(self, line: str) -> None:
        self._terminal.out(line, highlight=False)
