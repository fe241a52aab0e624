"""The end of the process, where threads of a plugin or a decoder still run."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

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


def test_a_working_folder_that_is_gone(tmp_path: Path) -> None:
    """Somebody else removed it: that is told in a line, as wrong input."""
    program = Path(__file__).parents[2] / "main.py"
    folder = tmp_path / "gone"
    folder.mkdir()
    done = subprocess.run(
        [
            "/bin/sh",
            "-c",
            'rmdir "$1"; exec "$2" "$3" --help',
            "sh",
            folder,
            sys.executable,
            program,
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "syphus: the working folder isn't there any more\n"
