"""When a live table is drawn, and when lines are printed in its place."""

from __future__ import annotations

import os
import pty
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import pytest

from syphus.cli.console import Console
from syphus.core.events import Snapshot
from syphus.core.secrets import Secrets

NOW = Snapshot(
    total=5,
    read=5,
    valid=1,
    invalid=0,
    failed=0,
    empty=0,
    restored=0,
    pairs=1,
    translated={},
    sent=5,
    retried=0,
    rate_limited=0,
    in_flight=4,
    waiting=0,
    prompt_tokens=0,
    completion_tokens=0,
    cached_tokens=0,
    cost=0.0,
    seconds=0.0,
)


@contextmanager
def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Standard error is a terminal, whose other side is given."""
    control, terminal = pty.openpty()
    with open(terminal, "w", encoding="utf-8") as stream:  # noqa: PTH123 - a number, no path
        monkeypatch.setattr(sys, "stderr", stream)
        yield control
    os.close(control)


def draws(monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether a run under way draws a table."""
    drawn: list[Any] = []
    monkeypatch.setattr("rich.live.Live.start", lambda *_, **__: drawn.append(True))
    console = Console(progress=True, secrets=Secrets())
    with console.watching(lambda: NOW, title="Photos.photos v1"):
        pass
    return bool(drawn)


@pytest.mark.parametrize(("term", "is_live"), [("xterm", True), ("dumb", False)])
def test_a_terminal_that_can_be_drawn_over_shows_a_table(
    monkeypatch: pytest.MonkeyPatch, term: str, *, is_live: bool
) -> None:
    """One that can't, such as an editor's, gets lines: a table would show nothing there."""
    monkeypatch.setenv("TERM", term)
    with on_a_terminal(monkeypatch):
        assert draws(monkeypatch) == is_live


@pytest.mark.parametrize("name", ["FORCE_COLOR", "TTY_COMPATIBLE"])
def test_a_log_gets_lines_whatever_is_said_of_colours(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    """CI systems set such variables; a table drawn four times a second fills a log overnight."""
    monkeypatch.setenv(name, "1")
    log: TextIO
    with (tmp_path / "log").open("w", encoding="utf-8") as log:
        monkeypatch.setattr(sys, "stderr", log)
        assert not draws(monkeypatch)
