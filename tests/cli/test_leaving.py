"""The end of the process, where threads of a plugin or a decoder still run."""

from __future__ import annotations

import threading

import pytest

from syphus.cli import leaving

HUNG = 64


class Left(Exception):
    """The process would have ended here."""


def test_threads_that_hang_are_waited_for_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second in all, not one for each: signals are ignored meanwhile."""
    now = 0.0

    class Hung(threading.Thread):
        def join(self, timeout: float | None = None) -> None:
            nonlocal now
            assert timeout is not None
            now += timeout

        def is_alive(self) -> bool:
            return True

    def end(_status: int) -> None:
        raise Left

    monkeypatch.setattr(leaving, "ignore_signals", lambda: None)
    monkeypatch.setattr(leaving, "finish_streams", lambda: None)
    monkeypatch.setattr(leaving.threading, "enumerate", lambda: [Hung() for _ in range(HUNG)])
    monkeypatch.setattr(leaving.time, "monotonic", lambda: now)
    monkeypatch.setattr(leaving.os, "_exit", end)
    with pytest.raises(Left):
        leaving.leave(3)
    assert now == pytest.approx(leaving._LAST_WORK_SECONDS)
